// Requests and answers between Beast's form, which is on the wire, and ours.
// Internal to http_server.

#ifndef JACO_NET_HTTP_MESSAGES_H_
#define JACO_NET_HTTP_MESSAGES_H_

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "jaco/net/sansio/http_types.h"

namespace jaco::net {

using HttpParser =
    boost::beast::http::request_parser<boost::beast::http::string_body>;
using HttpWireRequest = HttpParser::value_type;
using HttpWireResponse =
    boost::beast::http::response<boost::beast::http::string_body>;

// All of these point into `message`.
HttpRequest RequestOf(const HttpWireRequest& message);
absl::string_view TargetOf(const HttpWireRequest& message);
// Of `Authorization: Bearer` or `X-Nomad-Token`; of the Basic scheme, the whole
// header; empty when there is none.
absl::string_view TokenOf(const HttpWireRequest& message);

// See ApiRouter.
bool IsLocalRead(const HttpWireRequest& message);
// Whether the client sends the body when it has been told to.
bool AwaitsContinue(const HttpWireRequest& message);

// With `head_only` the length is said and the body is not.
HttpWireResponse EncodeResponse(HttpResponse response, bool keep_alive,
                                bool head_only);

// Whether it is the client's bytes that are wrong, and what to tell it then.
bool IsParseError(boost::system::error_code error);
HttpResponse ParseErrorResponse(boost::system::error_code error,
                                size_t header_bytes_max,
                                uint64_t body_bytes_max);
HttpResponse BodyTooLargeResponse(uint64_t body_bytes_max);

}  // namespace jaco::net

#endif  // JACO_NET_HTTP_MESSAGES_H_

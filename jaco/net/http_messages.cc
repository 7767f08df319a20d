#include "jaco/net/http_messages.h"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/http_error.h"
#include "jaco/server/user_api.h"

namespace jaco::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

absl::string_view View(beast::string_view text) {
  return absl::string_view(text.data(), text.size());
}

beast::string_view Beast(absl::string_view text) {
  return beast::string_view(text.data(), text.size());
}

HttpResponse WithStatus(int status, ErrorCode code, absl::string_view message) {
  HttpResponse response = ErrorResponse(MakeError(code, message));
  response.status = status;
  return response;
}

}  // namespace

HttpRequest RequestOf(const HttpWireRequest& message) {
  return {.method = View(message.method_string()),
          .target = TargetOf(message),
          .body = message.body(),
          .wants_json =
              absl::StrContains(View(message[http::field::accept]), "json"),
          .content_type = View(message[http::field::content_type])};
}

absl::string_view TargetOf(const HttpWireRequest& message) {
  return View(message.target());
}

absl::string_view TokenOf(const HttpWireRequest& message) {
  absl::string_view header = View(message[http::field::authorization]);
  constexpr absl::string_view kScheme = "bearer ";
  if (absl::StartsWithIgnoreCase(header, kScheme)) {
    header.remove_prefix(kScheme.size());
  } else if (!server::IsBasic(header)) {
    header = View(message["X-Nomad-Token"]);
  }
  return absl::StripAsciiWhitespace(header);
}

bool IsLocalRead(const HttpWireRequest& message) {
  return ApiRouter::IsLocalRead(View(message.method_string()),
                                TargetOf(message));
}

bool AwaitsContinue(const HttpWireRequest& message) {
  return absl::EqualsIgnoreCase(View(message[http::field::expect]),
                                "100-continue");
}

HttpWireResponse EncodeResponse(HttpResponse response, bool keep_alive,
                                bool head_only) {
  constexpr unsigned kHttp11 = 11;
  HttpWireResponse wire(static_cast<http::status>(response.status), kHttp11);
  wire.set(http::field::server, Beast(absl::StrCat("jacod/", kVersion)));
  if (!response.body.empty()) {
    wire.set(http::field::content_type, Beast(response.content_type));
  }
  if (!response.digest.empty()) wire.set("Digest", Beast(response.digest));
  if (!response.allow.empty()) {
    wire.set(http::field::allow, Beast(response.allow));
  }
  if (response.status == 401) {
    wire.set(http::field::www_authenticate, "Bearer");
    wire.insert(http::field::www_authenticate,
                "Basic realm=\"jaco\", charset=\"UTF-8\"");
  }
  if (response.retry_after_seconds > 0) {
    wire.set(http::field::retry_after,
             Beast(absl::StrCat(response.retry_after_seconds)));
  }
  wire.keep_alive(keep_alive);
  wire.body() = std::move(response.body);
  wire.prepare_payload();
  // The length is that of the body which is not sent (RFC 9110 §9.3.2).
  if (head_only) wire.body().clear();
  return wire;
}

bool IsParseError(error_code error) {
  static const auto& category =
      http::make_error_code(http::error::bad_method).category();
  return error.category() == category && error != http::error::end_of_stream &&
         error != http::error::partial_message;
}

HttpResponse ParseErrorResponse(error_code error, size_t header_bytes_max,
                                uint64_t body_bytes_max) {
  if (error == http::error::body_limit) {
    return BodyTooLargeResponse(body_bytes_max);
  }
  if (error == http::error::header_limit ||
      error == http::error::buffer_overflow) {
    return WithStatus(
        431, ErrorCode::kTooLarge,
        absl::StrCat("the header is larger than ", header_bytes_max, " bytes"));
  }
  return WithStatus(400, ErrorCode::kParseFailed,
                    absl::StrCat("not an HTTP request: ", error.message()));
}

HttpResponse BodyTooLargeResponse(uint64_t body_bytes_max) {
  return WithStatus(
      413, ErrorCode::kTooLarge,
      absl::StrCat("the body is larger than ", body_bytes_max, " bytes"));
}

}  // namespace jaco::net

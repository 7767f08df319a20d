// Input: what a client sends on one connection. It arrives as a whole, and once
// more in pieces: the requests are the same. Whether the client is known, the
// length says.

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/net/http_messages.h"
#include "jaco/net/http_request_reader.h"
#include "jaco/net/http_server_options.h"
#include "jaco/net/sansio/api_json.h"

namespace jaco::net {
namespace {

using boost::system::error_code;

// So small that short inputs get there.
constexpr HttpServerOptions kOptions = {.header_bytes_max = 512,
                                        .body_bytes_max = 1024,
                                        .stranger_body_bytes_max = 256,
                                        .archive_bytes_max = 2048};

// What the session, and who handles its requests, gets to see.
std::string Describe(const HttpWireRequest& message) {
  const HttpRequest request = RequestOf(message);
  JACO_CHECK(!request.method.empty() && !request.target.empty());
  return absl::StrCat(
      request.method, "\n", request.target, "\n", request.content_type, "\n",
      TokenOf(message), "\n", request.wants_json ? "json " : "",
      IsLocalRead(message) ? "local " : "",
      AwaitsContinue(message) ? "continue " : "", "\n", request.body);
}

void CheckRefusal(error_code error, uint64_t body_bytes_max) {
  if (!IsParseError(error)) {
    JACO_CHECK(error == boost::asio::error::eof);
    return;
  }
  const HttpResponse refusal =
      ParseErrorResponse(error, kOptions.header_bytes_max, body_bytes_max);
  JACO_CHECK(refusal.status == 400 || refusal.status == 413 ||
             refusal.status == 431);
  JACO_CHECK(DecodeError(refusal.body).ok());
}

// A session as far as it reads.
class Connection {
 public:
  Connection(absl::string_view bytes, size_t piece)
      : bytes_(bytes), piece_(std::max<size_t>(piece, 1)) {}

  std::vector<std::string> Serve(bool known) {
    std::vector<std::string> requests;
    do {
      reader_.Begin();
      error_code error = Read(&HttpRequestReader::ParseHeader);
      if (!error) {
        if (!reader_.ExpectBody(known)) break;
        error = Read(&HttpRequestReader::ParseBody);
      }
      if (error) {
        CheckRefusal(error, reader_.body_bytes_max());
        break;
      }
      JACO_CHECK(reader_.message().body().size() <= reader_.body_bytes_max());
      requests.push_back(Describe(reader_.message()));
    } while (reader_.message().keep_alive());
    reader_.End();
    return requests;
  }

 private:
  error_code Read(error_code (HttpRequestReader::*parse)()) {
    while (true) {
      const error_code error = (reader_.*parse)();
      if (error != boost::beast::http::error::need_more) return error;
      if (bytes_.empty()) return boost::asio::error::eof;
      const boost::asio::mutable_buffer space = reader_.Space();
      JACO_CHECK(space.size() > 0);
      const size_t size = std::min({piece_, bytes_.size(), space.size()});
      bytes_.copy(static_cast<char*>(space.data()), size);
      bytes_.remove_prefix(size);
      reader_.Commit(size);
    }
  }

  absl::string_view bytes_;
  const size_t piece_;
  HttpRequestReader reader_{kOptions};
};

void Run(absl::string_view input) {
  const bool known = input.size() % 2 == 0;
  // Bytes, of a short one; else as many as do not take too long.
  const size_t piece = 1 + input.size() / 256;
  JACO_CHECK(Connection(input, input.size()).Serve(known) ==
             Connection(input, piece).Serve(known));
}

}  // namespace
}  // namespace jaco::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jaco::net::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}

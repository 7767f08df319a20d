// Bytes of one HTTP connection on their way to requests: Beast's parser, the
// buffer in front of it, and what each may take. Knows no socket, so that a
// fuzzer can hand it bytes. Internal to http_server.

#ifndef JACO_NET_HTTP_REQUEST_READER_H_
#define JACO_NET_HTTP_REQUEST_READER_H_

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "jaco/base/check.h"
#include "jaco/net/beast_limits.h"
#include "jaco/net/http_messages.h"
#include "jaco/net/http_server_options.h"
#include "jaco/net/sansio/api_router.h"

namespace jaco::net {

// For each request: Begin; ParseHeader until it is content; ExpectBody;
// ParseBody until it is. While one of them says need_more, bytes go to Space,
// and are committed; any other error is final (see IsParseError).
class HttpRequestReader {
 public:
  using error_code = boost::system::error_code;

  // `options` is borrowed; with what is read at once its header keeps to
  // kUnparsedBytesMax.
  explicit HttpRequestReader(const HttpServerOptions& options)
      : options_(options), buffer_(options.header_bytes_max + kReadBytes) {
    JACO_CHECK(buffer_.max_size() <= kUnparsedBytesMax);
  }
  HttpRequestReader(const HttpRequestReader&) = delete;
  HttpRequestReader& operator=(const HttpRequestReader&) = delete;

  boost::beast::flat_buffer& buffer() { return buffer_; }
  // The header of the request, and the body as far as it is read.
  const HttpWireRequest& message() const { return parser_->get(); }
  // The limit of the body that holds now.
  uint64_t body_bytes_max() const { return body_bytes_max_; }
  // Whether the request is for, or with, an archive; known with the header.
  bool archive() const { return archive_; }
  // Whether nothing has to be read any more for the body.
  bool BodyIsHere() const {
    return parser_->is_done() ||
           parser_->content_length().value_or(~uint64_t{0}) <= buffer_.size();
  }

  // Not empty when there is need_more.
  boost::asio::mutable_buffer Space() {
    return buffer_.prepare(
        std::min(kReadBytes, buffer_.max_size() - buffer_.size()));
  }
  void Commit(size_t size) { buffer_.commit(size); }

  // Pipelined bytes of the request may be in the buffer already.
  void Begin() {
    // What a large exchange took is given back: most connections are idle.
    constexpr size_t kKeptBytes = 16 << 10;
    if (buffer_.size() == 0 && buffer_.capacity() > kKeptBytes) {
      buffer_.shrink_to_fit();
    }
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(options_.header_bytes_max));
    // The header tells what the limit is.
    body_bytes_max_ = options_.archive_bytes_max;
    parser_->body_limit(body_bytes_max_);
    header_bytes_ = 0;
    archive_ = false;
  }

  error_code ParseHeader() {
    error_code error;
    header_bytes_ += Parse(error);
    // The parser's limit is one of what it has not taken: to fields that come
    // one by one there would be no end.
    if (header_bytes_ > options_.header_bytes_max) {
      return HttpError::header_limit;
    }
    if (!error) archive_ = IsArchiveTarget(TargetOf(message()));
    return error;
  }

  // What may come of a client that is `known`, or is not. False: the header
  // says that the body is larger than that.
  bool ExpectBody(bool known) {
    body_bytes_max_ = archive_ ? options_.archive_bytes_max
                      : known  ? options_.body_bytes_max
                               : options_.stranger_body_bytes_max;
    if (parser_->content_length().value_or(0) > body_bytes_max_) return false;
    parser_->body_limit(body_bytes_max_);
    parser_->eager(true);
    return true;
  }

  error_code ParseBody() {
    const size_t bytes_min = parser_->chunked() ? kLastChunkBytes : 1;
    while (!parser_->is_done()) {
      if (buffer_.size() < bytes_min) return HttpError::need_more;
      error_code error;
      Parse(error);
      // The line of a chunk, or the fields behind the last one.
      if (error == HttpError::need_more &&
          buffer_.size() == buffer_.max_size()) {
        return HttpError::buffer_overflow;
      }
      if (error) return error;
    }
    return {};
  }

  // No request is read any more.
  void End() {
    parser_.reset();
    buffer_.clear();
  }

 private:
  using HttpError = boost::beast::http::error;

  // At once.
  static constexpr size_t kReadBytes = 4096;

  size_t Parse(error_code& error) {
    const size_t size = parser_->put(buffer_.data(), error);
    buffer_.consume(size);
    return size;
  }

  const HttpServerOptions& options_;
  boost::beast::flat_buffer buffer_;
  std::optional<HttpParser> parser_;  // from Begin to End
  size_t header_bytes_ = 0;           // taken by the parser
  uint64_t body_bytes_max_ = 0;
  bool archive_ = false;
};

}  // namespace jaco::net

#endif  // JACO_NET_HTTP_REQUEST_READER_H_

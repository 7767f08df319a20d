#include "jaco/net/http_client.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "jaco/base/version.h"
#include "jaco/net/unix_socket.h"

namespace jaco::net {
namespace {

namespace http = boost::beast::http;

constexpr size_t kAnswerBytesMax = 64 << 20;

std::string Reason(int error) { return std::generic_category().message(error); }

absl::Status ConnectError(absl::string_view path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::UnavailableError(absl::StrCat(
          "no --server given and local socket ", path, " is not available"));
    case ECONNREFUSED:
      return absl::UnavailableError(
          absl::StrCat("nobody listens on local socket ", path,
                       ": connection refused; is jacod running?"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat("no permission to use local socket ", path,
                       "; be root or a member of group jaco"));
    default:
      return absl::UnavailableError(absl::StrCat(
          "cannot connect to local socket ", path, ": ", Reason(error)));
  }
}

// A non-blocking socket whose calls wait until a deadline.
class Connection {
 public:
  Connection(int fd, absl::string_view path, absl::Time deadline)
      : fd_(fd), path_(path), deadline_(deadline) {}
  ~Connection() { close(fd_); }

  absl::Status Write(absl::string_view data) {
    while (!data.empty()) {
      const ssize_t n = send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (n >= 0) {
        data.remove_prefix(static_cast<size_t>(n));
      } else if (const absl::Status status = Wait(errno, POLLOUT);
                 !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  // 0 at the end of the stream.
  absl::StatusOr<size_t> Read(char* out, size_t size) {
    while (true) {
      const ssize_t n = recv(fd_, out, size, 0);
      if (n >= 0) return static_cast<size_t>(n);
      const absl::Status status = Wait(errno, POLLIN);
      if (!status.ok()) return status;
    }
  }

 private:
  // After a call that failed with `error`: waits until it is worth repeating.
  absl::Status Wait(int error, short events) {
    if (error == EINTR) return absl::OkStatus();
    if (error != EAGAIN) {
      return absl::UnavailableError(
          absl::StrCat("connection to ", path_, " broke: ", Reason(error)));
    }
    const absl::Duration left = deadline_ - absl::Now();
    pollfd entry = {.fd = fd_, .events = events, .revents = 0};
    const int wait_ms = static_cast<int>(
        std::max<int64_t>(0, absl::ToInt64Milliseconds(left) + 1));
    if (left <= absl::ZeroDuration() || poll(&entry, 1, wait_ms) == 0) {
      return absl::DeadlineExceededError(
          absl::StrCat("no answer from ", path_, " in time"));
    }
    return absl::OkStatus();
  }

  int fd_;
  absl::string_view path_;
  absl::Time deadline_;
};

absl::StatusOr<int> Connect(absl::string_view path, absl::Time deadline) {
  const auto address = UnixAddress(path);
  if (!address.ok()) return address.status();
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return ConnectError(path, errno);
  while (connect(fd, reinterpret_cast<const sockaddr*>(&*address),
                 sizeof(*address)) != 0) {
    const int error = errno;
    // A full backlog: unix sockets cannot be polled for that.
    if (error == EAGAIN && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(10));
      continue;
    }
    close(fd);
    return ConnectError(path, error);
  }
  return fd;
}

absl::StatusOr<HttpAnswer> ReadAnswer(Connection& connection,
                                      absl::string_view path) {
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  // The parser may need what came before together with what comes: it keeps
  // nothing itself while it is in the header.
  std::string pending;
  boost::beast::error_code error;
  while (!parser.is_done()) {
    char bytes[16 << 10];
    const auto size = connection.Read(bytes, sizeof(bytes));
    if (!size.ok()) return size.status();
    if (*size == 0) {
      if (!parser.got_some()) {
        return absl::UnavailableError(
            absl::StrCat(path, " closed the connection without an answer"));
      }
      parser.put_eof(error);
    } else {
      pending.append(bytes, *size);
      parser.eager(true);
      pending.erase(0, parser.put(boost::asio::buffer(pending), error));
      if (error == http::error::need_more) error = {};
    }
    if (error) {
      return absl::InternalError(
          absl::StrCat(path, " does not answer in HTTP: ", error.message()));
    }
  }
  return HttpAnswer{static_cast<int>(parser.get().result_int()),
                    std::move(parser.get().body())};
}

}  // namespace

absl::StatusOr<HttpAnswer> CallUnixSocket(absl::string_view path,
                                          absl::string_view method,
                                          absl::string_view target,
                                          absl::string_view body,
                                          absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const auto fd = Connect(path, deadline);
  if (!fd.ok()) return fd.status();
  Connection connection(*fd, path, deadline);
  const std::string request = absl::StrCat(
      method, " ", target, " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: jaco/",
      kVersion, "\r\nAccept: application/json\r\nConnection: close\r\n",
      "Content-Type: application/json\r\nContent-Length: ", body.size(),
      "\r\n\r\n", body);
  const absl::Status written = connection.Write(request);
  auto answer = ReadAnswer(connection, path);
  // A server that refuses a request may answer before it was sent whole.
  if (!answer.ok() && !written.ok()) return written;
  return answer;
}

}  // namespace jaco::net

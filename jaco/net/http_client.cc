#include "jaco/net/http_client.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/net/beast_limits.h"
#include "jaco/net/bootstrap_psk.h"
#include "jaco/net/interrupt.h"
#include "jaco/net/pki/openssl_handles.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/net/unix_socket.h"

namespace jaco::net {
namespace {

namespace http = boost::beast::http;

constexpr size_t kAnswerBytesMax = size_t{256} << 20;
// Of somebody who may be anybody.
constexpr size_t kUnverifiedBytesMax = 64 << 10;

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

class Channel {
 public:
  virtual ~Channel() = default;
  virtual absl::Status Write(absl::string_view data) = 0;
  // 0 at the end of the stream.
  virtual absl::StatusOr<size_t> Read(char* out, size_t size) = 0;
};

// A non-blocking socket whose calls wait until a deadline.
class Connection final : public Channel {
 public:
  // `interrupt` may be null.
  Connection(int fd, absl::string_view path, absl::Time deadline,
             const Interrupt* interrupt = nullptr)
      : fd_(fd),
        path_(path),
        deadline_(deadline),
        interrupt_fd_(interrupt == nullptr ? -1 : interrupt->fd()) {}
  ~Connection() override { close(fd_); }

  void SetDeadline(absl::Time deadline) { deadline_ = deadline; }

  absl::Status Write(absl::string_view data) override {
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

  absl::StatusOr<size_t> Read(char* out, size_t size) override {
    while (true) {
      const ssize_t n = recv(fd_, out, size, 0);
      if (n >= 0) return static_cast<size_t>(n);
      const absl::Status status = Wait(errno, POLLIN);
      if (!status.ok()) return status;
    }
  }

  // After a call that failed with `error`: waits until it is worth repeating.
  absl::Status Wait(int error, short events) {
    if (error == EINTR) return absl::OkStatus();
    if (error != EAGAIN && error != EINPROGRESS) {
      return absl::UnavailableError(
          absl::StrCat("connection to ", path_, " broke: ", Reason(error)));
    }
    const absl::Duration left = deadline_ - absl::Now();
    pollfd entries[] = {{.fd = fd_, .events = events, .revents = 0},
                        {.fd = interrupt_fd_, .events = POLLIN, .revents = 0}};
    const int wait_ms = static_cast<int>(
        std::max<int64_t>(0, absl::ToInt64Milliseconds(left) + 1));
    if (left <= absl::ZeroDuration() || poll(entries, 2, wait_ms) == 0) {
      return absl::DeadlineExceededError(
          absl::StrCat("no answer from ", path_, " in time"));
    }
    if (entries[1].revents != 0) {
      return absl::UnavailableError(
          absl::StrCat("the call to ", path_, " was interrupted"));
    }
    return absl::OkStatus();
  }

 private:
  int fd_;
  absl::string_view path_;
  absl::Time deadline_;
  int interrupt_fd_;
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

absl::StatusOr<HttpAnswer> ReadAnswer(Channel& connection,
                                      absl::string_view path,
                                      size_t bytes_max) {
  http::response_parser<http::string_body> parser;
  parser.body_limit(bytes_max);
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
      if (parser.chunked() && pending.size() < kLastChunkBytes) continue;
      parser.eager(true);
      pending.erase(0, parser.put(boost::asio::buffer(pending), error));
      if (error == http::error::need_more) {
        error = {};
        if (pending.size() > kUnparsedBytesMax) {
          error = http::error::header_limit;
        }
      }
    }
    if (error == http::error::partial_message) {
      return absl::UnavailableError(absl::StrCat(
          path, " closed the connection in the midst of its answer"));
    }
    if (error) {
      return absl::InternalError(
          absl::StrCat(path, " does not answer in HTTP: ", error.message()));
    }
  }
  const auto digest = parser.get()["Digest"];
  return HttpAnswer{static_cast<int>(parser.get().result_int()),
                    std::move(parser.get().body()),
                    std::string(digest.data(), digest.size())};
}

// Sends a request and reads the answer. `name` is for messages.
absl::StatusOr<HttpAnswer> Exchange(Channel& connection, absl::string_view name,
                                    const std::string& request,
                                    size_t bytes_max = kAnswerBytesMax) {
  const absl::Status written = connection.Write(request);
  auto answer = ReadAnswer(connection, name, bytes_max);
  // A server that refuses a request may answer before it was sent whole.
  if (!answer.ok() && !written.ok()) return written;
  return answer;
}

std::string Request(absl::string_view method, absl::string_view target,
                    absl::string_view host, absl::string_view token,
                    absl::string_view body, bool keep = false) {
  return absl::StrCat(
      method, " ", target, " HTTP/1.1\r\nHost: ", host, "\r\nUser-Agent: jaco/",
      kVersion, "\r\nAccept: application/json\r\nConnection: ",
      keep ? "keep-alive" : "close", "\r\n",
      token.empty() ? "" : "Authorization: Bearer ", token,
      token.empty() ? "" : "\r\n",
      "Content-Type: application/json\r\nContent-Length: ", body.size(),
      "\r\n\r\n", body);
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

absl::StatusOr<std::unique_ptr<Connection>> ConnectTcp(const HttpRemote& remote,
                                                       absl::string_view name,
                                                       absl::Time deadline) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed = getaddrinfo(
      remote.host.c_str(), absl::StrCat(remote.port).c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, FreeAddresses> owner(list);
  absl::Status status = absl::UnavailableError(absl::StrCat(
      "cannot find ", name, ": ", failed == 0 ? "" : gai_strerror(failed)));
  if (failed != 0) return status;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    const int fd =
        socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) continue;
    auto connection =
        std::make_unique<Connection>(fd, name, deadline, remote.interrupt);
    int error = connect(fd, at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      const absl::Status waited = connection->Wait(error, POLLOUT);
      if (!waited.ok()) return waited;
      socklen_t size = sizeof(error);
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error == 0) return connection;
    status = absl::UnavailableError(
        absl::StrCat("cannot connect to ", name, ": ", Reason(error)));
  }
  return status;
}

// TLS on top of a connection.
class TlsChannel final : public Channel {
 public:
  TlsChannel(Connection& connection, absl::string_view name)
      : connection_(connection), name_(name) {}

  absl::Status Open(const HttpRemote& remote) {
    if (remote.bootstrap_psk != nullptr) {
      return OpenWithPsk(*remote.bootstrap_psk);
    }
    const auto authorities = ParseCertificates(remote.authorities);
    if (!authorities.ok()) return authorities.status();
    Prepare();
    for (const auto& authority : *authorities) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()),
                          authority.get());
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr);
    X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl_.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, remote.host.c_str()) != 1) {
      SSL_set1_host(ssl_.get(), remote.host.c_str());
      SSL_set_tlsext_host_name(ssl_.get(), remote.host.c_str());
    }
    return Handshake();
  }

  // Whoever it is: only to look at what it shows.
  absl::Status OpenUnverified() {
    Prepare();
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_verify(ssl_.get(), SSL_VERIFY_NONE, nullptr);
    return Handshake();
  }

  // Of what the server showed, the certificate with this fingerprint; empty
  // when there is none.
  std::string Shown(absl::string_view fingerprint) const {
    STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl_.get());
    for (int i = 0; i < sk_X509_num(chain); ++i) {
      X509* const certificate = sk_X509_value(chain, i);
      unsigned char digest[EVP_MAX_MD_SIZE];
      unsigned int size = 0;
      if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) continue;
      if (absl::BytesToHexString(absl::string_view(
              reinterpret_cast<const char*>(digest), size)) != fingerprint) {
        continue;
      }
      const BioPtr out(BIO_new(BIO_s_mem()));
      PEM_write_bio_X509(out.get(), certificate);
      char* data = nullptr;
      const long length = BIO_get_mem_data(out.get(), &data);  // NOLINT
      return std::string(data, static_cast<size_t>(length));
    }
    return "";
  }

  std::string ChannelBinding() {
    constexpr absl::string_view kLabel = "EXPORTER-Channel-Binding";
    std::string binding(32, '\0');
    SSL_export_keying_material(ssl_.get(),
                               reinterpret_cast<unsigned char*>(binding.data()),
                               binding.size(), kLabel.data(), kLabel.size(),
                               nullptr, 0, /*use_context=*/1);
    return binding;
  }

  absl::Status Write(absl::string_view data) override {
    return Drive([&] {
             return SSL_write(ssl_.get(), data.data(),
                              static_cast<int>(data.size()));
           })
        .status();
  }

  absl::StatusOr<size_t> Read(char* out, size_t size) override {
    return Drive(
        [&] { return SSL_read(ssl_.get(), out, static_cast<int>(size)); });
  }

 private:
  absl::Status OpenWithPsk(const BootstrapPsk& psk) {
    Prepare();
    psk.OfferOn(context_.get());
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_verify(ssl_.get(), SSL_VERIFY_NONE, nullptr);
    const absl::Status status = Handshake();
    if (!status.ok() && !refused_) return status;
    if (status.ok() && BootstrapPsk::IsUsedBy(ssl_.get())) return status;
    return MakeError(ErrorCode::kPeerUntrusted,
                     absl::StrCat(name_, " does not have our bootstrap_key"));
  }

  void Prepare() {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
  }

  absl::Status Handshake() {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    return Drive([this] { return SSL_connect(ssl_.get()); }).status();
  }

  // Repeats `operation`, carrying bytes both ways, until it has a result; 0 at
  // the end of the stream.
  template <typename Operation>
  absl::StatusOr<size_t> Drive(Operation operation) {
    while (true) {
      ERR_clear_error();
      const int result = operation();
      const int error = SSL_get_error(ssl_.get(), result);
      // Before all else: also an alert is to arrive.
      const absl::Status sent = SendPending();
      if (result > 0) return static_cast<size_t>(result);
      if (error == SSL_ERROR_ZERO_RETURN) return 0;
      if (error != SSL_ERROR_WANT_READ) return Failure();
      if (!sent.ok()) return sent;
      char bytes[16 << 10];
      const auto size = connection_.Read(bytes, sizeof(bytes));
      if (!size.ok()) return size.status();
      if (*size == 0) {
        return absl::UnavailableError(
            absl::StrCat(name_, " closed the connection without an answer"));
      }
      BIO_write(SSL_get_rbio(ssl_.get()), bytes, static_cast<int>(*size));
    }
  }

  absl::Status SendPending() {
    char* data = nullptr;
    BIO* const out = SSL_get_wbio(ssl_.get());
    const long size = BIO_get_mem_data(out, &data);  // NOLINT
    const absl::Status status =
        connection_.Write(absl::string_view(data, static_cast<size_t>(size)));
    BIO_reset(out);
    return status;
  }

  absl::Status Failure() {
    const long verdict = SSL_get_verify_result(ssl_.get());  // NOLINT
    // What an alert says is above this.
    refused_ = ERR_GET_REASON(ERR_peek_error()) > SSL_AD_REASON_OFFSET;
    const std::string why = TakeOpenSslError();
    if (verdict != X509_V_OK) {
      return MakeError(
          ErrorCode::kPeerUntrusted,
          absl::StrCat("the certificate of ", name_, " is not to be trusted: ",
                       X509_verify_cert_error_string(verdict)));
    }
    return absl::UnavailableError(
        absl::StrCat("no TLS connection to ", name_, ": ", why));
  }

  Connection& connection_;
  absl::string_view name_;
  std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, FreeWith<SSL_free>> ssl_;
  bool refused_ = false;  // by an alert
};

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
  return Exchange(connection, path,
                  Request(method, target, "localhost", "", body));
}

struct OpenRemote {
  std::unique_ptr<Connection> connection;
  std::optional<TlsChannel> tls;

  Channel& channel() { return tls ? static_cast<Channel&>(*tls) : *connection; }
};

namespace {

// `name` outlives it.
absl::StatusOr<std::unique_ptr<OpenRemote>> Open(const HttpRemote& remote,
                                                 const std::string& name,
                                                 absl::Time deadline) {
  auto connection = ConnectTcp(remote, name, deadline);
  if (!connection.ok()) return connection.status();
  auto open = std::make_unique<OpenRemote>();
  open->connection = *std::move(connection);
  if (!remote.tls) return open;
  open->tls.emplace(*open->connection, name);
  const absl::Status opened = open->tls->Open(remote);
  if (!opened.ok()) return opened;
  return open;
}

}  // namespace

absl::StatusOr<HttpAnswer> CallRemote(const HttpRemote& remote,
                                      absl::string_view method,
                                      absl::string_view target,
                                      absl::string_view body,
                                      absl::Duration timeout) {
  const std::string name = JoinHostPort(remote.host, remote.port);
  const auto open = Open(remote, name, absl::Now() + timeout);
  if (!open.ok()) return open.status();
  return Exchange((*open)->channel(), name,
                  Request(method, target, name, remote.token, body));
}

HttpConversation::HttpConversation(HttpRemote remote)
    : remote_(std::move(remote)),
      name_(JoinHostPort(remote_.host, remote_.port)) {}

HttpConversation::~HttpConversation() = default;

absl::StatusOr<HttpAnswer> HttpConversation::Call(absl::string_view method,
                                                  absl::string_view target,
                                                  absl::string_view body,
                                                  absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const std::string request =
      Request(method, target, name_, remote_.token, body, /*keep=*/true);
  if (open_ != nullptr) {
    open_->connection->SetDeadline(deadline);
    auto answer = Exchange(open_->channel(), name_, request);
    if (answer.ok()) return answer;
    open_.reset();
    if (method != "GET" || !absl::IsUnavailable(answer.status())) return answer;
  }
  auto opened = Open(remote_, name_, deadline);
  if (!opened.ok()) return opened.status();
  open_ = *std::move(opened);
  auto answer = Exchange(open_->channel(), name_, request);
  if (!answer.ok()) open_.reset();
  return answer;
}

absl::Status TalkToAnybody(
    const HttpRemote& remote, absl::Duration timeout,
    absl::FunctionRef<absl::Status(absl::string_view channel_binding, Post)>
        talk) {
  const std::string name = JoinHostPort(remote.host, remote.port);
  const auto connection = ConnectTcp(remote, name, absl::Now() + timeout);
  if (!connection.ok()) return connection.status();
  TlsChannel channel(**connection, name);
  const absl::Status opened = channel.OpenUnverified();
  if (!opened.ok()) return opened;
  return talk(channel.ChannelBinding(), [&](absl::string_view target,
                                            absl::string_view body) {
    return Exchange(channel, name,
                    Request("POST", target, name, "", body, /*keep=*/true),
                    kUnverifiedBytesMax);
  });
}

absl::StatusOr<std::string> FindAuthority(const HttpRemote& remote,
                                          absl::string_view fingerprint,
                                          absl::Duration timeout) {
  const std::string name = JoinHostPort(remote.host, remote.port);
  const auto connection = ConnectTcp(remote, name, absl::Now() + timeout);
  if (!connection.ok()) return connection.status();
  TlsChannel channel(**connection, name);
  const absl::Status opened = channel.OpenUnverified();
  if (!opened.ok()) return opened;
  std::string authority = channel.Shown(fingerprint);
  if (authority.empty()) {
    return MakeError(ErrorCode::kPeerUntrusted,
                     absl::StrCat(name,
                                  " does not belong to the cluster that "
                                  "the token is of"));
  }
  return authority;
}

}  // namespace jaco::net

#include "jaco/cmd/daemon.h"

#include <signal.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/base/hash.h"
#include "jaco/base/prng.h"
#include "jaco/base/version.h"
#include "jaco/cmd/data_dir.h"
#include "jaco/cmd/host_address.h"
#include "jaco/cmd/sd_notify.h"
#include "jaco/env/posix/posix_clock.h"
#include "jaco/env/posix/posix_disk.h"
#include "jaco/env/posix/posix_entropy.h"
#include "jaco/env/posix/posix_event_loop.h"
#include "jaco/env/posix/posix_file_system.h"
#include "jaco/env/posix/spdlog_logger.h"
#include "jaco/net/http_server.h"
#include "jaco/net/peer_transport.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/server/security/token.h"
#include "jaco/server/server.h"

namespace jaco::cmd {
namespace {

constexpr int kExitAtOnce = 130;
constexpr absl::string_view kDevClusterName = "dev";

void ExitAtOnce(int) { _exit(kExitAtOnce); }

// What is taken by somebody else deserves a code of its own.
absl::Status AsConflict(const absl::Status& status) {
  return status.code() == absl::StatusCode::kFailedPrecondition
             ? MakeError(ErrorCode::kConflict, status.message())
             : status;
}

uint64_t NewSeed(env::Entropy& entropy) {
  uint64_t seed = 0;
  entropy.Fill(absl::MakeSpan(reinterpret_cast<uint8_t*>(&seed), sizeof(seed)));
  return seed;
}

std::string NotifySocket() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  return socket == nullptr ? "" : socket;
}

// The real world around one server. Members are destroyed from the last to the
// first: who asks, the server, its outside.
class Daemon {
 public:
  Daemon(Config config, DaemonMode mode)
      : config_(std::move(config)),
        mode_(mode),
        logger_(config_.log_level),
        signals_(loop_.io_context()) {}

  absl::Status Run() {
    absl::Status status = Open();
    if (!status.ok()) return status;
    AwaitSignals();
    server_->Start([this](absl::Status result) { OnStarted(result); },
                   [this](absl::Status result) { Fail(result); });
    loop_.Run();
    SdNotify(NotifySocket(), "STOPPING=1");
    return result_;
  }

 private:
  // Everything that can fail before the server starts, cheapest first. The API
  // answers as soon as the loop runs, while the server is still starting.
  absl::Status Open() {
    absl::Status status = OpenDataDir();
    if (status.ok()) status = OpenPeerTransport();
    if (!status.ok()) return status;
    OpenServer();
    return OpenApi();
  }

  absl::Status OpenDataDir() {
    auto lock = AcquireDataDir(config_.data_dir, files_);
    if (!lock.ok()) return lock.status();
    lock_ = *std::move(lock);
    disk_.emplace(&loop_, &files_);
    return absl::OkStatus();
  }

  absl::Status OpenPeerTransport() {
    network_.emplace(loop_.io_context(), &logger_, Prng(NewSeed(entropy_)),
                     [this] { return Hello(); });
    return AsConflict(network_->Listen(config_.cluster_addr));
  }

  void OpenServer() {
    const auto listening = net::ParseHostPort(config_.cluster_addr);
    server::ServerOptions options;
    options.node_name = config_.node_name;
    options.data_dir = config_.data_dir;
    options.peer_address = net::JoinHostPort(
        AdvertisedHost(listening->host, ListInterfaceAddresses()),
        network_->port());
    options.use_rocksdb = mode_ != DaemonMode::kDev;
    server_.emplace(options, env::Environment{.clock = &clock_,
                                              .loop = &loop_,
                                              .network = &*network_,
                                              .disk = &*disk_,
                                              .entropy = &entropy_,
                                              .logger = &logger_});
    Log(absl::StrCat("jacod ", kVersion, ", node ", config_.node_name,
                     ", data in ", config_.data_dir, ", peers reach it at ",
                     options.peer_address));
  }

  absl::Status OpenApi() {
    router_.emplace(&*server_);
    http_.emplace(loop_.io_context(), &logger_,
                  [this](const net::HttpRequest& request,
                         const server::Caller& caller, net::HttpReply reply) {
                    router_->Handle(request, caller, std::move(reply));
                  });
    absl::Status status = AsConflict(http_->ListenUnix(config_.unix_socket));
    if (!status.ok() || mode_ != DaemonMode::kDev) return status;
    const auto port = http_->ListenLoopback(
        0, [this](absl::string_view token) { return Authenticate(token); });
    if (!port.ok()) return AsConflict(port.status());
    dev_port_ = *port;
    return absl::OkStatus();
  }

  // What this server says of itself to its peers.
  net::PeerHello Hello() const {
    if (!server_ || server_->raft() == nullptr) return {};
    net::PeerHello hello{.sender = server_->raft()->id().value()};
    const auto& cluster = server_->state().cluster();
    if (cluster) hello.cluster = Murmur3(cluster->id()).low;
    return hello;
  }

  absl::StatusOr<server::Caller> Authenticate(absl::string_view token) const {
    const fsm::Token* known =
        server_->state().FindTokenByHash(server::HashToken(token));
    if (known == nullptr) {
      return MakeError(ErrorCode::kTokenInvalid, "the token is not known");
    }
    if (known->revoked_at_unix_ms() != 0) {
      return MakeError(
          ErrorCode::kTokenRevoked,
          absl::StrCat("the token of ", known->identity(), " was revoked"));
    }
    return server::Caller{known->identity()};
  }

  void OnStarted(const absl::Status& status) {
    if (!status.ok()) return Fail(status);
    Log(absl::StrCat("ready, ", server::LifecycleName(server_->lifecycle())));
    SdNotify(NotifySocket(), "READY=1");
    if (mode_ == DaemonMode::kDev) InitialiseDev();
  }

  void InitialiseDev() {
    server_->Init({}, {.cluster_name = std::string(kDevClusterName)},
                  [this](absl::StatusOr<server::InitResponse> response) {
                    if (!response.ok()) return Fail(response.status());
                    std::cout
                        << "API:            http://127.0.0.1:" << dev_port_
                        << "\nOperator token: " << response->operator_token
                        << std::endl;
                  });
  }

  void AwaitSignals() {
    boost::system::error_code ignored;
    signals_.add(SIGINT, ignored);
    signals_.add(SIGTERM, ignored);
    signals_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      // The loop stops now: only a plain handler can hear the second one.
      signals_.clear(error);
      ::signal(SIGINT, ExitAtOnce);
      ::signal(SIGTERM, ExitAtOnce);
      Log("stopping");
      loop_.Stop();
    });
  }

  void Fail(const absl::Status& status) {
    if (result_.ok()) result_ = status;
    logger_.Write(LogLevel::kError, "jacod",
                  absl::StrCat("Error: ", ErrorCodeName(CodeOf(status)), ": ",
                               status.message()));
    loop_.Stop();
  }

  void Log(absl::string_view message) {
    logger_.Write(LogLevel::kInfo, "jacod", message);
  }

  const Config config_;
  const DaemonMode mode_;
  absl::Status result_;
  uint16_t dev_port_ = 0;

  env::SpdlogLogger logger_;
  env::PosixClock clock_;
  env::PosixEntropy entropy_;
  env::PosixFileSystem files_;
  std::unique_ptr<env::FileLock> lock_;
  env::PosixEventLoop loop_;
  std::optional<env::PosixDisk> disk_;
  std::optional<net::PeerTransport> network_;
  std::optional<server::Server> server_;
  std::optional<net::ApiRouter> router_;
  std::optional<net::HttpServer> http_;
  boost::asio::signal_set signals_;
};

}  // namespace

absl::Status RunDaemon(Config config, DaemonMode mode) {
  ::signal(SIGPIPE, SIG_IGN);
  std::optional<TemporaryDir> temporary;
  if (mode == DaemonMode::kDev) {
    auto created = TemporaryDir::Create();
    if (!created.ok()) return created.status();
    temporary.emplace(*std::move(created));
    config.data_dir = absl::StrCat(temporary->path(), "/data");
    if (config.unix_socket == kDefaultSocket) {
      config.unix_socket = absl::StrCat(temporary->path(), "/jaco.sock");
    }
    config.cluster_addr = "127.0.0.1:0";
  }
  // On the heap: it goes before the directory it works in.
  return std::make_unique<Daemon>(std::move(config), mode)->Run();
}

}  // namespace jaco::cmd

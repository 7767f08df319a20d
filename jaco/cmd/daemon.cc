#include "jaco/cmd/daemon.h"

#include <google/protobuf/stubs/logging.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/base/hash.h"
#include "jaco/base/prng.h"
#include "jaco/base/version.h"
#include "jaco/cmd/data_dir.h"
#include "jaco/cmd/host_address.h"
#include "jaco/cmd/log_ring.h"
#include "jaco/cmd/raft_settings.h"
#include "jaco/cmd/sd_notify.h"
#include "jaco/cmd/server_options.h"
#include "jaco/env/posix/posix_clock.h"
#include "jaco/env/posix/posix_disk.h"
#include "jaco/env/posix/posix_entropy.h"
#include "jaco/env/posix/posix_event_loop.h"
#include "jaco/env/posix/posix_file_system.h"
#include "jaco/env/posix/posix_host.h"
#include "jaco/env/posix/spdlog_logger.h"
#include "jaco/net/bootstrap_psk.h"
#include "jaco/net/http_server.h"
#include "jaco/net/https_bootstrap_peer.h"
#include "jaco/net/https_join_peer.h"
#include "jaco/net/peer_transport.h"
#include "jaco/net/pki/openssl_pki.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/net/tls_identity.h"
#include "jaco/server/bootstrap_api.h"
#include "jaco/server/security/secrets.h"
#include "jaco/server/server.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::cmd {
namespace {

constexpr int kExitAtOnce = 130;
constexpr absl::string_view kDevClusterName = "dev";
// From a failure to the end: for answers that say why.
constexpr Duration kLastWords = Milliseconds(100);
// Of leave_on_terminate: how long it is tried while there is no leader.
constexpr Duration kLeaveTimeout = Seconds(10);
constexpr Duration kLeaveAgain = Milliseconds(250);

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
  Daemon(Config config, DaemonMode mode, ReadConfig read_config)
      : config_(std::move(config)),
        mode_(mode),
        read_config_(std::move(read_config)),
        logger_(config_.log_level),
        signals_(loop_.io_context()),
        hangup_(loop_.io_context()) {}

  absl::Status Run() {
    for (const std::string& warning : config_.warnings) {
      log_.Write(LogLevel::kWarning, "jacod", warning);
    }
    absl::Status status = Open();
    if (!status.ok()) return status;
    AwaitSignals();
    AwaitHangup();
    server_->Start([this](absl::Status result) { OnStarted(result); },
                   [this](absl::Status result) { Fail(result); });
    loop_.Run();
    SdNotify(NotifySocket(), "STOPPING=1");
    return result_;
  }

 private:
  // Everything that can fail before the server starts, cheapest first. The API
  // answers as soon as the loop runs, while the server is still starting; over
  // TLS only once it is known whose certificate to show.
  absl::Status Open() {
    absl::Status status = OpenDataDir();
    if (status.ok()) status = OpenBootstrapPeer();
    if (status.ok()) status = ShowUnlessMember();
    if (status.ok()) status = OpenPeerTransport();
    if (status.ok()) status = OpenServer();
    return status.ok() ? OpenApi() : status;
  }

  absl::Status OpenDataDir() {
    auto lock = AcquireDataDir(config_.data_dir, files_);
    if (!lock.ok()) return lock.status();
    lock_ = *std::move(lock);
    disk_.emplace(&loop_, &files_);
    return absl::OkStatus();
  }

  // To those who know its certificate a member that starts must not look like
  // somebody else. Until it has read its disk it shows none.
  absl::Status ShowUnlessMember() {
    const auto secrets = server::HasSecrets(files_, config_.data_dir);
    if (!secrets.ok()) return secrets.status();
    if (*secrets) return absl::OkStatus();
    const absl::Status shown = ShowMeanwhile();
    if (shown.ok()) AllowBootstrap();
    return shown;
  }

  // A server without a cluster tells everybody how it is, over TLS, with a
  // certificate that nobody can know.
  absl::Status ShowMeanwhile() {
    auto provisional = ProvisionalCredentials(config_, pki_, clock_.WallNow());
    if (!provisional.ok()) return provisional.status();
    const absl::Status shown = tls_.ShowMeanwhile(*provisional);
    if (!shown.ok() || !config_.remote_bootstrap) return shown;
    // For those who have a way to this host, to know it from elsewhere.
    return storage::ReplaceFile(files_, config_.data_dir, "provisional.crt",
                                provisional->bundle);
  }

  absl::Status OpenBootstrapPeer() {
    if (mode_ == DaemonMode::kDev) return absl::OkStatus();
    const auto key = ReadBootstrapKey(config_, files_);
    if (!key.ok()) return key.status();
    if (key->empty()) return absl::OkStatus();
    bootstrap_psk_.emplace(*key);
    bootstrap_peer_.emplace(*bootstrap_psk_, PostToLoop());
    return absl::OkStatus();
  }

  void AllowBootstrap() {
    if (bootstrap_psk_) tls_.AllowBootstrap(*bootstrap_psk_);
  }

  // From other threads.
  std::function<void(absl::AnyInvocable<void()>)> PostToLoop() {
    return [this](absl::AnyInvocable<void()> task) {
      boost::asio::post(loop_.io_context(), std::move(task));
    };
  }

  server::BootstrapOptions Bootstrap() {
    if (mode_ == DaemonMode::kDev) return {};
    server::BootstrapOptions options = BootstrapOptionsOf(config_);
    if (bootstrap_peer_) options.peer = &*bootstrap_peer_;
    if (options.expect > 0 && options.expect % 2 == 0) {
      log_.Write(LogLevel::kWarning, "jacod",
                 absl::StrCat("bootstrap_expect ", options.expect,
                              " is even: one server less survives as many "
                              "failures"));
    }
    return options;
  }

  absl::Status OpenPeerTransport() {
    network_.emplace(
        loop_.io_context(), &log_, Prng(NewSeed(entropy_)),
        [this] { return Hello(); }, net::PeerTransportOptions{.tls = &tls_});
    return AsConflict(network_->Listen(config_.cluster_addr));
  }

  absl::Status OpenServer() {
    auto options = ServerOptionsOf(config_, network_->port(), files_);
    if (!options.ok()) return options.status();
    options->use_rocksdb = mode_ != DaemonMode::kDev;
    options->join_peer = &join_peer_;
    options->bootstrap = Bootstrap();
    server_.emplace(*options, env::Environment{.clock = &clock_,
                                               .loop = &loop_,
                                               .network = &*network_,
                                               .disk = &*disk_,
                                               .entropy = &entropy_,
                                               .logger = &log_,
                                               .pki = &pki_,
                                               .host = &host_});
    server_->WatchCredentials([this](const server::Credentials& credentials) {
      OnCredentials(credentials);
    });
    Log(absl::StrCat("jacod ", kVersion, ", node ", config_.node_name,
                     ", data in ", config_.data_dir, ", peers reach it at ",
                     options->peer_address));
    Log(DescribeRaft(options->raft));
    WarnOfLoopback(options->peer_address);
    return absl::OkStatus();
  }

  // It listens to all, and has nothing to tell them.
  void WarnOfLoopback(const std::string& peer_address) {
    const auto listening = net::ParseHostPort(config_.cluster_addr);
    const auto told = net::ParseHostPort(peer_address);
    if (IsLoopbackAddress(listening->host) || !IsLoopbackAddress(told->host)) {
      return;
    }
    log_.Write(LogLevel::kWarning, "jacod",
               absl::StrCat("this host has no private address, and peers are "
                            "told ",
                            peer_address,
                            ": for a cluster of several hosts, set "
                            "cluster_addr to the address that they reach"));
  }

  void OnCredentials(const server::Credentials& credentials) {
    const absl::Status status = tls_.Update(
        {credentials.key, credentials.certificates, credentials.bundle});
    if (!status.ok()) {
      log_.Write(LogLevel::kError, "jacod", status.message());
      return;
    }
    network_->OnCredentials();
    const auto fingerprint = pki_.Fingerprint(credentials.bundle);
    Log(absl::StrCat("certificate in force; the authority's fingerprint is ",
                     fingerprint.value_or("unknown")));
  }

  // Two servers: however many there are on the network, the socket is there
  // for those on the host.
  absl::Status OpenApi() {
    router_.emplace(&*server_, &log_);
    for (auto* http : {&local_http_, &remote_http_}) {
      http->emplace(loop_.io_context(), &log_,
                    [this](const net::HttpRequest& request,
                           const server::Caller& caller, net::HttpReply reply) {
                      router_->Handle(request, caller, std::move(reply));
                    });
    }
    remote_http_->ShareArchivePlace(*local_http_);
    remote_http_->OpenTo(
        [this](absl::string_view target) { return IsOpen(target); });
    absl::Status status = AsConflict(
        local_http_->ListenUnix(config_.unix_socket, config_.socket_group));
    if (!status.ok()) return status;
    if (mode_ == DaemonMode::kDev) {
      return ListenOn({.tls = false, .host_port = "127.0.0.1:0"});
    }
    status = ListenOn({.host_port = config_.listen_addr});
    for (const ApiListener& listener : config_.api_listeners) {
      if (status.ok()) status = ListenOn(listener);
    }
    return status;
  }

  bool IsOpen(absl::string_view target) {
    return net::IsProofTarget(target) ||
           (net::IsBootstrapTarget(target) && server_->bootstrap().IsOpen());
  }

  absl::Status ListenOn(const ApiListener& listener) {
    const auto authenticate = [this](absl::string_view token, bool stale,
                                     server::Reply<server::Caller> reply) {
      server_->Authenticate(token, stale, std::move(reply));
    };
    const auto port =
        listener.tls
            ? remote_http_->ListenTls(listener.host_port, &tls_, authenticate)
            : remote_http_->ListenLoopback(listener.host_port, authenticate);
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

  void AwaitHangup() {
    boost::system::error_code ignored;
    hangup_.add(SIGHUP, ignored);
    hangup_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      Reload();
      AwaitHangup();
    });
  }

  // All of it, or nothing.
  void Reload() {
    const auto config = read_config_();
    if (!config.ok()) return OnReloaded(config.status(), {});
    server_->ReloadCredentials(
        [this, level = config->log_level](const absl::Status& status) {
          OnReloaded(status, level);
        });
  }

  void OnReloaded(const absl::Status& status, LogLevel level) {
    if (!status.ok()) {
      return log_.Write(LogLevel::kError, "jacod",
                        absl::StrCat("not reloaded: ", status.message()));
    }
    logger_.SetLevel(level);
    Log("reloaded");
  }

  void OnStarted(const absl::Status& status) {
    if (!status.ok()) return Fail(status);
    if (tls_.api() == nullptr) {
      // Secrets were left over from a founding that did not happen.
      if (absl::Status shown = ShowMeanwhile(); !shown.ok()) return Fail(shown);
    }
    AllowBootstrap();
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
    signals_.async_wait([this](boost::system::error_code error, int signal) {
      if (error) return;
      // The loop stops now: only a plain handler can hear the second one.
      signals_.clear(error);
      ::signal(SIGINT, ExitAtOnce);
      ::signal(SIGTERM, ExitAtOnce);
      if (signal == SIGTERM && config_.leave_on_terminate) {
        Log("leaving the cluster");
        leave_until_ = clock_.Now() + kLeaveTimeout;
        return Leave();
      }
      Stop();
    });
  }

  void Stop() {
    Log("stopping");
    loop_.Stop();
  }

  // However that ends, the process does.
  void Leave() {
    if (server_->lifecycle() != server::Lifecycle::kMember) return Stop();
    server_->Leave(
        [this](const absl::StatusOr<server::RemoveNodeResponse>& left) {
          // The second is what the first is called after a while.
          const bool leaderless =
              !left.ok() && (CodeOf(left.status()) == ErrorCode::kNoLeader ||
                             CodeOf(left.status()) == ErrorCode::kQuorumLost);
          if (leaderless && clock_.Now() < leave_until_) {
            loop_.After(kLeaveAgain, [this] { Leave(); });
            return;
          }
          Log(left.ok() ? "left the cluster"
                        : absl::StrCat("did not leave the cluster: ",
                                       left.status().message()));
          Stop();
        });
  }

  // main prints the result.
  void Fail(const absl::Status& status) {
    if (!result_.ok()) return;
    result_ = status;
    Log("stopping: the server has failed");
    loop_.After(kLastWords, [this] { loop_.Stop(); });
  }

  void Log(absl::string_view message) {
    log_.Write(LogLevel::kInfo, "jacod", message);
  }

  const Config config_;
  const DaemonMode mode_;
  ReadConfig read_config_;
  absl::Status result_;
  uint16_t dev_port_ = 0;
  Instant leave_until_;

  env::SpdlogLogger logger_;
  env::PosixClock clock_;
  env::PosixEntropy entropy_;
  env::PosixFileSystem files_;
  env::PosixHost host_;
  LogRing log_{&logger_, &clock_, absl::StrCat(absl::Hex(NewSeed(entropy_)))};
  std::unique_ptr<env::FileLock> lock_;
  env::PosixEventLoop loop_;
  std::optional<env::PosixDisk> disk_;
  net::OpenSslPki pki_{&entropy_};
  net::TlsIdentity tls_;
  net::HttpsJoinPeer join_peer_{PostToLoop()};
  std::optional<net::BootstrapPsk> bootstrap_psk_;
  std::optional<net::HttpsBootstrapPeer> bootstrap_peer_;
  std::optional<net::PeerTransport> network_;
  std::optional<server::Server> server_;
  std::optional<net::ApiRouter> router_;
  std::optional<net::HttpServer> local_http_, remote_http_;
  boost::asio::signal_set signals_, hangup_;
};

}  // namespace

absl::Status RunDaemon(Config config, DaemonMode mode, ReadConfig read_config) {
  ::signal(SIGPIPE, SIG_IGN);
  // It would write to stderr, in words of its own and without a limit, of what
  // strangers send. Whoever parses says what is wrong with it.
  google::protobuf::SetLogHandler(nullptr);
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
  return std::make_unique<Daemon>(std::move(config), mode,
                                  std::move(read_config))
      ->Run();
}

}  // namespace jaco::cmd

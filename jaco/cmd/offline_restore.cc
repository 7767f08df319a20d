#include "jaco/cmd/offline_restore.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/base/logger.h"
#include "jaco/cmd/config.h"
#include "jaco/cmd/data_dir.h"
#include "jaco/cmd/server_options.h"
#include "jaco/env/posix/posix_clock.h"
#include "jaco/env/posix/posix_disk.h"
#include "jaco/env/posix/posix_entropy.h"
#include "jaco/env/posix/posix_event_loop.h"
#include "jaco/env/posix/posix_file_system.h"
#include "jaco/net/pki/openssl_pki.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/server/bootstrap_record.h"
#include "jaco/server/server.h"
#include "jaco/storage/log_inspection.h"
#include "jaco/storage/raft_log.h"
#include "jaco/storage/read_only_file_system.h"

namespace jaco::cmd {
namespace {

// There are no peers.
class NoNetwork final : public env::Network {
 public:
  void Send(const env::PeerAddress&, env::FramePtr) override {}
  void Bind(env::FrameReceiver*) override {}
};

// A whole server for the time that the restore takes.
class Restorer {
 public:
  absl::StatusOr<server::RestoreResponse> Run(
      const server::ServerOptions& options, std::string archive) {
    server::Server server(options, {.clock = &clock_,
                                    .loop = &loop_,
                                    .network = &network_,
                                    .disk = &disk_,
                                    .entropy = &entropy_,
                                    .logger = &logger_,
                                    .pki = &pki_});
    server.Start(
        [&](absl::Status started) {
          if (!started.ok()) return Stop(std::move(started));
          server.Restore(server::Caller::Local(), {std::move(archive)},
                         [this](auto restored) { Stop(std::move(restored)); });
        },
        [this](absl::Status failed) { Stop(std::move(failed)); });
    loop_.Run();
    return std::move(result_);
  }

 private:
  void Stop(absl::StatusOr<server::RestoreResponse> result) {
    if (!stopped_) result_ = std::move(result);
    stopped_ = true;
    loop_.Stop();
  }

  absl::StatusOr<server::RestoreResponse> result_ = absl::UnknownError("");
  bool stopped_ = false;
  env::PosixClock clock_;
  env::PosixEntropy entropy_;
  env::PosixFileSystem files_;
  NullLogger logger_;
  NoNetwork network_;
  env::PosixEventLoop loop_;
  env::PosixDisk disk_{&loop_, &files_};
  net::OpenSslPki pki_{&entropy_};
};

// jacod could not use what another user makes there.
absl::Status CheckOwner(const std::string& data_dir) {
  struct stat info = {};
  if (stat(data_dir.c_str(), &info) != 0 || info.st_uid == geteuid()) {
    return absl::OkStatus();
  }
  const passwd* user = getpwuid(info.st_uid);
  const std::string name =
      user != nullptr ? user->pw_name : absl::StrCat("#", info.st_uid);
  return MakeError(
      ErrorCode::kPermissionDenied,
      absl::StrCat("data directory ", data_dir, " belongs to ", name,
                   ": run this as that user, with `sudo -u ", name, "`"));
}

// The server that does it changes what it finds before it refuses: somebody may
// have taken this host for another one.
absl::Status CheckNoMember(env::FileSystem& files,
                           const std::string& data_dir) {
  storage::ReadOnlyFileSystem read_only(files);
  // What is there of a cluster that this server left is about to go.
  const auto leaving = read_only.Exists(absl::StrCat(data_dir, "/leaving"));
  if (!leaving.ok() || *leaving) return leaving.status();
  const std::string raft = absl::StrCat(data_dir, "/raft");
  const auto exists = storage::RaftLog::Exists(read_only, raft);
  if (!exists.ok() || !*exists) return exists.status();
  const auto found = storage::InspectLog(read_only, raft);
  if (!found.ok()) return found.status();
  if (found->damage.empty() && !found->log.HoldsState()) {
    return absl::OkStatus();
  }
  return MakeError(ErrorCode::kClusterAlreadyInitialized,
                   absl::StrCat(raft, " holds a server's Raft log"));
}

// It does not look for others either, so it does not read what jacod has
// promised them.
absl::Status CheckMayRestore(env::FileSystem& files,
                             const std::string& data_dir) {
  const absl::Status none = CheckNoMember(files, data_dir);
  if (!none.ok()) return none;
  const auto vote = server::LoadFounderVote(files, data_dir);
  return vote.ok() ? server::CheckMayFound(*vote) : vote.status();
}

}  // namespace

absl::Status NameMismatch(const std::string& name,
                          const std::string& node_name) {
  return MakeError(
      ErrorCode::kConfigMismatch,
      absl::StrCat("--name is \"", name,
                   "\", but this server's node_name is \"", node_name, "\""));
}

absl::StatusOr<server::RestoreResponse> RestoreOffline(
    const ArchiveOptions& options,
    const std::function<std::optional<std::string>(const char*)>& environment,
    std::string archive) {
  ConfigFlags flags;
  if (!options.config.empty()) flags.config = options.config;
  if (!options.data_dir.empty()) flags.data_dir = options.data_dir;
  const auto config = LoadConfig(flags, environment);
  if (!config.ok()) return config.status();
  if (!options.name.empty() && config->node_name != options.name) {
    return NameMismatch(options.name, config->node_name);
  }
  const absl::Status owner = CheckOwner(config->data_dir);
  if (!owner.ok()) return owner;
  env::PosixFileSystem files;
  const auto lock = AcquireDataDir(config->data_dir, files);
  if (!lock.ok()) return lock.status();
  const absl::Status may = CheckMayRestore(files, config->data_dir);
  if (!may.ok()) return may;
  const auto port = net::ParseHostPort(config->cluster_addr)->port;
  const auto server_options = ServerOptionsOf(*config, port, files);
  if (!server_options.ok()) return server_options.status();
  return std::make_unique<Restorer>()->Run(*server_options, std::move(archive));
}

}  // namespace jaco::cmd

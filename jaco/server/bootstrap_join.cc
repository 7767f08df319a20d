// join_cluster and recover_cluster: the slow ones.

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/server/backup_format.h"
#include "jaco/server/bootstrap_actions.h"
#include "jaco/server/bootstrap_record.h"
#include "jaco/server/join_peer.h"
#include "jaco/server/join_service.h"
#include "jaco/server/security/archive.h"
#include "jaco/server/security/sealed_file.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::server {
namespace {

// Another member, or the same one later, may answer.
bool IsRecoverable(const absl::Status& status) {
  return BootstrapErrorCode(status) == "connect_error";
}

absl::Status PathError(const std::string& path, absl::string_view why) {
  return MakeError(ErrorCode::kNotFound,
                   absl::StrCat("recovery_filename ", path, ": ", why));
}

// Sealing adds little.
constexpr uint64_t kBackupBytesMax = kArchiveBytesMax + (uint64_t{4} << 20);

absl::StatusOr<std::string> OpenBackup(env::FileSystem& files,
                                       const BootstrapRequest& request) {
  const std::string& path = request.recovery_filename;
  if (path.front() != '/') return PathError(path, "is not absolute");
  const auto size = files.FileSize(path);
  if (!size.ok()) return PathError(path, size.status().message());
  if (*size > kBackupBytesMax) return PathError(path, "is too large");
  auto bytes = storage::ReadFile(files, path);
  if (!bytes.ok()) return PathError(path, bytes.status().message());
  if (!IsSealedFile(*bytes)) return bytes;
  return OpenSealedFile(*bytes, request.recovery_secret.empty()
                                    ? request.password
                                    : request.recovery_secret);
}

}  // namespace

struct BootstrapActions::Joining {
  BootstrapRequest request;
  size_t at = 0;  // of the nodes
  uint32_t retries = 0;
  absl::Status last;
  std::string token;
  bool remembered = false;  // the token is of an earlier attempt
};

// A token of an attempt that was cut off may have been used up for this very
// server: only with it can that be repeated (decision 0013).
void BootstrapActions::Join(BootstrapRequest request) {
  auto joining = std::make_shared<Joining>();
  joining->request = std::move(request);
  joining->token = joining->request.join_token;
  if (!joining->token.empty()) return TryNode(std::move(joining));
  node_->env().disk->Submit(
      env::Lane::kLog,
      [joining, path = node_->options().data_dir,
       seal_key = node_->options().seal_key](env::FileSystem& files) {
        const auto record =
            LoadBootstrapRecord(files, path, seal_key.get(), kJoiningFile);
        if (!record.ok()) return record.status();
        if (record->has_value()) {
          joining->token = (*record)->join_token();
          joining->remembered = !joining->token.empty();
        }
        return absl::OkStatus();
      },
      [this, joining](const absl::Status& loaded) {
        // One that is damaged is as good as none.
        const bool known =
            loaded.ok() || CodeOf(loaded) == ErrorCode::kDataLoss;
        if (known) return TryNode(joining);
        // It is the key that is wrong, not the password.
        Finish(MakeError(ErrorCode::kConfigMismatch, loaded.message()));
      });
}

void BootstrapActions::TryNode(std::shared_ptr<Joining> joining) {
  const BootstrapRequest& request = joining->request;
  if (joining->at == request.nodes.size()) return OnNobody(std::move(joining));
  if (!joining->token.empty()) return UseToken(std::move(joining));
  Converse(request, request.nodes[joining->at], /*check_only=*/false,
           [this, joining](absl::StatusOr<std::string> token) {
             if (token.ok()) return KeepToken(joining, *std::move(token));
             if (!IsRecoverable(token.status())) return Finish(token.status());
             joining->last = token.status();
             ++joining->at;
             TryNode(joining);
           });
}

void BootstrapActions::OnNobody(std::shared_ptr<Joining> joining) {
  if (joining->retries >= joining->request.retries_max) {
    return Finish(joining->last);
  }
  ++joining->retries;
  joining->at = 0;
  node_->env().loop->After(joining->request.retry_time,
                           [this, joining] { TryNode(joining); });
}

void BootstrapActions::Converse(const BootstrapRequest& request,
                                const std::string& node, bool check_only,
                                Reply<std::string> reply) {
  const env::Environment& env = node_->env();
  JoinPeer* const peer = node_->options().join_peer;
  if (peer == nullptr) {
    return node_->Refuse(absl::InternalError("this server has no way to join"),
                         std::move(reply));
  }
  auto conversation = std::make_shared<PasswordJoin>(
      PasswordJoin::Options{.user = request.username,
                            .password = request.password,
                            .node_name = node_->options().node_name,
                            .check_only = check_only,
                            .cost_min = node_->options().password_cost},
      *env.entropy);
  peer->Converse(
      *net::ApiAddress(node), conversation,
      [this, conversation,
       reply = std::move(reply)](absl::Status said) mutable {
        if (!said.ok()) return reply(std::move(said));
        const PasswordVerdict& verdict = conversation->verdict();
        const absl::Duration difference =
            absl::FromUnixMillis(verdict.time_unix_ms()) -
            node_->env().clock->WallNow();
        if (absl::AbsDuration(difference) > kClockDifferenceMax) {
          return reply(BootstrapError(
              ErrorCode::kConfigMismatch, "time_not_sync",
              absl::StrCat("the member's clock differs from ours by ",
                           absl::FormatDuration(difference))));
        }
        reply(verdict.join_token());
      });
}

void BootstrapActions::KeepToken(std::shared_ptr<Joining> joining,
                                 std::string token) {
  BootstrapRecord record;
  record.set_server_id(1);
  record.set_join_token(token);
  joining->token = std::move(token);
  joining->remembered = false;
  node_->env().disk->Submit(
      env::Lane::kLog,
      [path = node_->options().data_dir,
       bytes = EncodeBootstrapRecord(
           SealJoinToken(std::move(record), node_->options().seal_key.get(),
                         *node_->env().entropy))](env::FileSystem& files) {
        return StoreBootstrapRecord(files, path, bytes, kJoiningFile);
      },
      [this, joining](const absl::Status& stored) {
        stored.ok() ? UseToken(joining) : Finish(stored);
      });
}

void BootstrapActions::UseToken(std::shared_ptr<Joining> joining) {
  const std::string& node = joining->request.nodes[joining->at];
  doors_.joins->Join(
      {}, {*net::ApiAddress(node), joining->token},
      [this, joining](const absl::StatusOr<JoinResponse>& joined) {
        if (joined.ok()) return OnJoined();
        joining->last = joined.status();
        const bool outdated = JoinToken::IsOutdated(joined.status()) ||
                              CodeOf(joined.status()) == ErrorCode::kConflict;
        if (joining->remembered && outdated) {
          joining->token.clear();
        } else if (IsRecoverable(joined.status())) {
          ++joining->at;
        } else {
          return Finish(joined.status());
        }
        TryNode(joining);
      });
}

void BootstrapActions::OnJoined() {
  node_->env().disk->Submit(
      env::Lane::kLog,
      [path = node_->options().data_dir](env::FileSystem& files) {
        return RemoveBootstrapRecord(files, path, kJoiningFile);
      },
      [this](const absl::Status&) {
        AwaitState(node_->env().clock->Now() + kCatchUpMax);
      });
}

// Whoever hears that it is completed wants to use it, with the password that
// this server does not know before it has the state.
void BootstrapActions::AwaitState(Instant until) {
  node_->Read([this, until](const absl::Status& read) {
    const bool known = read.ok() && node_->state().cluster().has_value();
    if (known || node_->env().clock->Now() > until) {
      return Finish(absl::OkStatus());
    }
    node_->env().loop->After(kCatchUpLook,
                             [this, until] { AwaitState(until); });
  });
}

void BootstrapActions::ValidateJoin(BootstrapRequest request, Done done) {
  auto joining = std::make_shared<Joining>();
  joining->request = std::move(request);
  ValidateJoin(std::move(joining), std::move(done));
}

void BootstrapActions::ValidateJoin(std::shared_ptr<Joining> joining,
                                    Done done) {
  const BootstrapRequest& request = joining->request;
  if (joining->at == request.nodes.size()) return done(joining->last);
  Converse(request, request.nodes[joining->at], /*check_only=*/true,
           [this, joining, done = std::move(done)](
               const absl::StatusOr<std::string>& answer) mutable {
             if (answer.ok() || !IsRecoverable(answer.status())) {
               return done(answer.status());
             }
             joining->last = answer.status();
             ++joining->at;
             ValidateJoin(joining, std::move(done));
           });
}

// ---- recover_cluster.

void BootstrapActions::ReadBackup(BootstrapRequest request,
                                  Reply<std::string> reply) {
  auto archive = std::make_shared<std::string>();
  node_->env().disk->Submit(
      env::Lane::kSnapshot,
      [archive, request = std::move(request)](env::FileSystem& files) {
        auto opened = OpenBackup(files, request);
        if (!opened.ok()) return opened.status();
        *archive = *std::move(opened);
        const absl::Status decoded = DecodeBackup(*archive).status();
        return decoded.ok() ? decoded
                            : BootstrapError(CodeOf(decoded), "config_error",
                                             decoded.message());
      },
      [archive, reply = std::move(reply)](absl::Status status) mutable {
        if (!status.ok()) return reply(std::move(status));
        reply(std::move(*archive));
      });
}

void BootstrapActions::Recover(BootstrapRequest request) {
  const absl::Status may = doors_.expect->CheckMayInit();
  if (!may.ok()) return Finish(may);
  ReadBackup(std::move(request), [this](absl::StatusOr<std::string> archive) {
    if (!archive.ok()) return Finish(archive.status());
    doors_.backups->Restore(
        Caller::Local(), {*std::move(archive)},
        [this](const absl::StatusOr<RestoreResponse>& restored) {
          Finish(restored.status());
        });
  });
}

}  // namespace jaco::server

// JoinService's part in what comes after a join. Whoever was admitted waits for
// the first message of a leader, and would wait for ever where the address that
// it told leads to nobody, or where it was removed meanwhile: no leader would
// ever dial it. So it asks the member that admitted it again: that tells the
// cluster where it is now, or it that it is no node any more.

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/server/join_service.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSubsystem = "join";

// What somebody has to do who was admitted: `reached` by a leader, or not.
std::string WaitingText(const std::string& peer, const std::string& address,
                        bool reached) {
  if (reached) {
    return absl::StrCat(
        peer,
        " has admitted this server, and the leader reaches it, but hears no "
        "answer. If that stays so, this server cannot connect to the members' "
        "cluster_addr: look for what is in the way");
  }
  return absl::StrCat(
      peer, " has admitted this server; waiting for the leader to reach it at ",
      address, ". If that stays so, the members cannot connect to ", address,
      ": correct cluster_addr, or what is in the way, and restart jacod");
}

}  // namespace

void JoinService::Start() {
  // Whoever cannot ask has never joined by itself.
  if (node_->options().join_peer == nullptr) return;
  auto loaded =
      std::make_shared<absl::StatusOr<std::optional<BootstrapRecord>>>(
          std::nullopt);
  node_->env().disk->Submit(
      env::Lane::kLog,
      [loaded, path = node_->options().data_dir,
       seal_key = node_->options().seal_key](env::FileSystem& fs) {
        *loaded = LoadJoinRecord(fs, path, seal_key.get());
        return absl::OkStatus();
      },
      [this, loaded](const absl::Status&) {
        if (record_.has_value()) return;
        if (!loaded->ok()) {
          progress_ = std::string(loaded->status().message());
          node_->env().logger->Write(LogLevel::kWarning, kSubsystem, progress_);
        } else if ((*loaded)->has_value()) {
          Watch(**std::move(*loaded), Duration());
        }
      });
}

std::string JoinService::progress() const {
  if (!node_->IsNewcomer()) return "";
  return progress_.empty() ? "waiting for the leader's first message"
                           : progress_;
}

void JoinService::Watch(BootstrapRecord record, Duration first) {
  record_ = std::move(record);
  pause_ = kAskFirst;
  Arm(first);
}

void JoinService::Arm(Duration wait) {
  env::EventLoop& loop = *node_->env().loop;
  loop.Cancel(timer_);
  timer_ = loop.After(wait, [this] {
    timer_ = 0;
    Review();
  });
}

void JoinService::Review() {
  const raft::Raft* raft = node_->raft();
  const bool ours =
      raft != nullptr && raft->id().value() == record_->server_id();
  if (!ours || raft->last().index.value() > 0) return ForgetRecord();
  if (joining_) return Arm(kAskFirst);
  // Who was removed goes on knowing how it learned that.
  if (!node_->IsNewcomer()) return;
  const auto token = JoinToken::Parse(record_->join_token());
  if (!token.ok() || record_->addresses().empty()) return ForgetRecord();
  asking_ = true;
  Ask(record_->addresses(0), *token,
      [this](const absl::StatusOr<JoinResponse>& answer) { OnAsked(answer); });
}

void JoinService::OnAsked(const absl::StatusOr<JoinResponse>& answer) {
  asking_ = false;
  Report(answer.status());
  // Nobody else can have used it, and it counts as long as the node is there
  // and is not ready, which takes the log that this server would have by now.
  if (!answer.ok() && node_->IsNewcomer() &&
      CodeOf(answer.status()) == ErrorCode::kJoinTokenConsumed) {
    node_->Dismiss(record_->addresses(0));
  }
  Arm(pause_);
  pause_ = std::min(pause_ * 2, kAskMax);
  if (auto next = std::exchange(next_, nullptr)) next();
}

void JoinService::Report(const absl::Status& status) {
  const std::string& peer = record_->addresses(0);
  const std::string progress =
      status.ok()
          ? WaitingText(peer, node_->options().peer_address,
                        node_->raft()->leader() != raft::kNoNode)
          : absl::StrCat("asking ", peer,
                         " again: ", ErrorCodeName(CodeOf(status)), ": ",
                         status.message(),
                         JoinToken::IsSpent(status)
                             ? "; run `jaco node join` with a new token"
                             : "; it is tried again. If the member is gone, "
                               "run `jaco node join` with another one as "
                               "--peer");
  if (std::exchange(progress_, progress) == progress) return;
  node_->env().logger->Write(status.ok() ? LogLevel::kInfo : LogLevel::kWarning,
                             kSubsystem, progress);
}

void JoinService::ForgetRecord() {
  record_.reset();
  progress_.clear();
  node_->env().disk->Submit(
      env::Lane::kLog,
      [path = node_->options().data_dir](env::FileSystem& fs) {
        return RemoveJoinRecord(fs, path);
      },
      [](const absl::Status&) {});
}

// A server that waits is the node that it is, as long as the cluster says so:
// with another id, its own former self would be in the way of its name. What
// the new token is good for then is to be used another time.
void JoinService::JoinAgain(std::string peer, JoinToken fresh,
                            Reply<JoinResponse> reply) {
  const auto known = record_.has_value()
                         ? JoinToken::Parse(record_->join_token())
                         : absl::StatusOr<JoinToken>(fresh);
  if (!known.ok() || known->fingerprint != fresh.fingerprint ||
      known->secret == fresh.secret) {
    return Ask(peer, fresh, std::move(reply));
  }
  Ask(peer, *known,
      [this, peer, fresh,
       reply = std::move(reply)](absl::StatusOr<JoinResponse> answer) mutable {
        if (!answer.ok() && JoinToken::IsSpent(answer.status())) {
          // As a member by now, it needs none.
          absl::Status status = CheckMayJoin();
          if (!status.ok()) return reply(std::move(status));
          return Ask(peer, fresh, std::move(reply));
        }
        reply(std::move(answer));
      });
}

}  // namespace jaco::server

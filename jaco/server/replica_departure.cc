// Replica's part in departures: what becomes of servers that were removed, and
// of this one.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/server/removal_notice.h"
#include "jaco/server/replica.h"

namespace jaco::server {

bool Replica::Admits(env::PeerId from) {
  const raft::NodeId node(from);
  if (stopped_ || raft_.configuration().Contains(node)) return true;
  const std::optional<std::string> address = removed_(node);
  if (!address.has_value()) return true;
  // The leader is just about to tell it: its answers are needed for that.
  if (const auto* peers = raft_.progress(); peers != nullptr) {
    const bool told_now =
        std::any_of(peers->begin(), peers->end(),
                    [node](const auto& peer) { return peer.id == node; });
    if (told_now) return true;
  }
  Notify(node, *address);
  return false;
}

// We dial it: so it knows who says that.
void Replica::Notify(raft::NodeId node, const std::string& address) {
  const Instant now = env_.clock->Now();
  if (noticed_ != Instant() && now - noticed_ < kNoticeEvery) return;
  noticed_ = now;
  env_.network->Send(
      {node.value(), address},
      std::make_shared<const std::string>(EncodeRemovalNotice()));
}

// Whoever is no member in our eyes has no say in it.
void Replica::OnNotice(raft::NodeId from) {
  if (!raft_.configuration().Contains(from)) return;
  Dismiss(absl::StrCat("server ", from.value()));
}

void Replica::Dismiss(absl::string_view member) {
  if (std::exchange(dismissed_, true)) return;
  env_.logger->Write(
      LogLevel::kWarning, "raft",
      absl::StrCat(member,
                   " says that this server was removed from the cluster"));
  Retire();
}

void Replica::Retire() {
  if (stopped_) return;
  stopped_ = true;
  snapshots_.Stop();
  env_.network->Bind(nullptr);
  CancelTimers();
  if (store_ != nullptr || failed_store_ != nullptr) {
    env_.disk->Submit(
        env::Lane::kApply,
        [store = std::exchange(store_, nullptr),
         failed =
             std::exchange(failed_store_, nullptr)](env::FileSystem&) mutable {
          store = nullptr;
          failed = nullptr;
          return absl::OkStatus();
        },
        [](const absl::Status&) {});
  }
  forwarder_.GiveUp();
  forwarder_.Stop();
  EndProposals(std::exchange(proposals_, {}));
  const absl::Status left = MakeError(
      ErrorCode::kNotAMember, "this server is not a member of the cluster");
  EndReads(left);
  for (auto& [id, done] : std::exchange(reads_, {})) done(left);
}

}  // namespace jaco::server

// What a server does that was removed from its cluster: it knows it, and may
// begin anew.

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/server/former_data.h"
#include "jaco/server/node.h"

namespace jaco::server {

// A committed configuration without this server may also be one from before it
// joined: then the state does not know the node, or as JOINING.
bool Node::WasRemoved() const {
  if (lifecycle_ != Lifecycle::kMember || replica_ == nullptr) return false;
  if (replica_->dismissed()) return true;
  if (replica_->CheckMembership().ok()) return false;
  const uint64_t id = replica_->raft().id().value();
  if (state_.removed().contains(id)) return true;
  const auto self = state_.nodes().find(id);
  return self != state_.nodes().end() &&
         (self->second.status() != fsm::NODE_STATUS_JOINING ||
          self->second.leaving() != fsm::NODE_LEAVING_NO);
}

// One that has lost its log, and waits for it to be repaired, is none.
bool Node::IsNewcomer() const {
  return lifecycle_ == Lifecycle::kMember && HoldsNothing() &&
         !replica_->dismissed();
}

bool Node::HoldsNothing() const {
  const raft::Raft& raft = replica_->raft();
  return raft.last().index.value() == 0 && !raft.repairing();
}

std::optional<std::string> Node::AddressOfRemoved(raft::NodeId id) const {
  const auto it = state_.removed().find(id.value());
  if (it == state_.removed().end()) return std::nullopt;
  return it->second.address();
}

// What holds nothing is not worth the place of what is kept already. Before
// there is room for that nothing is let go.
void Node::SetAside(absl::AnyInvocable<void(absl::Status)> done) {
  const bool keep = !HoldsNothing();
  lifecycle_ = Lifecycle::kCreating;
  env_.disk->Submit(
      env::Lane::kLog,
      [path = options_.data_dir, keep](env::FileSystem& fs) {
        return BeginSettingAside(fs, path, keep);
      },
      [this, keep, done = std::move(done)](absl::Status status) mutable {
        if (lifecycle_ == Lifecycle::kFailed) return done(failure_);
        if (status.ok()) return LetGo(keep, std::move(done));
        if (!absl::IsResourceExhausted(status)) {
          Fail(status);
        } else {
          lifecycle_ = Lifecycle::kMember;
        }
        done(std::move(status));
      });
}

// The jobs of the old replica come first in their lanes; when all are done, its
// files are nobody's.
void Node::LetGo(bool keep, absl::AnyInvocable<void(absl::Status)> done) {
  replica_->Retire();
  retired_.push_back(std::move(replica_));
  state_ = fsm::ClusterState(options_.state);
  watched_ = {};
  watched_nodes_ = 0;
  const auto nothing = [](env::FileSystem&) { return absl::OkStatus(); };
  env_.disk->Submit(
      env::Lane::kApply, nothing,
      [this, nothing, keep,
       done = std::move(done)](const absl::Status&) mutable {
        env_.disk->Submit(
            env::Lane::kSnapshot, nothing,
            [this, keep, done = std::move(done)](const absl::Status&) mutable {
              env_.disk->Submit(
                  env::Lane::kLog,
                  [path = options_.data_dir](env::FileSystem& fs) {
                    return FinishSettingAside(fs, path);
                  },
                  [this, keep,
                   done = std::move(done)](absl::Status status) mutable {
                    OnSetAside(std::move(status), keep, std::move(done));
                  });
            });
      });
}

void Node::OnSetAside(absl::Status status, bool kept,
                      absl::AnyInvocable<void(absl::Status)> done) {
  if (!status.ok()) {
    Fail(status);
    return done(std::move(status));
  }
  lifecycle_ = Lifecycle::kUninitialized;
  name_ = options_.node_name;
  if (kept) {
    env_.logger->Write(
        LogLevel::kInfo, "server",
        absl::StrCat("what there was of the cluster that this server left is "
                     "in ",
                     options_.data_dir, "/former"));
  }
  done(absl::OkStatus());
}

}  // namespace jaco::server

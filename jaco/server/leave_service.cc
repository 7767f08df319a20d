#include "jaco/server/leave_service.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

fsm::NodeLeave LeaveOf(uint64_t id, fsm::NodeLeaving leaving) {
  fsm::NodeLeave leave;
  leave.set_id(id);
  leave.set_leaving(leaving);
  return leave;
}

}  // namespace

LeaveService::LeaveService(Node* node) : node_(node) {
  node_->WatchState([this] { Schedule(); });
}

LeaveService::~LeaveService() { node_->env().loop->Cancel(timer_); }

void LeaveService::Remove(const Caller& caller, RemoveNodeRequest request,
                          Reply<RemoveNodeResponse> reply) {
  // This server may not have heard of the node yet.
  node_->Read([this, caller, request = std::move(request),
               reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return reply(std::move(status));
    const auto& nodes = node_->state().nodes();
    const auto node =
        std::find_if(nodes.begin(), nodes.end(), [&](const auto& other) {
          return other.second.name() == request.node_name;
        });
    if (node == nodes.end()) {
      return reply(
          MakeError(ErrorCode::kNodeNotFound,
                    absl::StrCat("no node \"", request.node_name, "\"")));
    }
    Propose(caller,
            LeaveOf(node->first, request.force ? fsm::NODE_LEAVING_FORCED
                                               : fsm::NODE_LEAVING_YES),
            std::move(reply));
  });
}

void LeaveService::Leave(Reply<RemoveNodeResponse> reply) {
  if (absl::Status admitted = node_->Admit(); !admitted.ok()) {
    return node_->Refuse(std::move(admitted), std::move(reply));
  }
  Propose({}, LeaveOf(node_->raft()->id().value(), fsm::NODE_LEAVING_YES),
          std::move(reply));
}

void LeaveService::RemoveMember(const Caller& caller, uint64_t id,
                                std::string address,
                                Reply<RemoveNodeResponse> reply) {
  fsm::NodeLeave leave = LeaveOf(id, fsm::NODE_LEAVING_YES);
  leave.set_address(std::move(address));
  Propose(caller, std::move(leave), std::move(reply));
}

void LeaveService::Propose(const Caller& caller, fsm::NodeLeave leave,
                           Reply<RemoveNodeResponse> reply) {
  fsm::Command command;
  *command.mutable_node_leave() = std::move(leave);
  node_->Propose(caller, std::move(command),
                 [this, reply = std::move(reply)](
                     const absl::StatusOr<std::string>& result,
                     raft::LogIndex index) mutable {
                   if (!result.ok()) return reply(result.status());
                   fsm::Node node;
                   if (!node.ParseFromString(*result)) {
                     return reply(absl::InternalError("the reply is no node"));
                   }
                   Await(node, index, std::move(reply));
                 });
}

void LeaveService::Await(const fsm::Node& node, raft::LogIndex since,
                         Reply<RemoveNodeResponse> reply) {
  waiting_.push_back({node.id(), node.name(), since,
                      node_->env().clock->Now() + kPatience, std::move(reply)});
  Review();
}

void LeaveService::Schedule() {
  if (waiting_.empty() || std::exchange(scheduled_, true)) return;
  node_->env().loop->Post([this] { Review(); });
}

void LeaveService::Review() {
  scheduled_ = false;
  std::list<Waiting> ended;
  std::vector<absl::StatusOr<RemoveNodeResponse>> outcomes;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto next = std::next(it);
    if (auto outcome = OutcomeOf(*it)) {
      outcomes.push_back(*std::move(outcome));
      ended.splice(ended.end(), waiting_, it);
    }
    it = next;
  }
  ArmTimer();
  auto outcome = outcomes.begin();
  for (Waiting& waiting : ended) waiting.reply(std::move(*outcome++));
}

std::optional<absl::StatusOr<RemoveNodeResponse>> LeaveService::OutcomeOf(
    const Waiting& waiting) const {
  const fsm::ClusterState& state = node_->state();
  const RemoveNodeResponse done{.index = state.applied().value()};
  const raft::Raft* raft = node_->raft();
  // It hears no more than that it is out itself.
  const bool out = node_->lifecycle() == Lifecycle::kRemoved;
  if (out && raft->id().value() == waiting.id) return done;
  // The write was acknowledged by the leader; it need not be here yet.
  if (state.applied() >= waiting.since) {
    const auto node = state.nodes().find(waiting.id);
    if (node == state.nodes().end()) return done;
    if (node->second.leaving() == fsm::NODE_LEAVING_NO) {
      return MakeError(
          ErrorCode::kConflict,
          absl::StrCat("node \"", waiting.name,
                       "\" cannot be spared now: no other would be ready to "
                       "lead, or fewer voters than a quorum would answer. "
                       "Start the others, or use --force, and it is removed "
                       "as soon as that is possible"));
    }
  }
  if (!out && node_->env().clock->Now() < waiting.deadline) return std::nullopt;
  return MakeError(ErrorCode::kTimeout,
                   absl::StrCat("node \"", waiting.name,
                                "\" is not removed yet; that goes on by "
                                "itself"));
}

void LeaveService::ArmTimer() {
  if (timer_ != 0 || waiting_.empty()) return;
  timer_ = node_->env().loop->After(
      waiting_.front().deadline - node_->env().clock->Now(), [this] {
        timer_ = 0;
        Review();
      });
}

void LeaveService::Add(raft::NodeId id, std::string name, std::string address,
                       absl::AnyInvocable<void(absl::Status)> done) {
  fsm::Command command;
  fsm::Node& node = *command.mutable_node_upsert()->mutable_node();
  node.set_id(id.value());
  node.set_name(std::move(name));
  node.set_address(std::move(address));
  node.set_status(fsm::NODE_STATUS_JOINING);
  node_->Propose({}, std::move(command),
                 [done = std::move(done)](
                     const absl::StatusOr<std::string>& result,
                     raft::LogIndex) mutable { done(result.status()); });
}

}  // namespace jaco::server

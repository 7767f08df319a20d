#include "jaco/sim/sim_join_peer.h"

#include <utility>

#include "jaco/base/error.h"

namespace jaco::sim {
namespace {

constexpr Duration kDelayMin = Milliseconds(1);
constexpr Duration kDelayMax = Milliseconds(20);

absl::Status Unreachable() {
  return MakeError(ErrorCode::kPeerUnreachable, "no answer");
}

}  // namespace

SimJoinPeer::SimJoinPeer(EventQueue& queue, Place& place, Prng prng,
                         Duration patience)
    : queue_(queue),
      place_(place),
      owner_(queue.NewOwner()),
      prng_(prng),
      patience_(patience) {}

SimJoinPeer::~SimJoinPeer() { queue_.CancelAll(owner_); }

void SimJoinPeer::In(Duration time, NodeNumber node,
                     std::function<void()> task) {
  queue_.Schedule(queue_.now() + time, owner_, {EventKind::kClient, node},
                  std::move(task));
}

void SimJoinPeer::Admit(const std::string& peer,
                        const std::string& /*authority_fingerprint*/,
                        const std::string& join_token,
                        server::AdmitRequest request,
                        server::Reply<server::AdmitResponse> reply) {
  const auto to = static_cast<NodeNumber>(peer[0] - '0');
  const NodeNumber from = NumberOf(request.node_name);
  place_.OnAsked(from, join_token, request.node_id);
  auto call = std::make_shared<Call>(
      Call{from, place_.IncarnationOf(from), std::move(reply)});
  In(prng_.Between(kDelayMin, kDelayMax), to,
     [this, to, join_token, request = std::move(request), call] {
       Deliver(to, join_token, request, call);
     });
  In(patience_, from, [this, call] { Finish(call, Unreachable()); });
}

void SimJoinPeer::Deliver(NodeNumber to, const std::string& join_token,
                          const server::AdmitRequest& request,
                          const std::shared_ptr<Call>& call) {
  server::Server* const server = place_.ServerOf(to);
  if (server == nullptr || !place_.Reaches(call->from, to)) return;
  server->Authenticate(
      join_token, /*stale=*/false,
      [this, to, server, request, call](absl::StatusOr<server::Caller> caller) {
        if (!caller.ok()) return Return(to, call, caller.status());
        server->Admit(*caller, request, [this, to, call](Answer answer) {
          Return(to, call, std::move(answer));
        });
      });
}

void SimJoinPeer::Return(NodeNumber to, const std::shared_ptr<Call>& call,
                         Answer answer) {
  if (!place_.Reaches(to, call->from)) return;
  In(prng_.Between(kDelayMin, kDelayMax), call->from,
     [this, call, answer = std::move(answer)] { Finish(call, answer); });
}

void SimJoinPeer::Finish(const std::shared_ptr<Call>& call,
                         const Answer& answer) {
  const bool there = place_.ServerOf(call->from) != nullptr &&
                     place_.IncarnationOf(call->from) == call->incarnation;
  if (!there || call->reply == nullptr) return;
  std::exchange(call->reply, nullptr)(answer);
}

void SimJoinPeer::Converse(
    const std::string& /*peer*/,
    std::shared_ptr<server::PasswordConversation> /*conversation*/,
    absl::AnyInvocable<void(absl::Status)> done) {
  auto kept =
      std::make_shared<absl::AnyInvocable<void(absl::Status)>>(std::move(done));
  In(patience_, kWorld, [kept] { (*kept)(Unreachable()); });
}

}  // namespace jaco::sim

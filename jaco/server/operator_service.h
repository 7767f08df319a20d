// `jaco operator ...` and the rotation of the cluster's authority. What only
// the leader can say or do is asked of it with a LeaderCall (Node::AskLeader),
// so that every member answers.

#ifndef JACO_SERVER_OPERATOR_SERVICE_H_
#define JACO_SERVER_OPERATOR_SERVICE_H_

#include <memory>
#include <string>

#include "jaco/server/autopilot.h"
#include "jaco/server/certificates.h"
#include "jaco/server/leave_service.h"
#include "jaco/server/node.h"
#include "jaco/server/operator_api.h"

namespace jaco::server {

// Loop thread.
class OperatorService final : public OperatorApi {
 public:
  // As Nomad.
  static constexpr int kTransferAttempts = 3;
  static constexpr Duration kTransferLook = Milliseconds(10);

  // All outlive this.
  OperatorService(Node* node, LeaveService* leaves, Autopilot* autopilot,
                  Certificates* certificates);

  void ListPeers(const Caller& caller, bool stale,
                 Reply<RaftPeers> reply) override;
  void RemovePeer(const Caller& caller, PeerSelector peer,
                  Reply<RaftPeer> reply) override;
  void TransferLeadership(const Caller& caller, PeerSelector to,
                          Reply<TransferResponse> reply) override;
  void GetAutopilot(const Caller& caller, bool stale,
                    Reply<AutopilotSettings> reply) override;
  void SetAutopilot(const Caller& caller, SetAutopilotRequest request,
                    Reply<AutopilotSettings> reply) override;
  void Health(const Caller& caller, Reply<AutopilotHealth> reply) override;
  AgentInfo Agent() override;
  void RotateAuthority(const Caller& caller,
                       Reply<AuthoritiesResponse> reply) override;
  void RetireAuthorities(const Caller& caller, RetireAuthoritiesRequest request,
                         Reply<AuthoritiesResponse> reply) override;

 private:
  struct Transfer;

  // The leader's side.
  void Serve(const std::string& call, ProposeDone done);
  std::string HealthBytes();

  RaftPeers Peers() const;
  absl::StatusOr<RaftPeer> Find(const PeerSelector& selector) const;
  AutopilotSettings Settings() const;
  AutopilotHealth HealthOf(const std::string& bytes) const;
  AgentNode NodeInfo(uint64_t id, const fsm::Node& node) const;
  void DescribeRaft(AgentInfo* info) const;

  void NoteTransfer(const Caller& caller, std::shared_ptr<Transfer> transfer);
  void TryTransfer(std::shared_ptr<Transfer> transfer);
  void LookAtTransfer(std::shared_ptr<Transfer> transfer);

  Certificates::Done AnswerAuthorities(Reply<AuthoritiesResponse> reply);

  Node* const node_;
  LeaveService* const leaves_;
  Autopilot* const autopilot_;
  Certificates* const certificates_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_OPERATOR_SERVICE_H_

// `jaco node remove`: writes down that a node is to leave, and waits until the
// leader (see Autopilot) has seen to it.

#ifndef JACO_SERVER_LEAVE_SERVICE_H_
#define JACO_SERVER_LEAVE_SERVICE_H_

#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "jaco/base/time.h"
#include "jaco/env/event_loop.h"
#include "jaco/server/api.h"
#include "jaco/server/node.h"

namespace jaco::server {

// Loop thread.
class LeaveService {
 public:
  // How long an answer is waited for; the removal goes on without.
  static constexpr Duration kPatience = Seconds(10);

  // `node` outlives this.
  explicit LeaveService(Node* node);
  ~LeaveService();
  LeaveService(const LeaveService&) = delete;
  LeaveService& operator=(const LeaveService&) = delete;

  // See Api and Server.
  void Remove(const Caller& caller, RemoveNodeRequest request,
              Reply<RemoveNodeResponse> reply);
  void Leave(Reply<RemoveNodeResponse> reply);
  // As Remove, of a member of the configuration.
  void RemoveMember(const Caller& caller, uint64_t id, std::string address,
                    Reply<RemoveNodeResponse> reply);
  void Add(raft::NodeId id, std::string name, std::string address,
           absl::AnyInvocable<void(absl::Status)> done);

 private:
  struct Waiting {
    uint64_t id = 0;
    std::string name;
    raft::LogIndex since;  // of the command
    Instant deadline;
    Reply<RemoveNodeResponse> reply;
  };

  void Propose(const Caller& caller, fsm::NodeLeave leave,
               Reply<RemoveNodeResponse> reply);
  void Await(const fsm::Node& node, raft::LogIndex since,
             Reply<RemoveNodeResponse> reply);
  void Schedule();
  void Review();
  void ArmTimer();
  // nullopt: not known yet.
  std::optional<absl::StatusOr<RemoveNodeResponse>> OutcomeOf(
      const Waiting& waiting) const;

  Node* const node_;
  std::list<Waiting> waiting_;  // by deadline
  bool scheduled_ = false;
  env::TimerId timer_ = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_LEAVE_SERVICE_H_

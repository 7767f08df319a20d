// What operators ask about and do to the cluster itself: its Raft members, how
// the leader judges them, its certificate authority. As api.h, without a word
// of HTTP. Answered by any member, which passes on to the leader what only that
// can say or do.

#ifndef JACO_SERVER_OPERATOR_API_H_
#define JACO_SERVER_OPERATOR_API_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "jaco/server/api.h"

namespace jaco::server {

struct RaftPeer {
  uint64_t id = 0;
  std::string node;     // its name; empty: the state knows no such node
  std::string address;  // of the peer transport
  bool leader = false;
  bool voter = false;
};
struct RaftPeers {
  uint64_t index = 0;  // of the configuration; perhaps not committed yet
  std::vector<RaftPeer> peers;  // by id
};

// A member by its id or by its address: one of the two.
struct PeerSelector {
  uint64_t id = 0;
  std::string address;
};

struct TransferResponse {
  RaftPeer from;
  RaftPeer to;
  bool noop = false;  // it led already
};

struct AutopilotSettings {
  bool cleanup_dead_servers = true;
  absl::Duration last_contact_threshold = absl::Milliseconds(200);
  uint64_t max_trailing_logs = 250;
  absl::Duration server_stabilization_time = absl::Seconds(10);
  uint64_t min_quorum = 0;
  uint64_t create_index = 0;  // 0: never set
  uint64_t modify_index = 0;
};
struct SetAutopilotRequest {
  AutopilotSettings settings;  // the indexes are not looked at
  std::optional<uint64_t> if_modify_index;
};

struct ServerHealth {
  uint64_t id = 0;
  std::string name;
  std::string address;
  std::string version;  // empty: it has not said
  bool alive = false;   // answers the leader
  bool leader = false;
  bool voter = false;
  bool healthy = false;
  absl::Duration last_contact;
  uint64_t last_term = 0;
  uint64_t last_index = 0;
  absl::Time stable_since;
};
struct AutopilotHealth {
  bool healthy = false;            // every server is
  uint64_t failure_tolerance = 0;  // so many voters may yet fail
  uint64_t leader = 0;
  std::vector<ServerHealth> servers;  // by id
};

// One server as it sees itself and the others, without asking anybody.
struct AgentNode {
  uint64_t id = 0;
  std::string name;
  std::string address;
  std::string status;  // "READY", ..., "LEAVING"
  std::string version;
};
struct AgentInfo {
  bool member = false;  // else only the names below are known
  AgentNode self;
  std::vector<AgentNode> nodes;  // by name
  uint64_t leader = 0;           // 0: none is known
  std::string leader_address;    // empty: none is known
  std::string role;              // "leader", ...
  uint64_t term = 0;
  uint64_t last_index = 0;
  uint64_t last_term = 0;
  uint64_t commit_index = 0;
  uint64_t applied_index = 0;
  uint64_t snapshot_index = 0;  // the log begins after it
  uint64_t snapshot_term = 0;
  RaftPeers configuration;
};

struct RetireAuthoritiesRequest {
  // Do not ask whether some node still has a certificate of an old one.
  bool force = false;
};
struct AuthoritiesResponse {
  std::string fingerprint;  // of the authority that signs from now on
  uint64_t trusted = 0;     // authorities that are trusted
};

// Errors of all: no_leader, quorum_lost, timeout; not_a_member. Loop thread.
class OperatorApi {
 public:
  virtual ~OperatorApi() = default;

  // `stale`: as this server knows it, also without a leader.
  virtual void ListPeers(const Caller& caller, bool stale,
                         Reply<RaftPeers> reply) = 0;
  // Takes a member out for good, as Api::RemoveNode does without `force`;
  // answers with who it was. node_not_found for who is no member.
  virtual void RemovePeer(const Caller& caller, PeerSelector peer,
                          Reply<RaftPeer> reply) = 0;
  // Answered when the other one leads. node_not_found; validation_failed when
  // it does not vote; timeout when it does not take over after 3 attempts.
  virtual void TransferLeadership(const Caller& caller, PeerSelector to,
                                  Reply<TransferResponse> reply) = 0;

  virtual void GetAutopilot(const Caller& caller, bool stale,
                            Reply<AutopilotSettings> reply) = 0;
  // conflict when the present settings are not of `if_modify_index`;
  // validation_failed.
  virtual void SetAutopilot(const Caller& caller, SetAutopilotRequest request,
                            Reply<AutopilotSettings> reply) = 0;
  virtual void Health(const Caller& caller, Reply<AutopilotHealth> reply) = 0;

  virtual AgentInfo Agent() = 0;

  // A new certificate authority signs from now on; servers renew as soon as
  // they hear of it. conflict in a cluster without authorities, or when they
  // were changed at the same time.
  virtual void RotateAuthority(const Caller& caller,
                               Reply<AuthoritiesResponse> reply) = 0;
  // Ends the trust in all but the authority that signs. conflict while a node
  // has not said that it has a certificate of that one.
  virtual void RetireAuthorities(const Caller& caller,
                                 RetireAuthoritiesRequest request,
                                 Reply<AuthoritiesResponse> reply) = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_OPERATOR_API_H_

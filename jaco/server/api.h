// Requests and responses of every service, without a word of HTTP: net and the
// simulator's clients call the same functions with the same values.

#ifndef JACO_SERVER_API_H_
#define JACO_SERVER_API_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace jaco::server {

// Runs once, on the loop, never before the call that took it has returned.
template <typename Response>
using Reply = absl::AnyInvocable<void(absl::StatusOr<Response>)>;

// Who asks. The unix socket is the trust boundary: its peers are `local`.
struct Caller {
  std::string identity = "local";
  // The hash of the join token that was shown instead of an operator's. Whoever
  // has only that may be admitted as a node, and nothing else.
  std::string join_token_hash;
  // A server that has shown the bootstrap key. It may say hello, and nothing
  // else.
  bool bootstrap_peer = false;
  // May take the whole cluster away, and put another state in its place: those
  // on the host, and bearers of a token that allows it.
  bool privileged = false;
  // Nobody in particular: may use what is open to everybody, and nothing else.
  bool anonymous = false;
  // Of the TLS connection (RFC 9266); only where `anonymous`.
  std::string channel_binding = {};
  // Where the call came from over the network, an IPv4 address or an IPv6
  // network; empty: from the host.
  std::string address = {};
  // Judged by what this server knows, because it could not ask the others: may
  // have been turned out meanwhile.
  bool unconfirmed = false;

  static Caller Local() { return {.privileged = true}; }
};

struct InitRequest {
  std::string cluster_name;  // empty: the cluster id
};
struct InitResponse {
  std::string cluster_id;
  std::string operator_token;  // the only time it is seen
};

enum class Lifecycle {
  kStarting,
  kUninitialized,
  kCreating,
  kJoining,     // only in a StatusResponse
  kRecovering,  // likewise: from a backup
  kMember,
  kRemoved,  // was a member; keeps its data, and may join anew
  kFailed
};
// As "uninitialized".
absl::string_view LifecycleName(Lifecycle lifecycle);

struct NodeStatus {
  std::string hostname;
  std::string address;   // of the peer transport
  std::string status;    // "READY", ..., "LEAVING"
  std::string suffrage;  // "VOTER", "NONVOTER", or "?" where this server cannot
                         // vouch for it: only a leader can
  std::string version;   // of its build; empty: it has not said
  uint32_t feature_level = 0;  // of its build
  uint64_t id = 0;             // its Raft id
  uint64_t create_index = 0;   // of the write that took it in
};
struct StatusResponse {
  bool initialized = false;
  Lifecycle lifecycle = Lifecycle::kUninitialized;
  std::string node_name;
  std::string cluster_id;
  std::string cluster_name;
  std::string leader;  // node name; empty when there is none
  uint64_t raft_index = 0;
  uint64_t raft_term = 0;
  // Empty, or what is wrong with this server's log, which is being repaired
  // from others: it does not vote until then.
  std::string repair;
  // While it has no cluster, how far it is with finding one; empty unless it
  // looks for one by itself.
  std::string bootstrap;
  // While it was admitted to a cluster and has heard nothing from there yet:
  // what it waits for, and what to do should that go on; else empty.
  std::string joining;
  // Empty, or when the cluster's certificate authority ends, which is within a
  // year, and what to do.
  std::string authority_end;
  uint32_t feature_level = 0;     // what all servers of the cluster can do
  std::vector<NodeStatus> nodes;  // by hostname
};

struct IssueTokenRequest {
  std::string identity;
  bool allow_privileged = false;
};
struct IssueTokenResponse {
  std::string identity;
  std::string token;  // 64 hex characters; the only time it is seen
  absl::Time issued_at;
  uint64_t index = 0;
};

struct RevokeTokenRequest {
  std::string identity;
};
struct RevokeTokenResponse {
  uint64_t index = 0;
};

struct TokenInfo {
  std::string identity;
  absl::Time issued_at;
  absl::Time revoked_at = absl::InfiniteFuture();  // active: the future
  bool allow_privileged = false;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
};
struct ListTokensResponse {
  std::vector<TokenInfo> tokens;  // by identity
  uint64_t index = 0;             // of the state that was read
};

struct IssueJoinTokenRequest {
  std::string node_name;  // the only one that it is good for; empty: any
};
struct IssueJoinTokenResponse {
  std::string join_token;  // the only time it is seen; see JoinToken
  absl::Time expires_at;
  std::string ca_cert = {};  // PEM: the trusted authorities
  // host:port of the API of the server that was asked, as others dial it; empty
  // when it does not know.
  std::string peer = {};
};

// By which a server becomes a node of another's cluster.
struct JoinRequest {
  std::string peer;  // host:port of any member's API
  std::string join_token;
};
struct JoinResponse {
  std::string cluster_id;
};

// `jaco server join`: makes servers that share a bootstrap key known to each
// other.
struct JoinServersRequest {
  std::vector<std::string> addresses;  // host:port of their APIs
};
struct JoinServersResponse {
  uint64_t num_joined = 0;  // how many answered
  std::string error;        // empty unless none did
};

// See bootstrap.proto.
class HelloRequest;
class HelloResponse;

// What the joining server asks the member for, with the join token in its
// Caller.
struct AdmitRequest {
  uint64_t node_id = 0;
  std::string node_name;
  std::string address;              // of its peer transport
  std::string certificate_request;  // PEM
  std::string version;              // of its build
  uint32_t feature_level = 0;
};
struct AdmitResponse {
  std::string cluster_id;
  std::string certificates;  // PEM: the node's, and what links it to older CAs
  std::string bundle;        // PEM: the trusted authorities
  std::string keyring;       // secret; see Keyring::Encode
};

// A backup (all that a cluster needs) or a snapshot (the replicated state): see
// backup_format.h.
struct ArchiveResponse {
  std::string archive;  // a secret if it is a backup
  std::string sha256;   // of it, 32 bytes
};

struct RestoreRequest {
  std::string archive;
};
struct RestoreResponse {
  std::string cluster_id;
  std::string cluster_name;
  uint64_t backup_index = 0;  // of the state in the backup
  uint64_t index = 0;         // at which the cluster goes on
  absl::Time taken_at;
};

struct RestoreSnapshotResponse {
  uint64_t index = 0;  // of the write that has put it in force
};

class OperatorApi;
class BootstrapApi;
class UserApi;
class AuditApi;

struct RemoveNodeRequest {
  std::string node_name;
  // The removal stands until it is possible, however long that takes.
  bool force = false;
};
struct RemoveNodeResponse {
  uint64_t index = 0;  // of a state without the node
};

// The API of one server. Writes and ListTokens need a leader: elsewhere they
// fail with no_leader, whose message names the leader when it is known.
// Loop thread.
class Api {
 public:
  virtual ~Api() = default;

  // cluster_already_initialized when there is Raft state.
  virtual void Init(const Caller& caller, InitRequest request,
                    Reply<InitResponse> reply) = 0;
  // Answers in every state, from what this server knows.
  virtual StatusResponse Status() = 0;
  // As in Status, without the cost of the rest: asked for every request.
  virtual Lifecycle lifecycle() const = 0;
  // Why a server that is kFailed does not run; else OK.
  virtual absl::Status failure() const = 0;
  // token_exists, validation_failed.
  virtual void IssueToken(const Caller& caller, IssueTokenRequest request,
                          Reply<IssueTokenResponse> reply) = 0;
  // token_not_found, validation_failed; revoking twice is fine.
  virtual void RevokeToken(const Caller& caller, RevokeTokenRequest request,
                           Reply<RevokeTokenResponse> reply) = 0;
  // Linearizable.
  virtual void ListTokens(const Caller& caller,
                          Reply<ListTokensResponse> reply) = 0;
  // validation_failed, rate_limited; conflict in a cluster without
  // certificates.
  virtual void IssueJoinToken(const Caller& caller,
                              IssueJoinTokenRequest request,
                              Reply<IssueJoinTokenResponse> reply) = 0;
  // Answered by any member. join_token_*, node_already_member,
  // validation_failed; permission_denied without a join token. The same node
  // may ask again with the same token.
  virtual void Admit(const Caller& caller, AdmitRequest request,
                     Reply<AdmitResponse> reply) = 0;
  // Makes this server, which belongs to no cluster or was removed from one, a
  // node of the cluster of `peer`; answered when that is durable. What it has
  // of an earlier cluster is set aside. cluster_already_initialized,
  // peer_unreachable, peer_untrusted (nothing was said to it then), and what
  // Admit says there. May be repeated with the same token whatever went wrong.
  virtual void Join(const Caller& caller, JoinRequest request,
                    Reply<JoinResponse> reply) = 0;
  // One of the four at a time; rate_limited for others.
  //
  // For privileged callers, else permission_denied; linearizable, answered by
  // any member. too_large.
  virtual void Backup(const Caller& caller, Reply<ArchiveResponse> reply) = 0;
  virtual void SaveSnapshot(const Caller& caller,
                            Reply<ArchiveResponse> reply) = 0;
  // Makes this uninitialized server the only one of the cluster that the backup
  // is of; answered when that is durable. cluster_already_initialized;
  // data_loss and validation_failed for a bad archive, which changes nothing.
  virtual void Restore(const Caller& caller, RestoreRequest request,
                       Reply<RestoreResponse> reply) = 0;
  // Puts the state of a snapshot of this cluster in the place of the present
  // one, on all its servers; the cluster's authorities, nodes, join tokens and
  // audit log stay. For privileged callers; conflict when another restore came
  // in between, config_mismatch for another cluster's; data_loss,
  // validation_failed, too_large.
  virtual void RestoreSnapshot(const Caller& caller, RestoreRequest request,
                               Reply<RestoreSnapshotResponse> reply) = 0;
  // Of a server that has the bootstrap key: permission_denied of others;
  // config_mismatch, conflict, validation_failed, and what IssueJoinToken says;
  // rate_limited when the caller's address asks for too many join tokens.
  virtual void Hello(const Caller& caller, HelloRequest request,
                     Reply<HelloResponse> reply) = 0;
  // conflict without a bootstrap key, validation_failed.
  virtual void JoinServers(const Caller& caller, JoinServersRequest request,
                           Reply<JoinServersResponse> reply) = 0;
  // Takes a node, which may lead, be dead or be this one, out of the
  // configuration and the table; answered when that is so. node_not_found;
  // conflict when it is the last one, or cannot be spared and `force` is not
  // set: nothing has changed then; timeout: it goes on by itself.
  virtual void RemoveNode(const Caller& caller, RemoveNodeRequest request,
                          Reply<RemoveNodeResponse> reply) = 0;

  // What operator_api.h has; lives as long as this.
  virtual OperatorApi& operators() = 0;
  // bootstrap_api.h and user_api.h.
  virtual BootstrapApi& bootstrap() = 0;
  virtual UserApi& users() = 0;
  // audit_api.h.
  virtual AuditApi& audit() = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_API_H_

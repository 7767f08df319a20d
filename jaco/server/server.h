// One jaco server: the object that jacod runs on a real disk and the simulator
// runs by the dozen.

#ifndef JACO_SERVER_SERVER_H_
#define JACO_SERVER_SERVER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "jaco/base/time.h"
#include "jaco/base/version.h"
#include "jaco/env/environment.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/raft/raft.h"
#include "jaco/server/api.h"
#include "jaco/server/bootstrap_peer.h"
#include "jaco/server/join_peer.h"
#include "jaco/server/security/password.h"
#include "jaco/server/security/secrets.h"
#include "jaco/server/snapshots.h"
#include "jaco/storage/raft_log.h"

namespace jaco::server {

struct AutopilotOptions {
  bool enabled = true;
  // How often the leader looks at the other members.
  Duration tick = Milliseconds(250);
  // A new member is not promoted sooner, whatever ServerStabilizationTime says.
  Duration settle_min = Seconds(3);
  // With CleanupDeadServers: a server is removed that is silent for so long.
  Duration remove_dead_after = Seconds(3600);
  // A node that is to leave and cannot be spared for so long stays.
  Duration leave_patience = Seconds(5);
  // Holds until there is one in the replicated state.
  fsm::AutopilotConfig config = fsm::DefaultAutopilotConfig();
};

// How a server without a cluster comes to one by itself.
struct BootstrapOptions {
  // So many servers found a cluster together, 0: this one only joins.
  uint32_t expect = 0;
  std::vector<std::string> retry_join;  // where there may be servers
  std::string api_address;              // of this server, as others dial it
  // Between two looks at those that answer, and at those that do not.
  Duration retry = Seconds(1);
  Duration retry_max = Seconds(30);
  // Outlives the server; nullptr: there is no bootstrap key.
  BootstrapPeer* peer = nullptr;
  // Whether others than those on the host may begin an action of BootstrapApi.
  bool remote = false;
};

struct ServerOptions {
  std::string node_name;
  std::string data_dir;      // exists, is locked by the caller
  std::string peer_address;  // as others dial it
  // What this build is and can do; tests play older ones.
  std::string version = std::string(kVersion);
  uint32_t feature_level = kFeatureLevel;
  // Names and addresses for which our certificate is to be valid.
  std::vector<std::string> certificate_hosts;
  // Seals the keyring on disk; may be null.
  std::shared_ptr<const Keyring> seal_key;
  bool use_rocksdb = true;  // else applied state is kept in memory only
  uint64_t log_segment_bytes = storage::RaftLogOptions().segment_bytes;
  raft::Options raft;  // `id` is ignored
  SnapshotOptions snapshots;
  AutopilotOptions autopilot;
  fsm::ClusterState::Limits state;
  // A snapshot that is restored goes through the log in pieces of this size.
  size_t restore_piece_bytes = size_t{1} << 20;
  // Outlives the server; nullptr: it cannot join by itself.
  JoinPeer* join_peer = nullptr;
  BootstrapOptions bootstrap;
  PasswordCost password_cost;
};

// A member of the cluster that BootstrapMember founds.
struct FoundingMember {
  raft::NodeId id;
  std::string name;
  std::string address;
  // What it would announce, if that is known here.
  std::string version = {};
  uint32_t feature_level = 0;
  std::string authority_fingerprint = {};
};
// The same on every founding member.
struct Founding {
  std::string cluster_id;
  std::string cluster_name;
  std::string token_hash;  // of the operator `bootstrap`, lower-case hex
  int64_t time_unix_ms = 0;
  std::vector<FoundingMember> members;
  std::vector<fsm::Authority> authorities;
  std::optional<fsm::User> user;
  // Not the same everywhere: what is written before the cluster is founded.
  SecretFiles secrets;
};

class Server final : public Api {
 public:
  Server(ServerOptions options, env::Environment environment);
  // At any instant; nothing is flushed, no callback runs any more.
  ~Server() override;

  // Opens what is on disk and resumes. `started` runs once, with data_loss,
  // disk_full, ... when the server cannot run; it then stays kFailed.
  // `failed` runs once, later, when the server has to stop: a write or sync
  // failed, or a command cannot be understood. The caller ends the process.
  void Start(absl::AnyInvocable<void(absl::Status)> started,
             absl::AnyInvocable<void(absl::Status)> failed);

  // Founds a cluster of several servers at once: each member is called with the
  // same founding. cluster_already_initialized when there is Raft state.
  void Found(raft::NodeId self, Founding founding,
             absl::AnyInvocable<void(absl::Status)> done);

  // Makes an uninitialized server wait for a leader that has added `self` to
  // its configuration. cluster_already_initialized when there is Raft state.
  void Join(raft::NodeId self, absl::AnyInvocable<void(absl::Status)> done);

  // See raft::Raft::ProposeConfiguration and TransferLeadership. `done` runs
  // when the first configuration entry of the change is committed.
  void ChangeConfiguration(raft::Configuration target,
                           absl::AnyInvocable<void(absl::Status)> done);
  absl::Status TransferLeadership(raft::NodeId target);

  // See Autopilot.
  void AddNonvoter(raft::NodeId id, std::string address,
                   absl::AnyInvocable<void(absl::Status)> done);

  void Init(const Caller& caller, InitRequest request,
            Reply<InitResponse> reply) override;
  StatusResponse Status() override;
  void IssueToken(const Caller& caller, IssueTokenRequest request,
                  Reply<IssueTokenResponse> reply) override;
  void RevokeToken(const Caller& caller, RevokeTokenRequest request,
                   Reply<RevokeTokenResponse> reply) override;
  void ListTokens(const Caller& caller,
                  Reply<ListTokensResponse> reply) override;
  void IssueJoinToken(const Caller& caller, IssueJoinTokenRequest request,
                      Reply<IssueJoinTokenResponse> reply) override;
  void Admit(const Caller& caller, AdmitRequest request,
             Reply<AdmitResponse> reply) override;
  void Join(const Caller& caller, JoinRequest request,
            Reply<JoinResponse> reply) override;
  void Backup(const Caller& caller, Reply<ArchiveResponse> reply) override;
  void SaveSnapshot(const Caller& caller,
                    Reply<ArchiveResponse> reply) override;
  void Restore(const Caller& caller, RestoreRequest request,
               Reply<RestoreResponse> reply) override;
  void RestoreSnapshot(const Caller& caller, RestoreRequest request,
                       Reply<RestoreSnapshotResponse> reply) override;
  OperatorApi& operators() override;
  BootstrapApi& bootstrap() override;
  UserApi& users() override;
  AuditApi& audit() override;
  void RemoveNode(const Caller& caller, RemoveNodeRequest request,
                  Reply<RemoveNodeResponse> reply) override;
  void Hello(const Caller& caller, HelloRequest request,
             Reply<HelloResponse> reply) override;
  void JoinServers(const Caller& caller, JoinServersRequest request,
                   Reply<JoinServersResponse> reply) override;

  // Who bears `token`, or who has the name and password of "Basic ..." as in
  // HTTP's Authorization header: token_invalid, token_revoked, as of all that
  // was acknowledged anywhere before this call; else the errors of a read. With
  // `stale`, for requests that are answered from what this server knows, a
  // token or user that it knows is judged by that when the read fails, after
  // two election timeouts at most: the caller is then `unconfirmed`. An empty
  // one is answered at once: cluster_uninitialized where there is none.
  void Authenticate(absl::string_view token, bool stale, Reply<Caller> reply);

  // Proposes a node with this id, which the leader then takes in: for servers
  // that Join by their id. node_already_member.
  void AddNode(raft::NodeId id, std::string name, std::string address,
               absl::AnyInvocable<void(absl::Status)> done);
  // Removes this server from its cluster, as RemoveNode does.
  void Leave(Reply<RemoveNodeResponse> reply);

  // `changed` runs with the credentials that are in force, if there are any,
  // and with all later ones.
  void WatchCredentials(absl::AnyInvocable<void(const Credentials&)> changed);
  // Reads them from disk again.
  void ReloadCredentials(absl::AnyInvocable<void(absl::Status)> done);

  Lifecycle lifecycle() const override;
  absl::Status failure() const override;
  // nullptr unless the server is a member.
  const raft::Raft* raft() const;
  const fsm::ClusterState& state() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_SERVER_H_

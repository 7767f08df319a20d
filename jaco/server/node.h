// What the services of one server share: its place in the life cycle, the
// replicated state, and the way to change it.

#ifndef JACO_SERVER_NODE_H_
#define JACO_SERVER_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/environment.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/server/api.h"
#include "jaco/server/data_dir.h"
#include "jaco/server/post_error.h"
#include "jaco/server/replica.h"
#include "jaco/server/server.h"

namespace jaco::server {

// What a cluster that comes from a backup begins with.
struct RestoredCluster {
  storage::Snapshot snapshot;  // its log begins behind it
  SecretFiles secrets;
};

// Loop thread.
class Node {
 public:
  Node(ServerOptions options, const env::Environment& environment)
      : options_(std::move(options)),
        env_(environment),
        name_(options_.node_name),
        address_(options_.peer_address) {}

  // See Server.
  void Start(absl::AnyInvocable<void(absl::Status)> started,
             absl::AnyInvocable<void(absl::Status)> failed);
  // Instead of Start, when something else than the data directory is in the
  // way.
  void RefuseToStart(absl::Status why,
                     absl::AnyInvocable<void(absl::Status)> started);
  void Found(raft::NodeId self, Founding founding,
             absl::AnyInvocable<void(absl::Status)> done);

  // As the node that was admitted under `name`. `secrets` become durable first.
  // What a server that was removed still has is set aside.
  void Join(raft::NodeId self, std::string name, SecretFiles secrets,
            absl::AnyInvocable<void(absl::Status)> done);
  // Makes this uninitialized server the only member of `cluster`; also
  // cluster_already_initialized.
  void Restore(raft::NodeId self, RestoredCluster cluster,
               absl::AnyInvocable<void(absl::Status)> done);
  void ChangeConfiguration(raft::Configuration target,
                           absl::AnyInvocable<void(absl::Status)> done);
  absl::Status TransferLeadership(raft::NodeId target);

  // Runs `ready` when this server, alone in its configuration, leads and has
  // applied its founding.
  void WhenFounded(absl::AnyInvocable<void()> ready);

  // `watcher` runs after every change of role, when another configuration has
  // been committed, and when there are more or fewer nodes. It may not call
  // back.
  void Watch(absl::AnyInvocable<void()> watcher) {
    watcher_ = std::move(watcher);
  }
  // `watcher`, one of several, runs whenever the state has moved on. It may not
  // call back.
  void WatchState(absl::AnyInvocable<void()> watcher) {
    state_watchers_.push_back(std::move(watcher));
  }

  // OK for a member; cluster_uninitialized, not_a_member, or why the server
  // does not run.
  absl::Status Admit() const;

  // Proposes `command` on behalf of `caller` (whose name and the time go into
  // it). `done` gets the machine's reply and its index, or the error: the
  // machine's refusal, or that of Replica::Propose. Never before returning.
  using Done =
      absl::AnyInvocable<void(absl::StatusOr<std::string>, raft::LogIndex)>;
  void Propose(const Caller& caller, fsm::Command command, Done done);

  // Asks the leader, perhaps this server, what `ServeCalls` has set up there;
  // see Replica::Ask.
  void AskLeader(std::string call, Done done);
  // `serve` runs while this server leads. Before Start.
  void ServeCalls(absl::AnyInvocable<void(std::string, ProposeDone)> serve) {
    serve_ = std::move(serve);
  }

  // What its cluster calls this server: the name that it became a member with,
  // whatever options().node_name says since. Before, and for a cluster that it
  // has yet to join, that setting.
  const std::string& name() const { return name_; }
  // As the other members dial this server: options().peer_address, or what an
  // operator has said by peers.json since that changed last.
  const std::string& address() const { return address_; }
  // Tells it to them.
  void SayAddress() { replica_->SayAddress(address_); }
  // Runs the watcher: something that it may have to act on is in the state.
  void NotifyWatcher() {
    if (watcher_ != nullptr) watcher_();
  }

  // `done` runs once the state is as new as any write that was acknowledged
  // before this call.
  void Read(absl::AnyInvocable<void(absl::Status)> done);
  // As Read, with an error after two election timeouts at the latest: for what
  // can be answered without, too, if MayDoWithout this error.
  void ReadSoon(absl::AnyInvocable<void(absl::Status)> done);
  // Not when there was only too much to do: whoever sees to that must not get
  // an older answer by it.
  bool MayDoWithout(const absl::Status& read) const;

  // Answers a call with an error, after the call has returned.
  template <typename Response>
  void Refuse(absl::Status status, Reply<Response> reply) {
    PostError(*env_.loop, std::move(status), std::move(reply));
  }

  const ServerOptions& options() const { return options_; }
  const env::Environment& env() const { return env_; }
  Lifecycle lifecycle() const {
    return WasRemoved() ? Lifecycle::kRemoved : lifecycle_;
  }
  // It was admitted to a cluster and has nothing of it yet.
  bool IsNewcomer() const;
  // `member` says that this server was removed.
  void Dismiss(absl::string_view member) { replica_->Dismiss(member); }
  // Why it does not run; OK unless it failed.
  const absl::Status& failure() const { return failure_; }
  const fsm::ClusterState& state() const { return state_; }
  const raft::Raft* raft() const {
    return replica_ == nullptr ? nullptr : &replica_->raft();
  }
  // The name of the server that leads; empty when none is known.
  std::string LeaderName() const;
  // What is wrong with this server's log while it is being repaired; else
  // empty.
  std::string Repair() const;

 private:
  struct Opened;

  void Create(raft::NodeId self, std::string name, FoundingWrite write,
              SecretFiles secrets, absl::AnyInvocable<void(absl::Status)> done);
  bool WasRemoved() const;
  bool HoldsNothing() const;
  void SetAside(absl::AnyInvocable<void(absl::Status)> done);
  void LetGo(bool keep, absl::AnyInvocable<void(absl::Status)> done);
  void OnSetAside(absl::Status status, bool kept,
                  absl::AnyInvocable<void(absl::Status)> done);
  std::optional<std::string> AddressOfRemoved(raft::NodeId id) const;
  void Open(absl::AnyInvocable<void(absl::Status)> done);
  absl::Status Resume(Opened& opened);
  absl::Status RestoreNewer(const DataDir& dir);
  absl::Status CheckFeatureLevel() const;
  void TakeName(const storage::Identity& identity);
  void TakeAddress(const storage::Identity& identity);
  void ReportDamage(const DataDir& dir);
  void OnNotFounded(absl::Status why,
                    absl::AnyInvocable<void(absl::Status)> done);
  void OnRoleChange(const raft::RoleChange& change);
  void Fail(const absl::Status& status);
  absl::Status Explain(absl::Status status) const;
  ProposeDone Explained(Done done) const;
  absl::Status NoLeaderError() const;
  void NotifyFounded();
  void NotifyReconfigured();

  const ServerOptions options_;
  const env::Environment env_;
  std::string name_, address_;
  Lifecycle lifecycle_ = Lifecycle::kStarting;
  absl::Status failure_;
  std::string damage_;
  absl::AnyInvocable<void(absl::Status)> failed_;
  absl::AnyInvocable<void()> founded_;
  absl::AnyInvocable<void()> watcher_;
  absl::AnyInvocable<void(std::string, ProposeDone)> serve_;
  std::vector<absl::AnyInvocable<void()>> state_watchers_;
  // What `watcher_` knows of: the configuration, the number of nodes.
  raft::LogIndex watched_;
  size_t watched_nodes_ = 0;
  bool led_ = false;  // a leader is known
  Instant leaderless_since_;
  fsm::ClusterState state_{options_.state};
  std::unique_ptr<Replica> replica_;
  // Of clusters that this server left: their jobs may be under way.
  std::vector<std::unique_ptr<Replica>> retired_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_NODE_H_

#include "jaco/server/node.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/describe.h"
#include "jaco/server/data_dir.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSubsystem = "server";

// A side that sees no leader for so many election timeouts cannot make one.
constexpr int kQuorumLostTimeouts = 5;

// The log that a cluster begins with. It is the same on every founding member,
// so it may be treated as replicated, and the first leader commits it.
FoundingWrite FoundingWriteOf(const Founding& founding) {
  raft::Configuration configuration;
  fsm::Command command;
  command.set_time_unix_ms(founding.time_unix_ms);
  command.set_identity("bootstrap");
  fsm::ClusterInit& init = *command.mutable_cluster_init();
  init.set_cluster_id(founding.cluster_id);
  init.set_cluster_name(founding.cluster_name);
  init.set_token_hash(founding.token_hash);
  if (founding.user) *init.mutable_user() = *founding.user;
  for (const fsm::Authority& authority : founding.authorities) {
    *init.add_authorities() = authority;
  }
  for (const FoundingMember& member : founding.members) {
    configuration.voters.push_back(member.id);
    configuration.addresses.emplace_back(member.id, member.address);
    fsm::Node& node = *init.add_nodes();
    node.set_id(member.id.value());
    node.set_name(member.name);
    node.set_address(member.address);
    node.set_status(fsm::NODE_STATUS_READY);
    node.set_version(member.version);
    node.set_feature_level(member.feature_level);
    node.set_authority_fingerprint(member.authority_fingerprint);
  }
  std::sort(configuration.voters.begin(), configuration.voters.end());
  std::sort(configuration.addresses.begin(), configuration.addresses.end());

  const raft::Term term(1);
  raft::Persist write;
  write.id = raft::PersistId(1);
  write.hard_state = raft::HardState{term, raft::kNoNode};
  write.entries.push_back(std::make_shared<const raft::Entry>(
      raft::Entry{{term, raft::LogIndex(1)},
                  raft::EntryKind::kConfiguration,
                  raft::EncodeConfiguration(configuration)}));
  write.entries.push_back(std::make_shared<const raft::Entry>(
      raft::Entry{{term, raft::LogIndex(2)},
                  raft::EntryKind::kCommand,
                  command.SerializeAsString()}));
  return {.log = std::move(write)};
}

uint64_t RandomSeed(env::Entropy& entropy) {
  uint8_t bytes[8];
  entropy.Fill(absl::MakeSpan(bytes));
  return LoadLittleEndian<uint64_t>(reinterpret_cast<const char*>(bytes));
}

}  // namespace

struct Node::Opened {
  std::optional<DataDir> dir;
};

void Node::Start(absl::AnyInvocable<void(absl::Status)> started,
                 absl::AnyInvocable<void(absl::Status)> failed) {
  failed_ = std::move(failed);
  Open(std::move(started));
}

void Node::RefuseToStart(absl::Status why,
                         absl::AnyInvocable<void(absl::Status)> started) {
  lifecycle_ = Lifecycle::kFailed;
  failure_ = why;
  started(std::move(why));
}

// Reads the disk on the log lane and becomes what it says.
void Node::Open(absl::AnyInvocable<void(absl::Status)> done) {
  auto opened = std::make_shared<Opened>();
  env_.disk->Submit(
      env::Lane::kLog,
      [opened, path = options_.data_dir, own_address = options_.peer_address,
       lease_reads = options_.raft.lease_reads,
       use_rocksdb = options_.use_rocksdb,
       segment_bytes = options_.log_segment_bytes](env::FileSystem& fs) {
        auto dir = OpenDataDir(fs, path, own_address, lease_reads, use_rocksdb,
                               segment_bytes);
        if (!dir.ok()) return dir.status();
        opened->dir = *std::move(dir);
        return absl::OkStatus();
      },
      [this, opened, done = std::move(done)](absl::Status status) mutable {
        if (status.ok()) status = Resume(*opened);
        if (!status.ok()) {
          lifecycle_ = Lifecycle::kFailed;
          failure_ = status;
        }
        done(std::move(status));
      });
}

absl::Status Node::Resume(Opened& opened) {
  if (!opened.dir.has_value()) {
    lifecycle_ = Lifecycle::kUninitialized;
    return absl::OkStatus();
  }
  DataDir& dir = *opened.dir;
  std::vector<fsm::KeyValue> rows;
  rows.reserve(dir.stored.rows.size());
  for (storage::Row& row : dir.stored.rows) {
    rows.emplace_back(std::move(row.key), std::move(row.value));
  }
  absl::Status status = state_.Load(rows, dir.stored.applied);
  if (status.ok()) status = RestoreNewer(dir);
  if (status.ok()) status = CheckFeatureLevel();
  if (!status.ok()) return status;

  TakeName(dir.identity);
  TakeAddress(dir.identity);
  Replica::Parts parts{.snapshots = SnapshotsIn(options_.data_dir)};
  parts.options = options_.raft;
  parts.options.id = dir.identity.node_id;
  parts.options.address = address_;
  parts.restored = {.hard_state = dir.recovered.hard_state,
                    .log_start = dir.recovered.log_start,
                    .configuration = std::move(dir.recovered.configuration),
                    .entries = std::move(dir.recovered.entries),
                    .applied = state_.applied(),
                    .repair_above = dir.recovered.repair_above,
                    .leases_promised = dir.leases_promised};
  parts.seed = RandomSeed(*env_.entropy);
  parts.machine = &state_;
  parts.log = std::move(dir.log);
  parts.store = std::move(dir.store);
  if (parts.store != nullptr) {
    parts.reopen_store = [path = options_.data_dir](env::FileSystem& fs) {
      return OpenStateStore(fs, path);
    };
  }
  parts.stored = dir.stored.applied;
  parts.newest_snapshot = dir.newest_snapshot;
  parts.snapshot_options = options_.snapshots;
  parts.failed = [this](const absl::Status& failure) { Fail(failure); };
  parts.role_changed = [this](const raft::RoleChange& change) {
    OnRoleChange(change);
  };
  parts.may_go_on = [this] { return CheckFeatureLevel(); };
  parts.applied = [this] {
    NotifyFounded();
    NotifyReconfigured();
    for (auto& watcher : state_watchers_) watcher();
  };
  parts.serve = [this](std::string call, ProposeDone done) {
    serve_(std::move(call), std::move(done));
  };
  parts.removed = [this](raft::NodeId id) { return AddressOfRemoved(id); };
  leaderless_since_ = env_.clock->Now();
  replica_ = std::make_unique<Replica>(env_, std::move(parts));
  lifecycle_ = Lifecycle::kMember;
  env_.logger->Write(LogLevel::kInfo, kSubsystem,
                     absl::StrCat("member ", dir.identity.node_id.value(),
                                  " resumes at index ",
                                  replica_->raft().last().index.value()));
  if (dir.members_replaced) {
    env_.logger->Write(
        LogLevel::kWarning, kSubsystem,
        absl::StrCat("peers.json was applied and removed; the members are ",
                     raft::Describe(replica_->raft().configuration())));
  }
  ReportDamage(dir);
  replica_->Start();
  return absl::OkStatus();
}

// Names are given by the cluster, and told apart by it.
void Node::TakeName(const storage::Identity& identity) {
  name_ = identity.node_name;
  if (name_ == options_.node_name) return;
  env_.logger->Write(LogLevel::kWarning, kSubsystem,
                     absl::StrCat("this server is a node with the name ", name_,
                                  ", which stays; its node_name is ",
                                  options_.node_name, " by now"));
}

void Node::TakeAddress(const storage::Identity& identity) {
  address_ = options_.peer_address;
  if (!identity.placement.has_value()) return;
  address_ = identity.placement->address;
  env_.logger->Write(
      LogLevel::kWarning, kSubsystem,
      absl::StrCat("peers.json has this server at ", address_, ", not at ",
                   options_.peer_address,
                   "; that holds until its own address changes"));
}

void Node::ReportDamage(const DataDir& dir) {
  for (const std::string& note : dir.notes) {
    env_.logger->Write(LogLevel::kError, kSubsystem, note);
  }
  if (!replica_->raft().repairing()) return;
  damage_ = dir.recovered.damage;
  env_.logger->Write(
      LogLevel::kError, kSubsystem,
      absl::StrCat(
          "data_loss: ", damage_,
          "; this server does not vote until a leader of a term after ",
          dir.recovered.repair_above.value(), " has repaired its log"));
}

absl::Status Node::CheckFeatureLevel() const {
  if (state_.feature_level() <= options_.feature_level) return absl::OkStatus();
  return MakeError(
      ErrorCode::kConfigMismatch,
      absl::StrCat("this jacod ", options_.version, " has feature level ",
                   options_.feature_level, ", its cluster uses ",
                   state_.feature_level(),
                   " already: install the version of the other servers, or a "
                   "newer one"));
}

std::string Node::Repair() const {
  return replica_ != nullptr && replica_->raft().repairing() ? damage_ : "";
}

absl::Status Node::RestoreNewer(const DataDir& dir) {
  if (!dir.snapshot.has_value()) return absl::OkStatus();
  absl::Status status = state_.RestoreSnapshot(dir.snapshot->state);
  if (!status.ok()) return status;
  const raft::LogIndex index = dir.snapshot->last.index;
  if (state_.applied() == index) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the snapshot of index ", index.value(),
                   " holds the state of index ", state_.applied().value()));
}

void Node::Found(raft::NodeId self, Founding founding,
                 absl::AnyInvocable<void(absl::Status)> done) {
  FoundingWrite write = FoundingWriteOf(founding);
  Create(self, options_.node_name, std::move(write),
         std::move(founding.secrets), std::move(done));
}

// A joiner has a term and an empty log: that makes it a member of nothing yet,
// but not uninitialized, and it takes the log of whoever leads.
void Node::Join(raft::NodeId self, std::string name, SecretFiles secrets,
                absl::AnyInvocable<void(absl::Status)> done) {
  FoundingWrite write;
  write.log.id = raft::PersistId(1);
  write.log.hard_state = raft::HardState{raft::Term(1), raft::kNoNode};
  if (!WasRemoved() && !IsNewcomer()) {
    return Create(self, std::move(name), std::move(write), std::move(secrets),
                  std::move(done));
  }
  SetAside([this, self, name = std::move(name), write = std::move(write),
            secrets = std::move(secrets),
            done = std::move(done)](absl::Status status) mutable {
    if (!status.ok()) return done(std::move(status));
    Create(self, std::move(name), std::move(write), std::move(secrets),
           std::move(done));
  });
}

void Node::Restore(raft::NodeId self, RestoredCluster cluster,
                   absl::AnyInvocable<void(absl::Status)> done) {
  FoundingWrite write;
  write.log.id = raft::PersistId(1);
  write.log.hard_state =
      raft::HardState{cluster.snapshot.last.term, raft::kNoNode};
  write.log.log_start =
      raft::LogStart{cluster.snapshot.last, cluster.snapshot.configuration};
  write.snapshot = std::move(cluster.snapshot);
  Create(self, options_.node_name, std::move(write), std::move(cluster.secrets),
         std::move(done));
}

void Node::Create(raft::NodeId self, std::string name, FoundingWrite write,
                  SecretFiles secrets,
                  absl::AnyInvocable<void(absl::Status)> done) {
  if (lifecycle_ != Lifecycle::kUninitialized) {
    absl::Status status =
        lifecycle_ == Lifecycle::kFailed
            ? failure_
            : MakeError(ErrorCode::kClusterAlreadyInitialized,
                        "this server is or becomes a member of a cluster");
    return PostError(*env_.loop, std::move(status), std::move(done));
  }
  lifecycle_ = Lifecycle::kCreating;
  storage::Identity identity;
  identity.node_id = self;
  identity.node_name = std::move(name);
  identity.leases_promised = options_.raft.lease_reads;
  auto opened = std::make_shared<Opened>();
  env_.disk->Submit(
      env::Lane::kLog,
      [opened, path = options_.data_dir, use_rocksdb = options_.use_rocksdb,
       identity, write = std::move(write), secrets = std::move(secrets),
       segment_bytes = options_.log_segment_bytes](env::FileSystem& fs) {
        // Before anything makes us a member: there is none without a name.
        if (!secrets.empty()) {
          absl::Status status = WriteSecretFiles(fs, path, secrets);
          if (!status.ok()) return status;
        }
        auto dir = CreateDataDir(fs, path, use_rocksdb, identity, write,
                                 segment_bytes);
        if (!dir.ok()) return dir.status();
        opened->dir = *std::move(dir);
        return absl::OkStatus();
      },
      [this, opened, done = std::move(done)](absl::Status created) mutable {
        if (!created.ok()) {
          return OnNotFounded(std::move(created), std::move(done));
        }
        absl::Status resumed = Resume(*opened);
        if (!resumed.ok()) Fail(resumed);
        done(std::move(resumed));
      });
}

// What the disk holds now decides: the founding may have taken effect.
void Node::OnNotFounded(absl::Status why,
                        absl::AnyInvocable<void(absl::Status)> done) {
  Open([this, why = std::move(why),
        done = std::move(done)](const absl::Status& opened) mutable {
    if (!opened.ok()) Fail(opened);
    done(std::move(why));
  });
}

void Node::ChangeConfiguration(raft::Configuration target,
                               absl::AnyInvocable<void(absl::Status)> done) {
  if (absl::Status admitted = Admit(); !admitted.ok()) {
    return PostError(*env_.loop, std::move(admitted), std::move(done));
  }
  replica_->ChangeConfiguration(std::move(target), std::move(done));
}

absl::Status Node::TransferLeadership(raft::NodeId target) {
  if (absl::Status admitted = Admit(); !admitted.ok()) return admitted;
  return replica_->TransferLeadership(target);
}

void Node::WhenFounded(absl::AnyInvocable<void()> ready) {
  founded_ = std::move(ready);
  NotifyFounded();
}

void Node::NotifyFounded() {
  if (founded_ == nullptr || !state_.cluster().has_value()) return;
  env_.loop->Post(
      [ready = std::exchange(founded_, nullptr)]() mutable { ready(); });
}

void Node::NotifyReconfigured() {
  raft::LogIndex index = replica_->raft().configuration_index();
  if (index > replica_->raft().applied()) index = watched_;
  const size_t nodes = state_.nodes().size();
  if (index == watched_ && nodes == watched_nodes_) return;
  watched_ = index;
  watched_nodes_ = nodes;
  if (watcher_ != nullptr) watcher_();
}

void Node::OnRoleChange(const raft::RoleChange& change) {
  // Candidacies that come to nothing do not begin the wait anew.
  const bool led = change.leader != raft::kNoNode;
  if (led_ && !led) leaderless_since_ = env_.clock->Now();
  led_ = led;
  if (watcher_ != nullptr) watcher_();
}

void Node::Fail(const absl::Status& status) {
  lifecycle_ = Lifecycle::kFailed;
  failure_ = status;
  env_.logger->Write(LogLevel::kError, kSubsystem, status.message());
  if (failed_ != nullptr) std::exchange(failed_, nullptr)(status);
}

absl::Status Node::Admit() const {
  switch (lifecycle()) {
    case Lifecycle::kMember:
      return replica_->CheckMembership();
    case Lifecycle::kRemoved:
      return MakeError(ErrorCode::kNotAMember,
                       "this server was removed from the cluster; it keeps its "
                       "data, and `jaco node join` makes it a node again");
    case Lifecycle::kFailed:
      return failure_;
    case Lifecycle::kStarting:
      return MakeError(ErrorCode::kNoLeader, "this server is starting");
    case Lifecycle::kUninitialized:
    case Lifecycle::kCreating:
    case Lifecycle::kJoining:
    case Lifecycle::kRecovering:
      return MakeError(
          ErrorCode::kClusterUninitialized,
          "this server belongs to no cluster; run `jaco cluster init` to "
          "start one, or `jaco node join` to join one");
  }
  return absl::InternalError("unknown lifecycle");
}

std::string Node::LeaderName() const {
  if (replica_ == nullptr || WasRemoved()) return "";
  const raft::NodeId leader = replica_->raft().leader();
  const auto it = state_.nodes().find(leader.value());
  if (it != state_.nodes().end()) return it->second.name();
  return leader == raft::kNoNode ? "" : absl::StrCat(leader.value());
}

absl::Status Node::NoLeaderError() const {
  if (IsNewcomer()) {
    return MakeError(ErrorCode::kNoLeader,
                     "this server was admitted and has not heard from a leader "
                     "yet; see `jaco cluster status`");
  }
  if (env_.clock->Now() - leaderless_since_ >
      options_.raft.election_timeout * kQuorumLostTimeouts) {
    if (const std::string damage = Repair(); !damage.empty()) {
      return MakeError(
          ErrorCode::kDataLoss,
          absl::StrCat(damage, "; no leader is there to repair it from"));
    }
    return MakeError(ErrorCode::kQuorumLost,
                     "this server cannot reach a majority of the voters");
  }
  return MakeError(ErrorCode::kNoLeader, "an election is under way");
}

// The core knows neither how long there has been no leader nor what operators
// would make of that.
absl::Status Node::Explain(absl::Status status) const {
  const bool leaderless = replica_->raft().leader() == raft::kNoNode;
  return leaderless && CodeOf(status) == ErrorCode::kNoLeader ? NoLeaderError()
                                                              : status;
}

void Node::Propose(const Caller& caller, fsm::Command command, Done done) {
  absl::Status admitted = Admit();
  if (!admitted.ok()) {
    return PostError(*env_.loop, std::move(admitted), std::move(done),
                     raft::LogIndex());
  }
  if (command.needs_level() > state_.feature_level()) {
    return PostError(
        *env_.loop,
        MakeError(
            ErrorCode::kConfigMismatch,
            absl::StrCat("this needs feature level ", command.needs_level(),
                         ", the cluster is at ", state_.feature_level(),
                         ": upgrade all servers")),
        std::move(done), raft::LogIndex());
  }
  command.set_identity(caller.identity);
  replica_->Propose(command.SerializeAsString(), Explained(std::move(done)));
}

void Node::AskLeader(std::string call, Done done) {
  absl::Status admitted = Admit();
  if (!admitted.ok()) {
    return PostError(*env_.loop, std::move(admitted), std::move(done),
                     raft::LogIndex());
  }
  replica_->Ask(std::move(call), Explained(std::move(done)));
}

ProposeDone Node::Explained(Done done) const {
  return
      [this, done = std::move(done)](absl::StatusOr<Applied> applied) mutable {
        if (!applied.ok()) {
          done(Explain(applied.status()), raft::LogIndex());
        } else if (!applied->result.status.ok()) {
          done(std::move(applied->result.status), applied->index);
        } else {
          done(std::move(applied->result.reply), applied->index);
        }
      };
}

void Node::Read(absl::AnyInvocable<void(absl::Status)> done) {
  absl::Status admitted = Admit();
  if (!admitted.ok()) {
    return PostError(*env_.loop, std::move(admitted), std::move(done));
  }
  replica_->Read([this, done = std::move(done)](absl::Status status) mutable {
    done(status.ok() ? std::move(status) : Explain(std::move(status)));
  });
}

void Node::ReadSoon(absl::AnyInvocable<void(absl::Status)> done) {
  const auto waiting =
      std::make_shared<absl::AnyInvocable<void(absl::Status)>>(std::move(done));
  const auto finish = [waiting](absl::Status status) {
    if (*waiting == nullptr) return;
    std::exchange(*waiting, nullptr)(std::move(status));
  };
  const env::TimerId timer =
      env_.loop->After(options_.raft.election_timeout * 2, [finish] {
        finish(MakeError(ErrorCode::kTimeout,
                         "this server does not get what was committed"));
      });
  Read([finish, loop = env_.loop, timer](absl::Status status) {
    loop->Cancel(timer);
    finish(std::move(status));
  });
}

bool Node::MayDoWithout(const absl::Status& read) const {
  return CodeOf(read) != ErrorCode::kRateLimited && Admit().ok();
}

}  // namespace jaco::server

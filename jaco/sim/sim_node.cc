#include "jaco/sim/sim_node.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/sim/addressed_network.h"
#include "jaco/sim/checkers/state_limits.h"
#include "jaco/sim/lying_file_system.h"
#include "jaco/sim/sim_clock.h"
#include "jaco/sim/sim_disk.h"
#include "jaco/sim/sim_entropy.h"
#include "jaco/sim/sim_event_loop.h"
#include "jaco/sim/sim_pki.h"
#include "jaco/sim/stream.h"

namespace jaco::sim {
namespace {

constexpr int kPriorityStep = 10;
constexpr absl::string_view kAddressHead = "10.0.0.";
constexpr absl::string_view kAddressTail = ":7001";

// Shows a server's lines in the trace.
class TraceLogger final : public Logger {
 public:
  TraceLogger(Trace& trace, NodeNumber node) : trace_(trace), node_(node) {}

  bool Enabled(LogLevel) const override { return trace_.prints(); }
  void Write(LogLevel, absl::string_view subsystem,
             absl::string_view message) override {
    if (trace_.prints()) {
      trace_.Log(node_, absl::StrCat(subsystem, ": ", message));
    }
  }

 private:
  Trace& trace_;
  const NodeNumber node_;
};

ClockError DrawClockError(Prng prng, int64_t drift_ppm_max) {
  const auto max = static_cast<uint64_t>(drift_ppm_max);
  return {.origin = prng.Between(Duration(), Seconds(100'000)),
          .drift_ppm =
              static_cast<int64_t>(prng.Between(0, 2 * max)) - drift_ppm_max,
          .wall = prng.Between(Seconds(0), Seconds(2)) - Seconds(1)};
}

void SetAutopilot(const SwarmOptions& options,
                  server::AutopilotOptions& autopilot) {
  autopilot.enabled = options.voter_policy;
  autopilot.tick = options.heartbeat_interval * 2;
  autopilot.settle_min = options.settle_time;
  autopilot.remove_dead_after = options.remove_dead_after;
  autopilot.leave_patience = options.settle_time * 4;
  autopilot.config.set_last_contact_threshold_ns(
      options.election_timeout.nanoseconds());
  autopilot.config.set_server_stabilization_time_ns(0);
}

// `incarnation` draws what may differ from start to start.
server::ServerOptions OptionsOf(const NodeContext& context, NodeNumber number,
                                Prng incarnation) {
  const SwarmOptions& options = context.options;
  const server::FoundingMember member = MemberOf(number);
  server::ServerOptions result;
  result.node_name = member.name;
  result.data_dir = SimNode::kDataDirectory;
  result.peer_address = member.address;
  result.use_rocksdb = options.rocksdb;
  result.log_segment_bytes = options.segment_bytes;
  result.raft.election_timeout = options.election_timeout;
  result.raft.heartbeat_interval = options.heartbeat_interval;
  result.raft.lease_reads =
      options.lease_reads && !(options.lease_mixed && incarnation.Chance(1, 3));
  result.raft.clock_drift_ppm_max = options.drift_ppm_max;
  if (options.priorities) {
    result.raft.priority = static_cast<uint8_t>(
        raft::kPriorityMax - kPriorityStep * static_cast<int>(number));
  }
  result.snapshots.entries = options.snapshot_entries;
  result.snapshots.trailing_entries = options.snapshot_trailing;
  result.snapshots.log_bytes = options.snapshot_log_bytes;
  result.snapshots.sending = {.chunk_bytes = options.snapshot_chunk_bytes,
                              .window_chunks = options.snapshot_window,
                              .resend_after = options.election_timeout,
                              .give_up_after = options.election_timeout * 8};
  SetAutopilot(options, result.autopilot);
  result.state = kStateLimits;
  result.join_peer = context.join_peer;
  return result;
}

NodeNumber NodeAt(absl::string_view address) {
  int number = 0;
  const bool known = absl::ConsumePrefix(&address, kAddressHead) &&
                     absl::ConsumeSuffix(&address, kAddressTail) &&
                     absl::SimpleAtoi(address, &number) && number > 0 &&
                     number <= kNodesMax;
  return known ? static_cast<NodeNumber>(number) : kWorld;
}

std::unique_ptr<env::Network> NetworkOf(const NodeContext& context,
                                        NodeNumber number) {
  if (context.join_peer == nullptr) {
    return std::make_unique<SimNetwork>(context.fabric, number);
  }
  return std::make_unique<AddressedNetwork>(
      context.fabric, number,
      [&context](env::PeerId node) {
        return context.id_of(static_cast<NodeNumber>(node)).value();
      },
      NodeAt);
}

}  // namespace

server::FoundingMember MemberOf(NodeNumber number) {
  return {raft::NodeId(number), absl::StrCat("n", int{number}),
          absl::StrCat(kAddressHead, int{number}, kAddressTail)};
}

// Members are destroyed from the last to the first: the server before what it
// runs on.
struct SimNode::Incarnation {
  Incarnation(const NodeContext& context, NodeNumber node, uint64_t number,
              SimFileSystem& files)
      : clock(context.queue,
              DrawClockError(
                  MakeStream(context.seed, Stream::kClock, node, number),
                  context.options.drift_ppm_max +
                      context.options.drift_ppm_beyond)),
        loop(context.queue, clock, node, context.options.timer_lateness,
             MakeStream(context.seed, Stream::kTimer, node, number)),
        network(NetworkOf(context, node)),
        liar(files, context.options.lying_disk_one_in,
             MakeStream(context.seed, Stream::kLie, node, number)),
        disk(context.queue, loop,
             context.options.lying_disk_one_in > 0
                 ? static_cast<env::FileSystem&>(liar)
                 : files,
             context.options.disk,
             MakeStream(context.seed, Stream::kDisk, node, number)),
        entropy(StreamSeed(context.seed, Stream::kEntropy, node, number)),
        pki(&entropy),
        logger(context.trace, node),
        server(
            OptionsOf(context, node,
                      MakeStream(context.seed, Stream::kOptions, node, number)),
            {.clock = &clock,
             .loop = &loop,
             .network = network.get(),
             .disk = &disk,
             .entropy = &entropy,
             .logger = &logger,
             .pki = context.join_peer == nullptr ? nullptr : &pki}) {}

  SimClock clock;
  SimEventLoop loop;
  std::unique_ptr<env::Network> network;
  LyingFileSystem liar;
  SimDisk disk;
  SimEntropy entropy;
  SimPki pki;
  TraceLogger logger;
  server::Server server;
};

SimNode::SimNode(const NodeContext& context, NodeNumber number)
    : context_(context),
      number_(number),
      files_(MakeStream(context.seed, Stream::kCrash, number)) {
  MakeDataDirectory();
  files_.SetObserver([this](absl::string_view operation, absl::string_view path,
                            uint64_t size) {
    context_.trace.File(number_, operation, path, size);
  });
}

void SimNode::MakeDataDirectory() {
  JACO_CHECK(files_.CreateDirectory(kDataDirectory).ok());
  JACO_CHECK(files_.SyncDirectory("/").ok());
}

SimNode::~SimNode() {
  if (up()) Stop(StopKind::kKill);
}

server::Server* SimNode::server() const {
  return up() ? &incarnation_->server : nullptr;
}

void SimNode::Start() {
  JACO_CHECK(!up());
  ++starts_;
  failed_ = false;
  was_full_ = full_;
  unreadable_hits_ = files_.unreadable_hits();
  jumped_ = Duration();
  last_seen_.reset();
  context_.trace.Note(
      {EventKind::kStart, number_, kWorld, static_cast<uint32_t>(starts_)});
  incarnation_ =
      std::make_unique<Incarnation>(context_, number_, starts_, files_);
  incarnation_->server.Start(
      [this](const absl::Status& status) { OnStarted(status); },
      [this](const absl::Status& status) { OnFailed(status); });
}

void SimNode::OnStarted(const absl::Status& status) {
  context_.trace.Note({EventKind::kStarted, number_, kWorld,
                       static_cast<uint32_t>(status.code())});
  if (!status.ok()) return Doom("start", status);
  server::Server& server = incarnation_->server;
  if (server.raft() != nullptr) {
    founded_ = true;
    return;
  }
  if (founded_) {
    context_.findings.Report(
        "durability", absl::StrCat("node ", number_,
                                   " was a member before its restart and is "
                                   "not any more"));
  }
  Begin(server);
}

void SimNode::Begin(server::Server& server) {
  const bool founder = number_ <= context_.options.servers;
  const auto done = [this](const absl::Status& result) { OnFounded(result); };
  if (context_.join_peer != nullptr) {
    // Once only: it may have left since, and waits as the others do.
    if (!founder || id_ != raft::kNoNode) return;
    server.Init({}, {}, [done](const absl::StatusOr<server::InitResponse>& r) {
      done(r.status());
    });
  } else if (founder) {
    server.Found(raft::NodeId(number_), context_.founding, done);
  } else {
    server.Join(raft::NodeId(number_), done);
  }
}

void SimNode::OnFounded(const absl::Status& status) {
  context_.trace.Note({EventKind::kFounded, number_, kWorld,
                       static_cast<uint32_t>(status.code())});
  if (!status.ok()) return Doom("founding", status);
  founded_ = true;
}

void SimNode::OnFailed(const absl::Status& status) {
  context_.trace.Note({EventKind::kFailed, number_, kWorld,
                       static_cast<uint32_t>(status.code())});
  // One that has put away what it was is as one that starts.
  Doom("run", status, /*runs=*/incarnation_->server.raft() != nullptr);
}

// A disk that is full may keep a server from starting. One that runs waits
// until there is room, unless what failed had its room already.
bool SimNode::IsDisksFault(const absl::Status& status, bool runs) const {
  if (power_failed()) return true;
  const auto has_struck = [this](uint64_t at) {
    return at != 0 && files_.operations() >= at;
  };
  const bool full = was_full_ || has_struck(no_space_at_);
  if (full && !runs && absl::IsResourceExhausted(status)) return true;
  return CodeOf(status) == ErrorCode::kDataLoss &&
         (has_struck(io_error_at_) || has_struck(no_space_at_) ||
          hit_unreadable());
}

void SimNode::Doom(absl::string_view what, const absl::Status& status,
                   bool runs) {
  failed_ = true;
  if (IsDisksFault(status, runs)) return;
  context_.findings.Report(
      "server_failed",
      absl::StrCat("node ", number_, ": ", what, ": ", status.ToString()));
}

void SimNode::Stop(StopKind kind) {
  JACO_CHECK(up());
  context_.trace.Note(
      {EventKind::kCrash, number_, kWorld, static_cast<uint32_t>(kind)});
  // From here on the disk takes nothing more, whatever destructors try.
  if (!files_.crashed()) {
    FailPowerAt(1);
    static_cast<void>(files_.Exists("/"));
  }
  incarnation_.reset();
  context_.queue.Resume(number_);
  if (kind == StopKind::kPowerLoss) {
    Prng prng = MakeStream(context_.seed, Stream::kCrash, number_, starts_);
    files_.Crash(prng);
  } else {
    files_.Restart();
  }
  io_error_at_ = no_space_at_ = 0;
}

void SimNode::FailPowerAt(uint64_t operations) {
  files_.FailAt(files_.operations() + operations, SimFileSystem::Fault::kCrash);
}

void SimNode::FailDiskAt(uint64_t operations, SimFileSystem::Fault fault) {
  const uint64_t at = files_.operations() + operations;
  // One that has struck keeps excusing what it leads to.
  const bool io = fault == SimFileSystem::Fault::kIoError;
  uint64_t& known = io ? io_error_at_ : no_space_at_;
  uint64_t& other = io ? no_space_at_ : io_error_at_;
  if (files_.operations() < known || known == 0) known = at;
  // There is one fault to come, and this is it.
  if (files_.operations() < other) other = 0;
  files_.FailAt(at, fault);
}

bool SimNode::doomed() const { return failed_ || files_.crashed(); }

void SimNode::StallDisk(Duration length) {
  incarnation_->disk.StallUntil(context_.queue.now() + length);
}

void SimNode::FillDisk() {
  full_ = was_full_ = true;
  files_.SetCapacity(files_.used_bytes());
}

void SimNode::MakeRoom() {
  full_ = false;
  files_.SetCapacity(std::numeric_limits<uint64_t>::max());
}

bool SimNode::Damage(DamageKind kind, Prng prng) {
  JACO_CHECK(!up());
  if (!founded_) return false;
  const std::string what = DamageFiles(files_, kDataDirectory, kind, prng);
  context_.trace.Log(number_, absl::StrCat("damaged: ", what));
  return !what.empty();
}

bool SimNode::LoseSectors(bool in_use, Prng prng) {
  JACO_CHECK(up() == in_use);
  if (!founded_) return false;
  const std::string what =
      sim::LoseSectors(files_, kDataDirectory, in_use, prng);
  context_.trace.Log(number_, absl::StrCat("unreadable: ", what));
  return !what.empty();
}

void SimNode::ReplaceUnreadable(bool remove) {
  JACO_CHECK(!up());
  sim::ReplaceUnreadable(files_, remove);
}

// What one that has failed is comes out at its next start.
void SimNode::EndJoin() {
  founded_ = server()->raft() != nullptr &&
             server()->lifecycle() != server::Lifecycle::kFailed;
}

void SimNode::Wipe() {
  JACO_CHECK(!up());
  files_.Replace();
  MakeRoom();
  MakeDataDirectory();
  founded_ = false;
  wiped_ = true;
}

void SimNode::HealDisk() {
  MakeRoom();
  files_.RereadUnreadable();
  files_.FailAt(0, SimFileSystem::Fault::kIoError);
  // One that has not struck excuses nothing.
  for (uint64_t* at : {&io_error_at_, &no_space_at_}) {
    if (files_.operations() < *at) *at = 0;
  }
  incarnation_->disk.EndStall();
}

bool SimNode::HoldsLease() const {
  return up() && incarnation_->server.raft() != nullptr &&
         incarnation_->server.raft()->HoldsLease(incarnation_->clock.Now());
}

void SimNode::JumpWall(Duration by) {
  jumped_ = jumped_ + by;
  incarnation_->clock.JumpWall(by);
}

void SimNode::SetWall() { JumpWall(Duration() - jumped_); }

}  // namespace jaco::sim

#include "jaco/sim/swarm_options.h"

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/prng.h"
#include "jaco/sim/stream.h"

namespace jaco::sim {
namespace {

// With the spares: as many as a cluster is meant to have voters at most.
constexpr int kServersMax = 7;
// And with the voter policy, which leaves some of them without a vote.
constexpr int kMembersMax = 9;

// Keys a stream: those up to 2 are taken.
constexpr uint64_t kLaterFaults = 3;

// Between 1 and 2^`doublings` times `least`, small ones as likely as large.
Duration DrawScaled(Prng& prng, Duration least, uint64_t doublings) {
  return least * (int64_t{1} << prng.Below(doublings + 1));
}

LinkOptions DrawLink(Prng& prng) {
  LinkOptions link;
  link.delay_base = DrawScaled(prng, Microseconds(20), 8);
  link.delay_tail = DrawScaled(prng, Microseconds(10), 9);
  if (prng.Chance(1, 2)) link.loss = 1000u << prng.Below(8);
  if (prng.Chance(1, 2)) link.duplicate = 1000u << prng.Below(8);
  if (prng.Chance(1, 2)) link.reorder = 4000u << prng.Below(8);
  return link;
}

DiskOptions DrawDisk(Prng& prng) {
  return {.job_base = DrawScaled(prng, Microseconds(10), 9),
          .job_tail = DrawScaled(prng, Microseconds(10), 9),
          .done_tail = DrawScaled(prng, Microseconds(1), 9)};
}

FaultOptions DrawFaults(Prng& prng) {
  const bool on = prng.Chance(2, 5);
  const Duration interval = DrawScaled(prng, Milliseconds(500), 5);
  const Duration length = DrawScaled(prng, Milliseconds(50), 6);
  return on ? FaultOptions{interval, length} : FaultOptions{};
}

void DrawVoterPolicy(Prng& prng, SwarmOptions& options) {
  options.voter_policy = true;
  options.settle_time = DrawScaled(prng, Milliseconds(250), 3);
  options.remove_dead_after = DrawScaled(prng, Seconds(1), 4);
  options.FaultsOf(FaultKind::kReconfigure) = {
      DrawScaled(prng, Milliseconds(250), 4), Milliseconds(50)};
  const auto most = static_cast<uint64_t>(kMembersMax - options.servers);
  options.spares = static_cast<int>(prng.Between(1, most));
}

// From a stream of their own: they came later.
void DrawMediumFaults(uint64_t seed, SwarmOptions& options) {
  Prng prng = MakeStream(seed, Stream::kSwarm, 1);
  for (const FaultKind kind :
       {FaultKind::kBitRot, FaultKind::kLostWrite, FaultKind::kMisdirectedWrite,
        FaultKind::kNoRoom}) {
    options.FaultsOf(kind) = DrawFaults(prng);
  }
}

// From a stream of their own, too.
void DrawDepartures(uint64_t seed, SwarmOptions& options) {
  Prng prng = MakeStream(seed, Stream::kSwarm, 2);
  if (!options.voter_policy || prng.Chance(1, 3)) return;
  options.FaultsOf(FaultKind::kLeave) = {DrawScaled(prng, Milliseconds(250), 4),
                                         Milliseconds(50)};
}

// Each kind from a stream of its own: the next comes later.
void DrawLaterFaults(uint64_t seed, SwarmOptions& options) {
  for (const FaultKind kind :
       {FaultKind::kChain, FaultKind::kSwizzle, FaultKind::kReset,
        FaultKind::kNarrow, FaultKind::kUnreadable}) {
    Prng prng = MakeStream(seed, Stream::kSwarm, kLaterFaults,
                           static_cast<uint64_t>(kind));
    options.FaultsOf(kind) = DrawFaults(prng);
  }
}

std::string Text(Duration duration) {
  return absl::StrCat(duration.microseconds(), "us");
}

}  // namespace

absl::string_view FaultKindName(FaultKind kind) {
  switch (kind) {
    case FaultKind::kCrash:
      return "crash";
    case FaultKind::kCrashInJob:
      return "crash-in-job";
    case FaultKind::kPause:
      return "pause";
    case FaultKind::kPartition:
      return "partition";
    case FaultKind::kOneWayCut:
      return "one-way-cut";
    case FaultKind::kIsolate:
      return "isolate";
    case FaultKind::kBridge:
      return "bridge";
    case FaultKind::kClog:
      return "clog";
    case FaultKind::kSlowLink:
      return "slow-link";
    case FaultKind::kDiskStall:
      return "disk-stall";
    case FaultKind::kDiskError:
      return "disk-error";
    case FaultKind::kDiskFull:
      return "disk-full";
    case FaultKind::kWallJump:
      return "wall-jump";
    case FaultKind::kReconfigure:
      return "reconfigure";
    case FaultKind::kTransfer:
      return "transfer";
    case FaultKind::kBitRot:
      return "bit-rot";
    case FaultKind::kLostWrite:
      return "lost-write";
    case FaultKind::kMisdirectedWrite:
      return "misdirected-write";
    case FaultKind::kNoRoom:
      return "no-room";
    case FaultKind::kLeave:
      return "leave";
    case FaultKind::kChain:
      return "chain";
    case FaultKind::kSwizzle:
      return "swizzle";
    case FaultKind::kReset:
      return "reset";
    case FaultKind::kNarrow:
      return "narrow";
    case FaultKind::kUnreadable:
      return "unreadable";
    case FaultKind::kWipe:
      return "wipe";
  }
  JACO_CHECK_MSG(false, "fault kind ", static_cast<int>(kind));
}

SwarmOptions DrawSwarmOptions(uint64_t seed) {
  Prng prng = MakeStream(seed, Stream::kSwarm);
  SwarmOptions options;
  options.servers = prng.Chance(1, 2) ? 3 : 5;
  options.rocksdb = prng.Chance(1, 16);
  options.heartbeat_interval = DrawScaled(prng, Milliseconds(20), 2);
  options.election_timeout =
      options.heartbeat_interval * static_cast<int64_t>(prng.Between(4, 10));
  if (prng.Chance(1, 2)) {
    options.drift_ppm_max = int64_t{10} << (2 * prng.Below(5));
  }
  if (prng.Chance(1, 2)) {
    options.timer_lateness = DrawScaled(prng, Microseconds(10), 8);
  }
  options.link = DrawLink(prng);
  options.disk = DrawDisk(prng);
  options.clients = static_cast<int>(prng.Between(1, 5));
  options.client_pause = DrawScaled(prng, Milliseconds(20), 4);
  options.client_timeout = DrawScaled(prng, Milliseconds(500), 3);
  for (int i = 0; i < static_cast<int>(FaultKind::kBitRot); ++i) {
    options.faults[static_cast<size_t>(i)] = DrawFaults(prng);
  }
  options.segment_bytes = uint64_t{1024} << prng.Below(7);
  if (options.MembersChange()) {
    const auto most = static_cast<uint64_t>(kServersMax - options.servers);
    options.spares = static_cast<int>(prng.Between(0, most));
  }
  if (prng.Chance(1, 2)) {
    options.snapshot_entries = uint64_t{4} << prng.Below(6);
    options.snapshot_trailing = options.snapshot_entries * prng.Below(4) / 4;
    // Many chunks a snapshot, but not so many that one cannot arrive within the
    // time in which everybody must be up to date.
    options.snapshot_chunk_bytes = uint64_t{512} << prng.Below(6);
    options.snapshot_window = prng.Between(1, 4);
  }
  options.lease_reads = prng.Chance(1, 2);
  if (options.lease_reads && prng.Chance(1, 2)) {
    options.drift_ppm_max = int64_t{1000} << prng.Below(9);
  }
  options.priorities = prng.Chance(1, 4);
  if (prng.Chance(1, 3)) DrawVoterPolicy(prng, options);
  if (prng.Chance(1, 2)) {
    options.link.late = 1000u << prng.Below(5);
    options.link.late_by = options.election_timeout;
  }
  DrawMediumFaults(seed, options);
  DrawDepartures(seed, options);
  DrawLaterFaults(seed, options);
  if (options.snapshot_entries < 1024 && prng.Chance(1, 2)) {
    options.snapshot_log_bytes = uint64_t{256} << prng.Below(6);
  }
  options.lease_mixed = options.lease_reads && prng.Chance(1, 3);
  return options;
}

void MakeWalk(uint64_t seed, SwarmOptions& options) {
  options.walk = true;
  options.voter_policy = true;
  options.servers = 1;
  options.spares = kMembersMax - 1;
  options.settle_time = Milliseconds(250);
  // Members are removed by the walk only.
  options.remove_dead_after = Seconds(100'000);
  options.FaultsOf(FaultKind::kReconfigure) = {Milliseconds(250),
                                               Milliseconds(50)};
  Prng prng = MakeStream(seed, Stream::kSwarm, kLaterFaults,
                         static_cast<uint64_t>(FaultKind::kWipe));
  options.FaultsOf(FaultKind::kWipe) = DrawFaults(prng);
  // Nobody is removed while that might leave too few sound ones.
  for (const FaultKind kind :
       {FaultKind::kBitRot, FaultKind::kLostWrite, FaultKind::kMisdirectedWrite,
        FaultKind::kUnreadable}) {
    Duration& interval = options.FaultsOf(kind).interval;
    interval = interval * 8;
  }
  // Until the walk is over, which it mostly is sooner.
  options.fault_time = Seconds(180);
  // Spares answer at once that they are none to ask, which makes clients fast.
  options.client_pause = options.client_pause * 2;
  // The state grows for longer, and has to arrive within the same time.
  options.snapshot_chunk_bytes *= 8;
}

std::string Describe(const SwarmOptions& options) {
  std::string text = absl::StrCat(
      "servers=", options.servers, " spares=", options.spares,
      " policy=", options.voter_policy ? "yes" : "no",
      options.walk ? " walk=yes" : "",
      " rocksdb=", options.rocksdb ? "yes" : "no",
      " segment=", options.segment_bytes,
      " heartbeat=", Text(options.heartbeat_interval),
      " election=", Text(options.election_timeout),
      " drift_ppm=", options.drift_ppm_max, " leases=",
      options.lease_mixed   ? "mixed"
      : options.lease_reads ? "yes"
                            : "no",
      " priorities=", options.priorities ? "yes" : "no",
      " timer_lateness=", Text(options.timer_lateness),
      " link=", Text(options.link.delay_base), "+",
      Text(options.link.delay_tail), " loss=", options.link.loss,
      " duplicate=", options.link.duplicate, " reorder=", options.link.reorder,
      " late=", options.link.late, "/", Text(options.link.late_by),
      " disk=", Text(options.disk.job_base), "+", Text(options.disk.job_tail),
      "+", Text(options.disk.done_tail), " clients=", options.clients, "/",
      Text(options.client_pause), "/", Text(options.client_timeout),
      " seconds=", options.fault_time.milliseconds() / 1000,
      " snapshots=", options.snapshot_entries, "-", options.snapshot_trailing,
      "/", options.snapshot_log_bytes, "B/", options.snapshot_chunk_bytes, "*",
      options.snapshot_window);
  for (int i = 0; i < kFaultKinds; ++i) {
    const FaultOptions& faults = options.faults[static_cast<size_t>(i)];
    if (faults.interval == Duration()) continue;
    absl::StrAppend(&text, " ", FaultKindName(static_cast<FaultKind>(i)), "=",
                    faults.interval.milliseconds(), "ms/",
                    faults.length.milliseconds(), "ms");
  }
  if (options.drift_ppm_beyond > 0) {
    absl::StrAppend(&text, " drift_ppm_beyond=", options.drift_ppm_beyond);
  }
  if (options.lying_disk_one_in > 0) {
    absl::StrAppend(&text, " lying_disk=1/", options.lying_disk_one_in);
  }
  return text;
}

}  // namespace jaco::sim

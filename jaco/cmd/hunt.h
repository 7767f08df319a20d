// Many seeds, in forked workers: a check that fails aborts one worker, and the
// hunt knows at which seed.

#ifndef JACO_CMD_HUNT_H_
#define JACO_CMD_HUNT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "jaco/sim/simulation.h"
#include "jaco/sim/swarm_options.h"

namespace jaco::sim {

enum class Outcome { kPassed, kCrash, kSafety, kLiveness };
// As "safety".
absl::string_view OutcomeName(Outcome outcome);

struct SeedReport {
  uint64_t seed = 0;
  Outcome outcome = Outcome::kPassed;
  std::string invariant;
  std::string detail;
  uint64_t events = 0;
  int64_t simulated_ns = 0;
  uint64_t hash = 0;
  uint64_t operations = 0;
  uint64_t crashes = 0;
  uint64_t installs = 0;  // of snapshots
  uint64_t repairs = 0;   // of logs
  uint64_t steps = 0;     // of walks
  uint64_t walks = 0;     // that came to their end in the time for faults
};
SeedReport MakeReport(uint64_t seed, const RunResult& result);

struct HuntOptions {
  uint64_t first = 0;
  uint64_t last = 0;  // included
  int jobs = 1;
  bool keep_going = false;  // after a failure
  std::function<SwarmOptions(uint64_t seed)> options_of;
};

struct HuntResult {
  uint64_t seeds = 0;
  uint64_t events = 0;
  uint64_t operations = 0;
  uint64_t crashes = 0;
  uint64_t installs = 0;  // of snapshots
  uint64_t repairs = 0;   // of logs
  uint64_t steps = 0;     // of walks
  uint64_t walks = 0;     // that came to their end in the time for faults
  int64_t simulated_ns = 0;
  int64_t wall_ns = 0;
  std::vector<SeedReport> failures;  // by seed
};

// Runs the seeds; `progress` is called now and then with what there is so far.
// A seed that takes more CPU time than kSeedSecondsMax counts as a crash.
inline constexpr int kSeedSecondsMax = 120;
HuntResult Hunt(const HuntOptions& options,
                const std::function<void(const HuntResult&)>& progress);

}  // namespace jaco::sim

#endif  // JACO_CMD_HUNT_H_

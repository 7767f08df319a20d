#include "jaco/cmd/raft_settings.h"

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/time.h"

namespace jaco::cmd {
namespace {

constexpr absl::string_view kLeaseReads = "lease_reads";
constexpr absl::string_view kClockDrift = "clock_drift_ppm_max";
constexpr absl::string_view kPriority = "priority";
constexpr absl::string_view kElectionTimeout = "election_timeout_ms";
constexpr absl::string_view kHeartbeatInterval = "heartbeat_interval_ms";

// Of a clock that is further off nothing is known.
constexpr int64_t kClockDriftMax = 100'000;
// Shorter, and a disk that syncs slowly makes elections; longer, and clients
// give up first.
constexpr int64_t kElectionTimeoutMsMin = 100;
constexpr int64_t kElectionTimeoutMsMax = 60'000;
constexpr int64_t kHeartbeatMsMin = 10;
// A heartbeat may get lost, and another be late.
constexpr int64_t kHeartbeatsInTimeout = 3;

absl::Status SetBool(absl::string_view value, bool* out) {
  if (value != "true" && value != "false") {
    return absl::InvalidArgumentError("must be true or false");
  }
  *out = value == "true";
  return absl::OkStatus();
}

absl::Status ParseNumber(absl::string_view value, int64_t min, int64_t max,
                         int64_t* out) {
  if (absl::SimpleAtoi(value, out) && *out >= min && *out <= max) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("must be a number from ", min, " to ", max));
}

absl::Status SetTime(absl::string_view value, int64_t min, Duration* out) {
  int64_t milliseconds = 0;
  const absl::Status status =
      ParseNumber(value, min, kElectionTimeoutMsMax, &milliseconds);
  if (status.ok()) *out = Milliseconds(milliseconds);
  return status;
}

absl::Status SetPriority(absl::string_view value, uint8_t* out) {
  int64_t priority = 0;
  const absl::Status status =
      ParseNumber(value, 0, raft::kPriorityMax, &priority);
  if (status.ok()) *out = static_cast<uint8_t>(priority);
  return status;
}

}  // namespace

const std::vector<std::string>& RaftKeys() {
  static const auto& keys = *new std::vector<std::string>{
      std::string(kLeaseReads), std::string(kClockDrift),
      std::string(kPriority), std::string(kElectionTimeout),
      std::string(kHeartbeatInterval)};
  return keys;
}

absl::Status SetRaft(absl::string_view key, absl::string_view value,
                     raft::Options* options) {
  if (key == kLeaseReads) return SetBool(value, &options->lease_reads);
  if (key == kClockDrift) {
    return ParseNumber(value, 0, kClockDriftMax, &options->clock_drift_ppm_max);
  }
  if (key == kPriority) return SetPriority(value, &options->priority);
  if (key == kElectionTimeout) {
    return SetTime(value, kElectionTimeoutMsMin, &options->election_timeout);
  }
  JACO_CHECK(key == kHeartbeatInterval);
  return SetTime(value, kHeartbeatMsMin, &options->heartbeat_interval);
}

absl::Status CheckRaft(const raft::Options& options) {
  if (options.election_timeout.milliseconds() >=
      kHeartbeatsInTimeout * options.heartbeat_interval.milliseconds()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      kElectionTimeout, ", ", options.election_timeout.milliseconds(),
      ", must be at least ", kHeartbeatsInTimeout, " times ",
      kHeartbeatInterval, ", ", options.heartbeat_interval.milliseconds()));
}

std::string DescribeRaft(const raft::Options& options) {
  std::string text = absl::StrCat(
      "election timeout ", options.election_timeout.milliseconds(),
      " ms, heartbeats every ", options.heartbeat_interval.milliseconds(),
      " ms, priority ", int{options.priority}, ", lease reads ",
      options.lease_reads ? "on" : "off");
  if (options.lease_reads) {
    absl::StrAppend(&text, ", trusting clocks to ", options.clock_drift_ppm_max,
                    " ppm");
  }
  return text;
}

}  // namespace jaco::cmd

// Keyed random streams: every decision draws from a stream of its own, named by
// what it decides, so that taking one event out of a run does not change what
// is drawn for the others.

#ifndef JACO_SIM_STREAM_H_
#define JACO_SIM_STREAM_H_

#include <cstdint>

#include "jaco/base/prng.h"

namespace jaco::sim {

// Appended to only: the numbers are in every seed's history.
enum class Stream : uint64_t {
  kSwarm = 1,
  kLink,      // from, to
  kReset,     // node, incarnation
  kDisk,      // node, incarnation
  kTimer,     // node, incarnation
  kClock,     // node, incarnation
  kEntropy,   // node, incarnation
  kCrash,     // node, incarnation: what the disk keeps
  kFault,     // fault kind
  kClientOp,  // client
  kLie,       // node, incarnation
  kLoss,      // which servers stay away when the faults are over
  kBearer,    // who shows which token where
  kOptions,   // node, incarnation
  kJoin,      // who joins with which token, and how long that takes
};

constexpr uint64_t StreamSeed(uint64_t seed, Stream stream, uint64_t a = 0,
                              uint64_t b = 0) {
  const uint64_t key = static_cast<uint64_t>(stream);
  return Mix64(Mix64(Mix64(Mix64(seed) ^ key) ^ a) ^ b);
}

constexpr Prng MakeStream(uint64_t seed, Stream stream, uint64_t a = 0,
                          uint64_t b = 0) {
  return Prng(StreamSeed(seed, stream, a, b));
}

}  // namespace jaco::sim

#endif  // JACO_SIM_STREAM_H_

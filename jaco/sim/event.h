// What happens in a simulated world, by name.

#ifndef JACO_SIM_EVENT_H_
#define JACO_SIM_EVENT_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace jaco::sim {

// Nodes count from 1, as their raft::NodeId does; 0 is the world itself.
using NodeNumber = uint8_t;
inline constexpr NodeNumber kWorld = 0;
inline constexpr int kNodesMax = 9;

// Appended to only: the numbers are in trace hashes.
enum class EventKind : uint8_t {
  // Events of a node: they wait while it is paused and, but for kFrame, die
  // with its incarnation.
  kTask,
  kTimer,
  kFrame,
  kPeerDown,
  kDiskJob,
  kDiskDone,
  // Events of the world.
  kFault,
  kUndo,
  kClient,
  kRestart,
  // Not events of their own: what one of the above did.
  kState,
  kDrop,
  kDuplicate,
  kFile,
  kStart,
  kStarted,
  kFounded,
  kFailed,
  kCrash,
  kPause,
  kResume,
  kStrike,
  kCall,
  kReply,
  kPhase,
  kLog,
  kTransmit,  // of the world: a frame leaves a narrow link
};

// As "disk-done".
absl::string_view EventKindName(EventKind kind);

struct EventLabel {
  EventKind kind = EventKind::kTask;
  NodeNumber node = kWorld;  // whose event it is
  NodeNumber peer = kWorld;  // a frame's sender
  uint32_t amount = 0;       // bytes of a frame, lane of a job, ...
};

}  // namespace jaco::sim

#endif  // JACO_SIM_EVENT_H_

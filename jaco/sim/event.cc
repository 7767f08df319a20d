#include "jaco/sim/event.h"

#include "jaco/base/check.h"

namespace jaco::sim {

absl::string_view EventKindName(EventKind kind) {
  switch (kind) {
    case EventKind::kTask:
      return "task";
    case EventKind::kTimer:
      return "timer";
    case EventKind::kFrame:
      return "frame";
    case EventKind::kPeerDown:
      return "peer-down";
    case EventKind::kDiskJob:
      return "disk-job";
    case EventKind::kDiskDone:
      return "disk-done";
    case EventKind::kFault:
      return "fault";
    case EventKind::kUndo:
      return "undo";
    case EventKind::kStrike:
      return "strike";
    case EventKind::kClient:
      return "client";
    case EventKind::kRestart:
      return "restart";
    case EventKind::kState:
      return "state";
    case EventKind::kDrop:
      return "drop";
    case EventKind::kDuplicate:
      return "duplicate";
    case EventKind::kFile:
      return "file";
    case EventKind::kStart:
      return "start";
    case EventKind::kStarted:
      return "started";
    case EventKind::kFounded:
      return "founded";
    case EventKind::kFailed:
      return "failed";
    case EventKind::kCrash:
      return "crash";
    case EventKind::kPause:
      return "pause";
    case EventKind::kResume:
      return "resume";
    case EventKind::kCall:
      return "call";
    case EventKind::kReply:
      return "reply";
    case EventKind::kPhase:
      return "phase";
    case EventKind::kLog:
      return "log";
    case EventKind::kTransmit:
      return "transmit";
  }
  JACO_CHECK_MSG(false, "event kind ", static_cast<int>(kind));
}

}  // namespace jaco::sim

// The words of the protocol. Plain values, cheap to copy; entries are shared by
// pointer and never change once made.

#ifndef JACO_RAFT_TYPES_H_
#define JACO_RAFT_TYPES_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jaco/base/strong_int.h"

namespace jaco::raft {

// A server in the Raft configuration. 0 is no server: never a member.
using NodeId = StrongInt<struct NodeIdTag>;
// 0 comes before every election.
using Term = StrongInt<struct TermTag>;
// The first entry has index 1; 0 is the position before it.
using LogIndex = StrongInt<struct LogIndexTag>;
// Numbers the writes that Ready asks for, ascending from 1.
using PersistId = StrongInt<struct PersistIdTag>;
// Chosen by the caller of RequestRead; handed back with the answer.
using ReadId = StrongInt<struct ReadIdTag>;

inline constexpr NodeId kNoNode{0};

// Names one entry for ever: two logs that hold the same id hold the same entry
// and the same entries before it (Log Matching, dissertation §3.5).
struct EntryId {
  Term term;
  LogIndex index;

  friend bool operator==(const EntryId&, const EntryId&) = default;
};

// Which of two logs is more up to date (§3.6.1): higher last term, then length.
inline bool AtLeastAsUpToDate(const EntryId& a, const EntryId& b) {
  return a.term != b.term ? a.term > b.term : a.index >= b.index;
}

// Of servers as leaders; the highest, which is also the default.
inline constexpr uint8_t kPriorityMax = 100;

enum class EntryKind : uint8_t {
  kNoop = 0,           // a new leader's first entry (§6.4)
  kCommand = 1,        // for the state machine
  kConfiguration = 2,  // an encoded Configuration, in force once in the log
};

struct Entry {
  EntryId id;
  EntryKind kind = EntryKind::kNoop;
  std::string data;

  friend bool operator==(const Entry&, const Entry&) = default;
};
using EntryPtr = std::shared_ptr<const Entry>;

// What must be durable before a promise leaves the server (§3.4, figure 3.1).
struct HardState {
  Term term;
  NodeId voted_for;  // in `term`; kNoNode when no vote was cast

  friend bool operator==(const HardState&, const HardState&) = default;
};

// Who takes part. While `outgoing` is not empty the cluster is in joint
// consensus (§4.3): elections and commitment need a majority of `voters` and a
// majority of `outgoing`. Each list is sorted and without repeats. No learner
// is in `voters`; one that is in `outgoing` still votes, and is a learner once
// the joint configuration has been left.
struct Configuration {
  std::vector<NodeId> voters;
  std::vector<NodeId> outgoing;
  std::vector<NodeId> learners;
  // Where members are reached: opaque to the core, carried here so that a
  // server knows its peers from the moment the entry is in its log. Sorted by
  // id.
  std::vector<std::pair<NodeId, std::string>> addresses;

  bool IsJoint() const { return !outgoing.empty(); }
  bool IsVoter(NodeId node) const;
  bool Contains(NodeId node) const;
  // All members, sorted, each once.
  std::vector<NodeId> Members() const;

  friend bool operator==(const Configuration&, const Configuration&) = default;
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_TYPES_H_

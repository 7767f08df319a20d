// Everything that happened in a run, as one number and, on request, as text.
//
// The hash covers what any two builds must agree on: kinds, nodes, simulated
// times, sizes, terms, indices, names of files; never contents, which RocksDB
// salts with random ids. README.md has the legend of the text.

#ifndef JACO_SIM_TRACE_H_
#define JACO_SIM_TRACE_H_

#include <cstdint>
#include <cstdio>

#include "absl/strings/string_view.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/raft/ready.h"
#include "jaco/sim/event.h"

namespace jaco::sim {

class Trace {
 public:
  // Prints to `out` unless it is nullptr.
  explicit Trace(std::FILE* out) : out_(out) {}

  // An event is about to run.
  void Begin(Instant now, const EventLabel& label) {
    ++events_;
    now_ = now;
    Note(label);
  }

  // Something happened within the present event. `text` is hashed as well.
  void Note(const EventLabel& label, absl::string_view text = {}) {
    Fold(static_cast<uint64_t>(label.kind) | uint64_t{label.node} << 8 |
         uint64_t{label.peer} << 16 | uint64_t{label.amount} << 32);
    Fold(static_cast<uint64_t>(now_.nanoseconds()));
    if (!text.empty()) FoldText(text);
    if (out_ != nullptr) Print(label, text);
  }

  // A node's file operation.
  void File(NodeNumber node, absl::string_view operation,
            absl::string_view path, uint64_t size);

  // Printed and not hashed: what a server logs.
  void Log(NodeNumber node, absl::string_view text) {
    if (out_ != nullptr) Print({EventKind::kLog, node}, text);
  }
  bool prints() const { return out_ != nullptr; }

  // Where a node's replica stands after the present event.
  void State(NodeNumber node, raft::Role role, uint64_t term, uint64_t last,
             uint64_t commit, uint64_t applied);

  uint64_t events() const { return events_; }
  uint64_t hash() const { return hash_; }

 private:
  void Fold(uint64_t word) { hash_ = Mix64(hash_ ^ word); }
  void FoldText(absl::string_view text);
  void Print(const EventLabel& label, absl::string_view text);

  std::FILE* const out_;
  Instant now_;
  uint64_t events_ = 0;
  uint64_t hash_ = 0;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_TRACE_H_

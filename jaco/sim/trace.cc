#include "jaco/sim/trace.h"

#include "absl/strings/str_cat.h"
#include "jaco/raft/describe.h"

namespace jaco::sim {

void Trace::File(NodeNumber node, absl::string_view operation,
                 absl::string_view path, uint64_t size) {
  const EventLabel label{EventKind::kFile, node, kWorld,
                         static_cast<uint32_t>(size)};
  FoldText(operation);
  FoldText(path);
  Fold(static_cast<uint64_t>(node) << 32 | label.amount);
  if (out_ != nullptr) Print(label, absl::StrCat(operation, " ", path));
}

void Trace::State(NodeNumber node, raft::Role role, uint64_t term,
                  uint64_t last, uint64_t commit, uint64_t applied) {
  Fold(static_cast<uint64_t>(role) | uint64_t{node} << 8 | term << 16);
  Fold(last);
  Fold(commit);
  Fold(applied);
  if (out_ == nullptr) return;
  const std::string text =
      absl::StrCat(raft::RoleName(role), " term=", term, " last=", last,
                   " commit=", commit, " applied=", applied);
  Print({.kind = EventKind::kState, .node = node}, text);
}

void Trace::FoldText(absl::string_view text) {
  // FNV-1a: byte by byte, so that no build's word size or order matters.
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  }
  Fold(hash);
}

void Trace::Print(const EventLabel& label, absl::string_view text) {
  const absl::string_view kind = EventKindName(label.kind);
  const int64_t micros = now_.nanoseconds() / 1000;
  std::fprintf(out_, "%9llu %6lld.%06lld %-10.*s %2d %2d %8u  %.*s\n",
               static_cast<unsigned long long>(events_),
               static_cast<long long>(micros / 1'000'000),
               static_cast<long long>(micros % 1'000'000),
               static_cast<int>(kind.size()), kind.data(), label.node,
               label.peer, label.amount, static_cast<int>(text.size()),
               text.data());
}

}  // namespace jaco::sim

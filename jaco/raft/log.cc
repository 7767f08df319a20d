#include "jaco/raft/log.h"

#include <algorithm>
#include <utility>

#include "jaco/base/check.h"

namespace jaco::raft {

Log::Log(EntryId start, std::vector<EntryPtr> entries) : start_(start) {
  for (EntryPtr& entry : entries) Append(std::move(entry));
}

std::optional<Term> Log::TermAt(LogIndex index) const {
  if (index == start_.index) return start_.term;
  if (index < start_.index || index > last().index) return std::nullopt;
  return At(index)->id.term;
}

const EntryPtr& Log::At(LogIndex index) const {
  JACO_CHECK(index > start_.index && index <= last().index);
  return entries_[index - start_.index - 1];
}

void Log::Append(EntryPtr entry) {
  const EntryId end = last();
  JACO_CHECK(entry->id.index == end.index.Next());
  JACO_CHECK(entry->id.term >= end.term);
  entries_.push_back(std::move(entry));
}

void Log::TruncateFrom(LogIndex index) {
  JACO_CHECK(index > start_.index && index <= last().index);
  entries_.resize(index - start_.index - 1);
}

void Log::CompactTo(LogIndex index) {
  const std::optional<Term> term = TermAt(index);
  JACO_CHECK(term.has_value());
  entries_.erase(
      entries_.begin(),
      entries_.begin() + static_cast<std::ptrdiff_t>(index - start_.index));
  start_ = {*term, index};
}

void Log::Reset(EntryId start) {
  start_ = start;
  entries_.clear();
}

void Log::CopyTo(std::vector<EntryPtr>* out, LogIndex from, size_t entries_max,
                 size_t bytes_max) const {
  JACO_CHECK(from > start_.index);
  const LogIndex end = last().index;
  size_t bytes = 0;
  for (LogIndex i = from; i <= end && entries_max > 0; ++i, --entries_max) {
    const EntryPtr& entry = At(i);
    bytes += entry->data.size();
    if (bytes > bytes_max && i != from) return;
    out->push_back(entry);
  }
}

EntryId Log::LastNotBeyond(const EntryId& limit) const {
  if (limit.index <= start_.index) return start_;
  // Terms never fall along a log, so the answer is found by halving.
  const size_t count =
      std::min<size_t>(limit.index - start_.index, entries_.size());
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(count);
  const auto beyond = std::upper_bound(
      entries_.begin(), end, limit.term,
      [](Term term, const EntryPtr& entry) { return term < entry->id.term; });
  return beyond == entries_.begin() ? start_ : (*std::prev(beyond))->id;
}

}  // namespace jaco::raft

#include "jaco/raft/log.h"

#include <gtest/gtest.h>  // Before RapidCheck's, which needs it.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace jaco::raft {
namespace {

EntryPtr NewEntry(uint64_t term, uint64_t index, size_t bytes = 0) {
  return std::make_shared<const Entry>(
      Entry{.id = {Term(term), LogIndex(index)},
            .kind = EntryKind::kCommand,
            .data = std::string(bytes, 'x')});
}

// What Log should be: all entries, and simple loops over them.
struct NaiveLog {
  EntryId start;
  std::vector<EntryPtr> entries;

  EntryId last() const { return entries.empty() ? start : entries.back()->id; }
  std::optional<Term> TermAt(LogIndex index) const {
    if (index == start.index) return start.term;
    for (const EntryPtr& entry : entries) {
      if (entry->id.index == index) return entry->id.term;
    }
    return std::nullopt;
  }
  void TruncateFrom(LogIndex index) {
    while (!entries.empty() && last().index >= index) entries.pop_back();
  }
  EntryId LastNotBeyond(const EntryId& limit) const {
    EntryId found = start;
    for (const EntryPtr& entry : entries) {
      if (entry->id.index <= limit.index && entry->id.term <= limit.term) {
        found = entry->id;
      }
    }
    return found;
  }
  std::vector<EntryPtr> Copy(LogIndex from, size_t entries_max,
                             size_t bytes_max) const {
    std::vector<EntryPtr> copied;
    size_t bytes = 0;
    for (const EntryPtr& entry : entries) {
      if (entry->id.index < from) continue;
      bytes += entry->data.size();
      if (copied.size() == entries_max) break;
      if (!copied.empty() && bytes > bytes_max) break;
      copied.push_back(entry);
    }
    return copied;
  }
};

void Compare(const Log& log, const NaiveLog& naive) {
  RC_ASSERT(log.last() == naive.last());
  const uint64_t end = naive.last().index.value() + 2;
  for (uint64_t i = 0; i <= end; ++i) {
    const LogIndex index(i);
    RC_ASSERT(log.TermAt(index) == naive.TermAt(index));
    const EntryId limit{Term(*rc::gen::inRange<uint64_t>(0, 8)), index};
    RC_ASSERT(log.LastNotBeyond(limit) == naive.LastNotBeyond(limit));
    if (index <= log.start().index) continue;
    const size_t entries_max = *rc::gen::inRange<size_t>(0, 5);
    const size_t bytes_max = *rc::gen::inRange<size_t>(0, 20);
    std::vector<EntryPtr> copied;
    log.CopyTo(&copied, index, entries_max, bytes_max);
    RC_ASSERT(copied == naive.Copy(index, entries_max, bytes_max));
  }
}

RC_GTEST_PROP(LogPropertyTest, DoesWhatANaiveLogDoes, ()) {
  const EntryId start{Term(*rc::gen::inRange<uint64_t>(0, 2)),
                      LogIndex(*rc::gen::inRange<uint64_t>(0, 4))};
  Log log(start, {});
  NaiveLog naive{start, {}};
  const int operations = *rc::gen::inRange(1, 15);
  for (int i = 0; i < operations; ++i) {
    const EntryId last = naive.last();
    if (naive.entries.empty() || *rc::gen::inRange(0, 4) != 0) {
      const EntryPtr entry =
          NewEntry(last.term.value() + *rc::gen::inRange<uint64_t>(0, 2),
                   last.index.value() + 1, *rc::gen::inRange<size_t>(0, 10));
      log.Append(entry);
      naive.entries.push_back(entry);
    } else {
      const LogIndex index(
          *rc::gen::inRange(start.index.value() + 1, last.index.value() + 1));
      log.TruncateFrom(index);
      naive.TruncateFrom(index);
    }
  }
  Compare(log, naive);
}

TEST(LogTest, OneEntryMayBeLargerThanTheLimit) {
  Log log({}, {NewEntry(1, 1, 100), NewEntry(1, 2, 1)});
  std::vector<EntryPtr> copied;
  log.CopyTo(&copied, LogIndex(1), 10, 50);
  ASSERT_EQ(copied.size(), 1u);
  EXPECT_EQ(copied[0]->id.index, LogIndex(1));
}

TEST(LogTest, ContainsNeedsTermAndIndex) {
  const Log log({Term(1), LogIndex(3)}, {NewEntry(2, 4)});
  EXPECT_TRUE(log.Contains({Term(1), LogIndex(3)}));
  EXPECT_TRUE(log.Contains({Term(2), LogIndex(4)}));
  EXPECT_FALSE(log.Contains({Term(1), LogIndex(4)}));
  EXPECT_FALSE(log.Contains({Term(0), LogIndex(2)}));
}

TEST(LogDeathTest, RefusesGapsAndFallingTerms) {
  Log log({}, {NewEntry(2, 1)});
  EXPECT_DEATH(log.Append(NewEntry(2, 3)), "check failed");
  EXPECT_DEATH(log.Append(NewEntry(1, 2)), "check failed");
  EXPECT_DEATH(log.TruncateFrom(LogIndex(2)), "check failed");
}

}  // namespace
}  // namespace jaco::raft

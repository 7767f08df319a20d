#include "jaco/fsm/row_set.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/base/hash.h"
#include "jaco/fsm/state_machine.h"

namespace jaco::fsm {
namespace {

unsigned __int128 HashOf(const KeyValue& row) {
  const Hash128 hash = Murmur3(row.second, Murmur3(row.first));
  return (static_cast<unsigned __int128>(hash.high) << 64) | hash.low;
}

}  // namespace

const std::string& RowSet::Put(std::string key, std::string value) {
  auto row = std::make_shared<const KeyValue>(std::move(key), std::move(value));
  sum_ += HashOf(*row);
  edits_.emplace_back(row->first, row->second);
  const std::string& stored = row->second;
  auto place = rows_.lower_bound(row->first);
  if (place != rows_.end() && (*place)->first == row->first) {
    sum_ -= HashOf(**place);
    place = rows_.erase(place);
  }
  rows_.insert(place, std::move(row));
  return stored;
}

void RowSet::Remove(absl::string_view key) {
  const auto it = rows_.find(key);
  JACO_CHECK_MSG(it != rows_.end(), "row ", key);
  sum_ -= HashOf(**it);
  edits_.emplace_back((*it)->first, std::nullopt);
  rows_.erase(it);
}

bool RowSet::ComesNext(absl::string_view key) const {
  return rows_.empty() || (*rows_.rbegin())->first < key;
}

void RowSet::LoadNext(KeyValue row) {
  JACO_CHECK(ComesNext(row.first));
  sum_ += HashOf(row);
  rows_.insert(rows_.end(), std::make_shared<const KeyValue>(std::move(row)));
}

Digest RowSet::digest() const {
  return {.high = static_cast<uint64_t>(sum_ >> 64),
          .low = static_cast<uint64_t>(sum_)};
}

std::vector<RowEdit> RowSet::TakeEdits() { return std::exchange(edits_, {}); }

std::vector<SharedRow> RowSet::Capture() const {
  return {rows_.begin(), rows_.end()};
}

void RowSet::ReplaceBy(RowSet next) {
  JACO_CHECK(next.edits_.empty());
  std::vector<RowEdit> edits = TakeEdits();
  auto old_row = rows_.begin();
  auto new_row = next.rows_.begin();
  const ByKey before;
  while (old_row != rows_.end() || new_row != next.rows_.end()) {
    if (new_row == next.rows_.end() ||
        (old_row != rows_.end() && before(*old_row, *new_row))) {
      edits.emplace_back((*old_row)->first, std::nullopt);
      ++old_row;
      continue;
    }
    const bool replaces = old_row != rows_.end() && !before(*new_row, *old_row);
    if (!replaces || (*old_row)->second != (*new_row)->second) {
      edits.emplace_back((*new_row)->first, (*new_row)->second);
    }
    if (replaces) ++old_row;
    ++new_row;
  }
  *this = std::move(next);
  edits_ = std::move(edits);
}

}  // namespace jaco::fsm

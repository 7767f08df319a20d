// The durable form of a state machine: rows by key, with the digest of all and
// the record of their changes always up to date. Knows nothing of what the rows
// mean.

#ifndef JACO_FSM_ROW_SET_H_
#define JACO_FSM_ROW_SET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "jaco/fsm/state_machine.h"

namespace jaco::fsm {

// Never changed once it is there, so that a picture of the rows shares them,
// with other threads too.
using SharedRow = std::shared_ptr<const KeyValue>;

class RowSet {
 public:
  // Adds the row or replaces that of the same key. Returns the value, which
  // lives until the next non-const call.
  const std::string& Put(std::string key, std::string value);
  // The caller has made sure that it exists.
  void Remove(absl::string_view key);

  // Whether `key` is above all others.
  bool ComesNext(absl::string_view key) const;
  // Adds a row that comes next, without recording an edit.
  void LoadNext(KeyValue row);

  Digest digest() const;
  // The changes since the last call, in their order.
  std::vector<RowEdit> TakeEdits();
  // All rows, ascending by key. Costs a reference to each, no copy.
  std::vector<SharedRow> Capture() const;

  // Makes `next`, which has no edits of its own, the content; the edits are
  // those that turn the old rows into the new.
  void ReplaceBy(RowSet next);

 private:
  struct ByKey {
    using is_transparent = void;
    static absl::string_view Key(const SharedRow& row) { return row->first; }
    static absl::string_view Key(absl::string_view key) { return key; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Key(a) < Key(b);
    }
  };

  absl::btree_set<SharedRow, ByKey> rows_;
  // The sum of the hashes of all rows, modulo 2^128: it does not depend on the
  // order of the changes that led to them.
  unsigned __int128 sum_ = 0;
  std::vector<RowEdit> edits_;
};

}  // namespace jaco::fsm

#endif  // JACO_FSM_ROW_SET_H_

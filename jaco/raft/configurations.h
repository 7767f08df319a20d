// The configuration that is in force: the latest in the log, committed or not
// (§4.1), so it comes and goes with the entry that holds it.

#ifndef JACO_RAFT_CONFIGURATIONS_H_
#define JACO_RAFT_CONFIGURATIONS_H_

#include <iterator>
#include <utility>
#include <vector>

#include "jaco/raft/types.h"

namespace jaco::raft {

class Configurations {
 public:
  // `base` holds as of `index`, where the log begins; may be empty.
  Configurations(LogIndex index, Configuration base) {
    stack_.push_back({index, std::move(base)});
  }

  const Configuration& current() const { return stack_.back().configuration; }
  // The one before it; nullptr when that is not known any more.
  const Configuration* previous() const {
    return stack_.size() < 2 ? nullptr
                             : &stack_[stack_.size() - 2].configuration;
  }
  // The index of the entry that holds it.
  LogIndex index() const { return stack_.back().index; }
  // The one that holds as of `index`, which is not before the base's.
  const Configuration& At(LogIndex index) const {
    return FindAt(index)->configuration;
  }

  // `index` is beyond index().
  void Append(LogIndex index, Configuration configuration) {
    stack_.push_back({index, std::move(configuration)});
  }
  void TruncateFrom(LogIndex index) {
    while (stack_.size() > 1 && stack_.back().index >= index) {
      stack_.pop_back();
    }
  }
  // The log begins at `index`: what is in force there becomes the base.
  void CompactTo(LogIndex index) {
    stack_.erase(stack_.begin(), FindAt(index));
  }
  void Reset(LogIndex index, Configuration base) {
    stack_.clear();
    stack_.push_back({index, std::move(base)});
  }

 private:
  struct Held {
    LogIndex index;
    Configuration configuration;
  };

  std::vector<Held>::const_iterator FindAt(LogIndex index) const {
    auto it = std::prev(stack_.end());
    while (it != stack_.begin() && it->index > index) --it;
    return it;
  }

  std::vector<Held> stack_;  // never empty
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_CONFIGURATIONS_H_

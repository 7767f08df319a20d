#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "jaco/raft/types.h"
#include "jaco/storage/state_store.h"

namespace jaco::storage {
namespace {

class MemoryStateStore final : public StateStore {
 public:
  absl::StatusOr<StoredState> Load() override {
    StoredState state{.applied = applied_};
    state.rows.reserve(rows_.size());
    for (const auto& [key, value] : rows_) state.rows.push_back({key, value});
    return state;
  }

  absl::Status Write(absl::Span<const RowChange> changes,
                     raft::LogIndex applied) override {
    for (const RowChange& change : changes) {
      if (change.value.has_value()) {
        rows_.insert_or_assign(change.key, *change.value);
      } else {
        rows_.erase(change.key);
      }
    }
    applied_ = applied;
    return absl::OkStatus();
  }

  absl::Status Flush() override { return absl::OkStatus(); }

  // A restart finds nothing, flushed or not.
  raft::LogIndex durable() const override { return raft::LogIndex(0); }

 private:
  std::map<std::string, std::string> rows_;
  raft::LogIndex applied_;
};

}  // namespace

std::unique_ptr<StateStore> NewMemoryStateStore() {
  return std::make_unique<MemoryStateStore>();
}

}  // namespace jaco::storage

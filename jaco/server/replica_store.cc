// Replica's part in the state store: a mirror of the state machine on disk, so
// that a restart need not replay the whole log.

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/server/replica.h"

namespace jaco::server {
namespace {

// The store is made durable after so many entries, so that a restart replays
// no more than that from the log.
constexpr uint64_t kFlushEntries = 8192;

}  // namespace

void Replica::CollectEdits() {
  for (auto& [key, value] : machine_->TakeRowEdits()) {
    if (reopen_store_ == nullptr) continue;
    unflushed_[key] = value;
    if (store_ != nullptr) edits_.push_back({std::move(key), std::move(value)});
  }
  SubmitEdits();
}

bool Replica::MayStore() const {
  // A snapshot that was installed may be ahead of the log. The store must not:
  // at a restart it would seem that the log lost something.
  return !storing_ && stored_ != machine_->applied() &&
         machine_->applied() <= raft_.durable();
}

void Replica::SubmitEdits() {
  if (store_ == nullptr || !MayStore()) return;
  const raft::LogIndex applied = machine_->applied();
  const bool flush = applied - flushed_ >= kFlushEntries;
  if (flush) {
    flushed_ = applied;
    flushing_ = std::exchange(unflushed_, {});
  }
  storing_ = true;
  stored_ = applied;
  env_.disk->Submit(
      env::Lane::kApply,
      [store = store_, edits = std::exchange(edits_, {}), applied,
       flush](env::FileSystem&) {
        absl::Status status = store->Write(edits, applied);
        return status.ok() && flush ? store->Flush() : status;
      },
      [this](const absl::Status& status) { OnEditsStored(status); });
}

void Replica::OnEditsStored(const absl::Status& status) {
  if (stopped_) return;
  storing_ = false;
  if (status.ok()) {
    flushing_.clear();
    SubmitEdits();
    return;
  }
  if (!absl::IsResourceExhausted(status)) {
    Fail(status);
    return;
  }
  // What the store holds stays right, only old; the log has the rest.
  env_.logger->Write(
      LogLevel::kError, "store",
      absl::StrCat(status.message(),
                   "; until there is room, state is kept in memory and log "
                   "only"));
  failed_store_ = std::exchange(store_, nullptr);
  edits_.clear();
  unflushed_.merge(flushing_);
  flushing_.clear();
  AwaitRoomForStore();
}

void Replica::AwaitRoomForStore() {
  store_timer_ = env_.loop->After(kDiskFullRetry, [this] {
    store_timer_ = 0;
    ReopenStore();
  });
}

// RocksDB does not get over a write that failed: it is opened anew, and holds
// what it held when it was last flushed.
void Replica::ReopenStore() {
  const raft::LogIndex applied = machine_->applied();
  if (applied > raft_.durable()) return AwaitRoomForStore();
  std::vector<storage::RowChange> edits;
  edits.reserve(unflushed_.size());
  for (const auto& [key, value] : unflushed_) edits.push_back({key, value});
  flushing_ = std::exchange(unflushed_, {});
  storing_ = true;
  auto reopened = std::make_shared<std::shared_ptr<storage::StateStore>>();
  env_.disk->Submit(
      env::Lane::kApply,
      [closing = std::exchange(failed_store_, nullptr), reopen = reopen_store_,
       edits = std::move(edits), applied,
       reopened](env::FileSystem& fs) mutable {
        closing = nullptr;
        auto store = reopen(fs);
        if (!store.ok()) return store.status();
        absl::Status status = (*store)->Write(edits, applied);
        if (status.ok()) status = (*store)->Flush();
        if (status.ok()) *reopened = *std::move(store);
        return status;
      },
      [this, reopened, applied](const absl::Status& status) {
        OnStoreReopened(std::move(*reopened), applied, status);
      });
}

void Replica::OnStoreReopened(std::shared_ptr<storage::StateStore> store,
                              raft::LogIndex applied,
                              const absl::Status& status) {
  if (stopped_) return;
  storing_ = false;
  if (!status.ok()) {
    unflushed_.merge(flushing_);
    flushing_.clear();
    if (!absl::IsResourceExhausted(status)) return Fail(status);
    return AwaitRoomForStore();
  }
  env_.logger->Write(LogLevel::kInfo, "store",
                     "there is room for the state store again");
  flushing_.clear();
  for (const auto& [key, value] : unflushed_) edits_.push_back({key, value});
  store_ = std::move(store);
  stored_ = applied;
  flushed_ = applied;
  SubmitEdits();
}

}  // namespace jaco::server

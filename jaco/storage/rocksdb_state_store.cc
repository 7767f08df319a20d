// One RocksDB database, one column family; docs/formats.md says what is in it.
//
// Durability: there is no write-ahead log, so a write lasts once the memtable
// that it is in has become a table file. A batch is in one memtable whole, and
// the batch has the applied index in it: whatever a crash leaves is the state
// at some applied index.
//
// Determinism: what RocksDB decides by itself must not depend on anything but
// the calls made to it. When its memtable is full does (node heights in its
// skip list are drawn from a per-thread generator), so that is decided here by
// counting bytes; and which shard of a cache a block is in does (keys hold a
// random session id), so the caches have one shard.

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/iterator.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "jaco/env/file_system.h"
#include "jaco/raft/types.h"
#include "jaco/storage/applied_row.h"
#include "jaco/storage/atomic_file.h"
#include "jaco/storage/damage.h"
#include "jaco/storage/rocksdb_env.h"
#include "jaco/storage/state_store.h"

namespace jaco::storage {
namespace {

constexpr char kMetaKey[] = "m";
constexpr char kRowPrefix = 'r';

// Flushed by itself once this much is waiting.
constexpr uint64_t kUnflushedBytesMax = uint64_t{4} << 20;
// What never comes: RocksDB's own limits, when ours are to come first.
constexpr int kNever = 1 << 30;

class NullLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// Flushes fail in the background, where no caller sees their status.
class BackgroundErrors final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason,
                         rocksdb::Status* error) override {
    if (first_.ok()) first_ = *error;
  }
  const rocksdb::Status& first() const { return first_; }

 private:
  rocksdb::Status first_;
};

rocksdb::BlockBasedTableOptions TableOptions() {
  rocksdb::BlockBasedTableOptions options;
  options.block_cache = rocksdb::NewLRUCache(size_t{1} << 20,
                                             /*num_shard_bits=*/0);
  return options;
}

// Memory: a memtable of some 4 MiB twice over (one being flushed), 1 MiB of
// blocks, the indexes of a few dozen tables.
void LimitMemory(rocksdb::Options& options) {
  options.write_buffer_size = size_t{1} << 30;  // kUnflushedBytesMax decides
  options.arena_block_size = size_t{256} << 10;
  options.max_open_files = 64;
  options.table_factory.reset(
      rocksdb::NewBlockBasedTableFactory(TableOptions()));
  options.target_file_size_base = uint64_t{4} << 20;
  options.max_bytes_for_level_base = uint64_t{16} << 20;
  options.max_manifest_file_size = uint64_t{1} << 20;
}

// One thread: nothing to wait for, so nothing may ever make a call wait.
void StayOnOneThread(rocksdb::Options& options) {
  options.max_subcompactions = 1;
  options.max_file_opening_threads = 1;
  options.max_bgerror_resume_count = 0;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  options.avoid_flush_during_shutdown = true;
  options.level0_slowdown_writes_trigger = kNever;
  options.level0_stop_writes_trigger = kNever;
  options.soft_pending_compaction_bytes_limit = 0;
  options.hard_pending_compaction_bytes_limit = 0;
}

rocksdb::Options MakeOptions(rocksdb::Env* env,
                             std::shared_ptr<rocksdb::EventListener> listener) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.info_log = std::make_shared<NullLogger>();
  options.listeners.push_back(std::move(listener));
  options.compression = rocksdb::kNoCompression;
  options.table_cache_numshardbits = 0;
  options.db_host_id = "";
  options.allow_fallocate = false;
  LimitMemory(options);
  StayOnOneThread(options);
  return options;
}

absl::string_view View(const rocksdb::Slice& slice) {
  return absl::string_view(slice.data(), slice.size());
}

class RocksDbStateStore final : public StateStore {
 public:
  RocksDbStateStore(env::FileSystem& fs, std::string directory)
      : directory_(std::move(directory)),
        env_(fs),
        background_errors_(std::make_shared<BackgroundErrors>()) {}

  absl::Status Open();
  absl::Status OpenReadOnly();

  absl::StatusOr<StoredState> Load() override;
  absl::Status Write(absl::Span<const RowChange> changes,
                     raft::LogIndex applied) override;
  absl::Status Flush() override;
  raft::LogIndex durable() const override { return durable_; }

 private:
  // Runs what the call that gave `status` left in the queue. The first error
  // of any kind is kept and answers every later call.
  absl::Status Finish(const rocksdb::Status& status);
  absl::Status Fail(absl::Status status);
  absl::Status ReadApplied();
  absl::Status Translate(const rocksdb::Status& status) const;
  absl::Status ReadAll(rocksdb::Iterator& iterator, StoredState& state) const;

  const std::string directory_;
  RocksDbEnv env_;  // outlives db_
  std::shared_ptr<BackgroundErrors> background_errors_;
  std::unique_ptr<rocksdb::DB> db_;
  absl::Status failed_;

  raft::LogIndex applied_;
  raft::LogIndex durable_;
  uint64_t unflushed_bytes_ = 0;
};

absl::Status RocksDbStateStore::Open() {
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(
      MakeOptions(env_.get(), background_errors_), directory_, &db);
  db_.reset(db);
  if (absl::Status opened = Finish(status); !opened.ok()) return opened;
  return ReadApplied();
}

absl::Status RocksDbStateStore::OpenReadOnly() {
  rocksdb::Options options = MakeOptions(env_.get(), background_errors_);
  options.create_if_missing = false;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::OpenForReadOnly(options, directory_, &db);
  db_.reset(db);
  return Finish(status);
}

// What is read right after opening comes from table files.
absl::Status RocksDbStateStore::ReadApplied() {
  std::string meta;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), kMetaKey, &meta);
  if (status.IsNotFound()) return Finish(rocksdb::Status::OK());
  if (absl::Status done = Finish(status); !done.ok()) return done;
  const absl::StatusOr<raft::LogIndex> applied =
      DecodeAppliedRow(meta, directory_);
  if (!applied.ok()) return Fail(applied.status());
  applied_ = *applied;
  durable_ = *applied;
  return absl::OkStatus();
}

absl::StatusOr<StoredState> RocksDbStateStore::Load() {
  if (!failed_.ok()) return failed_;
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options));
  StoredState state;
  const absl::Status read = ReadAll(*iterator, state);
  const rocksdb::Status status = iterator->status();
  iterator.reset();
  if (absl::Status done = Finish(status); !done.ok()) return done;
  if (!read.ok()) return Fail(read);
  return state;
}

absl::Status RocksDbStateStore::ReadAll(rocksdb::Iterator& iterator,
                                        StoredState& state) const {
  bool has_meta = false;
  for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next()) {
    const absl::string_view key = View(iterator.key());
    const absl::string_view value = View(iterator.value());
    if (key == kMetaKey) {
      const absl::StatusOr<raft::LogIndex> applied =
          DecodeAppliedRow(value, directory_);
      if (!applied.ok()) return applied.status();
      state.applied = *applied;
      has_meta = true;
    } else if (has_meta && key[0] == kRowPrefix) {
      state.rows.push_back({std::string(key.substr(1)), std::string(value)});
    } else {
      return DamageError(
          absl::StrCat(directory_, ": has rows that are none of ours"));
    }
  }
  return absl::OkStatus();
}

absl::Status RocksDbStateStore::Write(absl::Span<const RowChange> changes,
                                      raft::LogIndex applied) {
  if (!failed_.ok()) return failed_;
  rocksdb::WriteBatch batch;
  rocksdb::Status status = batch.Put(kMetaKey, EncodeAppliedRow(applied));
  std::string key;
  for (const RowChange& change : changes) {
    if (!status.ok()) break;
    key.assign(1, kRowPrefix);
    key += change.key;
    status = change.value.has_value() ? batch.Put(key, *change.value)
                                      : batch.Delete(key);
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  options.no_slowdown = true;
  if (status.ok()) status = db_->Write(options, &batch);
  if (absl::Status done = Finish(status); !done.ok()) return done;
  applied_ = applied;
  unflushed_bytes_ += batch.GetDataSize();
  return unflushed_bytes_ < kUnflushedBytesMax ? absl::OkStatus() : Flush();
}

absl::Status RocksDbStateStore::Flush() {
  if (!failed_.ok()) return failed_;
  if (durable_ == applied_ && unflushed_bytes_ == 0) return absl::OkStatus();
  rocksdb::FlushOptions options;
  options.wait = false;  // for the queue that Finish runs
  options.allow_write_stall = true;
  if (absl::Status done = Finish(db_->Flush(options)); !done.ok()) return done;
  uint64_t memtables = 0;
  if (!db_->GetIntProperty(rocksdb::DB::Properties::kNumImmutableMemTable,
                           &memtables) ||
      memtables != 0) {
    return Fail(absl::InternalError(
        absl::StrCat(directory_, ": ", memtables, " memtables not flushed")));
  }
  durable_ = applied_;
  unflushed_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status RocksDbStateStore::Finish(const rocksdb::Status& status) {
  env_.RunScheduled();
  absl::Status result = Translate(status);
  if (result.ok()) result = Translate(background_errors_->first());
  if (!result.ok()) return Fail(std::move(result));
  env_.ClearError();  // RocksDB got over it
  return absl::OkStatus();
}

absl::Status RocksDbStateStore::Fail(absl::Status status) {
  failed_ = status;
  return status;
}

absl::Status RocksDbStateStore::Translate(const rocksdb::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const std::string message =
      absl::StrCat("state store ", directory_, ": ", status.ToString());
  if (status.IsCorruption()) return DamageError(message);
  if (!env_.last_error().ok()) {
    return absl::Status(env_.last_error().code(), message);
  }
  return absl::InternalError(message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateStore>> OpenRocksDbStateStore(
    env::FileSystem& fs, const std::string& directory) {
  absl::Status status = MakeDirectory(fs, directory);
  if (!status.ok()) return status;
  auto store = std::make_unique<RocksDbStateStore>(fs, directory);
  status = store->Open();
  if (!status.ok()) return status;
  return store;
}

absl::StatusOr<StoredState> ReadRocksDbState(env::FileSystem& fs,
                                             const std::string& directory) {
  RocksDbStateStore store(fs, directory);
  const absl::Status opened = store.OpenReadOnly();
  if (!opened.ok()) return opened;
  return store.Load();
}

}  // namespace jaco::storage

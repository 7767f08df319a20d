#include "jaco/server/snapshot_receiver.h"

#include <utility>

#include "jaco/storage/damage.h"

namespace jaco::server {
namespace {

// Chunks that wait for the disk; what comes beyond that is sent again.
constexpr size_t kWaitingBytesMax = size_t{2} << 20;

}  // namespace

void SnapshotReceiver::OnChunk(raft::NodeId from, raft::SnapshotChunk chunk) {
  if (!incoming_.has_value() || incoming_->id != chunk.id) {
    // Another one takes its place once the disk is done with the last.
    if (!busy_) Begin(from, chunk);
    return;
  }
  incoming_->from = from;
  incoming_->term = chunk.term;
  incoming_->session = chunk.session;
  const bool follows = chunk.offset == incoming_->end && !chunk.data.empty();
  if (follows && incoming_->waiting.size() < kWaitingBytesMax) {
    incoming_->waiting += chunk.data;
    incoming_->end += chunk.data.size();
    if (!busy_) WriteWaiting();
  } else if (!busy_) {
    Answer(raft::SnapshotStatus::kMore);
  }
}

// The chunk itself is only a question: the answer is where to go on.
void SnapshotReceiver::Begin(raft::NodeId from,
                             const raft::SnapshotChunk& chunk) {
  incoming_ = Incoming{from, chunk.term, chunk.session, chunk.id, 0, "", 0};
  busy_ = true;
  auto offset = std::make_shared<uint64_t>(0);
  env_.disk->Submit(
      env::Lane::kSnapshot,
      [store = store_, id = chunk.id, offset](env::FileSystem& fs) {
        const absl::StatusOr<uint64_t> begin = store.BeginReceive(fs, id);
        if (begin.ok()) *offset = *begin;
        return begin.status();
      },
      [this, offset](const absl::Status& status) {
        if (!Succeeded(status)) return;
        // Chunks that came meanwhile were taken for the first.
        incoming_->waiting.clear();
        incoming_->written = *offset;
        incoming_->end = *offset;
        GoOn();
      });
}

void SnapshotReceiver::GoOn() {
  if (incoming_->written == incoming_->id.size) {
    Finish();
    return;
  }
  Answer(raft::SnapshotStatus::kMore);
  if (!incoming_->waiting.empty()) WriteWaiting();
}

void SnapshotReceiver::WriteWaiting() {
  busy_ = true;
  env_.disk->Submit(
      env::Lane::kSnapshot,
      [store = store_, id = incoming_->id, offset = incoming_->written,
       data = std::exchange(incoming_->waiting, {})](env::FileSystem& fs) {
        return store.Receive(fs, id, offset, data);
      },
      [this, end = incoming_->end](const absl::Status& status) {
        if (!Succeeded(status)) return;
        incoming_->written = end;
        GoOn();
      });
}

void SnapshotReceiver::Finish() {
  busy_ = true;
  auto snapshot = std::make_shared<std::optional<storage::Snapshot>>();
  env_.disk->Submit(
      env::Lane::kSnapshot,
      [store = store_, id = incoming_->id, snapshot](env::FileSystem& fs) {
        absl::StatusOr<storage::Snapshot> whole = store.FinishReceive(fs, id);
        if (!whole.ok()) return whole.status();
        *snapshot = *std::move(whole);
        return absl::OkStatus();
      },
      [this, snapshot](const absl::Status& status) {
        OnFinished(status, *snapshot);
      });
}

void SnapshotReceiver::OnFinished(
    const absl::Status& status,
    const std::optional<storage::Snapshot>& snapshot) {
  if (stopped_) return;
  if (storage::IsDamage(status) || absl::IsFailedPrecondition(status)) {
    // The leader may have something better, or sends it again.
    busy_ = false;
    Answer(raft::SnapshotStatus::kRefused);
    incoming_.reset();
    return;
  }
  if (!Succeeded(status)) return;
  const Incoming done = *std::exchange(incoming_, std::nullopt);
  const bool installed = hooks_.install(*snapshot).ok();
  hooks_.send(done.from, {done.term, done.session, done.id, done.written,
                          installed ? raft::SnapshotStatus::kInstalled
                                    : raft::SnapshotStatus::kRefused});
}

bool SnapshotReceiver::Succeeded(const absl::Status& status) {
  busy_ = false;
  if (stopped_) return false;
  if (status.ok()) return true;
  if (absl::IsResourceExhausted(status)) {
    Answer(raft::SnapshotStatus::kRefused);
    incoming_.reset();
  } else {
    hooks_.fail(status);
  }
  return false;
}

void SnapshotReceiver::Answer(raft::SnapshotStatus status) {
  hooks_.send(incoming_->from, {incoming_->term, incoming_->session,
                                incoming_->id, incoming_->written, status});
}

}  // namespace jaco::server

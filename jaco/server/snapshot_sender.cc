#include "jaco/server/snapshot_sender.h"

#include <algorithm>

namespace jaco::server {

SnapshotSender::SnapshotSender(const Options& options, raft::Term term,
                               raft::LogIndex session, raft::SnapshotId id,
                               std::shared_ptr<const std::string> file,
                               Instant now)
    : options_(options),
      term_(term),
      session_(session),
      id_(id),
      file_(std::move(file)),
      last_heard_(now) {
  Probe(now);
}

void SnapshotSender::OnAck(Instant now, const raft::SnapshotChunkAck& ack) {
  if (ack.id != id_ || ack.session != session_ || ack.term != term_) return;
  if (state_ != State::kSending) return;
  last_heard_ = now;
  switch (ack.status) {
    case raft::SnapshotStatus::kInstalled:
      state_ = State::kInstalled;
      return;
    case raft::SnapshotStatus::kRefused:
      state_ = State::kRefused;
      return;
    case raft::SnapshotStatus::kMore:
      break;
  }
  if (probing_) {
    // It may have some of it from an earlier transfer, or have lost some.
    probing_ = false;
    acknowledged_ = ack.offset;
    next_ = ack.offset;
  } else if (ack.offset > acknowledged_) {
    acknowledged_ = ack.offset;
    next_ = std::max(next_, acknowledged_);
  }
  Fill(now);
}

void SnapshotSender::OnTime(Instant now) {
  if (state_ != State::kSending) return;
  if (now - last_heard_ >= options_.give_up_after) {
    state_ = State::kFailed;
  } else if (now - std::max(last_sent_, last_heard_) >= options_.resend_after) {
    Probe(now);
  }
}

void SnapshotSender::Fill(Instant now) {
  const uint64_t limit = std::min<uint64_t>(
      file_->size(),
      acknowledged_ + options_.chunk_bytes * options_.window_chunks);
  while (next_ < limit) {
    Add(next_);
    next_ += chunks_.back().data.size();
    last_sent_ = now;
  }
}

void SnapshotSender::Probe(Instant now) {
  probing_ = true;
  next_ = acknowledged_;
  Add(next_);
  last_sent_ = now;
}

void SnapshotSender::Add(uint64_t offset) {
  chunks_.push_back({term_, session_, id_, offset,
                     file_->substr(offset, options_.chunk_bytes)});
}

}  // namespace jaco::server

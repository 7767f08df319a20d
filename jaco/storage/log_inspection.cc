#include "jaco/storage/log_inspection.h"

#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "jaco/storage/log_format.h"
#include "jaco/storage/log_recovery.h"
#include "jaco/storage/log_replay.h"
#include "jaco/storage/log_segment.h"
#include "jaco/storage/promise.h"

namespace jaco::storage {
namespace {

// As Recovery (log_recovery.cc), which explains the rules, but looks only.
class Inspection {
 public:
  Inspection(env::FileSystem& fs, const std::string& directory)
      : fs_(fs), directory_(directory) {}

  absl::StatusOr<LogInspection> Run() {
    absl::Status status = ScanAll();
    if (!status.ok()) return status;
    DropUnused();
    if (!segments_.empty()) ReplayAll();
    ReportUnread();
    CheckPromise();
    for (auto& info : result_.segments) {
      const auto sequence = SequenceOfName(info.name);
      info.needed = sequence.has_value() && segments_.contains(*sequence) &&
                    *sequence >= first_needed_;
    }
    return std::move(result_);
  }

 private:
  absl::Status ScanAll();
  void DropUnused();
  void ReplayAll();
  bool ReplaySegments(LogReplay& replay);
  void ReportUnread();
  void CheckPromise();
  bool Damaged(const absl::Status& status) {
    if (!status.ok()) result_.damage.push_back(status);
    return !status.ok();
  }
  std::string PathOf(uint64_t sequence) const {
    return SegmentPath(directory_, sequence);
  }

  env::FileSystem& fs_;
  const std::string& directory_;
  std::map<uint64_t, SegmentScan> segments_;
  std::map<uint64_t, absl::Status> unread_;
  uint64_t first_needed_ = 1;
  bool tail_lost_ = false;  // and reported
  LogInspection result_;
};

absl::Status Inspection::ScanAll() {
  const absl::StatusOr<std::vector<std::string>> names = fs_.List(directory_);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::optional<uint64_t> sequence = SequenceOfName(name);
    if (!sequence.has_value()) continue;
    SegmentInfo& info = result_.segments.emplace_back();
    info.name = name;
    auto scan = ScanSegment(fs_, PathOf(*sequence), *sequence);
    if (!scan.ok()) {
      unread_.emplace(*sequence, scan.status());
      continue;
    }
    info.bytes = scan->bytes.size();
    info.used = scan->end;
    info.records = scan->records.size();
    segments_.emplace(*sequence, *std::move(scan));
  }
  return absl::OkStatus();
}

// Passes over a last segment that never came into use.
void Inspection::DropUnused() {
  if (segments_.empty()) return;
  const auto last = std::prev(segments_.end());
  if (!last->second.HoldsOnlyHead()) return;
  const auto before = segments_.find(last->first - 1);
  if (before != segments_.end()) {
    if (!before->second.finished) segments_.erase(last);
    return;
  }
  const bool has_head = last->second.has_head();
  if (last->first == 1) {
    if (!has_head) segments_.erase(last);
  } else if (has_head) {
    tail_lost_ = Damaged(Corrupt(PathOf(last->first - 1), 0,
                                 "segment is missing or cannot be read"));
    segments_.erase(last);
  }
}

void Inspection::ReplayAll() {
  auto newest = segments_.rbegin();
  while (newest != segments_.rend() && !newest->second.has_head()) {
    Damaged(Corrupt(newest->second.path, 0, "damaged segment head"));
    ++newest;
  }
  if (newest == segments_.rend()) return;
  const absl::StatusOr<LogStart> start = LogStartOf(newest->second);
  if (Damaged(start.status())) return;
  first_needed_ = start->first_segment;
  LogReplay replay(*start, &result_.log);
  const bool whole = ReplaySegments(replay);
  const absl::Status finished = replay.Finish(newest->second);
  // What is missing behind damage is no damage of its own.
  if (!whole || Damaged(finished)) return;
  RecoveredLog& log = result_.log;
  log.torn_bytes = newest->second.TailBytes();
  const raft::Term last =
      log.entries.empty() ? log.log_start.term : log.entries.back()->id.term;
  if (start->repair_above >= last) log.repair_above = start->repair_above;
  if (!tail_lost_) Damaged(CheckTail(directory_, newest->second));
}

// False when the log is cut short by damage.
bool Inspection::ReplaySegments(LogReplay& replay) {
  const uint64_t last = segments_.rbegin()->first;
  for (uint64_t s = first_needed_; s <= last; ++s) {
    const auto it = segments_.find(s);
    if (it == segments_.end()) {
      Damaged(Corrupt(PathOf(s), 0, "segment is missing or cannot be read"));
      return false;
    }
    const SegmentScan& scan = it->second;
    if (!scan.has_head()) {
      // That of the last ones was said.
      if (result_.damage.empty()) {
        Damaged(Corrupt(scan.path, 0, "damaged segment head"));
      }
      return false;
    }
    if (Damaged(replay.Replay(scan))) return false;
    if (s < last && !scan.finished) {
      Damaged(Corrupt(scan.path, scan.end,
                      "invalid record in a segment that others follow"));
      return false;
    }
  }
  return first_needed_ <= last ||
         !Damaged(Corrupt(PathOf(first_needed_), 0, "segment is missing"));
}

// Nobody looks at what is left over from a compaction.
void Inspection::ReportUnread() {
  for (const auto& [sequence, status] : unread_) {
    if (sequence >= first_needed_) Damaged(status);
  }
}

// What is behind damage may hold it.
void Inspection::CheckPromise() {
  const auto promise = PromiseFile(directory_).Load(fs_);
  if (Damaged(promise.status()) || !result_.damage.empty()) return;
  const uint64_t last = segments_.empty() ? 1 : segments_.rbegin()->first;
  const uint64_t end = segments_.empty() ? 0 : segments_.rbegin()->second.end;
  Damaged(CheckReaches(promise->value_or(Promise()).hard_state,
                       result_.log.hard_state, PathOf(last), end));
}

}  // namespace

absl::StatusOr<LogInspection> InspectLog(env::FileSystem& fs,
                                         const std::string& directory) {
  return Inspection(fs, directory).Run();
}

}  // namespace jaco::storage

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/prng.h"
#include "jaco/raft/codec.h"
#include "jaco/sim/formats/testing/format.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/storage/log_format.h"
#include "jaco/storage/promise.h"
#include "jaco/storage/raft_log.h"

namespace jaco::formats {
namespace {

using raft::LogIndex;
using raft::NodeId;
using raft::Term;

constexpr char kDirectory[] = "data/log";
constexpr uint64_t kSegmentBytes = 640;
// Of what was written after members were replaced.
constexpr uint64_t kTerm = storage::kRecoveryTerms + 3;

struct Entry {
  uint64_t term;
  uint64_t index;
  raft::EntryKind kind;
  std::string data;
};

std::string PathOf(uint64_t segment) {
  return absl::StrCat(kDirectory, "/", storage::SegmentName(segment));
}

std::unique_ptr<sim::SimFileSystem> NewFileSystem() {
  auto fs = std::make_unique<sim::SimFileSystem>(Prng(1));
  JACO_CHECK(fs->CreateDirectory("data").ok());
  JACO_CHECK(fs->CreateDirectory(kDirectory).ok());
  return fs;
}

raft::Configuration Members(std::vector<NodeId> voters) {
  raft::Configuration members;
  for (const NodeId id : voters) {
    members.addresses.emplace_back(id, absl::StrCat("n", id.value(), ":1"));
  }
  members.voters = std::move(voters);
  return members;
}

raft::Configuration Two() { return Members({NodeId(1), NodeId(2)}); }

void Write(storage::RaftLog& log, raft::HardState state,
           const std::vector<Entry>& entries) {
  raft::Persist write{raft::PersistId(1)};
  write.hard_state = state;
  for (const Entry& entry : entries) {
    write.entries.push_back(std::make_shared<const raft::Entry>(raft::Entry{
        {Term(entry.term), LogIndex(entry.index)}, entry.kind, entry.data}));
  }
  JACO_CHECK(log.Write({&write, 1}).ok());
}

// Two segments with every kind of record: entries, of which one is replaced, a
// change of members by hand, an end. Compacted, the second begins the log, and
// there is a third.
std::unique_ptr<sim::SimFileSystem> MakeLog(bool compacted) {
  auto fs = NewFileSystem();
  storage::RecoveredLog recovered;
  auto log =
      storage::RaftLog::Open(*fs, {kDirectory, kSegmentBytes}, &recovered)
          .value();
  using raft::EntryKind;
  Write(*log, {Term(1), NodeId(1)},
        {{1, 1, EntryKind::kConfiguration, raft::EncodeConfiguration(Two())},
         {1, 2, EntryKind::kCommand, "lost"}});
  Write(*log, {Term(2), NodeId(2)}, {{2, 2, EntryKind::kNoop, ""}});
  JACO_CHECK(log->ReplaceConfiguration(Members({NodeId(1)})).ok());
  Write(*log, {Term(kTerm), NodeId(1)},
        {{kTerm, 3, EntryKind::kCommand, std::string(300, 'x')}});
  if (compacted) {
    JACO_CHECK(
        log->CompactTo({{Term(2), LogIndex(2)}, Members({NodeId(1)})}).ok());
  }
  Write(*log, {Term(kTerm + 1), NodeId(1)},
        {{kTerm + 1, 4, EntryKind::kCommand, "y"}});
  return fs;
}

// With `bytes` in place of what is in `segment`.
absl::Status ReadLog(bool compacted, uint64_t segment,
                     absl::string_view bytes) {
  auto fs = MakeLog(compacted);
  auto file = fs->Open(PathOf(segment), env::OpenMode::kCreateTruncate).value();
  JACO_CHECK(file->WriteAt(0, bytes).ok());
  storage::RecoveredLog found;
  const auto log =
      storage::RaftLog::Open(*fs, {kDirectory, kSegmentBytes}, &found);
  if (!log.ok()) return log.status();
  const bool start =
      compacted
          ? found.log_start == raft::EntryId{Term(2), LogIndex(2)} &&
                found.configuration == Members({NodeId(1)})
          : found.log_start == raft::EntryId{} && found.entries.size() == 4 &&
                found.entries[0]->data ==
                    raft::EncodeConfiguration(Members({NodeId(1)})) &&
                found.entries[1]->id.term == Term(2);
  const std::vector<raft::EntryPtr>& entries = found.entries;
  return CheckEqual(
      start &&
      found.hard_state == raft::HardState{Term(kTerm + 1), NodeId(1)} &&
      found.torn_bytes == 0 && entries.size() >= 2 &&
      entries[entries.size() - 2]->data == std::string(300, 'x') &&
      *entries.back() == raft::Entry{{Term(kTerm + 1), LogIndex(4)},
                                     raft::EntryKind::kCommand,
                                     "y"});
}

void MakeNewerSegment(std::string* bytes) {
  ++(*bytes)[8];
  StoreLittleEndian(Crc32c(absl::string_view(*bytes).substr(0, 28)),
                    bytes->data() + 28);
}

Format PromiseFormat() {
  const storage::Promise promise{.hard_state = {Term(5), NodeId(2)},
                                 .sole_voter = NodeId(3),
                                 .damaged_segment = 4,
                                 .damaged_offset = 640};
  const auto fs = NewFileSystem();
  JACO_CHECK(storage::PromiseFile(kDirectory).Store(*fs, promise).ok());
  const std::string path = storage::PromiseFile(kDirectory).path();
  return {.name = "promise",
          .bytes = fs->Contents(path),
          .read =
              [=](absl::string_view bytes) {
                auto fs = NewFileSystem();
                auto file = fs->Open(path, env::OpenMode::kCreate).value();
                JACO_CHECK(file->WriteAt(0, bytes).ok());
                const auto read = storage::PromiseFile(kDirectory).Load(*fs);
                return read.ok() ? CheckEqual(*read == promise) : read.status();
              },
          .make_newer =
              [](std::string* bytes) {
                for (const size_t copy : {0, 4096}) {
                  ++(*bytes)[copy + 8];
                  StoreLittleEndian(
                      Crc32c(absl::string_view(*bytes).substr(copy, 56)),
                      bytes->data() + copy + 56);
                }
              },
          .version = 2};
}

Format SegmentFormat(const std::string& name, bool compacted,
                     uint64_t segment) {
  return {.name = "raft-log-" + name,
          .bytes = MakeLog(compacted)->Contents(PathOf(segment)),
          .read =
              [=](absl::string_view bytes) {
                return ReadLog(compacted, segment, bytes);
              },
          .make_newer = MakeNewerSegment};
}

}  // namespace

std::vector<Format> LogFormats() {
  return {PromiseFormat(), SegmentFormat("first", false, 1),
          SegmentFormat("second", false, 2),
          SegmentFormat("compacted", true, 3)};
}

}  // namespace jaco::formats

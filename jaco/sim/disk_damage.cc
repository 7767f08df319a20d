#include "jaco/sim/disk_damage.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/storage/log_format.h"

namespace jaco::sim {
namespace {

constexpr uint64_t kWriteBytesMax = 1024;
constexpr uint64_t kPromiseCopyBytes = 512;
constexpr uint64_t kSectorBytes = 512;
constexpr absl::string_view kSegmentSuffix = ".log";
constexpr uint64_t kCutBytes = 200;  // an entry or two

// The bytes [0, end) of a file, which may be damaged.
struct Target {
  std::string path;
  uint64_t end = 0;
};

std::vector<std::string> List(SimFileSystem& files, const std::string& path) {
  const auto names = files.List(path);
  return names.ok() ? *names : std::vector<std::string>();
}

// Where the records of a segment end, and where its last sync mark begins.
struct Extent {
  uint64_t end = 0;
  uint64_t mark = 0;  // 0: there is none
};

Extent ExtentOf(const std::string& segment, uint64_t sequence) {
  Extent extent{storage::kSegmentHeaderBytes};
  while (true) {
    const auto record = storage::ParseRecord(segment, sequence, extent.end);
    if (!record.has_value()) return extent;
    extent.end = record->end;
    if (record->type == storage::RecordType::kSyncMark) {
      extent.mark = record->offset;
    }
  }
}

// Of the last segment with a mark what comes before the mark; all of those
// before it.
std::vector<Target> SegmentsOf(SimFileSystem& files,
                               const std::string& directory) {
  const std::string log = absl::StrCat(directory, "/raft");
  std::vector<Target> targets;
  size_t marked = 0;
  for (const std::string& name : List(files, log)) {
    const auto sequence = storage::SequenceOfName(name);
    if (!sequence.has_value()) continue;
    const std::string path = absl::StrCat(log, "/", name);
    const Extent extent = ExtentOf(files.Contents(path), *sequence);
    targets.push_back({path, extent.end});
    if (extent.mark == 0) continue;
    targets.back().end = extent.mark;
    // Those before are followed by segments in use.
    for (size_t i = marked; i + 1 < targets.size(); ++i) {
      const uint64_t number =
          *storage::SequenceOfName(targets[i].path.substr(log.size() + 1));
      targets[i].end = ExtentOf(files.Contents(targets[i].path), number).end;
    }
    marked = targets.size();
  }
  targets.resize(marked);
  return targets;
}

void FlipBits(SimFileSystem& files, const Target& target, Prng& prng) {
  const uint64_t at = prng.Below(target.end);
  const uint64_t length = std::min<uint64_t>(target.end - at, 64);
  for (uint64_t flips = prng.Between(1, 3); flips > 0; --flips) {
    const uint64_t offset = at + prng.Below(length);
    files.FlipBit(target.path, offset, static_cast<int>(prng.Below(8)));
  }
}

std::vector<Target> RottingFiles(SimFileSystem& files,
                                 const std::string& directory, Prng& prng) {
  std::vector<Target> targets = SegmentsOf(files, directory);
  if (targets.empty()) return targets;
  // One copy of the promise: to lose both and the log is to lose all.
  if (prng.Chance(1, 8)) {
    return {{absl::StrCat(directory, "/raft/promise"), kPromiseCopyBytes}};
  }
  if (!prng.Chance(1, 4)) return targets;
  std::vector<Target> snapshots;
  const std::string path = absl::StrCat(directory, "/snapshots");
  for (const std::string& name : List(files, path)) {
    if (!absl::EndsWith(name, ".snapshot")) continue;
    const std::string file = absl::StrCat(path, "/", name);
    snapshots.push_back({file, files.Contents(file).size()});
  }
  std::erase_if(snapshots, [](const Target& t) { return t.end == 0; });
  return snapshots.empty() ? targets : snapshots;
}

struct Range {
  const Target* target;
  uint64_t begin;
  uint64_t end;
};

Range DrawRange(const std::vector<Target>& targets, uint64_t bytes_max,
                Prng& prng) {
  const Target& target = targets[prng.Below(targets.size())];
  const uint64_t begin = prng.Below(target.end) / 8 * 8;
  const uint64_t length =
      std::min(prng.Between(8, bytes_max), target.end - begin);
  return {&target, begin, begin + length};
}

void Put(SimFileSystem& files, const Range& range, const std::string& bytes) {
  for (uint64_t i = range.begin; i < range.end; ++i) {
    files.OverwriteByte(range.target->path, i,
                        static_cast<uint8_t>(bytes[i - range.begin]));
  }
}

std::string CutOff(SimFileSystem& files, const Target& target) {
  const uint64_t size = files.Contents(target.path).size();
  const Range cut{&target, target.end - std::min(target.end, kCutBytes), size};
  Put(files, cut, std::string(cut.end - cut.begin, '\0'));
  return target.path;
}

std::string Text(const Range& range) {
  return absl::StrCat(range.target->path, " ", range.begin, "-", range.end);
}

}  // namespace

std::string DamageFiles(SimFileSystem& files, const std::string& directory,
                        DamageKind kind, Prng prng) {
  if (kind == DamageKind::kBitRot) {
    const std::vector<Target> targets = RottingFiles(files, directory, prng);
    if (targets.empty()) return "";
    const Target& target = targets[prng.Below(targets.size())];
    FlipBits(files, target, prng);
    return target.path;
  }
  const std::vector<Target> targets = SegmentsOf(files, directory);
  if (targets.empty()) return "";
  if (kind == DamageKind::kSilentCut) return CutOff(files, targets.back());
  // Before it was written there were zeros.
  const Range lost = DrawRange(targets, kWriteBytesMax, prng);
  const std::string bytes = files.Contents(lost.target->path)
                                .substr(lost.begin, lost.end - lost.begin);
  Put(files, lost, std::string(bytes.size(), '\0'));
  if (kind == DamageKind::kLostWrite) return Text(lost);
  const Range hit = DrawRange(targets, bytes.size(), prng);
  Put(files, hit, bytes);
  return absl::StrCat(Text(lost), " at ", Text(hit));
}

std::string LoseSectors(SimFileSystem& files, const std::string& directory,
                        bool in_use, Prng prng) {
  std::vector<Target> targets = RottingFiles(files, directory, prng);
  // Marks of the last segment may be in the page cache only.
  const bool segments =
      !targets.empty() && absl::EndsWith(targets.back().path, kSegmentSuffix);
  if (in_use && segments) targets.pop_back();
  // A sector is lost as a whole: none that reaches beyond what may be damaged.
  for (Target& target : targets) {
    const bool to_the_end = target.end == files.Contents(target.path).size();
    if (!to_the_end) target.end = target.end / kSectorBytes * kSectorBytes;
  }
  std::erase_if(targets, [](const Target& t) { return t.end == 0; });
  if (targets.empty()) return "";
  const Range lost = DrawRange(targets, kWriteBytesMax, prng);
  files.MakeUnreadable(lost.target->path, lost.begin, lost.end - lost.begin);
  return Text(lost);
}

void ReplaceUnreadable(SimFileSystem& files, bool remove) {
  for (const std::string& path : files.Unreadable()) {
    // Both copies of the promise are in one file.
    if (!remove || absl::EndsWith(path, "/promise")) continue;
    JACO_CHECK(files.Remove(path).ok());
    JACO_CHECK(files.SyncDirectory(path.substr(0, path.rfind('/'))).ok());
  }
  files.ZeroUnreadable();
}

}  // namespace jaco::sim

#include "jaco/sim/sim_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "jaco/base/check.h"

namespace jaco::sim {
namespace {

// What a disk writes as one.
constexpr uint64_t kSectorBytes = 512;

// A file that is appended to and never synced (a text log) would otherwise
// remember every write for ever: beyond this many, appends are joined.
constexpr size_t kSeparateChangesMax = 4096;

// How many sectors it takes to hold so many bytes: the first that begins at or
// after an offset.
uint64_t SectorsIn(uint64_t bytes) {
  return (bytes + kSectorBytes - 1) / kSectorBytes;
}

enum class Fate { kKept, kTorn, kDropped };

// What becomes of the change with number `i`; `torn` is where kInOrder ends.
Fate DrawFate(CrashMood mood, size_t i, size_t torn, Prng& prng) {
  switch (mood) {
    case CrashMood::kKeepAll:
      return Fate::kKept;
    case CrashMood::kDropAll:
      return Fate::kDropped;
    case CrashMood::kInOrder:
      if (i == torn) return Fate::kTorn;
      return i < torn ? Fate::kKept : Fate::kDropped;
    case CrashMood::kMixed:
      break;
  }
  constexpr Fate kFates[] = {Fate::kKept, Fate::kKept, Fate::kTorn,
                             Fate::kDropped};
  return kFates[prng.Below(4)];
}

}  // namespace

CrashMood DrawMood(Prng& prng) {
  switch (prng.Below(6)) {
    case 0:
      return CrashMood::kKeepAll;
    case 1:
      return CrashMood::kDropAll;
    case 2:
    case 3:
      return CrashMood::kInOrder;
    default:
      return CrashMood::kMixed;
  }
}

size_t SimFile::Content::Read(uint64_t offset, size_t count, char* out) const {
  if (offset >= size) return 0;
  count = std::min<uint64_t>(count, size - offset);
  size_t copied = 0;
  if (offset < data.size()) {
    copied = std::min<uint64_t>(count, data.size() - offset);
    std::memcpy(out, data.data() + offset, copied);
  }
  std::memset(out + copied, 0, count - copied);
  return count;
}

void SimFile::Content::Write(uint64_t offset, absl::string_view bytes) {
  const uint64_t end = offset + bytes.size();
  if (offset == data.size()) {
    data.append(bytes.data(), bytes.size());
  } else {
    if (end > data.size()) data.resize(end);
    std::memcpy(data.data() + offset, bytes.data(), bytes.size());
  }
  size = std::max(size, end);
}

void SimFile::Content::Resize(uint64_t new_size) {
  if (new_size < data.size()) data.resize(new_size);
  size = new_size;
}

void SimFile::Redo::ApplyTo(Content* content) const {
  switch (kind) {
    case Kind::kWrite:
      content->Write(offset, bytes);
      break;
    case Kind::kTruncate:
      content->Resize(offset);
      break;
    case Kind::kPreallocate:
      content->Resize(std::max(content->size, offset));
      break;
  }
}

void SimFile::Redo::ApplyTornTo(Content* content, Prng& prng) const {
  if (kind != Kind::kWrite) {
    if (prng.Chance(1, 2)) ApplyTo(content);
    return;
  }
  // The size is metadata: it may have grown though the data never came.
  if (prng.Chance(1, 4)) {
    content->Resize(std::max(content->size, offset + bytes.size()));
  }
  const bool prefix = prng.Chance(1, 2);
  const uint64_t end = offset + bytes.size();
  for (uint64_t begin = offset; begin < end;) {
    const uint64_t next =
        std::min(end, (begin / kSectorBytes + 1) * kSectorBytes);
    if (prng.Chance(1, 2)) {
      content->Write(
          begin, absl::string_view(bytes).substr(begin - offset, next - begin));
    } else if (prefix) {
      return;
    }
    begin = next;
  }
}

SimFile::SimFile(const SimFile& other)
    : content_(other.content_),
      unsynced_(other.unsynced_),
      undo_bytes_(other.undo_bytes_),
      durable_(other.durable_ == nullptr
                   ? nullptr
                   : std::make_unique<Content>(*other.durable_)),
      lost_sectors_(other.lost_sectors_) {}

size_t SimFile::Read(uint64_t offset, size_t size, char* out) const {
  return content_.Read(offset, size, out);
}

void SimFile::Write(uint64_t offset, absl::string_view bytes) {
  if (JoinsLastChange(offset)) {
    unsynced_.back().length += bytes.size();
  } else {
    Note(Kind::kWrite, offset, bytes.size(), offset + bytes.size());
  }
  content_.Write(offset, bytes);
  if (!has_lost_sectors()) return;
  const uint64_t end = offset + bytes.size();
  const uint64_t whole =
      end == content_.size ? SectorsIn(end) : end / kSectorBytes;
  lost_sectors_.erase(
      lost_sectors_.lower_bound(SectorsIn(offset)),
      lost_sectors_.lower_bound(std::max(whole, SectorsIn(offset))));
}

void SimFile::Truncate(uint64_t size) {
  Note(Kind::kTruncate, size, 0, content_.data.size());
  content_.Resize(size);
  lost_sectors_.erase(lost_sectors_.lower_bound(SectorsIn(size)),
                      lost_sectors_.end());
}

void SimFile::Preallocate(uint64_t size) {
  Note(Kind::kPreallocate, size, 0, size);
  content_.Resize(std::max(content_.size, size));
}

void SimFile::Note(Kind kind, uint64_t offset, uint64_t length,
                   uint64_t replaced_end) {
  unsynced_.push_back({kind, offset, length, content_.size,
                       content_.data.size(), undo_bytes_.size()});
  if (kind == Kind::kPreallocate) return;
  replaced_end = std::min<uint64_t>(replaced_end, content_.data.size());
  if (offset < replaced_end) {
    undo_bytes_.append(content_.data, offset, replaced_end - offset);
  }
}

bool SimFile::JoinsLastChange(uint64_t offset) const {
  if (unsynced_.size() < kSeparateChangesMax) return false;
  const Change& last = unsynced_.back();
  return last.kind == Kind::kWrite && offset == last.offset + last.length &&
         offset == content_.data.size();
}

void SimFile::Sync() {
  if (durable_ != nullptr) {
    for (const Redo& redo : RollBack()) {
      redo.ApplyTo(&content_);
      redo.ApplyTo(durable_.get());
    }
  }
  unsynced_.clear();
  undo_bytes_.clear();
}

void SimFile::FailSync(Prng& prng) {
  const std::vector<Redo> redos = RollBack();
  auto durable = std::make_unique<Content>(DurableAfterRollBack());
  ApplySome(redos, prng, durable.get());
  durable_ = std::move(durable);
  for (const Redo& redo : redos) redo.ApplyTo(&content_);
}

void SimFile::Crash(Prng& prng) {
  const std::vector<Redo> redos = RollBack();
  if (durable_ != nullptr) content_ = std::move(*durable_);
  durable_ = nullptr;
  ApplySome(redos, prng, &content_);
}

void SimFile::XorByte(uint64_t offset, uint8_t mask) {
  JACO_CHECK(offset < content_.size);
  // Everywhere the byte is kept: it is the medium that is damaged, whatever a
  // crash leaves on it.
  const auto damage = [mask](std::string& bytes, uint64_t position) {
    bytes[position] = static_cast<char>(bytes[position] ^ mask);
  };
  std::vector<Redo> redos = RollBack();
  for (Content* content : {&content_, durable_.get()}) {
    if (content == nullptr || offset >= content->size) continue;
    if (offset >= content->data.size()) content->data.resize(offset + 1);
    damage(content->data, offset);
  }
  for (Redo& redo : redos) {
    if (offset >= redo.offset && offset - redo.offset < redo.bytes.size()) {
      damage(redo.bytes, offset - redo.offset);
    }
    Repeat(redo);
  }
}

void SimFile::LoseSectors(uint64_t offset, uint64_t size) {
  JACO_CHECK(offset + size <= content_.size);
  for (uint64_t sector = offset / kSectorBytes;
       sector < SectorsIn(offset + size); ++sector) {
    lost_sectors_.insert(sector);
  }
}

bool SimFile::CanRead(uint64_t offset, uint64_t size) const {
  const uint64_t end = std::min(offset + size, content_.size);
  const auto lost = lost_sectors_.lower_bound(offset / kSectorBytes);
  return offset >= end || lost == lost_sectors_.end() ||
         *lost >= SectorsIn(end);
}

bool SimFile::CanWrite(uint64_t offset, uint64_t size) const {
  const uint64_t end = offset + size;
  const bool begins_within = offset % kSectorBytes != 0;
  const bool ends_within = end % kSectorBytes != 0 && end < content_.size;
  return !(begins_within && lost_sectors_.contains(offset / kSectorBytes)) &&
         !(ends_within && lost_sectors_.contains(end / kSectorBytes));
}

void SimFile::ZeroLostSectors() {
  for (const uint64_t sector : std::exchange(lost_sectors_, {})) {
    const uint64_t begin = sector * kSectorBytes;
    std::string bytes(kSectorBytes, '\0');
    bytes.resize(Read(begin, bytes.size(), bytes.data()));
    for (size_t i = 0; i < bytes.size(); ++i) {
      XorByte(begin + i, static_cast<uint8_t>(bytes[i]));
    }
  }
}

void SimFile::Repeat(const Redo& redo) {
  switch (redo.kind) {
    case Kind::kWrite:
      return Write(redo.offset, redo.bytes);
    case Kind::kTruncate:
      return Truncate(redo.offset);
    case Kind::kPreallocate:
      return Preallocate(redo.offset);
  }
}

std::vector<SimFile::Redo> SimFile::RollBack() {
  std::vector<Redo> redos(unsynced_.size());
  for (size_t i = unsynced_.size(); i-- > 0;) {
    const Change& change = unsynced_[i];
    redos[i] = {change.kind, change.offset, std::string(change.length, '\0')};
    content_.Read(change.offset, change.length, redos[i].bytes.data());
    content_.data.resize(change.old_data_size);
    content_.size = change.old_size;
    if (undo_bytes_.size() > change.undo_begin) {
      content_.data.replace(change.offset,
                            undo_bytes_.size() - change.undo_begin, undo_bytes_,
                            change.undo_begin);
    }
    undo_bytes_.resize(change.undo_begin);
  }
  unsynced_.clear();
  return redos;
}

const SimFile::Content& SimFile::DurableAfterRollBack() const {
  return durable_ != nullptr ? *durable_ : content_;
}

void SimFile::ApplySome(const std::vector<Redo>& redos, Prng& prng,
                        Content* content) {
  const CrashMood mood = DrawMood(prng);
  const size_t torn = prng.Below(redos.size() + 1);
  for (size_t i = 0; i < redos.size(); ++i) {
    switch (DrawFate(mood, i, torn, prng)) {
      case Fate::kKept:
        redos[i].ApplyTo(content);
        break;
      case Fate::kTorn:
        redos[i].ApplyTornTo(content, prng);
        break;
      case Fate::kDropped:
        break;
    }
  }
}

}  // namespace jaco::sim

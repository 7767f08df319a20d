// The content of one simulated file: what a reader sees, and what a crash may
// leave of it. A part of SimFileSystem; others use that.

#ifndef JACO_SIM_SIM_FILE_H_
#define JACO_SIM_SIM_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "jaco/base/prng.h"

namespace jaco::sim {

// How a crash treats what was not synced. Drawn once for each file (and once
// for names), so that the extremes, which find other bugs than mixtures, come
// up often.
enum class CrashMood {
  kKeepAll,
  kDropAll,
  kInOrder,  // kept up to a drawn operation, which is torn, the rest dropped
  kMixed,    // each operation kept, torn or dropped on its own
};
CrashMood DrawMood(Prng& prng);

// The reads and writes are those of env::File. They are all in memory, so they
// cannot fail.
class SimFile {
 public:
  SimFile() = default;
  // Deep.
  SimFile(const SimFile& other);
  SimFile& operator=(const SimFile&) = delete;

  uint64_t size() const { return content_.size; }

  size_t Read(uint64_t offset, size_t size, char* out) const;
  void Write(uint64_t offset, absl::string_view bytes);
  void Truncate(uint64_t size);
  void Preallocate(uint64_t size);
  void Sync();

  // A sync that fails: a drawn part of what was not synced becomes durable, and
  // no later sync makes the rest durable, though readers go on seeing it (Linux
  // marks such pages clean).
  void FailSync(Prng& prng);

  // What a power loss leaves becomes the content, durable.
  void Crash(Prng& prng);

  // Damages the medium: readers see the change now and after a crash. `offset`
  // is below size().
  void XorByte(uint64_t offset, uint8_t mask);

  // Latent sector errors: the sectors that overlap the range cannot be read
  // until each is written as a whole, if only in the page cache, or is cut off.
  // What they hold is not lost to whoever looks past the medium. The range is
  // within size().
  void LoseSectors(uint64_t offset, uint64_t size);
  // A write of a part of a sector has to read the rest.
  bool CanRead(uint64_t offset, uint64_t size) const;
  bool CanWrite(uint64_t offset, uint64_t size) const;
  bool has_lost_sectors() const { return !lost_sectors_.empty(); }
  // They can be read again: as zeros, durable, or as they were.
  void ZeroLostSectors();
  void FindLostSectors() { lost_sectors_.clear(); }

 private:
  // Bytes from data.size() to `size` are zeros, so that preallocated room costs
  // nothing.
  struct Content {
    uint64_t size = 0;
    std::string data;

    size_t Read(uint64_t offset, size_t count, char* out) const;
    void Write(uint64_t offset, absl::string_view bytes);
    void Resize(uint64_t new_size);
  };
  enum class Kind : uint8_t { kWrite, kTruncate, kPreallocate };
  // One operation since the last sync and what undoes it: the bytes it replaced
  // are undo_bytes_ from `undo_begin` to where the next change's begin.
  struct Change {
    Kind kind;
    uint64_t offset;  // kTruncate, kPreallocate: the size asked for
    uint64_t length;  // kWrite
    uint64_t old_size;
    size_t old_data_size;
    size_t undo_begin;
  };
  // The same operation, to be done again.
  struct Redo {
    Kind kind;
    uint64_t offset;
    std::string bytes;

    void ApplyTo(Content* content) const;
    void ApplyTornTo(Content* content, Prng& prng) const;
  };

  // Notes a change that replaces the bytes from `offset` to `replaced_end`.
  void Note(Kind kind, uint64_t offset, uint64_t length, uint64_t replaced_end);
  bool JoinsLastChange(uint64_t offset) const;
  // Undoes all changes and returns them in the order they were made.
  std::vector<Redo> RollBack();
  // Makes a change again, as a new one.
  void Repeat(const Redo& redo);
  const Content& DurableAfterRollBack() const;
  static void ApplySome(const std::vector<Redo>& redos, Prng& prng,
                        Content* content);

  Content content_;
  // Since the last sync. With content_ they give the durable content, so that a
  // sync has nothing to copy.
  std::vector<Change> unsynced_;
  std::string undo_bytes_;
  // From a failed sync on, when unsynced_ no longer tells all: the durable
  // content as of that sync and later ones.
  std::unique_ptr<Content> durable_;
  std::set<uint64_t> lost_sectors_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_FILE_H_

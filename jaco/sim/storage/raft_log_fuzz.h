// Recovery of a Raft log from whatever stands in its files.

#ifndef JACO_SIM_STORAGE_RAFT_LOG_FUZZ_H_
#define JACO_SIM_STORAGE_RAFT_LOG_FUZZ_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace jaco::storage {

// The input is a program that makes the files, since no fuzzer finds checksums:
// steps of file u8 (0: the promise, else the segment of that number), action
// u8, length u16, and so many bytes. What cannot be done is passed over.
enum class FuzzAction : uint8_t {
  // Adds a record of this number, with the bytes as payload; in the promise, a
  // copy of this format version with the bytes behind the version.
  kRecordMax = 63,
  kBytes = 64,      // adds them as they are
  kHeader = 65,     // of a segment made with a size of u16
  kSyncMark = 66,   // adds one that says the right thing
  kZerosTo = 67,    // adds zeros up to a size of u16
  kOverwrite = 68,  // u16 is where, then with what
  kCutTo = 69,      // a size of u16
};

enum class FuzzOutcome { kOk, kDamage, kOtherVersion };

// Opens the log, with and without repair, and returns what the latter gave. A
// check fails when
// - an error is none of RaftLog::Open's, or names no file and place,
// - the log is not exactly what its records say one after the other,
// - an inspection finds another log, or damage where there is none, or none,
// - there is a sync mark behind the first invalid record, or in a segment that
//   was thrown away,
// - it is another one when opened again, or after one more write.
FuzzOutcome FuzzRaftLog(absl::string_view program);

}  // namespace jaco::storage

#endif  // JACO_SIM_STORAGE_RAFT_LOG_FUZZ_H_

// Formats with one value each: its bytes, and what reads them.

#ifndef JACO_SIM_FORMATS_TESTING_FORMAT_H_
#define JACO_SIM_FORMATS_TESTING_FORMAT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace jaco::formats {

struct Format {
  std::string name;
  std::string bytes;  // of today
  // Reads what is in the golden file. The reader's error; kUnknown when that
  // gave another value than the one that `bytes` stand for.
  std::function<absl::Status(absl::string_view)> read;
  // Turns bytes into those of the next version, checksums included.
  std::function<void(std::string*)> make_newer;
  int version = 1;  // the newest that `read` knows
};

inline absl::Status CheckEqual(bool equal) {
  return equal ? absl::OkStatus() : absl::UnknownError("another value");
}

// For make_newer: one more at `at`; the last 4 bytes are the CRC of the others.
std::function<void(std::string*)> IncrementChecked(size_t at);

std::vector<Format> LogFormats();    // the Raft log and its promise
std::vector<Format> StateFormats();  // what the state machine holds
std::vector<Format> FileFormats();   // all other files
std::vector<Format> FrameFormats();  // what servers say to each other

}  // namespace jaco::formats

#endif  // JACO_SIM_FORMATS_TESTING_FORMAT_H_

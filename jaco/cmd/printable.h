#ifndef JACO_CMD_PRINTABLE_H_
#define JACO_CMD_PRINTABLE_H_

#include <algorithm>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace jaco::cmd {

// Text that moves no cursor: as it is if it is printable ASCII, else with
// escapes.
inline std::string Printable(absl::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(),
                                 [](char c) { return c >= ' ' && c < '\x7f'; });
  return plain ? std::string(text) : absl::CHexEscape(text);
}

}  // namespace jaco::cmd

#endif  // JACO_CMD_PRINTABLE_H_

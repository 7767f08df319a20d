#ifndef JACO_CMD_SUGGEST_H_
#define JACO_CMD_SUGGEST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace jaco::cmd {

// The one of `known` that a person most likely meant by `word`; empty when
// none is close.
std::string Suggest(absl::string_view word,
                    const std::vector<std::string>& known);

}  // namespace jaco::cmd

#endif  // JACO_CMD_SUGGEST_H_

#include "jaco/cmd/cli_arguments.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"

namespace jaco::cmd {
namespace {

using Arguments = std::vector<std::string>;

absl::Status CheckValues(const Arguments& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (!absl::StartsWith(argument, "--")) continue;
    if (argument.find('=') != argument.size() - 1) continue;
    const std::string name = argument.substr(0, argument.size() - 1);
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat(name, " has no value"));
  }
  return absl::OkStatus();
}

// How many arguments an output format takes that begins here; 0: none does.
size_t SizeOfOutput(absl::string_view argument) {
  if (argument == "-o" || argument == "--output") return 2;
  const bool whole = absl::StartsWith(argument, "--output=") ||
                     (absl::StartsWith(argument, "-o") && argument.size() > 2);
  return whole ? 1 : 0;
}

}  // namespace

absl::StatusOr<Arguments> ArrangeArguments(Arguments arguments,
                                           const Arguments& commands) {
  const absl::Status valid = CheckValues(arguments);
  if (!valid.ok()) return valid;
  const auto is_command = [&](const std::string& argument) {
    return std::find(commands.begin(), commands.end(), argument) !=
           commands.end();
  };
  Arguments in_front, behind;
  size_t i = 0;
  while (i < arguments.size() && !is_command(arguments[i])) {
    const size_t size = SizeOfOutput(arguments[i]);
    Arguments& to = size > 0 ? behind : in_front;
    for (size_t end = std::min(arguments.size(), i + std::max<size_t>(size, 1));
         i < end; ++i) {
      to.push_back(std::move(arguments[i]));
    }
  }
  in_front.insert(
      in_front.end(),
      std::make_move_iterator(arguments.begin() + static_cast<ptrdiff_t>(i)),
      std::make_move_iterator(arguments.end()));
  in_front.insert(in_front.end(), behind.begin(), behind.end());
  return in_front;
}

}  // namespace jaco::cmd

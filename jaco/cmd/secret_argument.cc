#include "jaco/cmd/secret_argument.h"

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace jaco::cmd {
namespace {

void Overwrite(char* text) { std::memset(text, 'x', std::strlen(text)); }

}  // namespace

void HideSecrets(int argc, char** argv) {
  constexpr absl::string_view kFlag = "--token";
  for (int i = 1; i < argc; ++i) {
    if (argv[i] == kFlag && i + 1 < argc) {
      Overwrite(argv[++i]);
    } else if (absl::StartsWith(argv[i], "--token=")) {
      Overwrite(argv[i] + kFlag.size() + 1);
    }
  }
}

}  // namespace jaco::cmd

#include "jaco/cmd/secret_argument.h"

#include <cstring>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/error.h"

namespace jaco::cmd {
namespace {

constexpr size_t kFileBytesMax = 64 << 10;

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

absl::StatusOr<std::string> ReadSecretFile(const std::string& path,
                                           std::istream* in) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    in = &file;
  }
  std::string text(kFileBytesMax, '\0');
  if (in != nullptr) {
    in->read(text.data(), static_cast<std::streamsize>(text.size()));
  }
  if (in == nullptr || in->bad() || (in->fail() && !in->eof())) {
    return MakeError(ErrorCode::kNotFound,
                     absl::StrCat("cannot read the token file ", path));
  }
  text.resize(static_cast<size_t>(in->gcount()));
  return text;
}

}  // namespace jaco::cmd

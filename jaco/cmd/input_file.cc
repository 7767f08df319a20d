#include "jaco/cmd/input_file.h"

#include <errno.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/env/posix/errno_status.h"

namespace jaco::cmd {
namespace {

// A pipe does not say how long it is.
absl::StatusOr<std::string> ReadAll(const std::string& path, size_t bytes_max,
                                    std::istream& in) {
  std::string text;
  std::array<char, 16 << 10> piece;
  errno = 0;
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
    text.append(piece.data(), static_cast<size_t>(in.gcount()));
    if (text.size() > bytes_max) {
      return MakeError(
          ErrorCode::kTooLarge,
          absl::StrCat(path, " has more than ", bytes_max, " bytes"));
    }
  }
  if (in.bad()) return env::ErrnoStatus("read", path, errno);
  return text;
}

}  // namespace

absl::StatusOr<std::string> ReadInput(const std::string& path, size_t bytes_max,
                                      std::istream* in) {
  if (path == "-") {
    if (in != nullptr) return ReadAll(path, bytes_max, *in);
    return MakeError(ErrorCode::kNotFound, "there is no standard input");
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat(path, " is a directory"));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return env::ErrnoStatus("open", path, errno);
  return ReadAll(path, bytes_max, file);
}

}  // namespace jaco::cmd

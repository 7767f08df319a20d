#include "jaco/cmd/file_privacy.h"

#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "jaco/base/error.h"

namespace jaco::cmd {

absl::StatusOr<std::string> CheckPrivate(absl::string_view what,
                                         const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return "";
  const auto words = [&](absl::string_view who, absl::string_view mode) {
    return absl::StrFormat(
        "%s may read or write %s (mode %04o), which holds the %s: run `chmod "
        "%s %s`",
        who, path, info.st_mode & 07777u, what, mode, path);
  };
  if ((info.st_mode & (S_IROTH | S_IWOTH)) != 0) {
    return MakeError(ErrorCode::kPermissionDenied, words("everybody", "o="));
  }
  const bool group = (info.st_mode & (S_IRGRP | S_IWGRP)) != 0;
  return group && info.st_uid == geteuid() ? words("its group", "g=,o=") : "";
}

}  // namespace jaco::cmd

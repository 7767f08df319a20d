// Assertions that stay on in production.
//
// JACO_CHECK is for what only a bug of ours can cause; what the outside can
// cause (files, peers, users) is an absl::Status. A failed check prints one
// line on standard error and aborts the process: a server that has lost its
// footing must not go on writing.

#ifndef JACO_BASE_CHECK_H_
#define JACO_BASE_CHECK_H_

#include "absl/strings/str_cat.h"

namespace jaco::internal {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              absl::string_view detail);

}  // namespace jaco::internal

#define JACO_CHECK(condition)                           \
  (__builtin_expect(static_cast<bool>(condition), true) \
       ? static_cast<void>(0)                           \
       : ::jaco::internal::CheckFailed(__FILE__, __LINE__, #condition, ""))

// As JACO_CHECK; the further arguments go through absl::StrCat, and only when
// the check fails.
#define JACO_CHECK_MSG(condition, ...)                                 \
  (__builtin_expect(static_cast<bool>(condition), true)                \
       ? static_cast<void>(0)                                          \
       : ::jaco::internal::CheckFailed(__FILE__, __LINE__, #condition, \
                                       ::absl::StrCat(__VA_ARGS__)))

#endif  // JACO_BASE_CHECK_H_

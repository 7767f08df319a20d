#include "jaco/env/posix/posix_entropy.h"

#include <errno.h>
#include <sys/random.h>

#include "jaco/base/check.h"

namespace jaco::env {

void PosixEntropy::Fill(absl::Span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    JACO_CHECK_MSG(got > 0, "getrandom: errno ", errno);
    out.remove_prefix(static_cast<size_t>(got));
  }
}

}  // namespace jaco::env

#ifndef JACO_ENV_POSIX_POSIX_HOST_H_
#define JACO_ENV_POSIX_POSIX_HOST_H_

#include "jaco/env/host.h"

namespace jaco::env {

class PosixHost final : public Host {
 public:
  HostFacts Facts(absl::string_view path) override;
};

}  // namespace jaco::env

#endif  // JACO_ENV_POSIX_POSIX_HOST_H_

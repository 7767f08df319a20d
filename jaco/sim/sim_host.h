#ifndef JACO_SIM_SIM_HOST_H_
#define JACO_SIM_SIM_HOST_H_

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "jaco/env/host.h"

namespace jaco::sim {

// A machine like all others but for its address.
class SimHost final : public env::Host {
 public:
  explicit SimHost(std::string address) : address_(std::move(address)) {}

  env::HostFacts Facts(absl::string_view /*path*/) override {
    return {.cores = 4,
            .memory_bytes = uint64_t{8} << 30,
            .os_version = "simulated",
            .uptime_seconds = 3600,
            .addresses = {{address_, "eth0", false, true}},
            .storage_bytes = uint64_t{100} << 30};
  }

 private:
  const std::string address_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_HOST_H_

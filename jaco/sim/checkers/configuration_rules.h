// Configurations follow each other by the rules of joint consensus (§4.3), one
// change at a time.

#ifndef JACO_SIM_CHECKERS_CONFIGURATION_RULES_H_
#define JACO_SIM_CHECKERS_CONFIGURATION_RULES_H_

#include <string>

#include "jaco/raft/configuration_checker.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"

namespace jaco::sim {

class ConfigurationRules {
 public:
  void Check(const NodeView& view, Findings& findings) {
    const absl::Status status = checker_.Check(view.at);
    if (!status.ok()) {
      findings.Report("configuration_rules", std::string(status.message()));
    }
  }

 private:
  raft::ConfigurationChecker checker_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_CONFIGURATION_RULES_H_

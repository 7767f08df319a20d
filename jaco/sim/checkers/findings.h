// What checkers have to say.

#ifndef JACO_SIM_CHECKERS_FINDINGS_H_
#define JACO_SIM_CHECKERS_FINDINGS_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace jaco::sim {

struct Violation {
  std::string invariant;  // as "election_safety"
  std::string detail;     // names nodes and values
};

// Keeps the first violation: what comes after it is mostly its consequence.
class Findings {
 public:
  void Report(absl::string_view invariant, std::string detail) {
    if (first_.has_value()) return;
    first_ = Violation{std::string(invariant), std::move(detail)};
  }

  const std::optional<Violation>& first() const { return first_; }

 private:
  std::optional<Violation> first_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_FINDINGS_H_

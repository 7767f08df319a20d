#ifndef JACO_SIM_SERVER_TESTING_SEEDS_H_
#define JACO_SIM_SERVER_TESTING_SEEDS_H_

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace jaco::sim {

// $JACO_SEEDS, as "7" or "1..5000".
inline std::pair<uint64_t, uint64_t> SeedsToRun(
    std::pair<uint64_t, uint64_t> otherwise) {
  const char* text = std::getenv("JACO_SEEDS");
  if (text == nullptr) return otherwise;
  const std::vector<std::string> ends = absl::StrSplit(text, "..");
  EXPECT_TRUE(absl::SimpleAtoi(ends.front(), &otherwise.first)) << text;
  EXPECT_TRUE(absl::SimpleAtoi(ends.back(), &otherwise.second)) << text;
  return otherwise;
}

}  // namespace jaco::sim

#endif  // JACO_SIM_SERVER_TESTING_SEEDS_H_

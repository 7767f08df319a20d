#include <gtest/gtest.h>  // Before RapidCheck's, which needs it.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace jaco {
namespace {

RC_GTEST_PROP(RapidcheckSmokeTest, ReversingTwiceIsIdentity,
              (const std::vector<int>& values)) {
  std::vector<int> reversed = values;
  std::reverse(reversed.begin(), reversed.end());
  std::reverse(reversed.begin(), reversed.end());
  RC_ASSERT(reversed == values);
}

}  // namespace
}  // namespace jaco

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/container/btree_map.h"
#include "absl/container/fixed_array.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/container/node_hash_map.h"
#include "absl/debugging/symbolize.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/hash/hash.h"
#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "absl/types/variant.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco {
namespace {

using ::testing::ElementsAre;

TEST(AbslSmokeTest, Status) {
  absl::Status status = absl::NotFoundError("no such node");
  EXPECT_EQ(status.ToString(), "NOT_FOUND: no such node");
  absl::StatusOr<int> value = 7;
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(*value, 7);
  value = status;
  EXPECT_EQ(value.status(), status);
}

TEST(AbslSmokeTest, Strings) {
  std::vector<std::string> parts = absl::StrSplit("a,b,c", ',');
  EXPECT_THAT(parts, ElementsAre("a", "b", "c"));
  EXPECT_EQ(absl::StrCat("term ", 3), "term 3");
  EXPECT_EQ(absl::StrFormat("%04x", 255), "00ff");
  absl::Cord cord("head");
  cord.Append("tail");
  EXPECT_EQ(cord, "headtail");
}

TEST(AbslSmokeTest, Containers) {
  absl::flat_hash_map<std::string, int> flat = {{"one", 1}};
  absl::flat_hash_set<int> set = {1, 2};
  absl::node_hash_map<int, std::string> node = {{1, "one"}};
  absl::btree_map<int, int> tree = {{2, 2}, {1, 1}};
  absl::InlinedVector<int, 2> inlined = {1, 2, 3};
  absl::FixedArray<int> fixed(3, 0);
  EXPECT_EQ(flat.at("one"), 1);
  EXPECT_TRUE(set.contains(2));
  EXPECT_EQ(node.at(1), "one");
  EXPECT_EQ(tree.begin()->first, 1);
  EXPECT_EQ(inlined.at(2), 3);
  EXPECT_EQ(fixed.at(2), 0);
  EXPECT_EQ(absl::MakeConstSpan(inlined).subspan(1).at(0), 2);
  EXPECT_EQ(absl::HashOf(1, 2), absl::HashOf(1, 2));
}

TEST(AbslSmokeTest, Functions) {
  auto owned = std::make_unique<int>(4);
  absl::AnyInvocable<int()&&> once = [owned = std::move(owned)] {
    return *owned;
  };
  EXPECT_EQ(std::move(once)(), 4);
  int calls = 0;
  auto count = [&calls] { ++calls; };
  absl::FunctionRef<void()> reference = count;
  reference();
  { absl::Cleanup cleanup = count; }
  EXPECT_EQ(calls, 2);
}

TEST(AbslSmokeTest, TypesAndTime) {
  absl::optional<int> none;
  absl::variant<int, std::string> either = "text";
  EXPECT_FALSE(none.has_value());
  EXPECT_EQ(absl::get<std::string>(either), "text");
  EXPECT_EQ(absl::Uint128High64(absl::uint128(1) << 64), 1u);
  EXPECT_EQ(absl::FormatDuration(absl::Milliseconds(150)), "150ms");
  EXPECT_EQ(
      absl::FormatTime("%Y", absl::FromUnixSeconds(0), absl::UTCTimeZone()),
      "1970");
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  char symbol[64];
  absl::Symbolize(nullptr, symbol, sizeof(symbol));
}

}  // namespace
}  // namespace jaco

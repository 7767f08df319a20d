// The audit log through whichever member is asked for it.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/audit_api.h"
#include "jaco/sim/server/testing/test_cluster.h"

namespace jaco::server {
namespace {

class AuditTest : public ClusterTest {
 protected:
  absl::StatusOr<ListAuditResponse> List(NodeNumber node,
                                         ListAuditRequest request = {}) {
    auto answer =
        std::make_shared<std::optional<absl::StatusOr<ListAuditResponse>>>();
    At(node).audit().ListEvents({}, std::move(request),
                                [answer](auto page) { *answer = page; });
    EXPECT_FALSE(answer->has_value()) << "answered before the call returned";
    const Instant end = queue_.now() + Seconds(15);
    while (!answer->has_value() && queue_.now() < end) Run(Milliseconds(10));
    return answer->has_value() ? **answer : absl::InternalError("no answer");
  }
  // The types in a page.
  static std::string Types(const absl::StatusOr<ListAuditResponse>& page) {
    if (!page.ok()) return page.status().ToString();
    std::string types;
    for (const AuditEventInfo& event : page->events) {
      absl::StrAppend(&types, types.empty() ? "" : " ", event.type);
    }
    return types;
  }
  void Revoke(NodeNumber through, const std::string& identity) {
    bool done = false;
    At(through).RevokeToken({"carol"}, {identity}, [&](const auto& response) {
      done = response.ok();
    });
    Run(Seconds(1));
    EXPECT_TRUE(done);
  }
};

TEST_F(AuditTest, EveryMemberKnowsWhatWasAcknowledged) {
  Found(3);
  Issue(3);
  for (NodeNumber node = 1; node <= 3; ++node) {
    // Through another one, just before.
    Revoke(static_cast<NodeNumber>(node % 3 + 1), absl::StrCat("t", node));
    const auto page = List(node, {.types = {"token_issue", "token_revoke"}});
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->events.size(), 3u + node);
    EXPECT_EQ(page->events.back().type, "token_revoke");
    EXPECT_EQ(page->events.back().identity, "carol");
    EXPECT_EQ(page->events.back().payload[0].second, absl::StrCat("t", node));
    EXPECT_EQ(page->next, page->index);
    EXPECT_FALSE(page->gap || page->more);
  }
}

TEST_F(AuditTest, PagesAreTheSameOnAllMembers) {
  Found(3);
  Issue(5);
  const auto whole = List(1);
  ASSERT_TRUE(whole.ok()) << whole.status();
  uint64_t after = 0;
  for (size_t i = 0; i < whole->events.size(); ++i) {
    const auto page =
        List(static_cast<NodeNumber>(i % 3 + 1), {.after = after, .limit = 1});
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->events.size(), 1u);
    EXPECT_EQ(page->events[0].index, whole->events[i].index);
    EXPECT_EQ(page->more, i + 1 < whole->events.size());
    after = page->next;
  }
  EXPECT_GE(after, whole->index);
}

TEST_F(AuditTest, TheAgeIsByThisServersClock) {
  Found(1);
  Issue(1);
  Run(Seconds(100));
  Issue(1);
  EXPECT_EQ(Types(List(1, {.age_max = absl::Seconds(50)})), "token_issue");
}

TEST_F(AuditTest, WithoutALeader) {
  Found(3);
  Issue(1);
  const NodeNumber leader = Leader();
  PowerLoss(leader);
  PowerLoss(static_cast<NodeNumber>(leader % 3 + 1));
  const NodeNumber left = processes_.begin()->first;
  Run(Seconds(1));
  EXPECT_EQ(CodeOf(List(left).status()), ErrorCode::kNoLeader);
  EXPECT_EQ(Types(List(left, {.types = {"token_issue"}, .stale = true})),
            "token_issue");
}

TEST_F(AuditTest, Refusals) {
  Start(1);
  EXPECT_EQ(CodeOf(List(1).status()), ErrorCode::kClusterUninitialized);
  EXPECT_EQ(CodeOf(List(1, {.stale = true}).status()),
            ErrorCode::kClusterUninitialized);
  EXPECT_EQ(CodeOf(List(1, {.types = {"x"}}).status()),
            ErrorCode::kValidationFailed);
  EXPECT_EQ(CodeOf(List(1, {.limit = 0}).status()),
            ErrorCode::kValidationFailed);
}

}  // namespace
}  // namespace jaco::server

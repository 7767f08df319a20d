#include "jaco/server/audit_page.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

constexpr size_t kEventsMax = 4;

class AuditPageTest : public testing::Test {
 protected:
  // At `seconds` of the epoch, on the minute.
  void Add(uint64_t index, fsm::AuditType type, int64_t seconds) {
    fsm::AuditEvent event;
    event.set_index(index);
    event.set_type(type);
    event.set_time_unix_ms(seconds * 1000);
    event.set_identity("ops");
    fsm::AuditDetail& detail = *event.add_details();
    detail.set_key("identity");
    detail.set_value(absl::StrCat("t", index));
    if (events_.size() == kEventsMax) events_.pop_front();
    events_.push_back(event);
    applied_ = index;
  }
  ListAuditResponse Page(const ListAuditRequest& request) {
    return AuditPageOf(
        {events_, kEventsMax, applied_, absl::FromUnixSeconds(1000)}, request);
  }
  // The indexes in a page, and a plus if there is more.
  std::string Indexes(const ListAuditRequest& request) {
    std::string text;
    const ListAuditResponse page = Page(request);
    for (const AuditEventInfo& event : page.events) {
      absl::StrAppend(&text, text.empty() ? "" : " ", event.index);
    }
    return absl::StrCat(text, page.more ? "+" : "");
  }

  std::deque<fsm::AuditEvent> events_;
  uint64_t applied_ = 0;
};

TEST_F(AuditPageTest, NothingYet) {
  const ListAuditResponse page = Page({});
  EXPECT_TRUE(page.events.empty());
  EXPECT_EQ(page.oldest, 0u);
  EXPECT_FALSE(page.gap || page.more);
}

TEST_F(AuditPageTest, AnEventAsItIsShown) {
  Add(7, fsm::AUDIT_TYPE_JOIN_TOKEN_ISSUE, 60);
  const ListAuditResponse page = Page({});
  ASSERT_EQ(page.events.size(), 1u);
  EXPECT_EQ(page.events[0].index, 7u);
  EXPECT_EQ(page.events[0].type, "join_token_issue");
  EXPECT_EQ(page.events[0].time, absl::FromUnixSeconds(60));
  EXPECT_EQ(page.events[0].identity, "ops");
  EXPECT_EQ(page.events[0].payload.size(), 1u);
  EXPECT_EQ(page.events[0].payload[0].second, "t7");
  EXPECT_EQ(page.oldest, 7u);
}

TEST_F(AuditPageTest, PagesFollowEachOther) {
  for (const uint64_t index : {2, 5, 9}) {
    Add(index, fsm::AUDIT_TYPE_TOKEN_ISSUE, 60);
  }
  applied_ = 12;
  EXPECT_EQ(Indexes({.limit = 2}), "2 5+");
  EXPECT_EQ(Page({.limit = 2}).next, 5u);
  EXPECT_EQ(Indexes({.after = 5, .limit = 2}), "9");
  EXPECT_EQ(Page({.after = 5, .limit = 2}).next, 12u);
  EXPECT_EQ(Indexes({.limit = 3}), "2 5 9");
  EXPECT_EQ(Indexes({.after = 9}), "");
  // A server that is behind sends nobody back.
  EXPECT_EQ(Page({.after = 20}).next, 20u);
  EXPECT_EQ(Page({.after = 20}).index, 12u);
}

TEST_F(AuditPageTest, OnlyWhatFits) {
  Add(1, fsm::AUDIT_TYPE_TOKEN_ISSUE, 900);
  Add(2, fsm::AUDIT_TYPE_TOKEN_REVOKE, 950);
  Add(3, fsm::AUDIT_TYPE_TOKEN_ISSUE, 940);
  EXPECT_EQ(Indexes({.types = {"token_issue"}}), "1 3");
  EXPECT_EQ(Indexes({.types = {"token_issue", "token_revoke"}}), "1 2 3");
  EXPECT_EQ(Indexes({.types = {"node_join"}}), "");
  EXPECT_EQ(Indexes({.since = absl::FromUnixSeconds(940)}), "2 3");
  EXPECT_EQ(Indexes({.age_max = absl::Seconds(100)}), "1 2 3");
  EXPECT_EQ(Indexes({.age_max = absl::Seconds(55)}), "2");
  // There is no next page of what does not fit.
  EXPECT_EQ(Indexes({.types = {"token_revoke"}, .limit = 1}), "2");
}

TEST_F(AuditPageTest, WhatIsGoneIsSaid) {
  for (uint64_t index = 1; index <= 4; ++index) {
    Add(index, fsm::AUDIT_TYPE_TOKEN_ISSUE, 60);
  }
  EXPECT_FALSE(Page({.after = 1}).gap);
  Add(5, fsm::AUDIT_TYPE_TOKEN_ISSUE, 60);
  Add(6, fsm::AUDIT_TYPE_TOKEN_ISSUE, 60);
  EXPECT_EQ(Page({}).oldest, 3u);
  EXPECT_FALSE(Page({}).gap) << "from the oldest on, whichever that is";
  EXPECT_TRUE(Page({.after = 1}).gap);
  EXPECT_FALSE(Page({.after = 3}).gap);
  EXPECT_TRUE(Page({.after = 1, .types = {"node_join"}}).gap);
}

TEST_F(AuditPageTest, RequestsThatCannotBe) {
  EXPECT_TRUE(CheckAuditRequest({}).ok());
  EXPECT_TRUE(CheckAuditRequest({.limit = kAuditPageMax}).ok());
  for (const ListAuditRequest& request :
       {ListAuditRequest{.limit = 0}, ListAuditRequest{.limit = 1001},
        ListAuditRequest{.types = {"token_issue", "tokn"}},
        ListAuditRequest{.types = {"unspecified"}},
        ListAuditRequest{.types = {"TOKEN_ISSUE"}},
        ListAuditRequest{.types = {""}}}) {
    EXPECT_EQ(CodeOf(CheckAuditRequest(request)), ErrorCode::kValidationFailed);
  }
  const absl::Status unknown = CheckAuditRequest({.types = {"a\x1b[m"}});
  EXPECT_TRUE(absl::StrContains(unknown.message(), "\"a\\x1b[m\""));
  EXPECT_TRUE(absl::StrContains(unknown.message(), "node_join, node_remove"));
}

}  // namespace
}  // namespace jaco::server

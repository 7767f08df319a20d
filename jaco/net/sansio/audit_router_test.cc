#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/audit_json.h"
#include "jaco/net/sansio/testing/mock_api.h"

namespace jaco::net {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using ::testing::Return;
using ::testing::ReturnRef;

class AuditRouterTest : public testing::Test {
 protected:
  AuditRouterTest() {
    ON_CALL(api_, lifecycle).WillByDefault(Return(server::Lifecycle::kMember));
    ON_CALL(api_, audit).WillByDefault(ReturnRef(audit_));
    ON_CALL(audit_, ListEvents)
        .WillByDefault([this](const auto& caller, auto request, auto reply) {
          asked_ = std::move(request);
          identity_ = caller.identity;
          reply(answer_);
        });
  }
  HttpResponse Get(const std::string& query,
                   const server::Caller& caller = {"ops"}) {
    HttpResponse response{.status = -1};
    router_.Handle({"GET", "/v1/audit" + query, ""}, caller,
                   [&](HttpResponse r) { response = std::move(r); });
    return response;
  }

  NiceMock<MockApi> api_;
  NiceMock<MockAuditApi> audit_;
  ApiRouter router_{&api_};
  server::ListAuditRequest asked_;
  std::string identity_;
  absl::StatusOr<server::ListAuditResponse> answer_ =
      server::ListAuditResponse();
};

TEST_F(AuditRouterTest, AnEmptyRequestIsForTheFirstPage) {
  EXPECT_EQ(Get("").status, 200);
  EXPECT_EQ(identity_, "ops");
  EXPECT_EQ(asked_.after, 0u);
  EXPECT_EQ(asked_.since, absl::InfinitePast());
  EXPECT_EQ(asked_.age_max, absl::InfiniteDuration());
  EXPECT_TRUE(asked_.types.empty());
  EXPECT_EQ(asked_.limit, server::kAuditPageDefault);
  EXPECT_FALSE(asked_.stale);
}

TEST_F(AuditRouterTest, Parameters) {
  EXPECT_EQ(
      Get("?after=18446744073709551615&limit=7&stale&type=a,b&type=c").status,
      200);
  EXPECT_EQ(asked_.after, 18446744073709551615u);
  EXPECT_EQ(asked_.limit, 7u);
  EXPECT_TRUE(asked_.stale);
  EXPECT_THAT(asked_.types, ElementsAre("a", "b", "c"));
  Get("?since=1h30m");
  EXPECT_EQ(asked_.age_max, absl::Minutes(90));
  EXPECT_EQ(asked_.since, absl::InfinitePast());
  Get("?since=1970-01-01T01:00:00%2B01:00");
  EXPECT_EQ(asked_.since, absl::UnixEpoch());
  EXPECT_EQ(asked_.age_max, absl::InfiniteDuration());
  // For the service to refuse, which knows the types.
  Get("?type=");
  EXPECT_THAT(asked_.types, ElementsAre(""));
}

TEST_F(AuditRouterTest, BadParameters) {
  EXPECT_CALL(audit_, ListEvents).Times(0);
  for (const char* query :
       {"?since=", "?since=yesterday", "?since=-1h", "?since=inf",
        "?since=infinite-past", "?since=5", "?after=-1", "?after=x", "?limit=x",
        "?limit=", "?stale=maybe", "?type=%"}) {
    const HttpResponse response = Get(query);
    EXPECT_EQ(response.status, 400) << query;
    EXPECT_THAT(response.body, HasSubstr("validation_failed")) << query;
  }
}

TEST_F(AuditRouterTest, TheAnswerSurvivesTheRoundTrip) {
  server::ListAuditResponse page;
  page.events = {{9,
                  "token_issue",
                  absl::FromUnixMillis(1500),
                  "local",
                  {{"identity", "a\x1b"}, {"b", ""}}}};
  page.index = 12;
  page.next = 9;
  page.more = true;
  page.oldest = 4;
  page.gap = true;
  answer_ = page;
  const HttpResponse response = Get("");
  EXPECT_EQ(response.body,
            R"({"events":[{"index":9,"type":"token_issue",)"
            R"("ts":"1970-01-01T00:00:01.5Z","identity":"local",)"
            R"("payload":{"identity":"a\u001b","b":""}}],"index":12,"next":9,)"
            R"("more":true,"oldest":4,"gap":true})");
  const auto decoded = DecodeAudit(response.body);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->events[0].payload, page.events[0].payload);
  EXPECT_EQ(decoded->events[0].time, page.events[0].time);
  EXPECT_EQ(EncodeAudit(*decoded), response.body);
  EXPECT_FALSE(DecodeAudit(R"({"events":[{"index":9}]})").ok());
  EXPECT_FALSE(DecodeAudit("{}").ok());
}

TEST_F(AuditRouterTest, Errors) {
  answer_ = MakeError(ErrorCode::kNoLeader, "none");
  EXPECT_EQ(Get("").status, 503);
  EXPECT_CALL(audit_, ListEvents).Times(0);
  EXPECT_EQ(Get("", {.identity = "j", .join_token_hash = "h"}).status, 403);
  EXPECT_EQ(Get("", {.identity = "b", .bootstrap_peer = true}).status, 403);
  EXPECT_EQ(Get("", {.identity = "a", .anonymous = true}).status, 403);
  EXPECT_CALL(api_, lifecycle)
      .WillRepeatedly(Return(server::Lifecycle::kUninitialized));
  EXPECT_THAT(Get("").body, HasSubstr("cluster_uninitialized"));
}

// A token is judged as for a list of tokens, also when the log is read stale.
TEST_F(AuditRouterTest, TheTokenIsNotJudgedLocally) {
  EXPECT_FALSE(ApiRouter::IsLocalRead("GET", "/v1/audit"));
  EXPECT_FALSE(ApiRouter::IsLocalRead("GET", "/v1/audit?stale"));
}

}  // namespace
}  // namespace jaco::net

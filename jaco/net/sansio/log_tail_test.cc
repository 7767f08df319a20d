#include "jaco/net/sansio/log_tail.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/testing/mock_api.h"

namespace jaco::net {
namespace {

using ::testing::HasSubstr;
using ::testing::NiceMock;
using ::testing::Return;

class FakeTail : public LogTail {
 public:
  LogPage Read(const LogRequest& request) override {
    asked = request;
    return {"r", {{7, LogLevel::kWarning, "a\"b"}}, 9, 3, true};
  }
  LogRequest asked;
};

class LogTailTest : public testing::Test {
 protected:
  LogTailTest() {
    ON_CALL(api_, lifecycle)
        .WillByDefault(Return(server::Lifecycle::kUninitialized));
  }
  HttpResponse Get(const std::string& query, LogTail* tail,
                   const server::Caller& caller = {}) {
    HttpResponse response{.status = -1};
    ApiRouter(&api_, tail)
        .Handle({"GET", "/v1/agent/monitor" + query, ""}, caller,
                [&](HttpResponse r) { response = std::move(r); });
    return response;
  }

  NiceMock<MockApi> api_;
  FakeTail tail_;
};

TEST_F(LogTailTest, Pages) {
  const HttpResponse response = Get("", &tail_);
  EXPECT_EQ(response.body, R"({"run":"r","lines":[{"number":7,"level":"warn",)"
                           R"("line":"a\"b"}],"next":9,"lost":3,"more":true})");
  EXPECT_EQ(tail_.asked.after, 0u);
  EXPECT_EQ(tail_.asked.limit, kLogLinesDefault);
  EXPECT_EQ(tail_.asked.least, LogLevel::kInfo);
  const auto decoded = DecodeLogPage(response.body);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(EncodeLogPage(*decoded), response.body);
  EXPECT_FALSE(DecodeLogPage("{}").ok());
  Get("?after=5&limit=2&log_level=error", &tail_);
  EXPECT_EQ(tail_.asked.after, 5u);
  EXPECT_EQ(tail_.asked.limit, 2u);
  EXPECT_EQ(tail_.asked.least, LogLevel::kError);
}

TEST_F(LogTailTest, BadRequests) {
  for (const char* query : {"?after=x", "?limit=0", "?limit=1001", "?limit=",
                            "?log_level=trace", "?log_level=", "?after=%"}) {
    const HttpResponse response = Get(query, &tail_);
    EXPECT_EQ(response.status, 400) << query;
    EXPECT_THAT(response.body, HasSubstr("validation_failed"));
  }
  EXPECT_EQ(Get("", nullptr).status, 404);
}

TEST_F(LogTailTest, ForOperators) {
  EXPECT_EQ(Get("", &tail_, {.identity = "j", .join_token_hash = "h"}).status,
            403);
  EXPECT_EQ(Get("", &tail_, {.identity = "a", .anonymous = true}).status, 403);
  EXPECT_EQ(Get("", &tail_, {.identity = "ops"}).status, 200);
  // It matters most when nobody leads.
  EXPECT_TRUE(ApiRouter::IsLocalRead("GET", "/v1/agent/monitor?after=3"));
}

}  // namespace
}  // namespace jaco::net

#include "jaco/net/sansio/api_router.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/query.h"
#include "jaco/net/sansio/testing/mock_api.h"

namespace jaco::net {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using ::testing::Return;

class ApiRouterTest : public testing::Test {
 protected:
  ApiRouterTest() { SetLifecycle(server::Lifecycle::kMember); }

  void SetLifecycle(server::Lifecycle lifecycle) {
    ON_CALL(api_, lifecycle).WillByDefault(Return(lifecycle));
    status_.lifecycle = lifecycle;
    status_.initialized = lifecycle == server::Lifecycle::kMember;
    ON_CALL(api_, Status).WillByDefault(Return(status_));
  }
  HttpResponse Call(absl::string_view method, absl::string_view target,
                    absl::string_view body = "",
                    const server::Caller& caller = {}) {
    HttpResponse response{.status = -1};
    router_.Handle({method, target, body}, caller,
                   [&](HttpResponse r) { response = std::move(r); });
    return response;
  }

  NiceMock<MockApi> api_;
  server::StatusResponse status_;
  ApiRouter router_{&api_};
};

TEST_F(ApiRouterTest, Init) {
  EXPECT_CALL(api_, Init(_, Field(&server::InitRequest::cluster_name, "x"), _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::InitResponse{"id", "token"});
      });
  const auto response = Call("POST", "/v1/cluster/init", R"({"name":"x"})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"cluster_id":"id","operator_token":"token"})");
}

TEST_F(ApiRouterTest, InitNeedsNoBody) {
  EXPECT_CALL(api_, Init(_, Field(&server::InitRequest::cluster_name, ""), _));
  Call("POST", "/v1/cluster/init");
}

TEST_F(ApiRouterTest, InitIsForTheSocketOnly) {
  EXPECT_CALL(api_, Init).Times(0);
  const auto response = Call("POST", "/v1/cluster/init", "", {"bootstrap"});
  EXPECT_EQ(response.status, 403);
  EXPECT_THAT(response.body, HasSubstr("permission_denied"));
}

TEST_F(ApiRouterTest, ArchivesComeWithTheirDigest) {
  const auto give = [](auto&, auto reply) {
    reply(server::ArchiveResponse{"bytes", "abc"});
  };
  EXPECT_CALL(api_, Backup).WillOnce(give);
  EXPECT_CALL(api_, SaveSnapshot).WillOnce(give);
  auto response = Call("GET", "/v1/cluster/backup");
  EXPECT_EQ(response.body, "bytes");
  EXPECT_EQ(response.content_type, "application/octet-stream");
  EXPECT_EQ(response.digest, "sha-256=YWJj");
  response = Call("GET", "/v1/operator/snapshot?stale=");
  EXPECT_EQ(response.content_type, "application/x-gzip");
  EXPECT_EQ(response.digest, "sha-256=YWJj");
}

TEST_F(ApiRouterTest, ArchivesAreTaken) {
  EXPECT_CALL(
      api_, RestoreSnapshot(_, Field(&server::RestoreRequest::archive, "a"), _))
      .Times(2)
      .WillRepeatedly([](auto&, auto, auto reply) {
        reply(server::RestoreSnapshotResponse{7});
      });
  for (const auto* method : {"PUT", "POST"}) {
    const auto response = Call(method, "/v1/operator/snapshot", "a");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "");
  }
  EXPECT_CALL(api_, Restore(_, Field(&server::RestoreRequest::archive, "b"), _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::RestoreResponse{"c", "n", 1, 2, absl::UnixEpoch()});
      });
  SetLifecycle(server::Lifecycle::kUninitialized);
  const auto response = Call("POST", "/v1/cluster/restore", "b");
  const auto decoded = DecodeRestoreResponse(response.body);
  ASSERT_TRUE(decoded.ok()) << response.body;
  EXPECT_EQ(decoded->cluster_id, "c");
  EXPECT_EQ(decoded->backup_index, 1u);
  EXPECT_EQ(decoded->index, 2u);
  EXPECT_EQ(
      Call("POST", "/v1/cluster/restore", "b", {.identity = "ops"}).status,
      403);
}

TEST_F(ApiRouterTest, TheBootstrapKeyOpensOneDoor) {
  const server::Caller peer{.identity = "bootstrap_key",
                            .bootstrap_peer = true};
  server::HelloRequest request;
  request.set_node_name("n1");
  EXPECT_CALL(
      api_,
      Hello(Field(&server::Caller::bootstrap_peer, true),
            ::testing::Property(&server::HelloRequest::node_name, "n1"), _))
      .WillOnce([](auto&, auto, auto reply) {
        server::HelloResponse response;
        response.set_join_token("t");
        reply(std::move(response));
      });
  const auto response =
      Call("POST", "/v1/server/hello", request.SerializeAsString(), peer);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/x-protobuf");
  server::HelloResponse answer;
  ASSERT_TRUE(answer.ParseFromString(response.body));
  EXPECT_EQ(answer.join_token(), "t");
  EXPECT_EQ(Call("POST", "/v1/server/hello", "\xff", peer).status, 400);
  EXPECT_CALL(api_, ListTokens).Times(0);
  EXPECT_CALL(api_, JoinServers).Times(0);
  EXPECT_EQ(Call("GET", "/v1/tokens", "", peer).status, 403);
  EXPECT_EQ(Call("GET", "/v1/cluster/status", "", peer).status, 403);
  EXPECT_EQ(Call("PUT", "/v1/agent/join?address=a", "", peer).status, 403);
}

TEST_F(ApiRouterTest, JoinServersAsNomadHasIt) {
  using Request = server::JoinServersRequest;
  EXPECT_CALL(api_,
              JoinServers(_,
                          Field(&Request::addresses,
                                std::vector<std::string>{"a:7000", "[::1]:1"}),
                          _))
      .Times(2)
      .WillRepeatedly([](auto&, auto, auto reply) {
        reply(server::JoinServersResponse{1, ""});
      });
  for (const char* method : {"PUT", "POST"}) {
    const auto response =
        Call(method, "/v1/agent/join?address=a&x=y&address=%5B%3A%3A1%5D%3A1");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"error":"","num_joined":1})");
  }
  EXPECT_EQ(Call("PUT", "/v1/agent/join?address=a%20b").status, 400);
  EXPECT_EQ(Call("PUT", "/v1/agent/join?address=%").status, 400);
}

TEST_F(ApiRouterTest, Status) {
  status_.cluster_id = "c";
  status_.leader = "node-1";
  status_.raft_index = 18446744073709551615u;
  status_.nodes = {{"node-1", "10.0.0.5:7001", "READY", "VOTER", "1.0", 2},
                   {"node-2", "10.0.0.6:7001", "ISOLATION_UNAVAILABLE", "?"}};
  status_.feature_level = 1;
  SetLifecycle(server::Lifecycle::kMember);
  EXPECT_EQ(
      Call("GET", "/v1/cluster/status?x=y").body,
      R"({"initialized":true,"leader":"node-1",)"
      R"("raft_index":18446744073709551615,"nodes":[)"
      R"({"hostname":"node-1","address":"10.0.0.5:7001","status":"ready",)"
      R"("suffrage":"voter","version":"1.0","feature_level":2},)"
      R"({"hostname":"node-2","address":"10.0.0.6:7001",)"
      R"("status":"isolation_unavailable","suffrage":"unknown",)"
      R"("version":"","feature_level":0}],)"
      R"("lifecycle":"member","node_name":"","cluster_id":"c",)"
      R"("cluster_name":"","raft_term":0,"repair":"","bootstrap":"",)"
      R"("joining":"","authority_end":"",)"
      R"("feature_level":1})");
}

TEST_F(ApiRouterTest, TokensInPages) {
  EXPECT_CALL(api_, ListTokens).WillRepeatedly([](auto&, auto reply) {
    server::ListTokensResponse response;
    for (const char* identity : {"a", "b", "c"}) {
      response.tokens.push_back({.identity = identity});
    }
    reply(std::move(response));
  });
  const auto identities = [&](const std::string& query) {
    const auto page = Call("GET", "/v1/tokens" + query).body;
    const auto decoded = DecodeListTokensResponse(page);
    if (!decoded.ok()) return page;
    std::string all;
    for (const auto& token : decoded->tokens) {
      all += token.identity;
    }
    return page.find(R"("next_token":"c")") == page.npos ? all : all + "+";
  };
  EXPECT_EQ(identities(""), "abc");
  EXPECT_EQ(identities("?per_page=2"), "ab+");
  EXPECT_EQ(identities("?per_page=2&next_token=c"), "c");
  EXPECT_EQ(identities("?next_token=bb"), "c");
  EXPECT_EQ(identities("?per_page=3"), "abc");
  EXPECT_EQ(Call("GET", "/v1/tokens?per_page=x").status, 400);
}

TEST_F(ApiRouterTest, StatusSurvivesTheRoundTrip) {
  status_.raft_index = 7;
  status_.nodes = {{"n", "a", "READY", "?"}};
  SetLifecycle(server::Lifecycle::kMember);
  const auto decoded =
      DecodeStatusResponse(Call("GET", "/v1/cluster/status").body);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->lifecycle, server::Lifecycle::kMember);
  EXPECT_EQ(decoded->raft_index, 7u);
  ASSERT_EQ(decoded->nodes.size(), 1u);
  EXPECT_EQ(decoded->nodes[0].status, "READY");
  EXPECT_EQ(decoded->nodes[0].suffrage, "?");
}

TEST_F(ApiRouterTest, Tokens) {
  server::ListTokensResponse listed;
  listed.tokens = {
      {"a", absl::FromUnixMillis(1'500), absl::InfiniteFuture(), true, 2, 3},
      {"b", absl::UnixEpoch(), absl::FromUnixSeconds(60), false, 4, 5}};
  listed.index = 9;
  EXPECT_CALL(api_, ListTokens).WillOnce([&](auto&, auto reply) {
    reply(listed);
  });
  const std::string body = Call("GET", "/v1/tokens").body;
  EXPECT_EQ(
      body,
      R"({"tokens":[{"identity":"a","issued_at":"1970-01-01T00:00:01.5Z",)"
      R"("revoked_at":null,"allow_privileged":true,"create_index":2,)"
      R"("modify_index":3},{"identity":"b",)"
      R"("issued_at":"1970-01-01T00:00:00Z",)"
      R"("revoked_at":"1970-01-01T00:01:00Z","allow_privileged":false,)"
      R"("create_index":4,"modify_index":5}],"index":9})");
  const auto decoded = DecodeListTokensResponse(body);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->tokens[0].issued_at, listed.tokens[0].issued_at);
  EXPECT_EQ(decoded->tokens[0].revoked_at, absl::InfiniteFuture());
  EXPECT_EQ(decoded->tokens[1].revoked_at, listed.tokens[1].revoked_at);
}

TEST_F(ApiRouterTest, IssueToken) {
  EXPECT_CALL(
      api_, IssueToken(Field(&server::Caller::identity, "ops"),
                       AllOf(Field(&server::IssueTokenRequest::identity, "a"),
                             Field(&server::IssueTokenRequest::allow_privileged,
                                   true)),
                       _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::IssueTokenResponse{"a", "ff", absl::UnixEpoch(), 3});
      });
  const auto response =
      Call("POST", "/v1/token", R"({"identity":"a","allow_privileged":true})",
           {"ops"});
  EXPECT_EQ(response.body, R"({"identity":"a","token":"ff",)"
                           R"("issued_at":"1970-01-01T00:00:00Z","index":3})");
}

TEST_F(ApiRouterTest, RevokeTokenDecodesThePath) {
  EXPECT_CALL(
      api_,
      RevokeToken(_, Field(&server::RevokeTokenRequest::identity, "a b/é"), _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::RevokeTokenResponse{5});
      });
  const auto response = Call("DELETE", "/v1/token/a%20b%2f%C3%a9");
  EXPECT_EQ(response.body, R"({"index":5})");
}

TEST_F(ApiRouterTest, RemoveNode) {
  const auto expect = [this](const std::string& name, bool force) {
    EXPECT_CALL(
        api_,
        RemoveNode(_,
                   AllOf(Field(&server::RemoveNodeRequest::node_name, name),
                         Field(&server::RemoveNodeRequest::force, force)),
                   _))
        .WillOnce([](auto&, auto, auto reply) {
          reply(server::RemoveNodeResponse{7});
        });
  };
  expect("a", false);
  EXPECT_EQ(Call("DELETE", "/v1/node/a").body, R"({"index":7})");
  expect("join", true);  // a name like any other
  EXPECT_EQ(Call("DELETE", "/v1/node/join?force=true").status, 200);
  expect("b", true);
  EXPECT_EQ(
      Call("POST", "/v1/node/remove", R"({"hostname":"b","force":true})").body,
      R"({"index":7})");
  EXPECT_EQ(Call("DELETE", "/v1/node/a?force=maybe").status, 400);
  EXPECT_EQ(Call("POST", "/v1/node/remove", R"({"hostname":""})").status, 400);
  EXPECT_EQ(Call("POST", "/v1/node/remove", R"({"name":"a"})").status, 400);
  // An uninitialized server may still join.
  SetLifecycle(server::Lifecycle::kUninitialized);
  EXPECT_CALL(api_, Join).WillOnce([](auto&, auto, auto reply) {
    reply(server::JoinResponse{"c"});
  });
  EXPECT_EQ(Call("POST", "/v1/node/join", R"({"peer":"a:1","join_token":"x"})")
                .status,
            200);
  EXPECT_EQ(Call("DELETE", "/v1/node/a").status, 503);
}

TEST_F(ApiRouterTest, HealthAndVersion) {
  SetLifecycle(server::Lifecycle::kStarting);
  EXPECT_EQ(Call("GET", "/v1/health").body,
            R"({"status":"ok","lifecycle":"starting"})");
  EXPECT_THAT(Call("GET", "/v1/version").body, HasSubstr(R"({"version":")"));
}

TEST_F(ApiRouterTest, TheGateHoldsBackEverythingElse) {
  SetLifecycle(server::Lifecycle::kUninitialized);
  EXPECT_CALL(api_, IssueToken).Times(0);
  EXPECT_CALL(api_, ListTokens).Times(0);
  EXPECT_CALL(api_, RevokeToken).Times(0);
  for (const auto& response :
       {Call("GET", "/v1/tokens"), Call("POST", "/v1/token", "garbage"),
        Call("DELETE", "/v1/token/a"), Call("PATCH", "/v1/tokens"),
        Call("GET", "/v1/var/x")}) {
    EXPECT_EQ(response.status, 503);
    EXPECT_THAT(response.body, HasSubstr(R"({"code":"cluster_uninitialized")"));
  }
  EXPECT_EQ(Call("GET", "/v1/cluster/status").status, 200);
  EXPECT_EQ(Call("GET", "/v1/health").status, 200);
  EXPECT_EQ(Call("GET", "/v1/version").status, 200);
  EXPECT_EQ(Call("GET", "/v1/cluster/init").status, 405);
}

TEST_F(ApiRouterTest, WhileStartingARetryIsWorthIt) {
  SetLifecycle(server::Lifecycle::kStarting);
  EXPECT_THAT(Call("GET", "/v1/tokens").body, HasSubstr("no_leader"));
  SetLifecycle(server::Lifecycle::kFailed);
  EXPECT_EQ(Call("GET", "/v1/tokens").status, 500);
  EXPECT_CALL(api_, failure)
      .WillOnce(Return(absl::ResourceExhaustedError("write /x: no space")));
  const HttpResponse full = Call("GET", "/v1/tokens");
  EXPECT_EQ(full.status, 507);
  EXPECT_THAT(full.body, AllOf(HasSubstr("disk_full"), HasSubstr("/x")));
}

TEST_F(ApiRouterTest, UnknownPathsAndMethods) {
  for (const char* path : {"", "/", "/v1", "/v1/tokens/", "/v1/token/",
                           "/v1/token/a/b", "//v1/tokens", "*", "?"}) {
    const auto response = Call("GET", path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_THAT(response.body, HasSubstr(R"("code":"not_found")")) << path;
  }
  const auto response = Call("PUT", "/v1/token");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.allow, "POST");
  EXPECT_EQ(Call("GET", "/v1/token/x").allow, "DELETE");
}

TEST_F(ApiRouterTest, BadBodies) {
  EXPECT_CALL(api_, IssueToken).Times(0);
  const struct {
    std::string body;
    const char* expected;
  } kCases[] = {
      {"", R"("details":{"field":"identity"})"},
      {"{}", R"("details":{"field":"identity"})"},
      {R"({"identity":""})", "missing or empty"},
      {R"({"identity":7})", R"(\"identity\" must be a string)"},
      {R"({"identity":"a","allow_privileged":1})", "must be a boolean"},
      {R"({"identity":"a","privileged":true})",
       R"(unknown field \"privileged\"; known are: identity, )"
       R"(allow_privileged)"},
      {"[]", "not a JSON object"},
      {"null", "not a JSON object"},
      {"{", "parse_failed"},
      {R"({"identity":"a"} x)", "parse_failed"},
      {std::string(100'000, '['), "parse_failed"},
      {"{\"identity\":\"\xff\"}", "parse_failed"},
      {std::string("{\"a\0b\":1}", 9), "parse_failed"},
  };
  for (const auto& c : kCases) {
    const auto response = Call("POST", "/v1/token", c.body);
    EXPECT_EQ(response.status, 400) << c.body;
    EXPECT_THAT(response.body, HasSubstr(c.expected));
  }
  EXPECT_EQ(Call("DELETE", "/v1/token/%zz").status, 400);
  EXPECT_EQ(Call("DELETE", "/v1/token/a%2").status, 400);
}

TEST_F(ApiRouterTest, ErrorsKeepTheirCode) {
  const struct {
    ErrorCode code;
    int status;
  } kCases[] = {{ErrorCode::kNoLeader, 503},
                {ErrorCode::kClusterUninitialized, 503},
                {ErrorCode::kValidationFailed, 400},
                {ErrorCode::kTokenExists, 409},
                {ErrorCode::kConflict, 409},
                {ErrorCode::kClusterAlreadyInitialized, 409},
                {ErrorCode::kTokenNotFound, 404},
                {ErrorCode::kTooLarge, 413},
                {ErrorCode::kTimeout, 504},
                {ErrorCode::kDiskFull, 507},
                {ErrorCode::kDataLoss, 500},
                {ErrorCode::kInternal, 500},
                {ErrorCode::kTokenRevoked, 401},
                {ErrorCode::kPermissionDenied, 403},
                {ErrorCode::kRateLimited, 429}};
  for (const auto& c : kCases) {
    EXPECT_CALL(api_, ListTokens).WillOnce([&](auto&, auto reply) {
      reply(MakeError(c.code, "why"));
    });
    const auto response = Call("GET", "/v1/tokens");
    EXPECT_EQ(response.status, c.status);
    const auto error = DecodeError(response.body);
    ASSERT_TRUE(error.ok());
    EXPECT_EQ(error->code, std::string(ErrorCodeName(c.code)));
    EXPECT_EQ(error->message, "why");
  }
}

TEST(PercentTest, RoundTrip) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  EXPECT_EQ(*PercentDecode(PercentEncode(bytes)), bytes);
  EXPECT_EQ(PercentEncode("a-z_0.~/ "), "a-z_0.~%2F%20");
}

TEST(ApiJsonTest, AnswersThatAreNotOurs) {
  EXPECT_FALSE(DecodeError("<html>").ok());
  EXPECT_FALSE(DecodeInitResponse(R"({"cluster_id":"x"})").ok());
  EXPECT_FALSE(DecodeStatusResponse(R"({"nodes":[1]})").ok());
}

}  // namespace
}  // namespace jaco::net

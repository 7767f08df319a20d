#include "jaco/net/sansio/bootstrap_router.h"

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/bootstrap_json.h"
#include "jaco/net/sansio/testing/mock_api.h"

namespace jaco::net {
namespace {

using server::BootstrapAction;
using server::BootstrapRequest;
using server::BootstrapState;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using ::testing::Return;
using ::testing::ReturnRef;

// Those of the documents.
constexpr char kJoin[] = R"({
"action": "join_cluster",
"cluster": {"nodes":[ "1.1.1.1", "2.2.2.2" ]},
"node": {
"paths": {
"persistent_path": "/path/to/persistent/storage",
"ephemeral_path": "/path/to/ephemeral/storage",
"bigstore_path": "/path/to/bigstore/storage"
},
"bigstore_driver": "speedb",
"identity": {
"addr":"1.2.3.4",
"external_addr":["2001:0db8:85a3:0000:0000:8a2e:0370:7334", "3.4.5.6"]
}
},
"credentials": {"username": "my_username", "password": "my_password"}
})";

class BootstrapRouterTest : public testing::Test {
 protected:
  BootstrapRouterTest() {
    ON_CALL(api_, bootstrap).WillByDefault(ReturnRef(bootstrap_));
    ON_CALL(api_, users).WillByDefault(ReturnRef(users_));
    ON_CALL(api_, lifecycle)
        .WillByDefault(Return(server::Lifecycle::kUninitialized));
  }
  HttpResponse Call(absl::string_view method, absl::string_view target,
                    absl::string_view body = "",
                    absl::string_view content_type = "application/json",
                    const server::Caller& caller = {}) {
    HttpResponse response{.status = -1};
    router_.Handle({.method = method,
                    .target = target,
                    .body = body,
                    .content_type = content_type},
                   caller, [&](HttpResponse r) { response = std::move(r); });
    return response;
  }

  NiceMock<MockApi> api_;
  NiceMock<MockBootstrapApi> bootstrap_;
  NiceMock<MockUserApi> users_;
  ApiRouter router_{&api_};
};

TEST_F(BootstrapRouterTest, TheStatusIsAsDocumented) {
  server::BootstrapReport report;
  report.status.state = BootstrapState::kCompleted;
  report.status.started = absl::FromUnixSeconds(1409311189);
  report.status.ended = report.status.started;
  report.uid = 3;
  report.software_version = "0.90.0-1";
  report.data_dir = "/data";
  report.host = {.cores = 2,
                 .memory_bytes = 24137,
                 .os_version = "Debian",
                 .uptime_seconds = 50278,
                 .addresses = {{"172.16.50.122", "eth0", false, true}},
                 .storage_bytes = 1018889};
  EXPECT_CALL(bootstrap_, Report).Times(3).WillRepeatedly([&](auto reply) {
    reply(report);
  });
  const std::string addresses =
      R"([{"address":"172.16.50.122","format":"ipv4","if_name":"eth0",)"
      R"("private":true}])";
  const std::string expected =
      R"({"bootstrap_status":{"state":"completed",)"
      R"("start_time":"2014-08-29T11:19:49Z",)"
      R"("end_time":"2014-08-29T11:19:49Z"},)"
      R"("local_node_info":{"uid":3,"software_version":"0.90.0-1","cores":2,)"
      R"("os_version":"Debian","total_memory":24137,"uptime":50278,)"
      R"("ephemeral_storage_path":"/data","ephemeral_storage_size":1018889,)"
      R"("persistent_storage_path":"/data","persistent_storage_size":1018889,)"
      R"("available_addrs":)" +
      addresses + R"(,"available_addresses":)" + addresses + "}}";
  for (const auto& [method, target] :
       {std::pair("GET", "/v1/bootstrap"), std::pair("HEAD", "/v1/bootstrap"),
        std::pair("GET", "/v1/boostrap?x=1")}) {
    EXPECT_EQ(Call(method, target).body, expected);
  }
  const auto decoded = DecodeBootstrapReport(expected);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->state, BootstrapState::kCompleted);
  EXPECT_EQ(decoded->ended, report.status.ended);
}

TEST_F(BootstrapRouterTest, EveryStateHasItsName) {
  const std::pair<BootstrapState, std::string> kNames[] = {
      {BootstrapState::kIdle, "idle"},
      {BootstrapState::kInitiated, "initiated"},
      {BootstrapState::kCreating, "creating_cluster"},
      {BootstrapState::kJoining, "joining_cluster"},
      {BootstrapState::kRecovering, "recovering_cluster"},
      {BootstrapState::kError, "error"},
      {BootstrapState::kCompleted, "completed"}};
  for (const auto& [state, name] : kNames) {
    const std::string text =
        EncodeBootstrapReport({.status = {.state = state}});
    EXPECT_THAT(text, HasSubstr("\"state\":\"" + name + "\""));
    EXPECT_EQ(DecodeBootstrapReport(text)->state, state);
  }
}

TEST_F(BootstrapRouterTest, ErrorsHaveRedisNames) {
  const std::pair<ErrorCode, std::string> kNames[] = {
      {ErrorCode::kValidationFailed, "config_error"},
      {ErrorCode::kParseFailed, "config_error"},
      {ErrorCode::kPeerUnreachable, "connect_error"},
      {ErrorCode::kNoLeader, "connect_error"},
      {ErrorCode::kTokenInvalid, "access_denied"},
      {ErrorCode::kPeerUntrusted, "access_denied"},
      {ErrorCode::kConfigMismatch, "node_config_mismatch"},
      {ErrorCode::kNodeAlreadyMember, "node_config_mismatch"},
      {ErrorCode::kNotFound, "path_error"},
      {ErrorCode::kDiskFull, "internal_error"}};
  for (const auto& [code, name] : kNames) {
    EXPECT_EQ(server::BootstrapErrorCode(MakeError(code, "m")), name);
  }
  EXPECT_EQ(server::BootstrapErrorCode(server::BootstrapError(
                ErrorCode::kConfigMismatch, "time_not_sync", "m")),
            "time_not_sync");
}

TEST_F(BootstrapRouterTest, AnActionBegins) {
  EXPECT_CALL(bootstrap_, Begin).WillOnce([](auto&, BootstrapRequest request) {
    EXPECT_EQ(request.action, BootstrapAction::kJoin);
    EXPECT_THAT(request.nodes, ElementsAre("1.1.1.1", "2.2.2.2"));
    EXPECT_EQ(request.username, "my_username");
    EXPECT_EQ(request.password, "my_password");
    EXPECT_EQ(request.address, "1.2.3.4");
    EXPECT_EQ(request.external_addresses.size(), 2u);
    EXPECT_EQ(request.retries_max, 0u);
    return absl::OkStatus();
  });
  const auto response = Call("POST", "/v1/bootstrap/join_cluster", kJoin,
                             "application/json; charset=utf-8");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
}

TEST_F(BootstrapRouterTest, OrDoesNot) {
  const std::pair<ErrorCode, int> kStatuses[] = {
      {ErrorCode::kConflict, 409},
      {ErrorCode::kClusterAlreadyInitialized, 409},
      {ErrorCode::kPermissionDenied, 403},
      {ErrorCode::kValidationFailed, 400}};
  for (const auto& [code, status] : kStatuses) {
    EXPECT_CALL(bootstrap_, Begin).WillOnce(Return(MakeError(code, "why")));
    const auto response = Call("POST", "/v1/bootstrap/join_cluster", kJoin);
    EXPECT_EQ(response.status, status);
    EXPECT_THAT(response.body, HasSubstr(R"("message":"why")"));
    EXPECT_THAT(response.body, HasSubstr(R"("error_code":)"));
  }
}

TEST_F(BootstrapRouterTest, WhatIsUnknownIsIgnored) {
  for (const char* body :
       {"", "{}", R"({"flash_enabled":true,"x":{"y":[1]}})",
        R"({"cluster":{"x":1,"name":null,"nodes":null},"node":null})",
        R"({"node":{"identity":{"uid":7,"x":1},"limits":{"max_listeners":5}}})",
        R"({"policy":{"rack_aware":false},"envoy_admin_port":1024})",
        R"({"dns_suffixes":[{"name":"a"}],"user_defined_modules":[]})"}) {
    EXPECT_TRUE(DecodeBootstrapRequest(BootstrapAction::kCreate, body).ok())
        << body;
  }
}

TEST_F(BootstrapRouterTest, WhatIsKnownIsChecked) {
  EXPECT_CALL(bootstrap_, Begin).Times(0);
  for (const char* body :
       {"[",
        "[]",
        R"({"action":"create_cluster"})",
        R"({"action":7})",
        R"({"cluster":7})",
        R"({"cluster":{"nodes":"1.1.1.1"}})",
        R"({"cluster":{"nodes":[1]}})",
        R"({"cluster":{"name":{}}})",
        R"({"cluster":{"wait_command":"yes"}})",
        R"({"credentials":{"username":1}})",
        R"({"credentials":[]})",
        R"({"node":{"identity":{"addr":"host"}}})",
        R"({"node":{"identity":{"external_addr":["host"]}}})",
        R"({"node":{"identity":{"uid":"x"}}})",
        R"({"node":{"paths":{"ephemeral_path":1}}})",
        R"({"envoy_admin_port":1023})",
        R"({"crdb_coordinator_port":65536})",
        R"({"max_retries":-1})",
        R"({"retry_time":3601})",
        R"({"license":false})",
        R"({"policy":{"rack_aware":1}})"}) {
    const auto response = Call("POST", "/v1/bootstrap/join_cluster", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_THAT(response.body, HasSubstr(R"("error_code":"config_error")"));
    EXPECT_EQ(Call("POST", "/v1/bootstrap/validate/join_cluster", body).status,
              406);
  }
}

TEST_F(BootstrapRouterTest, Validation) {
  EXPECT_CALL(bootstrap_, Validate)
      .WillOnce([](auto, auto done) { done(absl::OkStatus()); })
      .WillOnce([](auto, auto done) {
        done(MakeError(ErrorCode::kPeerUnreachable, "nobody"));
      });
  EXPECT_CALL(bootstrap_, Begin).Times(0);
  auto response = Call("POST", "/v1/bootstrap/validate/join_cluster", kJoin);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  response = Call("POST", "/v1/bootstrap/validate/join_cluster", kJoin);
  EXPECT_EQ(response.status, 406);
  EXPECT_EQ(response.body, R"({"state":"error","error_code":"connect_error",)"
                           R"("error_details":{"message":"nobody"}})");
  EXPECT_CALL(bootstrap_, CheckMayBegin)
      .WillOnce(Return(MakeError(ErrorCode::kPermissionDenied, "no")));
  EXPECT_EQ(Call("POST", "/v1/bootstrap/validate/join_cluster", kJoin).status,
            403);
}

TEST_F(BootstrapRouterTest, WhatIsNotThere) {
  EXPECT_EQ(Call("POST", "/v1/bootstrap/destroy_cluster", "{}").status, 404);
  EXPECT_EQ(Call("POST", "/v1/bootstrap/", "{}").status, 404);
  EXPECT_EQ(Call("POST", "/v1/bootstraps", "{}").status, 503);
  EXPECT_EQ(Call("PUT", "/v1/bootstrap", "{}").status, 405);
  const auto response = Call("GET", "/v1/bootstrap/create_cluster");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.allow, "POST");
  for (const char* type : {"", "text/plain", "application/x-json"}) {
    EXPECT_EQ(Call("POST", "/v1/bootstrap/create_cluster", "{}", type).status,
              415);
  }
}

TEST_F(BootstrapRouterTest, TheAnonymousGetNoFurther) {
  const server::Caller anybody{.identity = "anonymous", .anonymous = true};
  ON_CALL(api_, lifecycle).WillByDefault(Return(server::Lifecycle::kMember));
  EXPECT_CALL(api_, ListTokens).Times(0);
  EXPECT_EQ(Call("GET", "/v1/tokens", "", "", anybody).status, 403);
  EXPECT_EQ(
      Call("GET", "/v1/operator/raft/configuration", "", "", anybody).status,
      403);
  EXPECT_CALL(users_, Challenge).WillOnce([](auto&, auto, auto reply) {
    reply(server::PasswordChallenge());
  });
  EXPECT_EQ(Call("POST", "/v1/server/challenge", "", "", anybody).status, 200);
  EXPECT_EQ(Call("POST", "/v1/server/prove", "\xff", "", anybody).status, 400);
}

TEST_F(BootstrapRouterTest, Nodes) {
  ON_CALL(api_, lifecycle).WillByDefault(Return(server::Lifecycle::kMember));
  server::StatusResponse status;
  status.nodes = {{"n-1", "10.0.0.5:7001", "READY", "VOTER", "1.0", 2, 77, 3},
                  {"n-2", "[::1]:7001", "JOINING", "?", "", 0, 78, 9}};
  EXPECT_CALL(api_, Status).WillOnce(Return(status));
  EXPECT_EQ(Call("GET", "/v1/nodes").body,
            R"([{"uid":3,"addr":"10.0.0.5","status":"active",)"
            R"("software_version":"1.0","node_id":"77","hostname":"n-1",)"
            R"("address":"10.0.0.5:7001","node_status":"READY",)"
            R"("suffrage":"VOTER","feature_level":2},)"
            R"({"uid":9,"addr":"::1","status":"provisioning",)"
            R"("software_version":"","node_id":"78","hostname":"n-2",)"
            R"("address":"[::1]:7001","node_status":"JOINING","suffrage":"?",)"
            R"("feature_level":0}])");
}

TEST_F(BootstrapRouterTest, Users) {
  ON_CALL(api_, lifecycle).WillByDefault(Return(server::Lifecycle::kMember));
  EXPECT_CALL(users_, SetUser)
      .WillOnce([](auto&, server::SetUserRequest request, auto reply) {
        EXPECT_EQ(request.name, "a+b");
        EXPECT_EQ(request.password, "p");
        reply(server::UserResponse{7});
      });
  EXPECT_EQ(Call("PUT", "/v1/user/a%2Bb", R"({"password":"p"})").body,
            R"({"index":7})");
  EXPECT_EQ(Call("PUT", "/v1/user/a", R"({"pass":"p"})").status, 400);
  EXPECT_CALL(users_, RemoveUser)
      .WillOnce([](auto&, server::RemoveUserRequest request, auto reply) {
        EXPECT_EQ(request.name, "a");
        reply(MakeError(ErrorCode::kNotFound, "no"));
      });
  EXPECT_EQ(Call("DELETE", "/v1/user/a").status, 404);
}

}  // namespace
}  // namespace jaco::net

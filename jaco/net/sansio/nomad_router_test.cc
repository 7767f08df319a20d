// The paths of Nomad's API, with its texts. Through the whole router.

#include "jaco/net/sansio/nomad_router.h"

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/operator_json.h"
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
using ::testing::ReturnRef;

const server::RaftPeer kFirst{7, "node-1", "10.1.0.10:4647", false, true};
const server::RaftPeer kSecond{8, "", "10.1.0.20:4647", true, false};

class NomadRouterTest : public testing::Test {
 protected:
  NomadRouterTest() {
    ON_CALL(api_, operators).WillByDefault(ReturnRef(operators_));
    ON_CALL(api_, lifecycle).WillByDefault(Return(server::Lifecycle::kMember));
  }

  HttpResponse Call(absl::string_view method, absl::string_view target,
                    absl::string_view body = "", bool wants_json = false,
                    const server::Caller& caller = {}) {
    HttpResponse response{.status = -1};
    router_.Handle({method, target, body, wants_json}, caller,
                   [&](HttpResponse r) { response = std::move(r); });
    return response;
  }
  void ExpectText(const HttpResponse& response, int status,
                  absl::string_view text) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.body, text);
    EXPECT_EQ(response.content_type, "text/plain; charset=utf-8");
  }

  NiceMock<MockApi> api_;
  NiceMock<MockOperatorApi> operators_;
  ApiRouter router_{&api_};
};

TEST_F(NomadRouterTest, RaftConfiguration) {
  EXPECT_CALL(operators_, ListPeers(_, false, _))
      .WillOnce([](auto&, bool, auto reply) {
        reply(server::RaftPeers{5, {kFirst, kSecond}});
      });
  const auto response = Call("GET", "/v1/operator/raft/configuration");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(
      response.body,
      R"({"Index":5,"Servers":[{"Address":"10.1.0.10:4647","ID":"7",)"
      R"("Leader":false,"Node":"node-1.global","RaftProtocol":"3",)"
      R"("Voter":true},{"Address":"10.1.0.20:4647","ID":"8","Leader":true,)"
      R"j("Node":"(unknown)","RaftProtocol":"unknown","Voter":false}]})j");
  const auto decoded = DecodeRaftConfiguration(response.body);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->peers[1].id, 8u);
  EXPECT_TRUE(decoded->peers[1].leader);
}

TEST_F(NomadRouterTest, StaleIsAFlag) {
  EXPECT_CALL(operators_, ListPeers(_, true, _)).Times(3);
  EXPECT_CALL(operators_, ListPeers(_, false, _)).Times(1);
  const std::string path = "/v1/operator/raft/configuration?stale";
  Call("GET", path);
  Call("GET", path + "=");
  Call("GET", path + "=True");
  Call("GET", path + "=False");
  ExpectText(Call("GET", path + "=no"), 400,
             "Expect `true` or `false` for `stale` query string parameter");
}

TEST_F(NomadRouterTest, ReadsThatAskNobody) {
  const auto local = [](absl::string_view method, absl::string_view target) {
    return ApiRouter::IsLocalRead(method, target);
  };
  for (const char* path :
       {"/v1/cluster/status", "/v1/health", "/v1/version", "/v1/status/leader",
        "/v1/status/peers", "/v1/agent/self", "/v1/agent/members",
        "/v1/regions", "/v1/cluster/status?x=y",
        "/v1/operator/raft/configuration?stale",
        "/v1/operator/autopilot/configuration?stale=true"}) {
    EXPECT_TRUE(local("GET", path)) << path;
    EXPECT_FALSE(local("PUT", path)) << path;
  }
  for (const char* path :
       {"/v1/operator/raft/configuration",
        "/v1/operator/raft/configuration?stale=false",
        "/v1/operator/raft/configuration?stale=perhaps",
        "/v1/operator/raft/configuration?stale&%x",
        "/v1/operator/autopilot/health?stale", "/v1/tokens?stale",
        "/v1/cluster/backup?stale", "/v1/token/health", "/", ""}) {
    EXPECT_FALSE(local("GET", path)) << path;
  }
  EXPECT_FALSE(local("DELETE", "/v1/operator/raft/peer?stale"));
}

TEST_F(NomadRouterTest, ErrorsAreNomadsTextsOrOurJson) {
  EXPECT_CALL(operators_, ListPeers)
      .WillRepeatedly([](auto&, bool, auto reply) {
        reply(MakeError(ErrorCode::kNoLeader, "an election is under way"));
      });
  const std::string path = "/v1/operator/raft/configuration";
  ExpectText(Call("GET", path), 500, "No cluster leader");
  const auto ours = Call("GET", path, "", /*wants_json=*/true);
  EXPECT_EQ(ours.status, 503);
  EXPECT_EQ(ours.content_type, "application/json");
  EXPECT_THAT(ours.body, HasSubstr(R"("code":"no_leader")"));
  ExpectText(Call("PUT", path), 405, "Invalid method");
  ExpectText(Call("GET", "/v1/operator/raft/peer"), 404, "Invalid method");
  ExpectText(Call("GET", path + "?a=%zz"), 400, "broken escape in path: %zz");
  server::Caller joiner;
  joiner.join_token_hash = "h";
  ExpectText(Call("GET", path, "", false, joiner), 403, "Permission denied");
}

TEST_F(NomadRouterTest, RemovePeer) {
  EXPECT_CALL(operators_, RemovePeer(_, Field(&server::PeerSelector::id, 7), _))
      .WillOnce([](auto&, auto, auto reply) { reply(kFirst); });
  EXPECT_CALL(
      operators_,
      RemovePeer(_, Field(&server::PeerSelector::address, "10.1.0.20:4647"), _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kNodeNotFound, "is not there"));
      });
  const std::string path = "/v1/operator/raft/peer";
  const auto removed = Call("DELETE", path + "?id=7");
  EXPECT_EQ(removed.status, 200);
  EXPECT_EQ(removed.body, "");
  ExpectText(Call("DELETE", path + "?address=10.1.0.20:4647"), 500,
             "is not there");
  ExpectText(Call("DELETE", path), 400, "Must specify the peer's ID to remove");
  ExpectText(Call("DELETE", path + "?id=1&address=a:1"), 400,
             "Must specify only one of ?id or ?address");
}

TEST_F(NomadRouterTest, TransferLeadership) {
  EXPECT_CALL(operators_,
              TransferLeadership(_, Field(&server::PeerSelector::id, 7), _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::TransferResponse{kSecond, kFirst, false});
      })
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kNodeNotFound, "is not there"));
      });
  const std::string path = "/v1/operator/raft/transfer-leadership";
  EXPECT_EQ(Call("PUT", path + "?id=7").body,
            R"({"Err":null,"From":{"Address":"10.1.0.20:4647","ID":"8"},)"
            R"("Noop":false,"To":{"Address":"10.1.0.10:4647","ID":"7"}})");
  ExpectText(Call("POST", path + "?id=7"), 400, "is not there");
  for (const auto& [query, said] :
       {std::pair("", "must specify id or address"),
        std::pair("?id=1&address=a:1", "must specify either id or address"),
        std::pair("?id=", "id must be non-empty"),
        std::pair("?id=1&id=2", "must specify only one id"),
        std::pair("?address", "address must be non-empty"),
        std::pair("?address=a:1&address=b:1", "must specify only one address"),
        std::pair("?id=x", "id must be a number: \"x\""),
        std::pair("?address=x", "address must be in IP:port format: \"x\"")}) {
    ExpectText(Call("PUT", path + query), 400, said);
  }
  ExpectText(Call("DELETE", path), 405, "Invalid method");
}

TEST_F(NomadRouterTest, AutopilotConfiguration) {
  server::AutopilotSettings settings;
  settings.last_contact_threshold = absl::Milliseconds(1500);
  settings.modify_index = 9;
  EXPECT_CALL(operators_, GetAutopilot(_, true, _))
      .WillOnce([&](auto&, bool, auto reply) { reply(settings); });
  const std::string path = "/v1/operator/autopilot/configuration";
  const std::string shown = Call("GET", path + "?stale").body;
  EXPECT_EQ(shown,
            R"({"LastContactThreshold":"1.5s","ServerStabilizationTime":"10s",)"
            R"("CleanupDeadServers":true,"MaxTrailingLogs":250,"MinQuorum":0,)"
            R"("EnableRedundancyZones":false,"DisableUpgradeMigration":false,)"
            R"("EnableCustomUpgrades":false,"CreateIndex":0,"ModifyIndex":9})");
  EXPECT_CALL(operators_, SetAutopilot)
      .WillOnce([&](auto&, server::SetAutopilotRequest request, auto reply) {
        EXPECT_EQ(request.settings.last_contact_threshold,
                  absl::Milliseconds(1500));
        EXPECT_FALSE(request.if_modify_index.has_value());
        reply(request.settings);
      })
      .WillOnce([&](auto&, server::SetAutopilotRequest request, auto reply) {
        EXPECT_EQ(request.settings.last_contact_threshold,
                  absl::Microseconds(5));
        EXPECT_FALSE(request.settings.cleanup_dead_servers);
        EXPECT_EQ(request.settings.max_trailing_logs, 250u);
        EXPECT_EQ(request.if_modify_index, 0u);
        reply(MakeError(ErrorCode::kConflict, "somebody was first"));
      });
  EXPECT_EQ(Call("PUT", path, shown).body, "true");
  const auto second =
      Call("PUT", path + "?cas=0",
           R"({"LastContactThreshold":5000,"CleanupDeadServers":false})");
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, "false");
  const std::string prefix = "Error parsing autopilot config: ";
  ExpectText(Call("PUT", path), 400, prefix + "Request body is empty");
  ExpectText(Call("PUT", path, R"({"LastContactThreshold":"inf"})"), 400,
             prefix + "invalid duration \"inf\"");
  ExpectText(Call("PUT", path, R"({"EnableRedundancyZones":true})"), 400,
             prefix + "\"EnableRedundancyZones\" is not supported");
  EXPECT_EQ(Call("PUT", path, R"({"MaxTrailingLogs":-1})").status, 400);
  EXPECT_EQ(Call("PUT", path, R"({"Max":1})").status, 400);
  ExpectText(Call("PUT", path + "?cas=abc", "{}"), 400,
             "Error parsing cas value: strconv.ParseUint: parsing \"abc\": "
             "invalid syntax");
  ExpectText(Call("POST", path), 404, "Invalid method");
}

TEST_F(NomadRouterTest, Health) {
  server::AutopilotHealth health;
  health.leader = 7;
  health.failure_tolerance = 1;
  health.servers = {{.id = 7,
                     .name = "node-1",
                     .address = "a:1",
                     .version = "1.0",
                     .alive = true,
                     .leader = true,
                     .voter = true,
                     .healthy = false,
                     .last_contact = absl::Microseconds(12300),
                     .last_term = 2,
                     .last_index = 3,
                     .stable_since = absl::FromUnixSeconds(1)}};
  EXPECT_CALL(operators_, Health).WillOnce([&](auto&, auto reply) {
    reply(health);
  });
  const auto response = Call("GET", "/v1/operator/autopilot/health");
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(
      response.body,
      R"({"FailureTolerance":1,"Healthy":false,"Leader":"7","Servers":[)"
      R"({"Address":"a:1","Healthy":false,"ID":"7","LastContact":"12.3ms",)"
      R"("LastIndex":3,"LastTerm":2,"Leader":true,"Name":"node-1.global",)"
      R"("SerfStatus":"alive","StableSince":"1970-01-01T00:00:01Z",)"
      R"("Version":"1.0","Voter":true}],"Voters":["7"]})");
  const auto decoded = DecodeAutopilotHealth(response.body);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->servers[0].last_contact, absl::Microseconds(12300));
}

TEST_F(NomadRouterTest, AgentAndStatus) {
  server::AgentInfo info;
  info.member = true;
  info.self = {7, "node-1", "10.1.0.10:4647", "READY", "1.0"};
  info.nodes = {info.self};
  info.configuration = {3, {kFirst, kSecond}};
  ON_CALL(operators_, Agent).WillByDefault([&] { return info; });
  ExpectText(Call("GET", "/v1/status/leader"), 500, "No cluster leader");
  info.leader = 8;
  info.leader_address = "10.1.0.20:4647";
  EXPECT_EQ(Call("GET", "/v1/status/leader").body, "\"10.1.0.20:4647\"");
  EXPECT_EQ(Call("GET", "/v1/status/peers").body,
            R"(["10.1.0.10:4647","10.1.0.20:4647"])");
  EXPECT_EQ(Call("GET", "/v1/regions").body, R"(["global"])");
  EXPECT_EQ(Call("GET", "/v1/agent/members").body,
            R"({"Members":[{"Addr":"10.1.0.10","Name":"node-1.global",)"
            R"("Port":4647,"Status":"alive","Tags":{"build":"1.0","dc":"dc1",)"
            R"("id":"7","port":"4647","raft_vsn":"3","region":"global",)"
            R"("role":"nomad","rpc_addr":"10.1.0.10"}}],"ServerDC":"dc1",)"
            R"("ServerName":"node-1","ServerRegion":"global"})");
  EXPECT_THAT(Call("GET", "/v1/agent/self").body,
              AllOf(HasSubstr(R"("Region":"global")"),
                    HasSubstr(R"("leader_addr":"10.1.0.20:4647")"),
                    HasSubstr(R"("num_peers":"1")")));
}

TEST(GoDurationTest, AsGoPrintsAndReadsThem) {
  for (const auto& [duration, text] :
       {std::pair(absl::ZeroDuration(), "0s"),
        std::pair(absl::Milliseconds(200), "200ms"),
        std::pair(absl::Microseconds(1500), "1.5ms"),
        std::pair(absl::Microseconds(15), "15µs"),
        std::pair(absl::Milliseconds(1500), "1.5s"),
        std::pair(absl::Seconds(60), "1m0s"),
        std::pair(absl::Hours(25) + absl::Nanoseconds(1),
                  "25h0m0.000000001s")}) {
    EXPECT_EQ(GoDuration(duration), text);
    EXPECT_EQ(*ParseGoDuration(text), duration);
  }
  for (const char* text : {"", "1", "x", "inf", "-inf"}) {
    EXPECT_FALSE(ParseGoDuration(text).ok()) << text;
  }
}

TEST(QueryTest, Parameters) {
  const auto query = Query::Of("/p?a=1&b&a=%32+3&=x&n=17");
  ASSERT_TRUE(query.ok());
  EXPECT_THAT(query->All("a"), testing::ElementsAre("1", "2 3"));
  EXPECT_EQ(query->First("b"), "");
  EXPECT_EQ(query->First("c"), std::nullopt);
  EXPECT_EQ(**query->Number("n"), 17u);
  EXPECT_EQ(*query->Number("c"), std::nullopt);
  EXPECT_FALSE(query->Number("b").ok());
  EXPECT_FALSE(Query::Of("/p?%4").ok());
  EXPECT_TRUE(Query::Of("/p").ok());
}

}  // namespace
}  // namespace jaco::net

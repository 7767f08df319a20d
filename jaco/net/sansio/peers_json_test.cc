#include "jaco/net/sansio/peers_json.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"

namespace jaco::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(PeersJsonTest, ReadsMembersWithIds) {
  const auto members = DecodePeersJson(R"([
      {"id": "18446744073709551615", "address": "10.0.0.1:7001"},
      {"id": 7, "address": "[::1]:7001", "non_voter": true}])");
  ASSERT_TRUE(members.ok()) << members.status();
  EXPECT_THAT(*members,
              ElementsAre(PeersJsonMember{~uint64_t{0}, "10.0.0.1:7001", false},
                          PeersJsonMember{7, "[::1]:7001", true}));
}

TEST(PeersJsonTest, ReadsAddresses) {
  const auto members = DecodePeersJson(R"(["10.0.0.1:7001","b:7001"])");
  ASSERT_TRUE(members.ok()) << members.status();
  EXPECT_THAT(*members, ElementsAre(PeersJsonMember{0, "10.0.0.1:7001"},
                                    PeersJsonMember{0, "b:7001"}));
}

TEST(PeersJsonTest, RefusesWhatIsNoSetOfMembers) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"[]", "no voter"},
      {"{}", "not a list"},
      {"[1]", "neither an object nor an address"},
      {R"(["a:1","a:1"])", "member 2: address a:1 comes twice"},
      {R"(["a"])", "is not host:port"},
      {R"(["0.0.0.0:7001"])", "\"0.0.0.0:7001\" is where nobody can connect"},
      {R"(["[::]:7001"])", "nobody can connect"},
      {R"(["a:0"])", "nobody can connect"},
      {R"(["a:1",{"id":1,"address":"b:1"}])", "not written as the first"},
      {R"([{"id":1,"address":"a:1"},{"id":1,"address":"b:1"}])", "id 1 comes"},
      {R"([{"id":1,"address":"a:1","non_voter":true}])", "no voter"},
      {R"([{"id":1}])", "has no address"},
      {R"([{"address":"a:1"}])", "has no id"},
      {R"([{"id":0,"address":"a:1"}])", "no number above 0"},
      {R"([{"id":-1,"address":"a:1"}])", "no number above 0"},
      {R"([{"id":"x","address":"a:1"}])", "no number above 0"},
      {R"([{"id":1,"address":7}])", "no string"},
      {R"([{"id":1,"address":"a:1","non_voter":1}])", "neither true nor false"},
      {R"([{"id":1,"address":"a:1","voter":true}])", "unknown field"},
  };
  for (const auto& [text, why] : bad) {
    const auto members = DecodePeersJson(text);
    ASSERT_FALSE(members.ok()) << text;
    EXPECT_EQ(CodeOf(members.status()), ErrorCode::kValidationFailed) << text;
    EXPECT_THAT(std::string(members.status().message()), HasSubstr(why));
  }
  for (const char* text : {"", "[", "x", "[[[[[[]]]]]]", "[] []"}) {
    EXPECT_EQ(CodeOf(DecodePeersJson(text).status()), ErrorCode::kParseFailed)
        << text;
  }
}

}  // namespace
}  // namespace jaco::net

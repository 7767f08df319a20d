#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>
#include <yaml-cpp/yaml.h>

#include <boost/json.hpp>
#include <string>

#include "gtest/gtest.h"
#include "third_party/smoke/smoke.pb.h"

namespace jaco {
namespace {

TEST(FormatsSmokeTest, ProtobufRoundTrip) {
  third_party::Greeting greeting;
  greeting.set_text("hello");
  greeting.set_index(7);
  third_party::Greeting parsed;
  ASSERT_TRUE(parsed.ParseFromString(greeting.SerializeAsString()));
  EXPECT_EQ(parsed.text(), "hello");
  EXPECT_EQ(parsed.index(), 7u);
}

TEST(FormatsSmokeTest, ProtobufWellKnownType) {
  google::protobuf::StringValue value;
  value.set_value("text");
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(value, &json).ok());
  EXPECT_EQ(json, "\"text\"");
}

TEST(FormatsSmokeTest, Json) {
  boost::json::value value = boost::json::parse(R"({"index": 7})");
  EXPECT_EQ(value.at("index").as_int64(), 7);
  EXPECT_EQ(boost::json::serialize(value), R"({"index":7})");
}

TEST(FormatsSmokeTest, Yaml) {
  YAML::Node node = YAML::Load("peers: [a, b]");
  EXPECT_EQ(node["peers"][1].as<std::string>(), "b");
}

}  // namespace
}  // namespace jaco

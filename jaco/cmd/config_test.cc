#include "jaco/cmd/config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"

namespace jaco::cmd {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ErrorOf(absl::string_view text) {
  const auto config = ParseConfig(text, "/etc/jaco/jacod.yaml");
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(ParseConfigTest, Defaults) {
  for (const char* text : {"", "\n", "# nothing\n", "---\n", "null\n"}) {
    const auto config = ParseConfig(text, "f");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->data_dir, "/var/lib/jaco");
    EXPECT_EQ(config->unix_socket, "/var/run/jaco/jaco.sock");
    EXPECT_EQ(config->listen_addr, "0.0.0.0:7000");
    EXPECT_EQ(config->cluster_addr, "0.0.0.0:7001");
    EXPECT_EQ(config->log_level, LogLevel::kInfo);
    EXPECT_EQ(config->node_name, "");
  }
}

// The example that is shipped, as it stands and with every key set.
TEST(ParseConfigTest, TheExample) {
  std::ifstream file("packaging/jacod.yaml");
  ASSERT_TRUE(file.is_open());
  std::string as_it_stands;
  std::string all;
  int keys = 0;
  for (std::string line; std::getline(file, line);) {
    as_it_stands += line + "\n";
    const bool key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    keys += key ? 1 : 0;
    all += line.substr(key ? 1 : 0) + "\n";
  }
  EXPECT_EQ(ErrorOf(as_it_stands), "");
  EXPECT_EQ(ErrorOf(all), "");
  // All but bootstrap_key, which is better in a file of its own.
  EXPECT_EQ(keys, 19);
}

TEST(ParseConfigTest, NodeNamesAreWhatTheClusterTakes) {
  EXPECT_EQ(ErrorOf("node_name: " + std::string(128, 'a')), "");
  EXPECT_THAT(ErrorOf("node_name: " + std::string(129, 'a')),
              HasSubstr("is not a node name: 1 to 128 "));
}

TEST(ParseConfigTest, AllKeys) {
  const auto config = ParseConfig(
      "node_name: node-1\n"
      "data_dir: /srv/jaco\n"
      "unix_socket: '/run/j.sock'\n"
      "listen_addr: 10.0.0.5:7000\n"
      "cluster_addr: \"[::1]:7001\"\n"
      "log_level: warn\n",
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->node_name, "node-1");
  EXPECT_EQ(config->data_dir, "/srv/jaco");
  EXPECT_EQ(config->unix_socket, "/run/j.sock");
  EXPECT_EQ(config->listen_addr, "10.0.0.5:7000");
  EXPECT_EQ(config->cluster_addr, "[::1]:7001");
  EXPECT_EQ(config->log_level, LogLevel::kWarning);
}

TEST(ParseConfigTest, NamesKeyAndLine) {
  EXPECT_EQ(ErrorOf("data_dir: /x\n\nnod_name: a\n"),
            "/etc/jaco/jacod.yaml:3: unknown key \"nod_name\"; did you mean "
            "\"node_name\"?");
  EXPECT_EQ(ErrorOf("colour: red\n"),
            "/etc/jaco/jacod.yaml:1: unknown key \"colour\"");
  EXPECT_EQ(ErrorOf("data_dir: /x\ndata_dir: /y\n"),
            "/etc/jaco/jacod.yaml:2: key \"data_dir\" is repeated");
  EXPECT_EQ(ErrorOf("\nlog_level: loud\n"),
            "/etc/jaco/jacod.yaml:2: log_level: \"loud\" is not one of debug, "
            "info, warn, error");
  EXPECT_EQ(ErrorOf("data_dir: [a]\n"),
            "/etc/jaco/jacod.yaml:1: data_dir: must be a single value");
  EXPECT_EQ(ErrorOf("data_dir:\n"),
            "/etc/jaco/jacod.yaml:1: data_dir: must be a single value");
  EXPECT_EQ(ErrorOf("data_dir: ''\n"),
            "/etc/jaco/jacod.yaml:1: data_dir: must not be empty");
  for (const char* name : {"localhost", "node-1", "127.0.0.1.example.net"}) {
    EXPECT_EQ(ErrorOf(absl::StrCat("cluster_addr: ", name, ":7001\n")),
              absl::StrCat("/etc/jaco/jacod.yaml:1: cluster_addr: \"", name,
                           "\" is no numeric address, as 10.0.0.5 or 0.0.0.0"));
  }
  EXPECT_EQ(ErrorOf("listen_addr: 7000\n"),
            "/etc/jaco/jacod.yaml:1: listen_addr: \"7000\" is not host:port, "
            "as 10.0.0.5:7001");
  EXPECT_THAT(ErrorOf("node_name: a b\n"), HasSubstr("is not a node name"));
  EXPECT_EQ(ErrorOf("[a]: b\n"),
            "/etc/jaco/jacod.yaml:1: a key must be a word");
}

TEST(ParseConfigTest, LeaveOnTerminate) {
  EXPECT_FALSE(ParseConfig("", "f")->leave_on_terminate);
  EXPECT_TRUE(ParseConfig("leave_on_terminate: true", "f")->leave_on_terminate);
  EXPECT_FALSE(
      ParseConfig("leave_on_terminate: 'false'", "f")->leave_on_terminate);
  EXPECT_EQ(ErrorOf("leave_on_terminate: yes\n"),
            "/etc/jaco/jacod.yaml:1: leave_on_terminate: \"yes\" is not true "
            "or false");
}

TEST(ParseConfigTest, Bootstrap) {
  const auto config = ParseConfig(
      "bootstrap_expect: 3\nbootstrap_key: 0123456789abcdef\n"
      "retry_join: [a, '10.0.0.5:7100', '[::1]']\n",
      "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->bootstrap_expect, 3u);
  EXPECT_EQ(config->bootstrap_key, "0123456789abcdef");
  EXPECT_EQ(config->retry_join, (std::vector<std::string>{
                                    "a:7000", "10.0.0.5:7100", "[::1]:7000"}));
  EXPECT_EQ(ParseConfig("retry_join: a:1\n", "")->retry_join.size(), 1u);
  for (const char* bad : {"0", "64", "-1", "3.0", "''", "three", "0x3"}) {
    EXPECT_THAT(ErrorOf(absl::StrCat("\nbootstrap_expect: ", bad)),
                HasSubstr(":2: bootstrap_expect: "))
        << bad;
  }
  EXPECT_THAT(ErrorOf("retry_join: [a, 'b c']"),
              HasSubstr(":1: retry_join: \"b c\" is not host:port"));
  // Whatever it was, it may have been meant as a secret.
  const std::string error = ErrorOf("bootstrap_key: hunter2");
  EXPECT_THAT(error, HasSubstr(":1: bootstrap_key: must be 16 to 1024"));
  EXPECT_THAT(error, Not(HasSubstr("hunter2")));
}

TEST(ParseConfigTest, WhatIsNotAMap) {
  EXPECT_THAT(ErrorOf("just words\n"), HasSubstr(":1: the file must hold"));
  EXPECT_THAT(ErrorOf("- a\n- b\n"), HasSubstr(":1: the file must hold"));
  EXPECT_THAT(ErrorOf("a: b: c\n"), StartsWith("/etc/jaco/jacod.yaml:1: "));
  EXPECT_THAT(ErrorOf("data_dir: /x\n\tb: c\n"),
              StartsWith("/etc/jaco/jacod.yaml:2: "));
  EXPECT_THAT(ErrorOf("data_dir: /x\n---\ndata_dir: /y\n"),
              HasSubstr("text after the end of the settings"));
  EXPECT_THAT(ErrorOf("data_dir: /x\n}\n"),
              StartsWith("/etc/jaco/jacod.yaml:"));
  EXPECT_NE(ErrorOf("}"), "");
  EXPECT_NE(ErrorOf("a: &a [*a, *a]\n*a : b\n"), "");
  EXPECT_NE(ErrorOf(std::string(50'000, '[')), "");
  EXPECT_NE(ErrorOf(std::string("data_dir: \"a\\0b\"\n")), "");
}

TEST(ParseConfigTest, ListsOfListeners) {
  const auto config = ParseConfig(
      "api_listeners: [https://10.0.0.5:7443, 'http://127.0.0.1:8500']\n"
      "seal_key_file: /run/key\nsocket_group: ops\n",
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->api_listeners.size(), 2u);
  EXPECT_TRUE(config->api_listeners[0].tls);
  EXPECT_EQ(config->api_listeners[0].host_port, "10.0.0.5:7443");
  EXPECT_FALSE(config->api_listeners[1].tls);
  EXPECT_EQ(config->socket_group, "ops");
  EXPECT_EQ(ParseConfig("api_listeners:\n  - https://[::1]:1\n", "f")
                ->api_listeners[0]
                .host_port,
            "[::1]:1");
  EXPECT_EQ(
      ParseConfig("api_listeners: http://[::1]:1\n", "f")->api_listeners.size(),
      1u);
  EXPECT_TRUE(ParseConfig("api_listeners: []\n", "f")->api_listeners.empty());
  for (const char* bad :
       {"api_listeners: [http://0.0.0.0:1]", "api_listeners: [10.0.0.1:1]",
        "api_listeners: [[https://a:1]]", "api_listeners: {a: b}",
        "api_listeners: [https://a:1, ~]", "data_dir: [a]",
        "api_listeners: [https://a]", "api_listeners: [https://a:1]",
        "api_listeners: ['http://127.0.0.1.a:1']"}) {
    EXPECT_FALSE(ParseConfig(bad, "f").ok()) << bad;
  }
}

class LoadConfigTest : public testing::Test {
 protected:
  LoadConfigTest() {
    std::string name = testing::TempDir() + "/jaco-config-XXXXXX";
    close(mkstemp(name.data()));
    path_ = name;
    flags_.config = path_;
  }
  ~LoadConfigTest() override { unlink(path_.c_str()); }

  absl::StatusOr<Config> Load(const std::string& text) {
    std::ofstream(path_) << text;
    return LoadConfig(flags_,
                      [this](const char* name) -> std::optional<std::string> {
                        const auto found = environment_.find(name);
                        if (found == environment_.end()) return std::nullopt;
                        return found->second;
                      });
  }

  std::string path_;
  ConfigFlags flags_;
  std::map<std::string, std::string> environment_;
};

TEST_F(LoadConfigTest, FlagsOverEnvironmentOverFile) {
  const char* text = "data_dir: /file\nunix_socket: /file\nlog_level: error\n";
  environment_ = {{"JACO_DATA_DIR", "/env"}, {"JACO_SOCKET", "/env"}};
  flags_.data_dir = "/flag";
  const auto config = Load(text);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data_dir, "/flag");
  EXPECT_EQ(config->unix_socket, "/env");
  EXPECT_EQ(config->log_level, LogLevel::kError);
  EXPECT_NE(config->node_name, "");
}

TEST_F(LoadConfigTest, NamesTheSourceOfABadValue) {
  environment_ = {{"JACO_LOG", "loud"}};
  EXPECT_THAT(std::string(Load("").status().message()),
              StartsWith("$JACO_LOG: \"loud\" is not one of"));
  flags_.log_level = "quiet";
  EXPECT_THAT(std::string(Load("").status().message()),
              StartsWith("--log-level: \"quiet\" is not one of"));
}

TEST_F(LoadConfigTest, WhatHoldsAKeyIsPrivate) {
  const std::string text = "bootstrap_key: 0123456789abcdef\n";
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  EXPECT_TRUE(Load(text).ok());
  EXPECT_TRUE(Load(text)->warnings.empty());
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  EXPECT_EQ(Load(text)->warnings.size(), 1u);
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_TRUE(Load("").ok());
  EXPECT_TRUE(Load("")->warnings.empty());
  EXPECT_EQ(CodeOf(Load(text).status()), ErrorCode::kPermissionDenied);
  // One that does not come from the file is none of its business.
  environment_ = {{"JACO_BOOTSTRAP_KEY", "0123456789abcdef"}};
  EXPECT_TRUE(Load("").ok());
  environment_ = {{"JACO_BOOTSTRAP_KEY_FILE", path_}};
  EXPECT_EQ(CodeOf(Load("").status()), ErrorCode::kPermissionDenied);
  environment_ = {{"JACO_SEAL_KEY_FILE", path_}};
  const auto refused = Load("");
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr(absl::StrCat("everybody may read or write ", path_,
                                     " (mode 0644), which holds the seal key: "
                                     "run `chmod o= ",
                                     path_, "`")));
}

TEST_F(LoadConfigTest, TheTwoAddressesDiffer) {
  EXPECT_THAT(
      std::string(Load("listen_addr: 0.0.0.0:7001\n").status().message()),
      HasSubstr("listen_addr and cluster_addr are both 0.0.0.0:7001"));
}

TEST_F(LoadConfigTest, ANamedFileMustBeThere) {
  flags_.config = "/no/such/file.yaml";
  const auto config = Load("");
  EXPECT_EQ(CodeOf(config.status()), ErrorCode::kNotFound);
  EXPECT_EQ(config.status().message(),
            "there is no configuration file /no/such/file.yaml");
  flags_.config = "/tmp";
  EXPECT_EQ(Load("").status().message(), "cannot read /tmp: Is a directory");
}

TEST_F(LoadConfigTest, AFileIsNotABook) {
  EXPECT_EQ(CodeOf(Load(std::string(100'000, '#')).status()),
            ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace jaco::cmd

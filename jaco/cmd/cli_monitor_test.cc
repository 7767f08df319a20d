#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/cmd/cli_test.h"
#include "jaco/net/sansio/log_tail.h"

namespace jaco::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

net::LogLine Line(uint64_t number, const std::string& text) {
  return {number, LogLevel::kInfo, text};
}

// Answers with one page after the other, then ends the reader's output.
class FakeTail : public net::LogTail {
 public:
  net::LogPage Read(const net::LogRequest& request) override {
    asked.push_back(request);
    if (asked.size() <= pages.size()) return pages[asked.size() - 1];
    out->setstate(std::ios::badbit);
    return {.run = pages.back().run};
  }
  std::vector<net::LogRequest> asked;
  std::vector<net::LogPage> pages;
  std::ostream* out = nullptr;
};

class CliMonitorTest : public CliTest {
 protected:
  CliMonitorTest() {
    world_.follow_every = absl::Milliseconds(1);
    tail_.out = &out_;
    log_ = &tail_;
  }
  // Where the questions began.
  std::vector<uint64_t> Afters() {
    std::vector<uint64_t> afters;
    for (const auto& request : tail_.asked) afters.push_back(request.after);
    return afters;
  }

  FakeTail tail_;
};

TEST_F(CliMonitorTest, LinesAsTheyCome) {
  tail_.pages = {{"r", {Line(3, "a"), Line(4, "b \"c\"")}, 4, 0, false},
                 {"r", {}, 4, 0, false},
                 {"r", {Line(9, "d")}, 9, 0, true},
                 {"r", {Line(12, "e")}, 12, 2, false}};
  Serve();
  EXPECT_EQ(Run({"monitor", "-n", "2", "--log-level=debug"}), 1);
  EXPECT_EQ(out_.str(), "a\nb \"c\"\nd\ne\n");
  EXPECT_EQ(err_.str(), "gap: 2 lines are lost\n");
  EXPECT_THAT(Afters(), ElementsAre(0, 4, 4, 9, 12));
  EXPECT_EQ(tail_.asked[0].limit, 2u);
  EXPECT_EQ(tail_.asked[1].limit, net::kLogLinesMax);
  EXPECT_EQ(tail_.asked[1].least, LogLevel::kDebug);
}

TEST_F(CliMonitorTest, AServerThatIsStartedAnew) {
  tail_.pages = {{"r", {Line(3, "a")}, 40, 0, false},
                 {"s", {Line(41, "not the next one")}, 50, 0, false},
                 {"s", {Line(2, "first")}, 50, 0, false}};
  Serve();
  EXPECT_EQ(Run({"monitor"}), 1);
  EXPECT_EQ(out_.str(), "a\nfirst\n");
  EXPECT_EQ(err_.str(), "jacod was started anew\n");
  EXPECT_THAT(Afters(), ElementsAre(0, 40, 1, 50));
}

TEST_F(CliMonitorTest, NoLineMovesTheCursor) {
  tail_.pages = {{"r", {Line(3, "a\x1b[2J\xc2\x9b")}, 4, 0, false}};
  Serve();
  EXPECT_EQ(Run({"monitor"}), 1);
  EXPECT_EQ(out_.str(), "a\\x1b[2J\\xc2\\x9b\n");
}

TEST_F(CliMonitorTest, Usage) {
  EXPECT_EQ(Run({"monitor", "--log-level", "trace"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("trace"));
  EXPECT_EQ(Run({"monitor", "-n", "0"}), 1);
  EXPECT_EQ(Run({"monitor"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("is not available"));
}

}  // namespace
}  // namespace jaco::cmd

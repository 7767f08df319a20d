#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/cmd/cli_test.h"
#include "jaco/server/audit_api.h"

namespace jaco::cmd {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Page = server::ListAuditResponse;

server::AuditEventInfo Event(uint64_t index, const std::string& type) {
  return {index,
          type,
          absl::FromUnixMillis(1999),
          "local",
          {{"identity", absl::StrCat("t", index)}}};
}

class CliAuditTest : public CliTest {
 protected:
  CliAuditTest() {
    world_.follow_every = absl::Milliseconds(1);
    ON_CALL(api_, audit).WillByDefault(testing::ReturnRef(audit_));
  }
  // Answers with these, one a question; then no more is allowed.
  void Answer(std::vector<absl::StatusOr<Page>> answers) {
    answers.push_back(MakeError(ErrorCode::kPermissionDenied, "enough"));
    ON_CALL(audit_, ListEvents)
        .WillByDefault([this, answers](auto&, auto request, auto reply) {
          asked_.push_back(std::move(request));
          reply(answers[std::min(asked_.size(), answers.size()) - 1]);
        });
    Serve();
  }
  // How the question says where to begin.
  std::vector<uint64_t> Afters() {
    std::vector<uint64_t> afters;
    for (const auto& request : asked_) afters.push_back(request.after);
    return afters;
  }

  testing::NiceMock<net::MockAuditApi> audit_;
  std::vector<server::ListAuditRequest> asked_;
};

TEST_F(CliAuditTest, AListInEveryFormat) {
  const Page page{.events = {Event(3, "token_issue"), Event(5, "node_join")},
                  .index = 9,
                  .next = 9,
                  .oldest = 3};
  Answer({page, page, page, Page{.index = 9, .next = 9}});
  EXPECT_EQ(Run({"audit"}), 0) << err_.str();
  EXPECT_EQ(
      out_.str(),
      "TYPE                TS                   IDENTITY             PAYLOAD\n"
      "token_issue         1970-01-01T00:00:01Z local                "
      "identity=t3\n"
      "node_join           1970-01-01T00:00:01Z local                "
      "identity=t5\n");
  EXPECT_EQ(err_.str(), "");
  EXPECT_EQ(Run({"audit", "-o", "json"}), 0);
  EXPECT_THAT(out_.str(),
              StartsWith("[\n  {\n    \"index\": 3,\n"
                         "    \"type\": \"token_issue\",\n"
                         "    \"ts\": \"1970-01-01T00:00:01.999Z\",\n"
                         "    \"identity\": \"local\",\n    \"payload\": {\n"
                         "      \"identity\": \"t3\"\n    }\n  },\n"));
  EXPECT_EQ(Run({"-o", "yaml", "audit"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("- index: 3\n  type: \"token_issue\"\n"));
  EXPECT_EQ(Run({"audit", "-o", "json"}), 0);
  EXPECT_EQ(out_.str(), "[]\n");
}

TEST_F(CliAuditTest, WhatIsAskedFor) {
  Answer({Page(), Page()});
  EXPECT_EQ(Run({"audit", "--since", "1h30m", "--type", "node_join,token_issue",
                 "--type=token_revoke", "--stale"}),
            0)
      << err_.str();
  EXPECT_EQ(asked_[0].age_max, absl::Minutes(90));
  EXPECT_THAT(asked_[0].types,
              ElementsAre("node_join", "token_issue", "token_revoke"));
  EXPECT_TRUE(asked_[0].stale);
  EXPECT_EQ(asked_[0].limit, server::kAuditPageMax);
  EXPECT_EQ(Run({"audit", "--since=1970-01-01T01:00:00+01:00"}), 0);
  EXPECT_EQ(asked_[1].since, absl::UnixEpoch());
  EXPECT_EQ(Run({"audit"}), 1);
  EXPECT_EQ(err_.str(), "Error: permission_denied: enough\n");
  EXPECT_EQ(Run({"audit", "--since=soon"}), 1);
  EXPECT_THAT(err_.str(), StartsWith("Error: validation_failed: since: "));
  EXPECT_EQ(Run({"audit", "-o", "xml"}), 1);
  EXPECT_EQ(Run({"audit", "extra"}), 1);
}

TEST_F(CliAuditTest, AListHasManyPagesAndAnEnd) {
  const auto page = [](uint64_t index) {
    return Page{.events = {Event(index, "token_issue")},
                .index = 20 + index,
                .next = index,
                .more = true};
  };
  // Others write as fast as it reads.
  Answer({page(3), page(5), page(24)});
  EXPECT_EQ(Run({"audit"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("identity=t24\n"));
  EXPECT_THAT(Afters(), ElementsAre(0, 3, 5));
}

TEST_F(CliAuditTest, Following) {
  Answer({Page{.events = {Event(3, "token_issue")},
               .index = 9,
               .next = 3,
               .more = true},
          Page{.index = 9, .next = 9},
          Page{.events = {Event(12, "node_join")}, .index = 12, .next = 12}});
  EXPECT_EQ(Run({"audit", "-f", "--since=1h", "-o", "json"}), 1);
  EXPECT_EQ(out_.str(), R"({"index":3,"type":"token_issue",)"
                        R"("ts":"1970-01-01T00:00:01.999Z","identity":"local",)"
                        R"("payload":{"identity":"t3"}})"
                        "\n"
                        R"({"index":12,"type":"node_join",)"
                        R"("ts":"1970-01-01T00:00:01.999Z","identity":"local",)"
                        R"("payload":{"identity":"t12"}})"
                        "\n");
  EXPECT_EQ(err_.str(), "Error: permission_denied: enough\n");
  EXPECT_THAT(Afters(), ElementsAre(0, 3, 9, 12));
  // Of what has happened before it began.
  EXPECT_EQ(asked_[1].age_max, absl::Hours(1));
  EXPECT_EQ(asked_[2].age_max, absl::InfiniteDuration());
}

TEST_F(CliAuditTest, FollowingIsPatient) {
  const auto leaderless = MakeError(ErrorCode::kNoLeader, "election");
  Answer({Page{.index = 9, .next = 9}, leaderless,
          MakeError(ErrorCode::kQuorumLost, "still"),
          MakeError(ErrorCode::kTimeout, "late"),
          Page{.events = {Event(12, "node_join")}, .index = 12, .next = 12},
          leaderless});
  world_.retry_for = absl::ZeroDuration();
  EXPECT_EQ(Run({"audit", "--follow"}), 1);
  EXPECT_EQ(err_.str(),
            "no leader, retrying\nlate, retrying\nno leader, retrying\n"
            "Error: permission_denied: enough\n");
  EXPECT_THAT(out_.str(), HasSubstr("node_join "));
}

TEST_F(CliAuditTest, ButNotWithAServerThatWasNeverThere) {
  EXPECT_EQ(Run({"audit", "-f"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("is not available\n"));
}

TEST_F(CliAuditTest, AGapIsAnnounced) {
  const std::vector<absl::StatusOr<Page>> answers = {
      Page{.index = 9, .next = 9}, Page{.events = {Event(40, "node_join")},
                                        .index = 41,
                                        .next = 41,
                                        .oldest = 30,
                                        .gap = true}};
  constexpr absl::string_view kSaid =
      "gap: events after index 9 and before index 30 may be gone: the cluster "
      "keeps the newest\n";
  Answer(answers);
  EXPECT_EQ(Run({"audit", "-f", "-o", "json"}), 1);
  EXPECT_THAT(out_.str(),
              StartsWith("{\"type\":\"gap\",\"after\":9,\"before\":30}\n"
                         "{\"index\":40,"));
  EXPECT_THAT(err_.str(), StartsWith(std::string(kSaid)));
  asked_.clear();
  EXPECT_EQ(Run({"audit", "-f", "-o", "yaml"}), 1);
  EXPECT_THAT(out_.str(), StartsWith("- type: \"gap\"\n  after: 9\n"
                                     "  before: 30\n- index: 40\n"));
  asked_.clear();
  EXPECT_EQ(Run({"audit", "-f"}), 1);
  EXPECT_THAT(err_.str(), StartsWith(std::string(kSaid)));
}

TEST_F(CliAuditTest, AnotherClusterIsAnnounced) {
  Answer({Page{.index = 90, .next = 90}, Page{.index = 4, .next = 90},
          Page{.events = {Event(2, "node_join")}, .index = 4, .next = 4}});
  EXPECT_EQ(Run({"audit", "-f"}), 1);
  EXPECT_THAT(err_.str(), StartsWith("the server is at index 4, which is less "
                                     "than 90: "));
  EXPECT_THAT(out_.str(), HasSubstr("identity=t2\n"));
  EXPECT_THAT(Afters(), ElementsAre(0, 90, 0, 4));
  // A server that is asked alone may only be behind.
  asked_.clear();
  EXPECT_EQ(Run({"audit", "-f", "--stale"}), 1);
  EXPECT_THAT(Afters(), ElementsAre(0, 90, 90, 4));
}

TEST_F(CliAuditTest, NoNameMovesTheCursor) {
  server::AuditEventInfo event = Event(3, "a\x1b[2J");
  event.identity = "b\r\n\x7f";
  event.payload = {{"\xc2\x9b", "d\x1b[1m"}};
  const Page page{.events = {event}, .index = 9, .next = 9};
  Answer({page, page, page, page, page});
  for (const char* output : {"table", "json", "yaml"}) {
    EXPECT_EQ(Run({"audit", "-o", output}), 0);
    for (const char* raw : {"\x1b", "\r", "\x7f", "\xc2\x9b"}) {
      EXPECT_THAT(out_.str(), Not(HasSubstr(raw))) << output;
    }
  }
  EXPECT_EQ(Run({"audit", "-f", "-o", "json"}), 1);
  for (const char* raw : {"\x1b", "\r", "\x7f", "\xc2\x9b"}) {
    EXPECT_THAT(out_.str(), Not(HasSubstr(raw)));
  }
}

TEST_F(CliAuditTest, ItEndsWhenNobodyReads) {
  Answer({Page{.events = {Event(3, "node_join")}, .index = 9, .next = 9}});
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(Run({"audit", "-f"}), 1);
  EXPECT_THAT(Afters(), ElementsAre(0));
}

}  // namespace
}  // namespace jaco::cmd

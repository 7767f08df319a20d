// Certificate authorities and clocks: see decision 0010.

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/operator_api.h"
#include "jaco/server/security/secrets.h"
#include "jaco/server/server.h"
#include "jaco/sim/server/testing/joining_cluster.h"

namespace jaco::server {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int64_t kDay = 24 * 3600;

class CertificatesTest : public JoiningClusterTest {
 protected:
  void GrowToThree() {
    for (const NodeNumber node : {NodeNumber{2}, NodeNumber{3}}) {
      Start(node);
      ASSERT_EQ(Join(node, 1, NewJoinToken()), "ok");
      Run(Seconds(8));
    }
    // What there is now is no news to a clock that is behind.
    Run(Seconds(1000));
    ASSERT_EQ(Voters(), 3u);
    ASSERT_EQ(Leader(), 1);
  }
  void Jump(NodeNumber node, int64_t seconds) {
    processes_.at(node)->clock.JumpWall(Seconds(seconds));
  }

  // How many authorities are trusted afterwards, or the code of the error.
  template <typename Call>
  std::string Ask(Call call) {
    auto outcome = std::make_shared<std::string>("none");
    call([outcome](const absl::StatusOr<AuthoritiesResponse>& response) {
      *outcome = response.ok()
                     ? absl::StrCat(response->trusted)
                     : std::string(ErrorCodeName(CodeOf(response.status())));
    });
    Run(Seconds(3));
    return *outcome;
  }
  std::string Rotate(NodeNumber through) {
    return Ask([&](auto reply) {
      At(through).operators().RotateAuthority({}, std::move(reply));
    });
  }
  size_t Authorities(NodeNumber node) {
    return static_cast<size_t>(
        At(node).state().cluster()->authorities().size());
  }
  std::string Retire(NodeNumber through) {
    return Ask([&](auto reply) {
      At(through).operators().RetireAuthorities({}, {}, std::move(reply));
    });
  }

  // What is in force.
  Credentials Of(NodeNumber node) {
    const auto secrets = LoadSecrets(*files_[node], "/data", nullptr);
    EXPECT_TRUE(secrets.ok() && secrets->has_value());
    return (*secrets)->credentials;
  }
  // Whether `by`, with its clock, takes `node` for what it is.
  bool IsTrusted(NodeNumber node, NodeNumber by) {
    Process& judge = *processes_.at(by);
    return judge.pki
        .VerifyNode(Of(node).certificates, Of(by).bundle, judge.clock.WallNow())
        .ok();
  }
  // The place in the list of whose certificate it has said to have.
  int AuthorityOf(NodeNumber node) {
    const fsm::ClusterState& state = At(1).state();
    const std::string& said =
        state.nodes().at(At(node).raft()->id().value()).authority_fingerprint();
    for (int i = 0; i < state.cluster()->authorities_size(); ++i) {
      const auto& authority = state.cluster()->authorities(i);
      if (*processes_.at(1)->pki.Fingerprint(authority.certificate()) == said) {
        return i;
      }
    }
    return -1;
  }
  // The one whose clock is wrong has another certificate than the others; all
  // trust both.
  void ExpectApart(NodeNumber wrong, int its, int others) {
    for (NodeNumber node = 1; node <= 3; ++node) {
      EXPECT_EQ(AuthorityOf(node), node == wrong ? its : others) << int{node};
      EXPECT_EQ(Of(node).bundle,
                At(1).state().cluster()->authorities(0).certificate() +
                    At(1).state().cluster()->authorities(1).certificate());
    }
  }
  void ExpectTogether(int authority) {
    for (NodeNumber node = 1; node <= 3; ++node) {
      EXPECT_EQ(AuthorityOf(node), authority) << int{node};
      for (NodeNumber by = 1; by <= 3; ++by) {
        EXPECT_TRUE(IsTrusted(node, by)) << int{node} << " by " << int{by};
      }
    }
  }
};

TEST_F(CertificatesTest, AWrongClockDatesNoAuthority) {
  GrowToThree();
  const fsm::Digest before = At(1).state().digest();
  for (const int64_t seconds : {600, -1200}) {
    Jump(2, seconds);
    EXPECT_EQ(Rotate(2), "conflict");
  }
  EXPECT_EQ(At(1).state().digest(), before);
  ExpectTogether(0);
  Jump(2, 660);  // A minute ahead is near enough.
  EXPECT_EQ(Rotate(2), "2");
  ExpectTogether(1);
}

// Whoever hears that nothing was done rotates again, and those that were away
// meanwhile have missed two.
TEST_F(CertificatesTest, ARotationThatIsDoneIsNotToBeRepeated) {
  GrowToThree();
  int cut_off = 0;
  for (int delay = 0; delay < 20; ++delay) {
    SCOPED_TRACE(delay);
    ASSERT_EQ(Authorities(Leader()), 1u);
    const auto asked = static_cast<NodeNumber>(Leader() % 3 + 1);
    auto outcome = std::make_shared<std::string>("none");
    At(asked).operators().RotateAuthority({}, [outcome](const auto& response) {
      *outcome = response.ok()
                     ? "ok"
                     : std::string(ErrorCodeName(CodeOf(response.status())));
    });
    for (int i = 0; i < 10'000 && Authorities(asked) == 1; ++i) {
      Run(Microseconds(50));
    }
    ASSERT_EQ(Authorities(asked), 2u);
    Run(Microseconds(100 * delay));
    for (NodeNumber node = 1; node <= 3; ++node) {
      if (node != asked) PowerLoss(node);
    }
    Run(Seconds(15));
    EXPECT_THAT(*outcome, AnyOf("ok", "timeout"));
    if (*outcome == "timeout") ++cut_off;
    for (NodeNumber node = 1; node <= 3; ++node) {
      if (node != asked) Start(node);
    }
    Run(Seconds(200));
    ASSERT_EQ(Retire(Leader()), "1");
    Run(Seconds(5));
  }
  EXPECT_GT(cut_off, 0);
}

TEST_F(CertificatesTest, AnAuthorityOfTheFutureHasToWait) {
  GrowToThree();
  Jump(1, 600);
  EXPECT_EQ(Rotate(1), "2");
  ExpectApart(1, 1, 0);
  // The majority is together. What the others do not take is only the leader's
  // new certificate, which is for new connections.
  EXPECT_TRUE(IsTrusted(2, 3));
  EXPECT_TRUE(IsTrusted(2, 1));
  EXPECT_FALSE(IsTrusted(1, 2));
  EXPECT_EQ(Retire(1), "conflict");
  EXPECT_EQ(Retire(2), "conflict");
  Run(Seconds(200));
  ExpectApart(1, 1, 0);
  Run(Seconds(200));
  ExpectTogether(1);
  EXPECT_EQ(Retire(2), "1");
  ExpectTogether(0);
}

TEST_F(CertificatesTest, WhoIsBehindRenewsWhenItsClockAllows) {
  GrowToThree();
  Jump(3, -600);
  EXPECT_EQ(Rotate(1), "2");
  ExpectApart(3, 0, 1);
  EXPECT_TRUE(IsTrusted(3, 1));
  EXPECT_EQ(Retire(1), "conflict");
  EXPECT_EQ(Retire(3), "conflict");
  Run(Seconds(400));
  ExpectTogether(1);
  EXPECT_EQ(Retire(3), "1");
  ExpectTogether(0);
}

// Before the authority itself: no certificate that it could issue is of use.
TEST_F(CertificatesTest, AClockThatIsYearsBehindSpoilsNoCertificate) {
  const Credentials before = Of(1);
  Jump(1, -400 * kDay);
  Run(Seconds(200));
  EXPECT_EQ(Of(1), before);
  Jump(1, 400 * kDay);
  Run(Seconds(200));
  EXPECT_EQ(Of(1), before);
}

TEST_F(CertificatesTest, TheEndOfTheAuthorityIsAnnounced) {
  const auto warnings = [this] {
    int count = 0;
    for (const std::string& error : processes_.at(1)->logger.errors) {
      if (error.find("authority expires on 2033-11-11") != error.npos) ++count;
    }
    return count;
  };
  Jump(1, 3280 * kDay);
  Run(Seconds(200));
  EXPECT_EQ(At(1).Status().authority_end, "");
  EXPECT_EQ(warnings(), 0);
  Jump(1, 10 * kDay);
  Run(Seconds(200));
  EXPECT_THAT(At(1).Status().authority_end,
              AllOf(HasSubstr("expires on 2033-11-11"),
                    HasSubstr("jaco cluster rotate-ca")));
  EXPECT_EQ(warnings(), 1);
  Run(Seconds(kDay));
  EXPECT_EQ(warnings(), 2);
  EXPECT_EQ(Rotate(1), "2");
  Run(Seconds(kDay));
  EXPECT_EQ(At(1).Status().authority_end, "");
  EXPECT_EQ(warnings(), 2);
}

}  // namespace
}  // namespace jaco::server

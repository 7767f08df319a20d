// A cluster by way of Redis' bootstrap API: founded with a password, joined by
// it, brought back from a file, and all of that cut off anywhere.

#include "jaco/server/bootstrap_api.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/password_join.pb.h"
#include "jaco/server/security/sealed_file.h"
#include "jaco/server/user_api.h"
#include "jaco/sim/server/testing/joining_cluster.h"

namespace jaco::server {
namespace {

class BootstrapApiTest : public TokenJoinTest {
 protected:
  void Adjust(NodeNumber node, ServerOptions* options) override {
    TokenJoinTest::Adjust(node, options);
    options->bootstrap.remote = remote_;
  }

  static BootstrapRequest Creation(const std::string& password = "secret") {
    return {.action = BootstrapAction::kCreate,
            .cluster_name = "my.cluster",
            .username = "admin@example.com",
            .password = password};
  }
  static BootstrapRequest Joining(const std::string& node,
                                  const std::string& password = "secret") {
    return {.action = BootstrapAction::kJoin,
            .nodes = {node},
            .username = "admin@example.com",
            .password = password};
  }

  BootstrapReport Look(NodeNumber node) {
    auto report = std::make_shared<BootstrapReport>();
    At(node).bootstrap().Report(
        [report](absl::StatusOr<BootstrapReport> answer) {
          *report = *std::move(answer);
        });
    Run(Milliseconds(5));
    return *report;
  }
  // The state, or the error's code.
  std::string StateOf(NodeNumber node) {
    const BootstrapStatus status = Look(node).status;
    return status.state == BootstrapState::kError
               ? status.error_code
               : std::string(BootstrapStateName(status.state));
  }
  std::string Begin(NodeNumber node, BootstrapRequest request,
                    const Caller& caller = Caller::Local()) {
    const absl::Status status =
        At(node).bootstrap().Begin(caller, std::move(request));
    return status.ok() ? "ok" : std::string(ErrorCodeName(CodeOf(status)));
  }
  // Where it ends.
  std::string Do(NodeNumber node, BootstrapRequest request) {
    EXPECT_EQ(Begin(node, std::move(request)), "ok");
    Run(Seconds(6));
    return StateOf(node);
  }
  std::string Validate(NodeNumber node, BootstrapRequest request) {
    auto said = std::make_shared<std::string>("none");
    At(node).bootstrap().Validate(
        std::move(request), [said](const absl::Status& status) {
          *said = status.ok() ? "ok" : BootstrapErrorCode(status);
        });
    Run(Seconds(1));
    return *said;
  }
  // The identity, or the code of the error.
  std::string Login(NodeNumber node, const std::string& password,
                    const std::string& name = "admin@example.com",
                    bool stale = false) {
    auto said = std::make_shared<std::string>("none");
    At(node).Authenticate(
        absl::StrCat("Basic ",
                     absl::Base64Escape(absl::StrCat(name, ":", password))),
        stale, [said](const absl::StatusOr<Caller>& caller) {
          *said = caller.ok()
                      ? caller->identity
                      : std::string(ErrorCodeName(CodeOf(caller.status())));
        });
    Run(Seconds(1));
    return *said;
  }
  std::string SetPassword(NodeNumber node, const std::string& name,
                          const std::string& password) {
    return Answer<UserResponse>([&](auto reply) {
      At(node).users().SetUser({}, {name, password}, std::move(reply));
    });
  }
  template <typename Response>
  std::string Answer(std::function<void(Reply<Response>)> ask) {
    auto said = std::make_shared<std::string>("none");
    ask([said](const absl::StatusOr<Response>& response) {
      *said = response.ok()
                  ? "ok"
                  : std::string(ErrorCodeName(CodeOf(response.status())));
    });
    Run(Seconds(1));
    return *said;
  }
  void WriteFile(NodeNumber node, const std::string& path,
                 const std::string& bytes) {
    auto file = files_[node]->Open(path, env::OpenMode::kCreateTruncate);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->WriteAt(0, bytes).ok());
    ASSERT_TRUE((*file)->Sync().ok());
    ASSERT_TRUE(files_[node]->SyncDirectory("/").ok());
  }
  // Each once, in their order.
  std::string StatesUntilCompleted(NodeNumber node) {
    auto said = std::make_shared<std::string>();
    auto last = std::make_shared<BootstrapState>(BootstrapState::kIdle);
    for (int i = 0; i < 10'000 && *last != BootstrapState::kCompleted; ++i) {
      At(node).bootstrap().Report(
          [said, last](const absl::StatusOr<BootstrapReport>& report) {
            if (std::exchange(*last, report->status.state) == *last) return;
            absl::StrAppend(said.get(), BootstrapStateName(*last), " ");
          });
      Run(Microseconds(500));
    }
    return *said;
  }
  // Of server 1.
  std::string Archive() {
    std::string archive;
    At(1).Backup(Caller::Local(), [&](const auto& response) {
      ASSERT_TRUE(response.ok()) << response.status();
      archive = response->archive;
    });
    Run(Seconds(1));
    return archive;
  }
  std::string Backup(const std::string& passphrase) {
    sim::SimEntropy entropy(1);
    return *SealWithPassphrase(entropy, passphrase, {1, 8}, Archive());
  }
  void Founded() {
    Start(1);
    ASSERT_EQ(Do(1, Creation()), "completed");
  }

  bool remote_ = false;
};

TEST_F(BootstrapApiTest, ThreeServersByAPassword) {
  Start(1);
  EXPECT_EQ(StateOf(1), "idle");
  EXPECT_TRUE(At(1).bootstrap().IsOpen());
  EXPECT_EQ(Begin(1, Creation()), "ok");
  EXPECT_EQ(At(1).lifecycle(), Lifecycle::kUninitialized);
  EXPECT_EQ(Begin(1, Creation()), "conflict");
  Run(Seconds(2));
  const BootstrapReport report = Look(1);
  EXPECT_EQ(report.status.state, BootstrapState::kCompleted);
  EXPECT_LE(*report.status.started, *report.status.ended);
  EXPECT_NE(report.uid, 0u);
  EXPECT_EQ(report.host.cores, 4u);
  EXPECT_EQ(report.data_dir, "/data");
  EXPECT_FALSE(At(1).bootstrap().IsOpen());
  EXPECT_EQ(At(1).state().cluster()->name(), "my.cluster");
  EXPECT_EQ(Begin(1, Creation()), "cluster_already_initialized");

  Start(2);
  Start(3);
  EXPECT_EQ(Validate(2, Joining("1")), "ok");
  EXPECT_EQ(StateOf(2), "idle");
  EXPECT_EQ(At(1).state().join_tokens().size(), 0u);
  EXPECT_EQ(Do(2, Joining("1")), "completed");
  EXPECT_EQ(Login(2, "secret"), "user:admin@example.com");
  // By a follower.
  EXPECT_EQ(Do(3, Joining("2")), "completed");
  Run(Seconds(5));
  EXPECT_EQ(At(1).raft()->configuration().voters.size(), 3u);
  EXPECT_EQ(Login(3, "secret"), "user:admin@example.com");
  EXPECT_NE(Look(2).uid, Look(3).uid);
  // Not the password, and not the keys that are as good.
  EXPECT_EQ(At(3).state().users().size(), 1u);
  PowerLoss(3);
  Start(3);
  Run(Seconds(2));
  EXPECT_EQ(StateOf(3), "completed");
}

TEST_F(BootstrapApiTest, WithoutAQuorumNoPasswordIsCalledWrong) {
  Founded();
  Start(2);
  ASSERT_EQ(Do(2, Joining("1")), "completed");
  Start(3);
  ASSERT_EQ(Do(3, Joining("1")), "completed");
  Run(Seconds(5));
  PowerLoss(1);
  PowerLoss(2);
  Run(Seconds(5));
  const std::string admin = "admin@example.com";
  EXPECT_EQ(Login(3, "secret", admin, /*stale=*/true), "user:" + admin);
  // They might be new ones.
  EXPECT_EQ(Login(3, "other", admin, /*stale=*/true), "quorum_lost");
  EXPECT_EQ(Login(3, "secret", "new@example.com", /*stale=*/true),
            "quorum_lost");
  EXPECT_EQ(Login(3, "secret"), "quorum_lost");
}

TEST_F(BootstrapApiTest, MembersByAnotherDoorHaveCompleted) {
  Start(1);
  At(1).Init({}, {}, [](const auto&) {});
  Run(Seconds(2));
  EXPECT_EQ(StateOf(1), "completed");
  EXPECT_TRUE(Look(1).status.started.has_value());
  // There is no user.
  EXPECT_EQ(Login(1, "secret"), "token_invalid");
}

// Who looks often sees all that goes on, whoever began it.
TEST_F(BootstrapApiTest, WhatOtherDoorsDoIsSeen) {
  Founded();
  Start(2);
  auto outcome = std::make_shared<std::string>("none");
  BeginJoin(2, 1, NewJoinToken(), outcome);
  EXPECT_EQ(StatesUntilCompleted(2), "joining_cluster completed ");
  EXPECT_EQ(*outcome, "ok");

  const std::string archive = Archive();
  Start(3);
  EXPECT_EQ(StateOf(3), "idle");
  At(3).Restore(Caller::Local(), {archive}, [](const auto& restored) {
    EXPECT_TRUE(restored.ok()) << restored.status();
  });
  EXPECT_EQ(StatesUntilCompleted(3), "recovering_cluster completed ");
}

// It was admitted, and nobody reaches it.
TEST_F(BootstrapApiTest, WhoHasNothingYetIsJoining) {
  Founded();
  Start(2);
  const std::string token = NewJoinToken();
  moved_[2] = "10.9.9.9:7001";
  EXPECT_EQ(Join(2, 1, token), "ok");
  EXPECT_EQ(StateOf(2), "joining_cluster");
}

TEST_F(BootstrapApiTest, OnlyThoseOnTheHostUnlessItSaysSo) {
  const Caller stranger{.identity = "anonymous", .anonymous = true};
  Start(1);
  EXPECT_EQ(Begin(1, Creation(), stranger), "permission_denied");
  PowerLoss(1);
  remote_ = true;
  Start(1);
  EXPECT_EQ(Begin(1, Creation(), stranger), "ok");
}

TEST_F(BootstrapApiTest, WhatCannotBe) {
  Start(1);
  const auto with = [](auto change, BootstrapRequest request) {
    change(request);
    return request;
  };
  for (const auto& bad :
       {with([](auto& r) { r.username.clear(); }, Creation()),
        with([](auto& r) { r.username = "a<b"; }, Creation()),
        with([](auto& r) { r.password.clear(); }, Creation()),
        with([](auto& r) { r.password.assign(1025, 'x'); }, Creation()),
        with([](auto& r) { r.cluster_name = "under_score"; }, Creation()),
        with([](auto& r) { r.cluster_name.assign(65, 'x'); }, Creation()),
        with([](auto& r) { r.nodes.clear(); }, Joining("1")),
        with([](auto& r) { r.nodes = {"a b:c:d"}; }, Joining("1")),
        BootstrapRequest{.action = BootstrapAction::kRecover}}) {
    EXPECT_EQ(Begin(1, bad), "validation_failed");
  }
  EXPECT_EQ(StateOf(1), "idle");
  EXPECT_EQ(Do(1, with([](auto& r) { r.node_name = "n9"; }, Creation())),
            "node_config_mismatch");
  EXPECT_EQ(Do(1, with([](auto& r) { r.address = "10.0.0.9"; }, Creation())),
            "node_config_mismatch");
  EXPECT_EQ(Do(1, with(
                      [](auto& r) {
                        r.node_name = "n1";
                        r.address = "10.0.0.1";
                      },
                      Creation())),
            "completed");
}

TEST_F(BootstrapApiTest, WrongPasswords) {
  Founded();
  Start(2);
  EXPECT_EQ(Validate(2, Joining("1", "guess")), "access_denied");
  EXPECT_EQ(Do(2, Joining("1", "guess")), "access_denied");
  BootstrapRequest stranger = Joining("1");
  stranger.username = "nobody";
  EXPECT_EQ(Do(2, stranger), "access_denied");
  EXPECT_EQ(At(1).state().join_tokens().size(), 0u);
  EXPECT_EQ(Login(1, "guess"), "token_invalid");
  EXPECT_EQ(Login(1, "secret", "nobody"), "token_invalid");
  EXPECT_EQ(Do(2, Joining("1")), "completed");
}

TEST_F(BootstrapApiTest, SomebodyInBetweenGetsNothing) {
  Founded();
  Start(2);
  somebody_in_between_ = true;
  EXPECT_EQ(Do(2, Joining("1")), "access_denied");
  EXPECT_EQ(At(1).state().join_tokens().size(), 0u);
  EXPECT_EQ(At(1).state().nodes().size(), 1u);
  somebody_in_between_ = false;
  // Another cluster, whose user has the same name.
  Start(3);
  EXPECT_EQ(Do(3, Creation("theirs")), "completed");
  EXPECT_EQ(Do(2, Joining("3")), "access_denied");
  EXPECT_EQ(Do(2, Joining("1")), "completed");
}

TEST_F(BootstrapApiTest, NobodyThereIsTriedAgain) {
  Start(2);
  BootstrapRequest request = Joining("1");
  EXPECT_EQ(Do(2, request), "connect_error");
  EXPECT_EQ(At(2).Status().lifecycle, Lifecycle::kUninitialized);
  EXPECT_EQ(conversations_, 1);
  request.nodes = {"3", "1"};
  request.retries_max = 20;
  EXPECT_EQ(Begin(2, request), "ok");
  Run(Seconds(3));
  EXPECT_EQ(StateOf(2), "joining_cluster");
  EXPECT_EQ(At(2).Status().lifecycle, Lifecycle::kJoining);
  EXPECT_TRUE(At(2).bootstrap().IsOpen());
  EXPECT_GE(conversations_, 6);
  // A server without a cluster is nobody, too.
  Start(3);
  Run(Seconds(2));
  EXPECT_EQ(StateOf(2), "joining_cluster");
  Founded();
  Run(Seconds(8));
  EXPECT_EQ(StateOf(2), "completed");
}

TEST_F(BootstrapApiTest, ATokenWillDo) {
  Founded();
  Start(2);
  BootstrapRequest request{.action = BootstrapAction::kJoin, .nodes = {"1"}};
  request.join_token = "rubbish";
  EXPECT_EQ(Begin(2, request), "join_token_invalid");
  request.join_token = NewJoinToken();
  EXPECT_EQ(Do(2, request), "completed");
  EXPECT_EQ(conversations_, 0);
}

TEST_F(BootstrapApiTest, PasswordsChangeAndUsersGo) {
  Founded();
  EXPECT_EQ(Login(1, "secret"), "user:admin@example.com");
  EXPECT_EQ(SetPassword(1, "admin@example.com", "new"), "ok");
  EXPECT_EQ(Login(1, "secret"), "token_invalid");
  EXPECT_EQ(Login(1, "new"), "user:admin@example.com");
  EXPECT_EQ(SetPassword(1, "a+b", "other"), "ok");
  EXPECT_EQ(Login(1, "other", "a+b"), "user:a:2bb");
  EXPECT_EQ(SetPassword(1, "a:b", "other"), "validation_failed");
  EXPECT_EQ(SetPassword(1, "ab", ""), "validation_failed");
  EXPECT_EQ(At(1).state().audit().back().type(), fsm::AUDIT_TYPE_USER_SET);
  const auto remove = [this](const std::string& name) {
    return Answer<UserResponse>([&](auto reply) {
      At(1).users().RemoveUser({}, {name}, std::move(reply));
    });
  };
  EXPECT_EQ(remove("admin@example.com"), "ok");
  EXPECT_EQ(At(1).state().audit().back().type(), fsm::AUDIT_TYPE_USER_REMOVE);
  EXPECT_EQ(remove("admin@example.com"), "not_found");
  EXPECT_EQ(Login(1, "new"), "token_invalid");
}

// Their first users have the same name and came about at the same index.
TEST_F(BootstrapApiTest, APasswordIsOfOneCluster) {
  for (const NodeNumber node : {1, 2, 3}) Start(node);
  ASSERT_EQ(Do(1, Creation("one")), "completed");
  ASSERT_EQ(Do(2, Joining("1", "one")), "completed");
  EXPECT_EQ(Login(2, "one"), "user:admin@example.com");
  EXPECT_EQ(Answer<RemoveNodeResponse>([&](auto reply) {
              At(1).RemoveNode({}, {.node_name = "n2"}, std::move(reply));
            }),
            "ok");
  Run(Seconds(5));
  ASSERT_EQ(Do(3, Creation("two")), "completed");
  ASSERT_EQ(Join(2, 3, NewJoinToken("", 3)), "ok");
  Run(Seconds(5));
  EXPECT_EQ(Login(2, "one"), "token_invalid");
  EXPECT_EQ(Login(2, "two"), "user:admin@example.com");
}

TEST_F(BootstrapApiTest, ChallengesDoNotTellWhoExists) {
  Founded();
  Start(2);
  ASSERT_EQ(Do(2, Joining("1")), "completed");
  const auto challenge = [this](NodeNumber node, const std::string& name,
                                const std::string& binding) {
    PasswordChallengeRequest request;
    request.set_user(name);
    request.set_client_nonce(std::string(32, 'n'));
    auto got = std::make_shared<PasswordChallenge>();
    At(node).users().Challenge({.channel_binding = binding}, request,
                               [got](const auto& c) {
                                 if (c.ok()) *got = *c;
                               });
    Run(Seconds(1));
    return *got;
  };
  const PasswordChallenge real = challenge(1, "admin@example.com", "c");
  const PasswordChallenge fake = challenge(1, "nobody", "c");
  EXPECT_EQ(fake.salt().size(), real.salt().size());
  EXPECT_EQ(fake.passes(), real.passes());
  EXPECT_EQ(fake.memory_kib(), real.memory_kib());
  // On every member, again and again.
  EXPECT_EQ(challenge(2, "nobody", "d").salt(), fake.salt());
  EXPECT_NE(challenge(2, "somebody", "d").salt(), fake.salt());
  EXPECT_NE(challenge(1, "nobody", "c").server_nonce(), fake.server_nonce());
  // Not without TLS.
  EXPECT_TRUE(challenge(1, "nobody", "").salt().empty());
}

TEST_F(BootstrapApiTest, AnybodyGetsSoManyChallenges) {
  constexpr int kOfOne = 32;
  Founded();
  std::map<std::string, int> granted, refused;
  const auto ask = [&](const std::string& address, int times) {
    for (int i = 0; i < times; ++i) {
      PasswordChallengeRequest request;
      request.set_client_nonce(std::string(32, 'n'));
      At(1).users().Challenge(
          {.channel_binding = absl::StrCat(i), .address = address}, request,
          [&, address](const auto& challenge) {
            granted[address] += challenge.ok();
            refused[address] += !challenge.ok() && CodeOf(challenge.status()) ==
                                                       ErrorCode::kRateLimited;
          });
    }
    Run(Milliseconds(500));
  };
  ask("10.0.0.7", 100);
  EXPECT_EQ(granted["10.0.0.7"], kOfOne);
  EXPECT_EQ(refused["10.0.0.7"], 100 - kOfOne);
  ask("10.0.0.8", 10);
  EXPECT_EQ(granted["10.0.0.8"], 10);
  Run(Seconds(2));
  ask("10.0.0.7", 1);
  EXPECT_EQ(granted["10.0.0.7"], kOfOne + 1);
}

// Somebody with many addresses makes room of his own.
TEST_F(BootstrapApiTest, AChallengeSurvivesACrowd) {
  Founded();
  const auto ask = [&](const std::string& address, const std::string& binding) {
    PasswordChallengeRequest request;
    request.set_client_nonce(std::string(32, 'n'));
    auto nonce = std::make_shared<std::string>();
    At(1).users().Challenge({.channel_binding = binding, .address = address},
                            request, [nonce](const auto& challenge) {
                              if (challenge.ok()) {
                                *nonce = challenge->server_nonce();
                              }
                            });
    return nonce;
  };
  const auto first = ask("10.0.0.5", "first");
  Run(Milliseconds(100));
  for (int i = 0; i < 400; ++i) {
    ask(absl::StrCat("10.0.1.", i % 20), absl::StrCat(i));
  }
  Run(Milliseconds(500));
  // It is still there: what is wrong is the name, which is looked at then.
  const auto prove = [&](const std::string& nonce) {
    PasswordProof proof;
    proof.set_server_nonce(nonce);
    return Answer<PasswordVerdict>([&](auto reply) {
      At(1).users().Prove({.channel_binding = "first"}, proof,
                          std::move(reply));
    });
  };
  EXPECT_EQ(prove("another"), "token_invalid");
  EXPECT_EQ(prove(*first), "validation_failed");
}

TEST_F(BootstrapApiTest, AClusterComesBackFromAFile) {
  Founded();
  const std::string sealed = Backup("secret");
  processes_.clear();
  Start(2);
  WriteFile(2, "/backup", sealed);
  WriteFile(2, "/rubbish", "rubbish");
  BootstrapRequest request{.action = BootstrapAction::kRecover,
                           .recovery_filename = "/nothing",
                           .recovery_secret = "guess"};
  EXPECT_EQ(Do(2, request), "path_error");
  request.recovery_filename = "backup";
  EXPECT_EQ(Do(2, request), "path_error");
  request.recovery_filename = "/rubbish";
  EXPECT_EQ(Do(2, request), "config_error");
  request.recovery_filename = "/backup";
  EXPECT_EQ(Validate(2, request), "access_denied");
  EXPECT_EQ(Do(2, request), "access_denied");
  request.recovery_secret.clear();
  request.password = "secret";  // is the passphrase
  EXPECT_EQ(Validate(2, request), "ok");
  EXPECT_EQ(At(2).lifecycle(), Lifecycle::kUninitialized);
  EXPECT_EQ(Do(2, request), "completed");
  EXPECT_EQ(At(2).state().cluster()->name(), "my.cluster");
  EXPECT_EQ(Login(2, "secret"), "user:admin@example.com");
}

// The power fails at every operation of the disk: the server is idle or has
// completed then, and what was asked for can be asked for again.
class CutOffTest : public BootstrapApiTest {
 protected:
  void CutOffEverywhere(NodeNumber node, const BootstrapRequest& request,
                        const std::function<void()>& prepare) {
    bool cut_off = true;
    for (uint64_t n = 1; cut_off; ++n) {
      ASSERT_LT(n, 150u);
      SCOPED_TRACE(n);
      NewDisks(n);
      prepare();
      Start(node);
      files_[node]->FailAt(files_[node]->operations() + n,
                           sim::SimFileSystem::Fault::kCrash);
      EXPECT_EQ(Begin(node, request), "ok");
      Run(Seconds(3));
      cut_off = files_[node]->crashed();
      PowerLoss(node);
      Start(node);
      Run(Seconds(2));
      const std::string state = StateOf(node);
      if (state == "idle") {
        EXPECT_EQ(Do(node, request), "completed");
      } else {
        EXPECT_EQ(state, "completed");
      }
      EXPECT_EQ(Login(node, "secret"), "user:admin@example.com");
    }
  }
};

TEST_F(CutOffTest, Create) {
  CutOffEverywhere(1, Creation(), [] {});
}

TEST_F(CutOffTest, Join) {
  CutOffEverywhere(2, Joining("1"), [this] { Founded(); });
  EXPECT_EQ(At(1).state().nodes().size(), 2u);
}

TEST_F(CutOffTest, Recover) {
  Founded();
  const std::string sealed = Backup("secret");
  CutOffEverywhere(2,
                   {.action = BootstrapAction::kRecover,
                    .recovery_filename = "/backup",
                    .recovery_secret = "secret"},
                   [&] { WriteFile(2, "/backup", sealed); });
}

}  // namespace
}  // namespace jaco::server

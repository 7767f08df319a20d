// One server over the simulator's disk, from nothing to a member that survives
// crashes at every file operation. Clusters are the simulator's business.

#include "jaco/server/server.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/base/logger.h"
#include "jaco/base/prng.h"
#include "jaco/server/operator_api.h"
#include "jaco/server/security/secrets.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_clock.h"
#include "jaco/sim/sim_disk.h"
#include "jaco/sim/sim_entropy.h"
#include "jaco/sim/sim_event_loop.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/sim/sim_pki.h"

namespace jaco::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Nobody is there.
class DeadNetwork final : public env::Network {
 public:
  void Send(const env::PeerAddress&, env::FramePtr) override {}
  void Bind(env::FrameReceiver*) override {}
};

// Short ones: the simulated disk is slow at long files.
constexpr uint64_t kSegmentBytes = uint64_t{64} << 10;

// A process that runs one server.
struct Process {
  Process(sim::EventQueue& queue, env::FileSystem& files, uint64_t number,
          bool use_rocksdb, const std::string& node_name)
      : clock(queue, {}),
        loop(queue, clock, 1, Duration(), Prng(number)),
        disk(queue, loop, files, {}, Prng(number)),
        entropy(number),
        server({.node_name = node_name,
                .data_dir = "/data",
                .peer_address = "10.0.0.5:7001",
                .use_rocksdb = use_rocksdb,
                .log_segment_bytes = kSegmentBytes},
               {&clock, &loop, &network, &disk, &entropy, &logger, &pki}) {
    server.WatchCredentials(
        [this](const Credentials& now) { credentials.push_back(now); });
    server.Start([this](absl::Status status) { started = std::move(status); },
                 [this](absl::Status status) { failed = std::move(status); });
  }

  sim::SimClock clock;
  sim::SimEventLoop loop;
  DeadNetwork network;
  sim::SimDisk disk;
  sim::SimEntropy entropy;
  sim::SimPki pki{&entropy};
  NullLogger logger;
  std::vector<Credentials> credentials;  // as they came into force
  std::optional<absl::Status> started;
  std::optional<absl::Status> failed;
  Server server;
};

class ServerTest : public ::testing::TestWithParam<bool> {
 protected:
  ServerTest() { NewDisk(2); }

  void NewDisk(uint64_t seed) {
    process_.reset();
    files_ = std::make_unique<sim::SimFileSystem>(Prng(seed));
    EXPECT_TRUE(files_->CreateDirectory("/data").ok());
    EXPECT_TRUE(files_->SyncDirectory("/").ok());
  }
  // The `n`-th file operation from now on fails.
  void FailAfter(uint64_t n, sim::SimFileSystem::Fault fault) {
    files_->FailAt(files_->operations() + n, fault);
  }

  void StartProcess() {
    process_ = std::make_unique<Process>(queue_, *files_, ++processes_,
                                         GetParam(), node_name_);
    Settle();
  }
  void CrashAndRestart() {
    PowerLoss();
    StartProcess();
  }
  void PowerLoss() {
    // What destructors still try to do comes too late.
    FailAfter(1, sim::SimFileSystem::Fault::kCrash);
    process_.reset();
    files_->FailAt(0, sim::SimFileSystem::Fault::kCrash);
    files_->Crash(prng_);
  }
  Server& server() { return process_->server; }

  // Everything that is under way comes to its end; what repeats itself goes on
  // for longer than a server waits for anything.
  void Settle() {
    const Instant end = queue_.now() + Seconds(20);
    sim::Event event;
    while (queue_.now() < end && queue_.Pop(&event)) event.task();
  }

  template <typename Response, typename Call>
  absl::StatusOr<Response> Ask(Call call) {
    auto answer = std::make_shared<std::optional<absl::StatusOr<Response>>>();
    call([answer](absl::StatusOr<Response> response) {
      *answer = std::move(response);
    });
    EXPECT_FALSE(answer->has_value()) << "answered before the call returned";
    Settle();
    if (!answer->has_value()) return absl::InternalError("no answer");
    return **std::move(answer);
  }
  absl::StatusOr<InitResponse> Init(const std::string& name = "") {
    return Ask<InitResponse>([&](Reply<InitResponse> reply) {
      server().Init({}, {.cluster_name = name}, std::move(reply));
    });
  }
  absl::StatusOr<IssueTokenResponse> Issue(const std::string& identity) {
    return Ask<IssueTokenResponse>([&](Reply<IssueTokenResponse> reply) {
      server().IssueToken({}, {.identity = identity}, std::move(reply));
    });
  }
  absl::StatusOr<RevokeTokenResponse> Revoke(const std::string& identity) {
    return Ask<RevokeTokenResponse>([&](Reply<RevokeTokenResponse> reply) {
      server().RevokeToken({}, {.identity = identity}, std::move(reply));
    });
  }
  absl::StatusOr<ListTokensResponse> List() {
    return Ask<ListTokensResponse>([&](Reply<ListTokensResponse> reply) {
      server().ListTokens({}, std::move(reply));
    });
  }
  static std::string CodeNameOf(const absl::Status& status) {
    return status.ok() ? "ok" : std::string(ErrorCodeName(CodeOf(status)));
  }

  Prng prng_{1};
  sim::EventQueue queue_;
  std::unique_ptr<sim::SimFileSystem> files_;
  uint64_t processes_ = 0;
  std::string node_name_ = "node-1";
  std::unique_ptr<Process> process_;
};

INSTANTIATE_TEST_SUITE_P(Stores, ServerTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "RocksDb" : "MemoryOnly";
                         });

TEST_P(ServerTest, IsUninitializedAtFirst) {
  StartProcess();
  EXPECT_TRUE(process_->started->ok());
  const StatusResponse status = server().Status();
  EXPECT_FALSE(status.initialized);
  EXPECT_EQ(status.lifecycle, Lifecycle::kUninitialized);
  EXPECT_EQ(CodeNameOf(Issue("alice").status()), "cluster_uninitialized");
  EXPECT_EQ(CodeNameOf(Revoke("alice").status()), "cluster_uninitialized");
  EXPECT_EQ(CodeNameOf(List().status()), "cluster_uninitialized");
}

TEST_P(ServerTest, InitMakesAMember) {
  StartProcess();
  const auto init = Init("demo");
  ASSERT_TRUE(init.ok()) << init.status();
  EXPECT_THAT(init->operator_token, SizeIs(64));
  const StatusResponse status = server().Status();
  EXPECT_TRUE(status.initialized);
  EXPECT_EQ(status.cluster_id, init->cluster_id);
  EXPECT_EQ(status.cluster_name, "demo");
  EXPECT_EQ(status.leader, "node-1");
  ASSERT_THAT(status.nodes, SizeIs(1));
  EXPECT_EQ(status.nodes[0].hostname, "node-1");
  EXPECT_EQ(status.nodes[0].address, "10.0.0.5:7001");
  EXPECT_EQ(status.nodes[0].status, "READY");
  EXPECT_EQ(status.nodes[0].suffrage, "VOTER");
}

TEST_P(ServerTest, SecondInitIsRefusedAndChangesNothing) {
  StartProcess();
  ASSERT_TRUE(Init().ok());
  const StatusResponse before = server().Status();
  EXPECT_EQ(CodeNameOf(Init().status()), "cluster_already_initialized");
  EXPECT_EQ(server().Status().cluster_id, before.cluster_id);
  EXPECT_EQ(server().Status().raft_index, before.raft_index);
  CrashAndRestart();
  EXPECT_EQ(CodeNameOf(Init().status()), "cluster_already_initialized");
  EXPECT_EQ(server().Status().cluster_id, before.cluster_id);
}

TEST_P(ServerTest, TwoInitsAtOnceMakeOneCluster) {
  StartProcess();
  std::optional<absl::Status> first, second;
  server().Init({}, {}, [&](auto answer) { first = answer.status(); });
  server().Init({}, {}, [&](auto answer) { second = answer.status(); });
  Settle();
  EXPECT_EQ(CodeNameOf(*first), "ok");
  EXPECT_EQ(CodeNameOf(*second), "cluster_already_initialized");
}

TEST_P(ServerTest, BadClusterNamesAreRefused) {
  StartProcess();
  EXPECT_EQ(CodeNameOf(Init(std::string(129, 'a')).status()),
            "validation_failed");
  EXPECT_EQ(CodeNameOf(Init("a b").status()), "validation_failed");
  EXPECT_EQ(CodeNameOf(Init("a\n").status()), "validation_failed");
  EXPECT_FALSE(server().Status().initialized);
}

TEST_P(ServerTest, ABadNodeNameIsRefusedBeforeItIsDurable) {
  node_name_ = std::string(129, 'a');
  StartProcess();
  EXPECT_EQ(CodeNameOf(Init().status()), "validation_failed");
  EXPECT_EQ(server().lifecycle(), Lifecycle::kUninitialized);
  node_name_ = "node-1";
  StartProcess();
  EXPECT_TRUE(Init().ok());
}

TEST_P(ServerTest, TokensAreIssuedListedAndRevoked) {
  StartProcess();
  ASSERT_TRUE(Init().ok());
  const auto issued = Issue("alice");
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_EQ(issued->identity, "alice");
  EXPECT_THAT(issued->token, SizeIs(64));
  EXPECT_EQ(CodeNameOf(Issue("alice").status()), "token_exists");
  EXPECT_EQ(CodeNameOf(Revoke("bob").status()), "token_not_found");
  const uint64_t index = server().Status().raft_index;
  EXPECT_EQ(CodeNameOf(Revoke(std::string(15 << 10, 'a')).status()),
            "validation_failed");
  EXPECT_EQ(server().Status().raft_index, index);
  EXPECT_TRUE(Revoke("alice").ok());
  EXPECT_TRUE(Revoke("alice").ok());
  const auto list = List();
  ASSERT_TRUE(list.ok());
  ASSERT_THAT(list->tokens, SizeIs(2));
  EXPECT_EQ(list->tokens[0].identity, "alice");
  EXPECT_LT(list->tokens[0].revoked_at, absl::InfiniteFuture());
  EXPECT_EQ(list->tokens[1].identity, "bootstrap");
  EXPECT_EQ(list->tokens[1].revoked_at, absl::InfiniteFuture());
}

TEST_P(ServerTest, ACrashLosesNothingThatWasAcknowledged) {
  StartProcess();
  ASSERT_TRUE(Init("demo").ok());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Issue(absl::StrCat("token-", i)).ok());
    if (i % 5 == 0) CrashAndRestart();
  }
  CrashAndRestart();
  ASSERT_TRUE(process_->started->ok()) << *process_->started;
  EXPECT_EQ(server().Status().cluster_name, "demo");
  EXPECT_THAT(List()->tokens, SizeIs(21));
}

// Fail the n-th operation for every n: whatever init was doing when the power
// failed, the next start finds a cluster or none, and both work.
TEST_P(ServerTest, InitMayBeCutOffAnywhere) {
  StartProcess();
  const uint64_t before = files_->operations();
  ASSERT_TRUE(Init().ok());
  const uint64_t operations = files_->operations() - before;
  // The last writes may be torn in many ways.
  const uint64_t rounds = GetParam() ? 1 : 8;
  for (uint64_t i = 0; i < rounds * operations; ++i) {
    const uint64_t n = i % operations + 1;
    SCOPED_TRACE(absl::StrCat("the power fails at operation ", n));
    NewDisk(i);
    StartProcess();
    FailAfter(n, sim::SimFileSystem::Fault::kCrash);
    server().Init({}, {}, [](auto) {});
    Settle();
    PowerLoss();
    StartProcess();
    ASSERT_TRUE(process_->started->ok()) << *process_->started;
    if (!server().Status().initialized) {
      ASSERT_TRUE(Init().ok());
    }
    ASSERT_TRUE(Issue("alice").ok());
    CrashAndRestart();
    EXPECT_THAT(List()->tokens, SizeIs(2));
  }
}

// And whatever there was no room for: the same process makes it good once there
// is, and no operator's token is lost with a founding that took effect.
TEST_P(ServerTest, InitMayLackRoomAnywhere) {
  StartProcess();
  const uint64_t before = files_->operations();
  ASSERT_TRUE(Init().ok());
  const uint64_t operations = files_->operations() - before;
  for (uint64_t n = 1; n <= operations; ++n) {
    SCOPED_TRACE(absl::StrCat("no room for operation ", n));
    NewDisk(n);
    StartProcess();
    FailAfter(n, sim::SimFileSystem::Fault::kNoSpace);
    const auto first = Init();
    if (!first.ok()) {
      // The room that the log has reserved is its own: to be refused it is no
      // lack of room but damage.
      if (process_->failed.has_value() ||
          CodeNameOf(first.status()) == "data_loss") {
        continue;
      }
      EXPECT_EQ(CodeNameOf(first.status()), "disk_full");
      EXPECT_FALSE(server().Status().initialized);
      const auto second = Init();
      ASSERT_TRUE(second.ok()) << second.status();
    }
    EXPECT_THAT(List()->tokens, SizeIs(1));
  }
}

// The same with a disk that stays full until somebody makes room.
TEST_P(ServerTest, InitOnADiskThatIsNearlyFull) {
  for (uint64_t room = 0; room < 2 * kSegmentBytes; room += 500) {
    SCOPED_TRACE(absl::StrCat("room for ", room, " bytes"));
    NewDisk(room);
    files_->SetCapacity(room);
    StartProcess();
    const auto first = Init();
    EXPECT_EQ(server().Status().initialized, first.ok());
    files_->SetCapacity(1 << 30);
    if (!first.ok()) {
      EXPECT_EQ(CodeNameOf(first.status()), "disk_full");
      const auto second = Init();
      ASSERT_TRUE(second.ok()) << second.status();
    }
    EXPECT_THAT(List()->tokens, SizeIs(1));
  }
}

TEST_P(ServerTest, ADiskThatIsFullStopsWritesOnly) {
  StartProcess();
  ASSERT_TRUE(Init().ok());
  files_->SetCapacity(kSegmentBytes * 3 / 2);
  std::vector<std::string> acknowledged;
  absl::Status refused;
  for (int i = 0; refused.ok() && i < 1000; ++i) {
    const auto issued = Issue(absl::StrCat("token-", i));
    refused = issued.status();
    if (issued.ok()) acknowledged.push_back(issued->identity);
  }
  EXPECT_EQ(CodeNameOf(refused), "disk_full");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("may take effect"));
  EXPECT_EQ(CodeNameOf(Issue("alice").status()), "disk_full");
  EXPECT_EQ(server().Status().leader, "node-1");
  EXPECT_THAT(List()->tokens, SizeIs(1 + acknowledged.size()));
  files_->SetCapacity(1 << 30);
  Settle();
  EXPECT_TRUE(Issue("alice").ok());
  CrashAndRestart();
  // The write that waited has taken effect, and alice's.
  EXPECT_THAT(List()->tokens, SizeIs(1 + acknowledged.size() + 2));
}

TEST_P(ServerTest, TheStateStoreComesBackWhenThereIsRoom) {
  if (!GetParam()) GTEST_SKIP() << "there is none";
  StartProcess();
  ASSERT_TRUE(Init().ok());
  const auto tables = [this] {
    uint64_t count = 0;
    const auto names = files_->List("/data/state");
    for (const std::string& name : *names) {
      if (absl::EndsWith(name, ".sst")) ++count;
    }
    return count;
  };
  // Not enough room for the store to be made durable after so many, but for the
  // log to go on.
  constexpr int kTokens = 8300;
  for (int i = 0; i < kTokens; ++i) {
    if (i == 8000) {
      Settle();
      files_->SetCapacity(files_->used_bytes() + 4 * kSegmentBytes);
    }
    server().IssueToken({}, {.identity = absl::StrCat("token-", i)},
                        [](auto) {});
  }
  Settle();
  EXPECT_FALSE(process_->failed.has_value());
  EXPECT_EQ(tables(), 0u);
  EXPECT_TRUE(Issue("alice").ok());
  files_->SetCapacity(1 << 30);
  Settle();
  EXPECT_GT(tables(), 0u);
  EXPECT_TRUE(Issue("bob").ok());
  CrashAndRestart();
  ASSERT_TRUE(process_->started->ok()) << *process_->started;
  EXPECT_THAT(List()->tokens, SizeIs(1 + kTokens + 2));
}

TEST_P(ServerTest, AFailedSyncStopsTheServer) {
  StartProcess();
  ASSERT_TRUE(Init().ok());
  // Of the next write, the first operation is the append and the second the
  // sync.
  FailAfter(2, sim::SimFileSystem::Fault::kIoError);
  EXPECT_FALSE(Issue("alice").ok());
  ASSERT_TRUE(process_->failed.has_value());
  EXPECT_EQ(CodeNameOf(*process_->failed), "data_loss");
  EXPECT_EQ(server().lifecycle(), Lifecycle::kFailed);
}

TEST_P(ServerTest, ADamagedLogStopsTheStart) {
  StartProcess();
  ASSERT_TRUE(Init().ok());
  ASSERT_TRUE(Issue("alice").ok());
  process_.reset();
  const auto names = files_->List("/data/raft");
  ASSERT_TRUE(names.ok());
  const std::string segment = absl::StrCat("/data/raft/", names->front());
  files_->FlipBit(segment, 300, 3);
  StartProcess();
  EXPECT_EQ(CodeNameOf(*process_->started), "data_loss");
  EXPECT_THAT(std::string(process_->started->message()), HasSubstr(segment));
  EXPECT_THAT(std::string(process_->started->message()), HasSubstr("offset"));
  EXPECT_EQ(CodeNameOf(Issue("bob").status()), "data_loss");
}

TEST_P(ServerTest, ALogThatHasGoneIsNoFreshStart) {
  if (!GetParam()) GTEST_SKIP() << "nothing but the log tells";
  StartProcess();
  ASSERT_TRUE(Init().ok());
  // Enough for the store to be made durable.
  constexpr int kTokens = 8200;
  for (int i = 0; i < kTokens; ++i) {
    server().IssueToken({}, {.identity = absl::StrCat("token-", i)},
                        [](auto) {});
  }
  Settle();
  process_.reset();
  const auto names = files_->List("/data/raft");
  for (const std::string& name : *names) {
    ASSERT_TRUE(files_->Remove(absl::StrCat("/data/raft/", name)).ok());
  }
  StartProcess();
  EXPECT_EQ(CodeNameOf(*process_->started), "data_loss");
  EXPECT_EQ(CodeNameOf(Init().status()), "data_loss");
}

TEST_P(ServerTest, InitMakesCredentialsThatLast) {
  StartProcess();
  EXPECT_THAT(process_->credentials, IsEmpty());
  const auto init = Init();
  ASSERT_THAT(process_->credentials, SizeIs(1));
  const Credentials made = process_->credentials[0];
  const auto info = process_->pki.VerifyNode(made.certificates, made.bundle,
                                             process_->clock.WallNow());
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->names.cluster_id, init->cluster_id);
  EXPECT_EQ(info->names.node_id, server().raft()->id().value());
  EXPECT_EQ(info->names.node_name, node_name_);
  const auto& authority = server().state().cluster()->authorities(0);
  EXPECT_EQ(authority.certificate(), made.bundle);
  // Nobody who has the state only has the key.
  EXPECT_FALSE(process_->pki
                   .Issue({authority.certificate(), authority.sealed_key()},
                          process_->pki.CreateRequest(info->names)->request,
                          info->names, process_->clock.WallNow())
                   .ok());
  CrashAndRestart();
  EXPECT_THAT(process_->credentials, ::testing::ElementsAre(made));
}

// Of a founding that did not happen, by whatever way they are read.
TEST_P(ServerTest, LeftOverSecretsAreNotInForce) {
  int left_over = 0;
  for (uint64_t operation = 1; operation < 60; ++operation) {
    NewDisk(operation);
    StartProcess();
    FailAfter(operation, sim::SimFileSystem::Fault::kNoSpace);
    if (Init().ok() || server().lifecycle() != Lifecycle::kUninitialized) break;
    const auto secrets = LoadSecrets(*files_, "/data", nullptr);
    if (secrets.ok() && secrets->has_value()) ++left_over;
    std::optional<absl::Status> reloaded;
    server().ReloadCredentials([&](absl::Status s) { reloaded = s; });
    Settle();
    EXPECT_TRUE(reloaded.has_value());
    EXPECT_THAT(process_->credentials, IsEmpty()) << operation;
  }
  EXPECT_GT(left_over, 0);
}

TEST_P(ServerTest, TheCertificateIsRenewedInTime) {
  StartProcess();
  ASSERT_TRUE(Init().ok());
  process_->clock.JumpWall(Seconds(int64_t{3600} * 24 * 240));
  for (int i = 0; i < 4; ++i) Settle();
  EXPECT_THAT(process_->credentials, SizeIs(1));
  process_->clock.JumpWall(Seconds(int64_t{3600} * 24 * 5));
  for (int i = 0; i < 4; ++i) Settle();
  ASSERT_THAT(process_->credentials, SizeIs(2));
  const Credentials renewed = process_->credentials[1];
  EXPECT_NE(renewed.key, process_->credentials[0].key);
  EXPECT_EQ(renewed.bundle, process_->credentials[0].bundle);
  CrashAndRestart();
  // The clock is right again; the certificate is of the future.
  for (int i = 0; i < 4; ++i) Settle();
  EXPECT_EQ(process_->credentials[0], renewed);
}

TEST_P(ServerTest, TheAuthorityIsRotated) {
  StartProcess();
  ASSERT_TRUE(Init().ok());
  const Credentials first = process_->credentials.back();
  std::optional<absl::Status> done;
  const auto tell = [&](const absl::StatusOr<AuthoritiesResponse>& response) {
    done = response.status();
  };
  server().operators().RotateAuthority({}, tell);
  Settle();
  ASSERT_TRUE(done->ok()) << *done;
  const Credentials second = process_->credentials.back();
  const absl::Time now = process_->clock.WallNow();
  const auto trusts = [&](const Credentials& a, const Credentials& b) {
    return process_->pki.VerifyNode(b.certificates, a.bundle, now).ok();
  };
  // Whoever has only the first half of it still trusts, and is trusted.
  EXPECT_NE(first.certificates, second.certificates);
  EXPECT_TRUE(trusts(first, second));
  EXPECT_TRUE(trusts(second, first));
  server().operators().RetireAuthorities({}, {}, tell);
  Settle();
  ASSERT_TRUE(done->ok()) << *done;
  const Credentials third = process_->credentials.back();
  EXPECT_FALSE(trusts(third, first));
  EXPECT_TRUE(trusts(third, second));
  EXPECT_TRUE(trusts(second, third));
  CrashAndRestart();
  for (int i = 0; i < 4; ++i) Settle();
  EXPECT_EQ(process_->credentials.back().bundle, third.bundle);
}

TEST_P(ServerTest, AuthenticatesTokens) {
  StartProcess();
  // The bearer's identity, or the code of the error.
  const auto bearer = [this](const std::string& token) {
    std::string result = "no answer";
    server().Authenticate(
        token, /*stale=*/false, [&](const absl::StatusOr<Caller>& caller) {
          result = caller.ok() ? caller->identity : CodeNameOf(caller.status());
        });
    Settle();
    return result;
  };
  EXPECT_EQ(bearer("x"), "cluster_uninitialized");
  EXPECT_EQ(bearer(""), "cluster_uninitialized");
  const auto init = Init();
  EXPECT_EQ(bearer(""), "token_invalid");
  EXPECT_EQ(bearer(init->operator_token), "bootstrap");
  EXPECT_EQ(bearer("x"), "token_invalid");
  ASSERT_TRUE(Revoke("bootstrap").ok());
  EXPECT_EQ(bearer(init->operator_token), "token_revoked");
}

TEST_P(ServerTest, OnlyThePrivilegedMakeOthersSo) {
  StartProcess();
  ASSERT_TRUE(Init().ok());
  const auto issue = [this](const Caller& caller, const std::string& identity) {
    std::string result = "no answer";
    server().IssueToken(
        caller, {.identity = identity, .allow_privileged = true},
        [&](const auto& issued) {
          result = issued.ok() ? "ok" : CodeNameOf(issued.status());
        });
    Settle();
    return result;
  };
  EXPECT_EQ(issue({.identity = "alice"}, "bob"), "permission_denied");
  EXPECT_EQ(issue({.identity = "root", .privileged = true}, "bob"), "ok");
  EXPECT_EQ(issue(Caller::Local(), "carol"), "ok");
}

}  // namespace
}  // namespace jaco::server

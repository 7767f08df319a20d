#include "jaco/storage/state_store.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/prng.h"
#include "jaco/raft/types.h"
#include "jaco/sim/sim_file_system.h"

namespace jaco::storage {
namespace {

using sim::SimFileSystem;
using Fault = SimFileSystem::Fault;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using raft::LogIndex;

constexpr char kDirectory[] = "state";

std::unique_ptr<StateStore> OpenOrDie(env::FileSystem& fs) {
  auto store = OpenRocksDbStateStore(fs, kDirectory);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

RowChange Put(const std::string& key, const std::string& value) {
  return {.key = key, .value = value};
}

absl::Status WriteRow(StateStore& store, const std::string& key,
                      const std::string& value, uint64_t applied) {
  return store.Write({Put(key, value)}, LogIndex(applied));
}

// What was written, step by step.
struct Step {
  std::vector<RowChange> changes;
  LogIndex applied;
  bool flush = false;
};

std::vector<Step> SmallWorkload() {
  std::vector<Step> steps;
  for (uint64_t i = 1; i <= 24; ++i) {
    Step step{.applied = LogIndex(2 * i), .flush = i % 3 == 0};
    step.changes.push_back({absl::StrCat("row", i % 7), absl::StrCat("v", i)});
    step.changes.push_back({absl::StrCat("row", (i + 3) % 7), std::nullopt});
    step.changes.push_back({absl::StrCat("big", i), std::string(2'000, 'b')});
    steps.push_back(std::move(step));
  }
  return steps;
}

// The states that the steps lead through, by applied index.
std::map<LogIndex, std::vector<Row>> StatesOf(const std::vector<Step>& steps) {
  std::map<LogIndex, std::vector<Row>> states;
  std::map<std::string, std::string> rows;
  states[LogIndex(0)] = {};
  for (const Step& step : steps) {
    for (const RowChange& change : step.changes) {
      if (change.value.has_value()) {
        rows[change.key] = *change.value;
      } else {
        rows.erase(change.key);
      }
    }
    std::vector<Row>& state = states[step.applied];
    for (const auto& [key, value] : rows) state.push_back({key, value});
  }
  return states;
}

// How far the steps got in a store.
struct Progress {
  LogIndex durable;
  LogIndex tried;  // what the last Write was for
  absl::Status status;
};

Progress RunSteps(env::FileSystem& fs, const std::vector<Step>& steps) {
  Progress progress;
  auto store = OpenRocksDbStateStore(fs, kDirectory);
  if (!store.ok()) {
    progress.status = store.status();
    return progress;
  }
  progress.durable = (*store)->durable();
  for (const Step& step : steps) {
    progress.tried = step.applied;
    progress.status = (*store)->Write(step.changes, step.applied);
    if (progress.status.ok() && step.flush) progress.status = (*store)->Flush();
    progress.durable = (*store)->durable();
    if (!progress.status.ok()) break;
  }
  return progress;
}

class StateStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<StateStore> New() { return OpenOrDie(fs_); }

  SimFileSystem fs_{Prng(1)};
};

TEST_F(StateStoreTest, StartsEmpty) {
  auto store = New();
  const auto state = store->Load();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->applied, LogIndex(0));
  EXPECT_THAT(state->rows, IsEmpty());
  EXPECT_EQ(store->durable(), LogIndex(0));
}

TEST_F(StateStoreTest, LoadSeesEveryWriteAtOnce) {
  auto store = New();
  const std::vector<Step> steps = SmallWorkload();
  for (const auto& [applied, rows] : StatesOf(steps)) {
    const auto state = store->Load();
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(state->applied, applied);
    EXPECT_EQ(state->rows, rows);
    for (const Step& step : steps) {
      if (step.applied != applied + 2) continue;
      ASSERT_TRUE(store->Write(step.changes, step.applied).ok());
    }
  }
}

TEST_F(StateStoreTest, KeysAreAnyBytes) {
  auto store = New();
  const std::vector<std::string> keys = {"", std::string(1, '\0'), "m", "r",
                                         "\xff\xff"};
  std::vector<RowChange> changes;
  for (const std::string& key : keys) changes.push_back({key, "=" + key});
  ASSERT_TRUE(store->Write(changes, LogIndex(1)).ok());
  const auto state = store->Load();
  ASSERT_TRUE(state.ok()) << state.status();
  ASSERT_THAT(state->rows, SizeIs(keys.size()));
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(state->rows[i], (Row{keys[i], "=" + keys[i]}));
  }
}

TEST_F(StateStoreTest, AnEmptyWriteMovesTheAppliedIndex) {
  auto store = New();
  ASSERT_TRUE(store->Write({}, LogIndex(7)).ok());
  EXPECT_EQ(store->Load()->applied, LogIndex(7));
}

TEST(StateStoreCrashTest, AFlushedStateIsThereAfterARestart) {
  SimFileSystem fs(Prng(1));
  auto store = OpenOrDie(fs);
  ASSERT_TRUE(store->Write({Put("a", "1"), Put("b", "2")}, LogIndex(4)).ok());
  EXPECT_EQ(store->durable(), LogIndex(0));
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(store->durable(), LogIndex(4));
  ASSERT_TRUE(store->Write({RowChange{.key = "a"}}, LogIndex(5)).ok());
  EXPECT_EQ(store->durable(), LogIndex(4));

  store.reset();
  Prng prng(1);
  fs.Crash(prng);
  store = OpenOrDie(fs);
  const auto state = store->Load();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(store->durable(), LogIndex(4));
  EXPECT_EQ(state->applied, LogIndex(4));
  EXPECT_THAT(state->rows, ElementsAre(Row{.key = "a", .value = "1"},
                                       Row{.key = "b", .value = "2"}));
}

TEST(StateStoreCrashTest, TwoCannotHaveOneDirectory) {
  SimFileSystem fs(Prng(1));
  auto store = OpenOrDie(fs);
  const auto second = OpenRocksDbStateStore(fs, kDirectory);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(StateStoreCrashTest, AStateLargerThanTheBufferFlushesItself) {
  SimFileSystem fs(Prng(1));
  auto store = OpenOrDie(fs);
  const std::string large(9 << 20, 'x');
  ASSERT_TRUE(WriteRow(*store, "large", large, 1).ok());
  EXPECT_EQ(store->durable(), LogIndex(1));
  for (uint64_t i = 2; i < 40; ++i) {
    const std::string key = absl::StrCat("row", i);
    ASSERT_TRUE(WriteRow(*store, key, std::string(1 << 20, 'y'), i).ok());
    EXPECT_LT(i - store->durable().value(), 5);
  }
  store.reset();
  Prng prng(1);
  fs.Crash(prng);
  const auto state = OpenOrDie(fs)->Load();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->rows.front().value, large);
}

// Fail the n-th operation and all that follow, for every n: the machine stops
// there. Whatever the disk keeps of what was not synced, the state that comes
// back is one that was written whole.
TEST(StateStoreCrashTest, ACrashAtAnyOperationLeavesAStateThatWas) {
  const std::vector<Step> steps = SmallWorkload();
  const auto states = StatesOf(steps);
  bool crashed = true;
  uint64_t operation = 1;
  for (; crashed; ++operation) {
    for (uint64_t outcome = 0; outcome < 2; ++outcome) {
      SCOPED_TRACE(
          absl::StrCat("operation ", operation, ", outcome ", outcome));
      Prng prng(Mix64(operation) + outcome);
      SimFileSystem fs(prng);
      fs.FailAt(operation, Fault::kCrash);
      const Progress progress = RunSteps(fs, steps);
      crashed = fs.crashed();
      fs.Crash(prng);

      const auto state = OpenOrDie(fs)->Load();
      ASSERT_TRUE(state.ok()) << state.status();
      EXPECT_GE(state->applied, progress.durable);
      EXPECT_LE(state->applied, progress.tried);
      ASSERT_TRUE(states.contains(state->applied));
      EXPECT_EQ(state->rows, states.at(state->applied));
    }
  }
  EXPECT_GT(operation, 200);
}

// One operation fails, the next would work. Either nobody minds, or there is an
// error; never an abort, a hang or a wrong state.
TEST(StateStoreCrashTest, AnErrorOfAnyOperationIsReportedOrHarmless) {
  const std::vector<Step> steps = SmallWorkload();
  const auto states = StatesOf(steps);
  for (const auto& [fault, code] :
       {std::pair(Fault::kNoSpace, absl::StatusCode::kResourceExhausted),
        std::pair(Fault::kIoError, absl::StatusCode::kDataLoss)}) {
    bool failed = true;
    for (uint64_t operation = 1; failed; ++operation) {
      SCOPED_TRACE(absl::StrCat("operation ", operation, ", code ", code));
      Prng prng(operation);
      SimFileSystem fs(prng);
      fs.FailAt(operation, fault);
      const Progress progress = RunSteps(fs, steps);
      failed = fs.operations() >= operation;
      if (!progress.status.ok()) {
        EXPECT_EQ(progress.status.code(), code) << progress.status;
      } else {
        EXPECT_EQ(progress.durable, steps.back().applied);
      }
      fs.FailAt(0, fault);
      fs.Crash(prng);
      const auto state = OpenOrDie(fs)->Load();
      ASSERT_TRUE(state.ok()) << state.status();
      EXPECT_GE(state->applied, progress.durable);
      EXPECT_EQ(state->rows, states.at(state->applied));
    }
  }
}

TEST(StateStoreCrashTest, AfterAnErrorTheStoreIsOfNoMoreUse) {
  SimFileSystem fs(Prng(1));
  auto store = OpenOrDie(fs);
  ASSERT_TRUE(WriteRow(*store, "a", "1", 1).ok());
  fs.FailAt(fs.operations() + 1, Fault::kNoSpace);
  const absl::Status error = store->Flush();
  EXPECT_EQ(error.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(store->durable(), LogIndex(0));
  EXPECT_EQ(store->Flush(), error);
  EXPECT_EQ(store->Write({}, LogIndex(2)), error);
  EXPECT_EQ(store->Load().status(), error);
}

TEST(StateStoreCrashTest, TheSameCallsMakeTheSameFileOperations) {
  // Enough that the store flushes by itself and that compactions run.
  std::vector<Step> steps;
  for (uint64_t i = 1; i <= 1'500; ++i) {
    Step step{.applied = LogIndex(i), .flush = i % 400 == 0};
    for (uint64_t j = 0; j < 8; ++j) {
      step.changes.push_back(
          {absl::StrCat("row", (i * 131 + j * 7) % 9'973),
           std::string((i * 37 + j * 101) % 4'000, static_cast<char>(i))});
    }
    steps.push_back(std::move(step));
  }
  std::vector<std::string> traces[2];
  for (std::vector<std::string>& trace : traces) {
    SimFileSystem fs(Prng(1));
    fs.SetObserver([&](absl::string_view operation, absl::string_view path,
                       uint64_t size) {
      trace.push_back(absl::StrCat(operation, " ", path, " ", size));
    });
    ASSERT_TRUE(RunSteps(fs, steps).status.ok());
    ASSERT_TRUE(RunSteps(fs, steps).status.ok());
  }
  EXPECT_EQ(traces[0].size(), traces[1].size());
  EXPECT_EQ(traces[0], traces[1]);
}

std::vector<std::string> TablesOf(SimFileSystem& fs) {
  std::vector<std::string> paths;
  const auto names = fs.List(kDirectory);
  for (const std::string& name : *names) {
    if (absl::EndsWith(name, ".sst")) {
      paths.push_back(absl::StrCat(kDirectory, "/", name));
    }
  }
  return paths;
}

// What opening or loading says.
absl::Status ErrorOf(absl::StatusOr<std::unique_ptr<StateStore>> store) {
  return store.ok() ? (*store)->Load().status() : store.status();
}

TEST(StateStoreCrashTest, ACorruptTableIsDataLossAndIsNamed) {
  SimFileSystem fs(Prng(1));
  ASSERT_TRUE(RunSteps(fs, SmallWorkload()).status.ok());
  const std::vector<std::string> tables = TablesOf(fs);
  ASSERT_FALSE(tables.empty());
  for (const std::string& path : tables) {
    const uint64_t offset = fs.Contents(path).size() / 3;
    fs.FlipBit(path, offset, 5);
    const absl::Status error = ErrorOf(OpenRocksDbStateStore(fs, kDirectory));
    EXPECT_EQ(error.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(error.message(), HasSubstr(path));
    fs.FlipBit(path, offset, 5);  // back again
  }
  OpenOrDie(fs);
}

TEST(StateStoreCrashTest, AMissingTableIsAnError) {
  SimFileSystem fs(Prng(1));
  ASSERT_TRUE(RunSteps(fs, SmallWorkload()).status.ok());
  const std::vector<std::string> tables = TablesOf(fs);
  ASSERT_FALSE(tables.empty());
  ASSERT_TRUE(fs.Remove(tables.front()).ok());
  EXPECT_EQ(OpenRocksDbStateStore(fs, kDirectory).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace jaco::storage

// What the Raft log costs over a bare write and sync of the same disk. Set
// JACO_BENCH_DIR to choose the disk; the default is the current directory.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "jaco/base/check.h"
#include "jaco/env/posix/posix_file_system.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {
namespace {

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

// A directory that is gone with the benchmark.
class Scratch {
 public:
  Scratch() {
    const char* base = std::getenv("JACO_BENCH_DIR");
    path_ = absl::StrCat(base == nullptr ? "." : base, "/raft_log_bench.",
                         getpid());
    JACO_CHECK(fs_.CreateDirectory(path_).ok());
  }
  ~Scratch() {
    RemoveAll(log_directory());
    RemoveAll(path_);
  }
  env::PosixFileSystem& fs() { return fs_; }
  std::string log_directory() const { return path_ + "/log"; }
  std::string raw_file() const { return path_ + "/raw"; }

 private:
  void RemoveAll(const std::string& directory) {
    const auto names = fs_.List(directory);
    if (!names.ok()) return;
    for (const std::string& name : *names) {
      fs_.Remove(absl::StrCat(directory, "/", name)).IgnoreError();
    }
    fs_.RemoveDirectory(directory).IgnoreError();
  }

  env::PosixFileSystem fs_;
  std::string path_;
};

raft::Persist MakeWrite(uint64_t index, size_t size) {
  return {raft::PersistId(index),
          std::nullopt,
          {std::make_shared<const raft::Entry>(
              raft::Entry{{raft::Term(1), raft::LogIndex(index)},
                          raft::EntryKind::kCommand,
                          std::string(size, 'x')})}};
}

// One write and one sync through the log and one without, in turn, so that both
// see the same disk.
void BM_AppendAgainstRaw(benchmark::State& state) {
  Scratch scratch;
  RecoveredLog recovered;
  auto log = RaftLog::Open(scratch.fs(), {scratch.log_directory()}, &recovered)
                 .value();
  auto raw =
      scratch.fs().Open(scratch.raw_file(), env::OpenMode::kCreate).value();
  JACO_CHECK(raw->Preallocate(uint64_t{1} << 30).ok() && raw->Sync().ok());
  const std::string bytes(static_cast<size_t>(state.range(0)), 'x');
  std::vector<double> log_times;
  std::vector<double> raw_times;
  uint64_t index = 0;
  for (auto _ : state) {
    const raft::Persist write = MakeWrite(++index, bytes.size());
    auto start = std::chrono::steady_clock::now();
    JACO_CHECK(log->Write({&write, 1}).ok());
    log_times.push_back(SecondsSince(start));
    start = std::chrono::steady_clock::now();
    JACO_CHECK(raw->WriteAt((index - 1) * bytes.size(), bytes).ok());
    JACO_CHECK(raw->Sync().ok());
    raw_times.push_back(SecondsSince(start));
    state.SetIterationTime(log_times.back());
  }
  state.counters["log_us"] = Median(log_times) * 1e6;
  state.counters["raw_us"] = Median(raw_times) * 1e6;
  state.counters["ratio"] = Median(log_times) / Median(raw_times);
}
BENCHMARK(BM_AppendAgainstRaw)->Arg(200)->Arg(4096)->UseManualTime();

void BM_OpenFresh(benchmark::State& state) {
  for (auto _ : state) {
    Scratch scratch;
    RecoveredLog recovered;
    const auto start = std::chrono::steady_clock::now();
    JACO_CHECK(
        RaftLog::Open(scratch.fs(), {scratch.log_directory()}, &recovered)
            .ok());
    state.SetIterationTime(SecondsSince(start));
  }
}
BENCHMARK(BM_OpenFresh)->UseManualTime()->Unit(benchmark::kMillisecond);

// 64 MiB of entries of 200 bytes.
void BM_Recover(benchmark::State& state) {
  Scratch scratch;
  RecoveredLog recovered;
  auto log = RaftLog::Open(scratch.fs(), {scratch.log_directory()}, &recovered)
                 .value();
  uint64_t index = 0;
  for (int batch = 0; batch < 64; ++batch) {
    std::vector<raft::Persist> writes;
    for (int i = 0; i < (1 << 20) / 240; ++i) {
      writes.push_back(MakeWrite(++index, 200));
    }
    JACO_CHECK(log->Write(writes).ok());
  }
  for (auto _ : state) {
    log = RaftLog::Open(scratch.fs(), {scratch.log_directory()}, &recovered)
              .value();
  }
  state.counters["entries"] = static_cast<double>(recovered.entries.size());
}
BENCHMARK(BM_Recover)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace jaco::storage

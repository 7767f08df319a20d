// What file operations cost the simulator.

#include <memory>
#include <string>

#include "benchmark/benchmark.h"
#include "jaco/base/check.h"
#include "jaco/base/prng.h"
#include "jaco/env/file_system.h"
#include "jaco/sim/sim_file_system.h"

namespace jaco::sim {
namespace {

void BM_WriteAndSync(benchmark::State& state) {
  SimFileSystem fs((Prng(1)));
  const std::string record(100, 'x');
  constexpr uint64_t kFileBytes = uint64_t{16} << 20;
  auto file = fs.Open("log", env::OpenMode::kCreate).value();
  JACO_CHECK(file->Preallocate(kFileBytes).ok());
  uint64_t offset = 0;
  for (auto _ : state) {
    if (offset + record.size() > kFileBytes) offset = 0;
    JACO_CHECK(file->WriteAt(offset, record).ok());
    JACO_CHECK(file->Sync().ok());
    offset += record.size();
  }
}
BENCHMARK(BM_WriteAndSync);

void BM_CreateWriteSyncRename(benchmark::State& state) {
  SimFileSystem fs((Prng(1)));
  for (auto _ : state) {
    auto file = fs.Open("a.tmp", env::OpenMode::kCreateTruncate).value();
    JACO_CHECK(file->WriteAt(0, "content").ok() && file->Sync().ok());
    JACO_CHECK(fs.Rename("a.tmp", "a").ok() && fs.SyncDirectory("/").ok());
  }
}
BENCHMARK(BM_CreateWriteSyncRename);

}  // namespace
}  // namespace jaco::sim

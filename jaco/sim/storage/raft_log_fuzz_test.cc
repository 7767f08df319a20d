// The fuzzer's body without libFuzzer, so that every build exercises it: its
// corpus, testdata/fuzz/raft_log, which tools/rewrite-golden rewrites, and what
// becomes of that by chance. A file is named for the outcome and the reason.

#include "jaco/sim/storage/raft_log_fuzz.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/prng.h"
#include "jaco/sim/storage/raft_log_model.h"
#include "jaco/storage/log_format.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {
namespace {

constexpr char kCorpus[] = "testdata/fuzz/raft_log";
constexpr uint8_t kPromise = 0;

std::string Step(uint8_t file, uint8_t action, absl::string_view bytes) {
  std::string step;
  step.push_back(static_cast<char>(file));
  step.push_back(static_cast<char>(action));
  AppendLittleEndian(static_cast<uint16_t>(bytes.size()), &step);
  return absl::StrCat(step, bytes);
}

std::string Step(uint8_t file, FuzzAction action, uint16_t place,
                 absl::string_view bytes = "") {
  std::string operand;
  AppendLittleEndian(place, &operand);
  return Step(file, static_cast<uint8_t>(action), absl::StrCat(operand, bytes));
}

std::string Numbers(const std::vector<uint64_t>& numbers) {
  std::string bytes;
  for (const uint64_t number : numbers) AppendLittleEndian(number, &bytes);
  return bytes;
}

// The steps that make a segment.
std::string StepsOf(uint8_t number, const std::string& segment) {
  std::string steps = Step(number, FuzzAction::kHeader,
                           static_cast<uint16_t>(SegmentCapacity(segment)));
  uint64_t end = kSegmentHeaderBytes;
  while (const auto record = ParseRecord(segment, number, end)) {
    const bool mark = record->type == RecordType::kSyncMark;
    steps += mark ? Step(number, FuzzAction::kSyncMark, 0)
                  : Step(number, static_cast<uint8_t>(record->type),
                         record->payload);
    end = record->end;
  }
  return steps + Step(number, FuzzAction::kZerosTo,
                      static_cast<uint16_t>(segment.size()));
}

// Those that make the log that is in `fs`, with its promise.
std::string ProgramOf(sim::SimFileSystem& fs) {
  const std::string promise = fs.Contents("data/log/promise");
  std::string program;
  for (int copy = 0; copy < 2; ++copy) {
    program += Step(kPromise, 1, promise.substr(16, 40));
  }
  for (const std::string& name : LogNames(fs)) {
    const auto number = SequenceOfName(name);
    if (!number.has_value()) continue;
    program += StepsOf(static_cast<uint8_t>(*number),
                       fs.Contents(absl::StrCat("data/log/", name)));
  }
  return program;
}

class Log {
 public:
  explicit Log(uint64_t segment_bytes) : options_{"data/log", segment_bytes} {
    log_ = RaftLog::Open(*fs_, options_, &recovered_).value();
  }
  Log& Write(raft::Persist write) {
    EXPECT_TRUE(log_->Write({&write, 1}).ok());
    return *this;
  }
  Log& Term(uint64_t term) {
    raft::Persist write{raft::PersistId(1)};
    write.hard_state = raft::HardState{raft::Term(term), raft::NodeId(2)};
    return Write(std::move(write));
  }
  Log& Append(uint64_t term, uint64_t index, size_t size) {
    return Write(MakePersist({MakeEntry(term, index, std::string(size, 'x'))}));
  }
  RaftLog& log() { return *log_; }
  std::string Program() { return ProgramOf(*fs_); }

 private:
  std::unique_ptr<sim::SimFileSystem> fs_ = NewFileSystem();
  RaftLogOptions options_;
  RecoveredLog recovered_;
  std::unique_ptr<RaftLog> log_;
};

std::string ThreeSegments() {
  Log log(512);
  log.Term(1);
  for (uint64_t index = 1; index <= 12; ++index) log.Append(1, index, 60);
  return log.Program();
}

std::map<std::string, std::string> MakeCorpus() {
  std::map<std::string, std::string> corpus;
  corpus["ok-nothing"] = "";
  const std::string one = Log(1024).Term(1).Append(1, 1, 9).Program();
  corpus["ok-one-segment"] = one;
  corpus["ok-torn-tail"] = one + Step(1, FuzzAction::kOverwrite, 300, "torn");
  corpus["ok-never-used"] = one + Step(2, FuzzAction::kHeader, 0) +
                            Step(2, 4, Numbers({0, 0, 1, 0})) +
                            Step(2, 2, Numbers({1, 2}));
  corpus["ok-never-as-long-as-made"] = Step(1, FuzzAction::kHeader, 2048) +
                                       Step(1, 4, Numbers({0, 0, 1, 0})) +
                                       Step(1, 2, Numbers({0, 0}));
  corpus["ok-replaced-entries"] = Log(1024)
                                      .Term(1)
                                      .Append(1, 1, 9)
                                      .Append(1, 2, 9)
                                      .Append(1, 3, 9)
                                      .Term(2)
                                      .Append(2, 2, 5)
                                      .Program();
  corpus["ok-three-segments"] = ThreeSegments();
  raft::Persist installed{raft::PersistId(1)};
  installed.log_start = MakeLogStart({raft::Term(1), raft::LogIndex(9)});
  corpus["ok-installed"] = Log(1024)
                               .Term(1)
                               .Append(1, 1, 9)
                               .Write(installed)
                               .Append(1, 10, 9)
                               .Program();
  Log compacted(512);
  compacted.Term(1);
  for (uint64_t index = 1; index <= 12; ++index) compacted.Append(1, index, 60);
  EXPECT_TRUE(compacted.log()
                  .CompactTo(MakeLogStart({raft::Term(1), raft::LogIndex(7)}))
                  .ok());
  corpus["ok-compacted"] = compacted.Append(1, 13, 9).Program();
  Log recovered(1024);
  recovered.Term(1).Append(1, 1, 9);
  EXPECT_TRUE(recovered.log()
                  .ReplaceConfiguration(ConfigurationOf(raft::LogIndex(5)))
                  .ok());
  corpus["ok-other-members"] = recovered.Program();

  corpus["damage-in-front-of-a-mark"] =
      one + Step(1, FuzzAction::kOverwrite, 150, "damage");
  corpus["damage-head"] =
      ThreeSegments() + Step(2, FuzzAction::kOverwrite, 40, "damage");
  corpus["damage-cut-short"] =
      ThreeSegments() + Step(3, FuzzAction::kCutTo, 200);
  corpus["damage-missing"] = ThreeSegments() + Step(2, FuzzAction::kCutTo, 0);
  corpus["damage-behind-promise"] = one +
                                    Step(kPromise, FuzzAction::kCutTo, 0) +
                                    Step(kPromise, 1, Numbers({7, 0, 0, 0, 0}));
  corpus["ok-damaged-promise"] =
      one + Step(kPromise, FuzzAction::kOverwrite, 20, "damage") +
      Step(kPromise, FuzzAction::kOverwrite, 600, "damage");
  corpus["other-version-promise"] =
      one + Step(kPromise, FuzzAction::kCutTo, 512) + Step(kPromise, 3, "new");
  std::string header = "jacolog\n";
  AppendLittleEndian<uint32_t>(2, &header);
  AppendLittleEndian<uint32_t>(0, &header);
  AppendLittleEndian<uint64_t>(1, &header);
  AppendLittleEndian<uint32_t>(0, &header);
  AppendLittleEndian(Crc32c(header), &header);
  corpus["other-version"] =
      Step(1, static_cast<uint8_t>(FuzzAction::kBytes), header + "new");
  return corpus;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::map<std::string, std::string> ReadCorpus() {
  std::map<std::string, std::string> corpus;
  for (const auto& file : std::filesystem::directory_iterator(kCorpus)) {
    corpus[file.path().filename()] = ReadFile(file.path());
  }
  return corpus;
}

TEST(RaftLogFuzzTest, TheCorpusEndsAsItIsNamed) {
  if (const char* folder = std::getenv("JACO_REWRITE_CORPUS")) {
    for (const auto& [name, program] : MakeCorpus()) {
      std::ofstream(std::filesystem::path(folder) / name, std::ios::binary)
          << program;
    }
    return;
  }
  const auto corpus = ReadCorpus();
  EXPECT_EQ(corpus, MakeCorpus()) << "run tools/rewrite-golden";
  for (const auto& [name, program] : corpus) {
    SCOPED_TRACE(name);
    const FuzzOutcome expected =
        absl::StartsWith(name, "ok-")       ? FuzzOutcome::kOk
        : absl::StartsWith(name, "damage-") ? FuzzOutcome::kDamage
                                            : FuzzOutcome::kOtherVersion;
    EXPECT_EQ(FuzzRaftLog(program), expected);
  }
}

TEST(RaftLogFuzzTest, RandomBytes) {
  Prng prng(1);
  for (int i = 0; i < 3000; ++i) {
    std::string program(prng.Below(200), '\0');
    for (char& c : program) c = static_cast<char>(prng.Next());
    FuzzRaftLog(program);
  }
}

// A step more, or less, or one of another program; or a few bytes that differ.
std::string Change(std::string program, const std::string& other, Prng& prng) {
  for (uint64_t n = prng.Between(1, 3); n > 0; --n) {
    const size_t at = prng.Below(program.size() + 1);
    const auto file = static_cast<uint8_t>(prng.Below(4));
    const auto place = static_cast<uint16_t>(prng.Below(600));
    switch (prng.Below(6)) {
      case 0:
        if (at < program.size()) program[at] = static_cast<char>(prng.Next());
        break;
      case 1:
        program.resize(at);
        break;
      case 2:
        program += other;
        break;
      case 3:
        program += Step(file, FuzzAction::kOverwrite, place,
                        std::string(prng.Below(40), '\0'));
        break;
      case 4:
        program += Step(file, FuzzAction::kCutTo, place);
        break;
      default:
        program += Step(file, static_cast<uint8_t>(prng.Below(70)),
                        other.substr(0, prng.Below(50)));
        break;
    }
  }
  return program;
}

TEST(RaftLogFuzzTest, ChangedPrograms) {
  Prng prng(2);
  std::vector<std::string> programs;
  for (auto& [name, program] : MakeCorpus()) programs.push_back(program);
  std::map<FuzzOutcome, int> outcomes;
  for (int i = 0; i < 400; ++i) {
    for (const std::string& program : programs) {
      const std::string& other = programs[prng.Below(programs.size())];
      ++outcomes[FuzzRaftLog(Change(program, other, prng))];
    }
  }
  EXPECT_GT(outcomes[FuzzOutcome::kOk], 500);
  EXPECT_GT(outcomes[FuzzOutcome::kDamage], 500);
}

}  // namespace
}  // namespace jaco::storage

// Runs the fuzzer's body without libFuzzer, so that every build exercises it.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "jaco/base/prng.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/codec_samples.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace jaco::raft {
namespace {

void Feed(const std::string& bytes) {
  EXPECT_EQ(LLVMFuzzerTestOneInput(
                reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()),
            0);
}

std::vector<std::string> Corpus(Prng& prng) {
  std::vector<std::string> corpus;
  for (uint64_t type = 0; type < kMessageTypes; ++type) {
    corpus.push_back(EncodeMessage(SampleMessage(prng, type)));
  }
  for (bool chunk : {true, false}) {
    corpus.push_back(EncodeSnapshotMessage(SampleSnapshotMessage(prng, chunk)));
  }
  corpus.emplace_back();
  AppendEntry(*SampleEntry(prng, {Term(3), LogIndex(7)}), &corpus.back());
  corpus.push_back(EncodeHardState({Term(3), NodeId(7)}));
  corpus.push_back(EncodeConfiguration(SampleConfiguration(prng)));
  return corpus;
}

TEST(CodecDamageTest, RandomBytes) {
  Prng prng(1);
  for (int i = 0; i < 20000; ++i) Feed(SampleBytes(prng, 100));
}

TEST(CodecDamageTest, MutatedSamples) {
  Prng prng(2);
  for (int i = 0; i < 300; ++i) {
    for (std::string bytes : Corpus(prng)) {
      Feed(bytes);
      for (int change = 0; change < 10; ++change) {
        bytes[prng.Below(bytes.size())] = static_cast<char>(prng.Next());
        Feed(bytes);
        if (prng.Chance(1, 4)) bytes.append(SampleBytes(prng, 5));
        if (prng.Chance(1, 4)) bytes.resize(1 + prng.Below(bytes.size()));
      }
    }
  }
}

}  // namespace
}  // namespace jaco::raft

// A fuzz target over its corpus, over damaged inputs of that, and over random
// bytes: what every build can afford. `tools/fuzz` does the real thing.
//
//     NAME_fuzz_test CORPUS

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/prng.h"

// One binary a target: each links exactly one of these.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace jaco {
namespace {

std::string& CorpusPath() {
  static auto& path = *new std::string;
  return path;
}

// In the order of their names.
std::vector<std::string> Corpus() {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : std::filesystem::directory_iterator(CorpusPath())) {
    paths.push_back(file.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file),
                        std::istreambuf_iterator<char>());
  }
  return corpus;
}

void Feed(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()),
                         input.size());
}

void Damage(Prng& prng, std::string& text) {
  for (uint64_t edits = prng.Below(6); edits > 0 && !text.empty(); --edits) {
    const size_t at = prng.Below(text.size());
    switch (prng.Below(4)) {
      case 0:
        text[at] = static_cast<char>(prng.Next());
        break;
      case 1:
        text.erase(at, prng.Below(8));
        break;
      case 2:
        text.insert(at, text.substr(prng.Below(text.size()), prng.Below(16)));
        break;
      default:
        text.insert(at, prng.Below(50), "[{\"'&*-:\n"[prng.Below(9)]);
    }
  }
}

TEST(FuzzTest, Corpus) {
  const std::vector<std::string> corpus = Corpus();
  ASSERT_FALSE(corpus.empty());
  for (const std::string& input : corpus) Feed(input);
}

TEST(FuzzTest, DamagedAndRandomBytes) {
  constexpr int kRounds = 20'000;
  const std::vector<std::string> corpus = Corpus();
  Prng prng(20'26);
  for (int i = 0; i < kRounds; ++i) {
    std::string text;
    if (prng.Chance(1, 4)) {
      for (uint64_t n = prng.Below(200); n > 0; --n) {
        text.push_back(static_cast<char>(prng.Next()));
      }
    } else {
      text = corpus[prng.Below(corpus.size())];
      Damage(prng, text);
    }
    Feed(text);
  }
}

}  // namespace
}  // namespace jaco

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (argc != 2) return 2;
  jaco::CorpusPath() = argv[1];
  return RUN_ALL_TESTS();
}

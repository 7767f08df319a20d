#include "jaco/server/security/archive.h"

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"
#include "jaco/base/prng.h"
#include "jaco/env/seeded_entropy.h"
#include "jaco/server/security/sealed_file.h"

namespace jaco::server {
namespace {

std::string Noise(size_t size) {
  Prng prng(size);
  std::string bytes;
  while (bytes.size() < size) bytes.push_back(static_cast<char>(prng.Next()));
  return bytes;
}

const std::vector<ArchiveMember>& Members() {
  static const auto& members =
      *new std::vector<ArchiveMember>{{"meta.json", "{\"a\":1}"},
                                      {"state.bin", Noise(1500)},
                                      {"empty", ""},
                                      {"block", std::string(512, 'b')}};
  return members;
}

std::string Code(const absl::Status& status) {
  return status.ok() ? "ok" : std::string(ErrorCodeName(CodeOf(status)));
}

TEST(Sha256Test, IsThatOfTheStandard) {
  EXPECT_EQ(absl::BytesToHexString(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ArchiveTest, GivesBackWhatWentIn) {
  const auto archive = EncodeArchive(Members());
  ASSERT_TRUE(archive.ok());
  EXPECT_TRUE(absl::StartsWith(*archive, "\x1f\x8b"));
  const auto members = DecodeArchive(*archive);
  ASSERT_TRUE(members.ok()) << members.status();
  EXPECT_EQ(*members, Members());
  EXPECT_EQ(*DecodeArchive(*EncodeArchive({})), std::vector<ArchiveMember>());
}

// Some bits of gzip mean nothing; no change of a byte changes what comes out.
TEST(ArchiveTest, NoByteCanBeChangedNoneIsMissing) {
  const std::string archive = *EncodeArchive(Members());
  size_t refused = 0;
  for (size_t i = 0; i < archive.size(); ++i) {
    std::string changed = archive;
    changed[i] = static_cast<char>(changed[i] ^ 0x41);
    const auto members = DecodeArchive(changed);
    if (!members.ok()) {
      ++refused;
      EXPECT_EQ(Code(members.status()), "data_loss");
    } else {
      EXPECT_EQ(*members, Members()) << i;
    }
    EXPECT_EQ(Code(DecodeArchive(archive.substr(0, i)).status()), "data_loss");
  }
  EXPECT_GT(refused, archive.size() - 10);
  EXPECT_EQ(Code(DecodeArchive(archive + "x").status()), "data_loss");
}

TEST(ArchiveTest, RefusesWhatIsTooLarge) {
  EXPECT_EQ(
      Code(EncodeArchive({{"zeros", std::string(kArchiveBytesMax + 1, '\0')}})
               .status()),
      "too_large");
}

class SealedFileTest : public testing::Test {
 protected:
  static constexpr PassphraseCost kCheap = {.passes = 1, .memory_kib = 8};

  env::SeededEntropy entropy_;
  const std::string key_ = std::string(32, 'a') + std::string(32, '7');
};

TEST_F(SealedFileTest, OpensWithItsSecretOnly) {
  for (const size_t size : {0u, 1u, 65535u, 65536u, 65537u, 200000u}) {
    SCOPED_TRACE(size);
    const std::string plain = Noise(size);
    const auto sealed = SealWithKey(entropy_, key_, plain);
    ASSERT_TRUE(sealed.ok());
    EXPECT_TRUE(IsSealedFile(*sealed));
    EXPECT_EQ(*OpenSealedFile(*sealed, key_ + "\n"), plain);
    EXPECT_EQ(Code(OpenSealedFile(*sealed, std::string(64, 'b')).status()),
              "permission_denied");
    EXPECT_EQ(Code(OpenSealedFile(*sealed, "open sesame").status()),
              "permission_denied");
  }
  const auto sealed =
      SealWithPassphrase(entropy_, "open sesame\n", kCheap, "treasure");
  ASSERT_TRUE(sealed.ok());
  EXPECT_FALSE(absl::StrContains(*sealed, "treasure"));
  EXPECT_EQ(*OpenSealedFile(*sealed, "open sesame"), "treasure");
  EXPECT_EQ(Code(OpenSealedFile(*sealed, "open sesam").status()),
            "permission_denied");
  EXPECT_EQ(Code(SealWithKey(entropy_, "short", "x").status()),
            "permission_denied");
}

TEST_F(SealedFileTest, NoByteCanBeChangedNoneIsMissing) {
  const std::string sealed = *SealWithKey(entropy_, key_, Noise(70'000));
  // All of the first and the last piece's ends, some of the rest.
  for (size_t i = 0; i < sealed.size(); i += i < 200 ? 1 : 97) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(Code(OpenSealedFile(changed, key_).status()), "data_loss") << i;
    EXPECT_EQ(Code(OpenSealedFile(sealed.substr(0, i), key_).status()),
              "data_loss")
        << i;
  }
  EXPECT_EQ(Code(OpenSealedFile(sealed + "x", key_).status()), "data_loss");
  // Pieces of another file, or in another order.
  const std::string twin = *SealWithKey(entropy_, key_, Noise(70'000));
  EXPECT_EQ(Code(OpenSealedFile(sealed.substr(0, 70) + twin.substr(70), key_)
                     .status()),
            "data_loss");
}

TEST_F(SealedFileTest, ANewerVersionIsRefusedByName) {
  constexpr size_t kVersionAt = 8, kSumAt = 66;
  std::string sealed = *SealWithKey(entropy_, key_, "treasure");
  ++sealed[kVersionAt];
  StoreLittleEndian(Crc32c(absl::string_view(sealed).substr(0, kSumAt)),
                    &sealed[kSumAt]);
  EXPECT_EQ(OpenSealedFile(sealed, key_).status().message(),
            "the file is sealed in format version 2; this build knows version "
            "1");
}

}  // namespace
}  // namespace jaco::server

#include "jaco/storage/identity.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/sim/sim_file_system.h"

namespace jaco::storage {
namespace {

using ::testing::HasSubstr;
using Fault = sim::SimFileSystem::Fault;

const Identity kOld{raft::NodeId(7), "alpha"};
const Identity kNew{raft::NodeId(8), "",
                    Placement{"10.0.0.8:7001", "10.9.9.8:7001"},
                    /*leases_promised=*/true};

class IdentityTest : public ::testing::Test {
 protected:
  // With its checksum.
  void Put(std::string bytes) {
    AppendLittleEndian(Crc32c(bytes), &bytes);
    auto file = fs_.Open("identity", env::OpenMode::kCreateTruncate).value();
    ASSERT_TRUE(file->WriteAt(0, bytes).ok());
  }

  sim::SimFileSystem fs_{Prng(1)};
};

TEST_F(IdentityTest, NoneAtFirst) {
  EXPECT_EQ(LoadIdentity(fs_, "/").value(), std::nullopt);
}

TEST_F(IdentityTest, ComesBack) {
  ASSERT_TRUE(StoreIdentity(fs_, "/", kOld).ok());
  Prng prng(1);
  fs_.Crash(prng);
  EXPECT_EQ(LoadIdentity(fs_, "/").value(), kOld);
  ASSERT_TRUE(StoreIdentity(fs_, "/", kNew).ok());
  EXPECT_EQ(LoadIdentity(fs_, "/").value(), kNew);
}

TEST_F(IdentityTest, IsOldOrNewAfterACrashAtAnyOperation) {
  ASSERT_TRUE(StoreIdentity(fs_, "/", kOld).ok());
  for (const Fault fault : {Fault::kCrash, Fault::kIoError, Fault::kNoSpace}) {
    for (uint64_t n = 1; n <= 5; ++n) {
      for (uint64_t seed = 0; seed < 30; ++seed) {
        const auto copy = fs_.Clone();
        copy->FailAt(copy->operations() + n, fault);
        EXPECT_FALSE(StoreIdentity(*copy, "/", kNew).ok());
        Prng prng(seed);
        copy->Crash(prng);
        const auto found = LoadIdentity(*copy, "/").value();
        EXPECT_TRUE(found == kOld || found == kNew);
        ASSERT_TRUE(StoreIdentity(*copy, "/", kNew).ok());
        EXPECT_EQ(LoadIdentity(*copy, "/").value(), kNew);
      }
    }
  }
}

TEST_F(IdentityTest, DamageIsNoticed) {
  ASSERT_TRUE(StoreIdentity(fs_, "/", kOld).ok());
  const uint64_t size = fs_.FileSize("identity").value();
  for (uint64_t offset = 0; offset < size; ++offset) {
    const auto copy = fs_.Clone();
    copy->FlipBit("identity", offset, 3);
    EXPECT_EQ(LoadIdentity(*copy, "/").status().code(),
              absl::StatusCode::kDataLoss);
    auto file = copy->Open("identity", env::OpenMode::kReadWrite).value();
    ASSERT_TRUE(file->Truncate(offset).ok());
    EXPECT_EQ(LoadIdentity(*copy, "/").status().code(),
              absl::StatusCode::kDataLoss);
  }
}

// So that a build that knows of nothing else can read it.
TEST_F(IdentityTest, VersionOneMayHavePromisedLeases) {
  Identity identity = kOld;
  identity.leases_promised = true;
  ASSERT_TRUE(StoreIdentity(fs_, "/", identity).ok());
  std::string bytes = "jaco-id\n";
  AppendLittleEndian(uint32_t{1}, &bytes);
  AppendLittleEndian(uint64_t{7}, &bytes);
  AppendLittleEndian(uint32_t{5}, &bytes);
  bytes += "alpha";
  AppendLittleEndian(Crc32c(bytes), &bytes);
  EXPECT_EQ(fs_.Contents("identity"), bytes);
  EXPECT_EQ(LoadIdentity(fs_, "/").value(), identity);
}

TEST_F(IdentityTest, AnUnknownVersionIsRefused) {
  ASSERT_TRUE(StoreIdentity(fs_, "/", kOld).ok());
  std::string bytes = fs_.Contents("identity");
  bytes.resize(bytes.size() - sizeof(uint32_t));
  for (const char version : {0, 3}) {
    bytes[8] = version;
    Put(bytes);
    const absl::Status status = LoadIdentity(fs_, "/").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("this build knows versions 1 to 2"));
  }
}

}  // namespace
}  // namespace jaco::storage

#include "jaco/sim/sim_file_system.h"

#include <gtest/gtest.h>  // Before RapidCheck's, which needs it.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"

namespace jaco::sim {
namespace {

using env::OpenMode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Fault = SimFileSystem::Fault;

class SimFileSystemTest : public ::testing::Test {
 protected:
  // Makes a durable file.
  std::unique_ptr<env::File> Make(const std::string& path,
                                  const std::string& content) {
    auto file = fs_.Open(path, OpenMode::kCreate).value();
    EXPECT_TRUE(file->WriteAt(0, content).ok());
    EXPECT_TRUE(file->Sync().ok());
    EXPECT_TRUE(fs_.SyncDirectory("/").ok());
    return file;
  }

  // What `read` sees in a copy of the file system after each of many crashes.
  template <typename Read>
  std::set<std::string> Outcomes(Read read) {
    std::set<std::string> outcomes;
    for (uint64_t seed = 0; seed < 200; ++seed) {
      const std::unique_ptr<SimFileSystem> copy = fs_.Clone();
      Prng prng(seed);
      copy->Crash(prng);
      outcomes.insert(read(*copy));
    }
    return outcomes;
  }
  std::set<std::string> ContentOutcomes(const std::string& path) {
    return Outcomes([&](SimFileSystem& fs) { return fs.Contents(path); });
  }
  std::set<std::string> NameOutcomes() {
    return Outcomes([](SimFileSystem& fs) {
      std::string names;
      const std::vector<std::string> list = fs.List("/").value();
      for (const std::string& name : list) names += name + " ";
      return names;
    });
  }

  SimFileSystem fs_{Prng(1)};
};

TEST_F(SimFileSystemTest, ReadsBackWhatWasWritten) {
  auto file = fs_.Open("a", OpenMode::kCreate).value();
  ASSERT_TRUE(file->WriteAt(3, "abc").ok());
  ASSERT_TRUE(file->WriteAt(1, "xyz").ok());
  char out[8] = {};
  EXPECT_EQ(file->ReadAt(2, sizeof(out), out).value(), 4u);
  EXPECT_EQ(std::string(out, 4), "yzbc");
  EXPECT_EQ(file->ReadAt(6, sizeof(out), out).value(), 0u);
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Preallocate(4).ok());
  ASSERT_TRUE(file->Preallocate(1).ok());
  EXPECT_EQ(file->Size().value(), 4u);
  EXPECT_EQ(fs_.Contents("/a"), std::string("\0x\0\0", 4));
}

TEST_F(SimFileSystemTest, OpenModes) {
  EXPECT_EQ(fs_.Open("a", OpenMode::kRead).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(fs_.Open("no/a", OpenMode::kCreate).status().code(),
            absl::StatusCode::kNotFound);
  Make("a", "abc");
  EXPECT_EQ(fs_.Open("a", OpenMode::kCreate).status().code(),
            absl::StatusCode::kAlreadyExists);
  auto reader = fs_.Open("a", OpenMode::kRead).value();
  EXPECT_EQ(reader->WriteAt(0, "x").code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(fs_.FileSize("a").value(), 3u);
  ASSERT_TRUE(fs_.Open("a", OpenMode::kCreateTruncate).ok());
  EXPECT_EQ(fs_.FileSize("a").value(), 0u);
}

TEST_F(SimFileSystemTest, NamesAndDirectories) {
  ASSERT_TRUE(fs_.CreateDirectory("/d").ok());
  ASSERT_TRUE(fs_.CreateDirectory("/d").ok());
  Make("b", "1");
  Make("a", "2");
  EXPECT_THAT(fs_.List("/").value(), ElementsAre("a", "b", "d"));
  ASSERT_TRUE(fs_.Rename("a", "b").ok());
  EXPECT_EQ(fs_.Contents("b"), "2");
  ASSERT_TRUE(fs_.Rename("b", "d/c").ok());
  EXPECT_FALSE(fs_.Exists("b").value());
  EXPECT_TRUE(fs_.Exists("d/c").value());
  EXPECT_FALSE(fs_.RemoveDirectory("d").ok());
  ASSERT_TRUE(fs_.Remove("d/c").ok());
  EXPECT_EQ(fs_.Remove("d/c").code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(fs_.RemoveDirectory("d").ok());
  EXPECT_THAT(fs_.List("/").value(), IsEmpty());
}

TEST_F(SimFileSystemTest, SyncedContentSurvivesACrash) {
  const auto file = Make("a", "abc");
  EXPECT_THAT(ContentOutcomes("a"), ElementsAre("abc"));
}

TEST_F(SimFileSystemTest, UnsyncedWritesAreKeptDroppedOrReordered) {
  const auto file = Make("a", "....");
  ASSERT_TRUE(file->WriteAt(0, "1").ok());
  ASSERT_TRUE(file->WriteAt(1, "2").ok());
  EXPECT_THAT(ContentOutcomes("a"),
              ElementsAre("....", ".2..", "1...", "12.."));
  EXPECT_EQ(fs_.Contents("a"), "12..");
}

TEST_F(SimFileSystemTest, LongWritesAreTornAtSectors) {
  const auto file = Make("a", std::string(1500, '.'));
  ASSERT_TRUE(file->WriteAt(100, std::string(1300, 'x')).ok());
  std::set<std::string> sectors;
  for (const std::string& content : ContentOutcomes("a")) {
    EXPECT_EQ(content.substr(0, 100), std::string(100, '.'));
    EXPECT_EQ(content.substr(100, 412), std::string(412, content[100]));
    EXPECT_EQ(content.substr(512, 512), std::string(512, content[512]));
    EXPECT_EQ(content.substr(1024, 376), std::string(376, content[1024]));
    sectors.insert({content[100], content[512], content[1024]});
  }
  EXPECT_EQ(sectors.size(), 8u);
}

TEST_F(SimFileSystemTest, SizesMayBeKeptWithoutData) {
  const auto file = Make("a", "a");
  ASSERT_TRUE(file->WriteAt(1, "b").ok());
  EXPECT_THAT(ContentOutcomes("a"),
              ElementsAre("a", std::string("a\0", 2), "ab"));
}

TEST_F(SimFileSystemTest, NamesAreKeptInOrder) {
  Make("a", "");
  Make("b", "");
  Make("c", "");
  ASSERT_TRUE(fs_.Rename("a", "b").ok());
  ASSERT_TRUE(fs_.Remove("c").ok());
  EXPECT_THAT(NameOutcomes(), ElementsAre("a b c ", "b ", "b c "));
  ASSERT_TRUE(fs_.SyncDirectory("/").ok());
  EXPECT_THAT(NameOutcomes(), ElementsAre("b "));
}

TEST_F(SimFileSystemTest, ANameMayComeWithoutContent) {
  auto file = fs_.Open("a", OpenMode::kCreate).value();
  ASSERT_TRUE(file->WriteAt(0, "x").ok());
  ASSERT_TRUE(fs_.SyncDirectory("/").ok());
  EXPECT_THAT(ContentOutcomes("a"), ElementsAre("", std::string("\0", 1), "x"));
}

TEST_F(SimFileSystemTest, ADirectoryThatIsLostTakesItsFilesAlong) {
  ASSERT_TRUE(fs_.CreateDirectory("d").ok());
  Make("d/a", "x");
  fs_.SyncDirectory("d").IgnoreError();
  ASSERT_TRUE(fs_.CreateDirectory("e").ok());
  EXPECT_THAT(NameOutcomes(), ElementsAre("d ", "d e "));
}

TEST_F(SimFileSystemTest, CrashKillsOpenFilesAndLocks) {
  const auto file = Make("a", "abc");
  auto lock = fs_.Lock("lock").value();
  EXPECT_EQ(fs_.Lock("lock").status().code(),
            absl::StatusCode::kFailedPrecondition);
  Prng prng(1);
  fs_.Crash(prng);
  EXPECT_EQ(file->Sync().code(), absl::StatusCode::kInternal);
  auto again = fs_.Lock("lock").value();
  lock.reset();  // must not free what it no longer holds
  EXPECT_FALSE(fs_.Lock("lock").ok());
  again.reset();
  EXPECT_TRUE(fs_.Lock("lock").ok());
}

TEST_F(SimFileSystemTest, RestartKeepsWhatIsNotDurable) {
  const auto file = Make("a", "a");
  ASSERT_TRUE(file->WriteAt(0, "b").ok());
  fs_.Restart();
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_EQ(fs_.Contents("a"), "b");
  EXPECT_THAT(ContentOutcomes("a"), ElementsAre("a", "b"));
}

TEST_F(SimFileSystemTest, AnotherDiskIsEmpty) {
  const auto file = Make("a", "a");
  fs_.Replace();
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_FALSE(fs_.Exists("a").value());
  EXPECT_EQ(fs_.used_bytes(), 0u);
  Make("a", "b");
  EXPECT_EQ(fs_.Contents("a"), "b");
}

TEST_F(SimFileSystemTest, CrashFault) {
  const auto file = Make("a", "a");
  fs_.FailAt(fs_.operations() + 2, Fault::kCrash);
  ASSERT_TRUE(file->WriteAt(0, "b").ok());
  EXPECT_EQ(file->Sync().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(fs_.crashed());
  EXPECT_FALSE(file->WriteAt(0, "c").ok());
  EXPECT_FALSE(fs_.Exists("a").ok());
  EXPECT_THAT(ContentOutcomes("a"), ElementsAre("a", "b"));
  Prng prng(1);
  fs_.Crash(prng);
  EXPECT_TRUE(fs_.Exists("a").value());
}

TEST_F(SimFileSystemTest, AFailedSyncLosesItsWritesForGood) {
  const auto file = Make("a", "..");
  ASSERT_TRUE(file->WriteAt(0, "1").ok());
  fs_.FailAt(fs_.operations() + 1, Fault::kIoError);
  EXPECT_EQ(file->Sync().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(file->WriteAt(1, "2").ok());
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(fs_.Contents("a"), "12");
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SimFileSystem fs((Prng(seed)));
    auto other = fs.Open("a", OpenMode::kCreate).value();
    ASSERT_TRUE(fs.SyncDirectory("/").ok());
    ASSERT_TRUE(other->WriteAt(0, "1").ok());
    fs.FailAt(fs.operations() + 1, Fault::kIoError);
    ASSERT_FALSE(other->Sync().ok());
    ASSERT_TRUE(other->WriteAt(1, "2").ok());
    ASSERT_TRUE(other->Sync().ok());
    Prng prng(seed);
    fs.Crash(prng);
    outcomes.insert(fs.Contents("a"));
  }
  EXPECT_THAT(outcomes, ElementsAre(std::string("\0"
                                                "2",
                                                2),
                                    "12"));
}

TEST_F(SimFileSystemTest, FailedWritesLeaveAPrefix) {
  const auto file = Make("a", "");
  fs_.FailAt(fs_.operations() + 1, Fault::kNoSpace);
  EXPECT_EQ(file->WriteAt(0, "abc").code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(fs_.Contents("a"), std::string("abc", fs_.used_bytes()));
}

TEST_F(SimFileSystemTest, Capacity) {
  const auto file = Make("a", "0123456789");
  fs_.SetCapacity(16);
  EXPECT_EQ(fs_.used_bytes(), 10u);
  EXPECT_EQ(file->Preallocate(17).code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(file->Preallocate(16).ok());
  ASSERT_TRUE(file->WriteAt(0, std::string(16, 'x')).ok());
  EXPECT_EQ(file->WriteAt(15, "yz").code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(fs_.Contents("a"), std::string(15, 'x') + "y");
  ASSERT_TRUE(file->Truncate(1).ok());
  EXPECT_EQ(fs_.used_bytes(), 1u);
  ASSERT_TRUE(fs_.Remove("a").ok());
  EXPECT_EQ(fs_.used_bytes(), 0u);
}

TEST_F(SimFileSystemTest, ObserverSeesEveryOperation) {
  std::vector<std::string> seen;
  fs_.SetObserver(
      [&](absl::string_view operation, absl::string_view path, uint64_t size) {
        seen.push_back(std::string(operation) + " " + std::string(path) + " " +
                       std::to_string(size));
      });
  Make("a", "abc");
  EXPECT_THAT(seen, ElementsAre("Open a 0", "WriteAt a 3", "Sync a 0",
                                "SyncDirectory / 0"));
  EXPECT_EQ(fs_.operations(), 4u);
}

TEST_F(SimFileSystemTest, DamageLasts) {
  const auto file = Make("a", "abc");
  ASSERT_TRUE(file->WriteAt(1, "B").ok());
  fs_.FlipBit("a", 0, 5);
  fs_.OverwriteByte("a", 2, 'x');
  EXPECT_EQ(fs_.Contents("a"), "ABx");
  EXPECT_THAT(ContentOutcomes("a"), ElementsAre("ABx", "Abx"));
}

TEST_F(SimFileSystemTest, UnreadableSectorsComeBackWhenTheyAreWritten) {
  const auto file = Make("a", std::string(2000, 'a'));
  fs_.MakeUnreadable("a", 600, 500);  // sectors 1 and 2
  char out[2000];
  EXPECT_TRUE(absl::IsDataLoss(file->ReadAt(0, 2000, out).status()));
  EXPECT_TRUE(absl::IsDataLoss(file->ReadAt(1535, 1, out).status()));
  EXPECT_TRUE(file->ReadAt(0, 512, out).ok());
  EXPECT_TRUE(file->ReadAt(1536, 1000, out).ok());
  // A part of a sector has to be read.
  EXPECT_TRUE(absl::IsDataLoss(file->WriteAt(600, "b")));
  EXPECT_TRUE(absl::IsDataLoss(file->WriteAt(0, std::string(513, 'b'))));
  EXPECT_EQ(fs_.unreadable_hits(), 4u);
  EXPECT_TRUE(file->WriteAt(500, std::string(524, 'b')).ok());
  EXPECT_TRUE(file->ReadAt(0, 1024, out).ok());
  EXPECT_TRUE(absl::IsDataLoss(file->ReadAt(1024, 1, out).status()));
  Prng prng(1);
  fs_.Crash(prng);
  EXPECT_THAT(fs_.Unreadable(), ElementsAre("/a"));
  EXPECT_TRUE(fs_.Open("a", OpenMode::kReadWrite).value()->Truncate(1024).ok());
  EXPECT_THAT(fs_.Unreadable(), IsEmpty());
}

TEST_F(SimFileSystemTest, UnreadableSectorsAreCopiedAsZeros) {
  const auto file = Make("a", std::string(1500, 'a'));
  fs_.MakeUnreadable("a", 0, 1);
  fs_.MakeUnreadable("a", 1499, 1);
  const auto reread = fs_.Clone();
  fs_.ZeroUnreadable();
  const std::string zeroed =
      std::string(512, '\0') + std::string(512, 'a') + std::string(476, '\0');
  char out[1500];
  EXPECT_TRUE(file->ReadAt(0, 1500, out).ok());
  EXPECT_THAT(ContentOutcomes("a"), ElementsAre(zeroed));
  EXPECT_THAT(reread->Unreadable(), ElementsAre("/a"));
  reread->RereadUnreadable();
  EXPECT_THAT(reread->Unreadable(), IsEmpty());
  EXPECT_EQ(reread->Contents("a"), std::string(1500, 'a'));
}

TEST_F(SimFileSystemTest, CloneIsApart) {
  const auto file = Make("a", "abc");
  const auto clone = fs_.Clone();
  ASSERT_TRUE(file->WriteAt(0, "x").ok());
  EXPECT_EQ(clone->Contents("a"), "abc");
  ASSERT_TRUE(clone->Remove("a").ok());
  EXPECT_TRUE(fs_.Exists("a").value());
}

// One file and one thing done to it, with what a crash may make of each byte.
class Model {
 public:
  explicit Model(uint64_t seed) : prng_(seed), possible_(kSizeMax) {
    for (auto& values : possible_) values = {'\0'};
    file_ = fs_.Open("a", OpenMode::kCreate).value();
    RC_ASSERT(fs_.SyncDirectory("/").ok());
  }

  void Step() {
    switch (prng_.Below(6)) {
      case 0:
        return Sync();
      case 1:
        return Truncate(prng_.Below(kSizeMax));
      case 2:
        return Preallocate(prng_.Below(kSizeMax));
      default:
        return Write(prng_.Below(kSizeMax - 700),
                     std::string(1 + prng_.Below(700),
                                 static_cast<char>('a' + prng_.Below(26))));
    }
  }

  void CheckContent() { RC_ASSERT(fs_.Contents("a") == content_); }

  void CheckCrash() {
    fs_.Crash(prng_);
    const std::string left = fs_.Contents("a");
    if (sizes_.empty()) RC_ASSERT(left == content_);
    if (!sizes_.empty()) RC_ASSERT(left.size() <= *sizes_.rbegin());
    for (size_t i = 0; i < left.size(); ++i) {
      RC_ASSERT(possible_[i].contains(left[i]));
    }
  }

 private:
  static constexpr size_t kSizeMax = 3000;

  void Sync() {
    RC_ASSERT(file_->Sync().ok());
    sizes_.clear();
    for (size_t i = 0; i < kSizeMax; ++i) {
      possible_[i] = {i < content_.size() ? content_[i] : '\0'};
    }
  }
  void Truncate(size_t size) {
    RC_ASSERT(file_->Truncate(size).ok());
    Changed(size);
  }
  void Preallocate(size_t size) {
    RC_ASSERT(file_->Preallocate(size).ok());
    Changed(std::max(size, content_.size()));
  }
  void Write(size_t offset, const std::string& bytes) {
    RC_ASSERT(file_->WriteAt(offset, bytes).ok());
    Changed(std::max(content_.size(), offset + bytes.size()));
    content_.replace(offset, bytes.size(), bytes);
    for (size_t i = 0; i < bytes.size(); ++i) {
      possible_[offset + i].insert(bytes[i]);
    }
  }
  void Changed(size_t size) {
    sizes_.insert(content_.size());
    sizes_.insert(size);
    content_.resize(size);
    for (auto& values : possible_) values.insert('\0');
  }

  Prng prng_;
  SimFileSystem fs_{Prng(1)};
  std::unique_ptr<env::File> file_;
  std::string content_;
  std::vector<std::set<char>> possible_;
  std::set<size_t> sizes_;  // since the last sync
};

RC_GTEST_PROP(SimFileSystemPropertyTest, AgreesWithAModel,
              (uint64_t seed, uint8_t steps)) {
  Model model(seed);
  for (int i = 0; i < steps % 20; ++i) {
    model.Step();
    model.CheckContent();
  }
  model.CheckCrash();
}

}  // namespace
}  // namespace jaco::sim

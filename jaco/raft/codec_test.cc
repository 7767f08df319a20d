#include "jaco/raft/codec.h"

#include <gtest/gtest.h>  // Before RapidCheck's, which needs it.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "jaco/base/prng.h"
#include "jaco/raft/codec_samples.h"

namespace jaco::raft {
namespace {

using ::testing::HasSubstr;

EntryPtr MakeEntry(uint64_t term, uint64_t index, std::string data,
                   EntryKind kind = EntryKind::kCommand) {
  return std::make_shared<const Entry>(
      Entry{{Term(term), LogIndex(index)}, kind, std::move(data)});
}

std::string EncodeEntry(const Entry& entry) {
  std::string out;
  AppendEntry(entry, &out);
  return out;
}

bool Same(const Message& a, const Message& b) {
  const auto* left = std::get_if<AppendEntriesRequest>(&a);
  const auto* right = std::get_if<AppendEntriesRequest>(&b);
  if (left == nullptr || right == nullptr) {
    return a.index() == b.index() && EncodeMessage(a) == EncodeMessage(b);
  }
  if (left->term != right->term || left->previous != right->previous ||
      left->commit != right->commit || left->round != right->round ||
      left->session != right->session || left->address != right->address ||
      left->transfers_over != right->transfers_over ||
      left->entries.size() != right->entries.size()) {
    return false;
  }
  for (size_t i = 0; i < left->entries.size(); ++i) {
    if (*left->entries[i] != *right->entries[i]) return false;
  }
  return true;
}

// Fails the test unless `bytes` is refused with a message that has `reason`.
template <typename Result>
void ExpectRefused(const Result& result, const std::string& reason) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(reason));
}

RC_GTEST_PROP(CodecPropertyTest, MessagesRoundTrip, (uint64_t seed)) {
  Prng prng(seed);
  for (uint64_t type = 0; type < kMessageTypes; ++type) {
    const Message message = SampleMessage(prng, type);
    const auto decoded = DecodeMessage(EncodeMessage(message));
    RC_ASSERT(decoded.ok());
    RC_ASSERT(Same(*decoded, message));
  }
}

RC_GTEST_PROP(CodecPropertyTest, SnapshotMessagesRoundTrip, (uint64_t seed)) {
  Prng prng(seed);
  for (bool chunk : {true, false}) {
    const SnapshotMessage message = SampleSnapshotMessage(prng, chunk);
    const std::string frame = EncodeSnapshotMessage(message);
    RC_ASSERT(IsSnapshotFrame(frame));
    RC_ASSERT(DecodeSnapshotMessage(frame).value() == message);
    RC_ASSERT(!DecodeMessage(frame).ok());
    for (size_t size = 0; size < frame.size(); ++size) {
      RC_ASSERT(!DecodeSnapshotMessage(frame.substr(0, size)).ok());
    }
    RC_ASSERT(!DecodeSnapshotMessage(frame + '\0').ok());
  }
}

RC_GTEST_PROP(CodecPropertyTest, PartsRoundTrip,
              (uint64_t seed, uint64_t term, uint64_t node)) {
  Prng prng(seed);
  const HardState state{Term(term), NodeId(node)};
  const Configuration configuration = SampleConfiguration(prng);
  const EntryPtr entry = SampleEntry(prng, {Term(term), LogIndex(seed | 1)});
  RC_ASSERT(DecodeHardState(EncodeHardState(state)).value() == state);
  RC_ASSERT(DecodeConfiguration(EncodeConfiguration(configuration)).value() ==
            configuration);
  RC_ASSERT(*DecodeEntry(EncodeEntry(*entry)).value() == *entry);
}

RC_GTEST_PROP(CodecPropertyTest, TruncatedOrExtendedIsRefused,
              (uint64_t seed)) {
  Prng prng(seed);
  for (uint64_t type = 0; type < kMessageTypes; ++type) {
    const std::string frame = EncodeMessage(SampleMessage(prng, type));
    for (size_t size = 0; size < frame.size(); ++size) {
      RC_ASSERT(DecodeMessage(frame.substr(0, size)).status().code() ==
                absl::StatusCode::kInvalidArgument);
    }
    RC_ASSERT(!DecodeMessage(frame + '\0').ok());
  }
}

TEST(CodecTest, TruncatedOrExtendedPartsAreRefused) {
  Prng prng(3);
  const std::string entry = EncodeEntry(*MakeEntry(1, 2, "abc"));
  const std::string state = EncodeHardState({Term(1), NodeId(2)});
  const std::string configuration =
      EncodeConfiguration(SampleConfiguration(prng));
  for (size_t i = 0; i < entry.size(); ++i) {
    ExpectRefused(DecodeEntry(entry.substr(0, i)), "cut short");
  }
  for (size_t i = 0; i < state.size(); ++i) {
    ExpectRefused(DecodeHardState(state.substr(0, i)), "cut short");
  }
  for (size_t i = 0; i < configuration.size(); ++i) {
    ExpectRefused(DecodeConfiguration(configuration.substr(0, i)), "cut short");
  }
  ExpectRefused(DecodeEntry(entry + "x"), "1 surplus");
  ExpectRefused(DecodeHardState(state + "x"), "1 surplus");
  ExpectRefused(DecodeConfiguration(configuration + "x"), "1 surplus");
}

// Changes to these bytes break clusters of mixed versions and logs on disk.
TEST(CodecTest, GoldenBytes) {
  const auto hex = [](const std::string& bytes) {
    return absl::BytesToHexString(bytes);
  };
  EXPECT_EQ(
      hex(EncodeMessage(RequestVoteRequest{
          Term(0x0102030405060708), {Term(2), LogIndex(3)}, true, 0, "a:1"})),
      "0101"
      "0807060504030201"
      "02000000000000000300000000000000"
      "03000000"
      "613a31"
      "01"
      "0000000000000000");
  EXPECT_EQ(hex(EncodeMessage(RequestVoteResponse{Term(5), false, true})),
            "0102"
            "0500000000000000"
            "0001");
  EXPECT_EQ(
      hex(EncodeMessage(AppendEntriesRequest{
          Term(5),
          {Term(4), LogIndex(9)},
          LogIndex(8),
          7,
          LogIndex(6),
          {MakeEntry(4, 10, "hi"), MakeEntry(5, 11, "", EntryKind::kNoop)},
          "b:2",
          1})),
      "0103"
      "0500000000000000"
      "04000000000000000900000000000000"
      "0800000000000000"
      "0700000000000000"
      "0600000000000000"
      "0100000000000000"
      "03000000"
      "623a32"
      "02000000"
      "04000000000000000a00000000000000"
      "01"
      "02000000"
      "6869"
      "05000000000000000b00000000000000"
      "00"
      "00000000");
  EXPECT_EQ(hex(EncodeMessage(AppendEntriesResponse{Term(5),
                                                    true,
                                                    7,
                                                    LogIndex(6),
                                                    LogIndex(11),
                                                    {Term(3), LogIndex(4)},
                                                    Nanoseconds(258),
                                                    99})),
            "0104"
            "0500000000000000"
            "01"
            "0700000000000000"
            "0600000000000000"
            "0b00000000000000"
            "03000000000000000400000000000000"
            "0201000000000000"
            "63");
  EXPECT_EQ(hex(EncodeMessage(TimeoutNow{Term(5), 2})),
            "010505000000000000000200000000000000");
  EXPECT_EQ(hex(EncodeMessage(ReadIndexRequest{Term(5), ReadId(9)})),
            "010605000000000000000900000000000000");
  EXPECT_EQ(hex(EncodeMessage(
                ReadIndexResponse{Term(5), ReadId(9), true, LogIndex(4)})),
            "01070500000000000000090000000000000001040000000000000000");
  EXPECT_EQ(hex(EncodeHardState({Term(1), NodeId(2)})),
            "01000000000000000200000000000000");
  EXPECT_EQ(hex(EncodeConfiguration({.voters = {NodeId(1)},
                                     .outgoing = {NodeId(2)},
                                     .learners = {NodeId(3)},
                                     .addresses = {{NodeId(1), "a:1"}}})),
            "01"
            "010000000100000000000000"
            "010000000200000000000000"
            "010000000300000000000000"
            "01000000"
            "010000000000000003000000"
            "613a31");
}

TEST(CodecTest, SnapshotFrames) {
  const SnapshotId id{{Term(2), LogIndex(3)}, 10, 0x01020304};
  const std::string ack = EncodeSnapshotMessage(
      SnapshotChunkAck{Term(5), LogIndex(6), id, 7, SnapshotStatus::kRefused});
  EXPECT_EQ(absl::BytesToHexString(ack),
            "530102"
            "05000000000000000600000000000000"
            "02000000000000000300000000000000"
            "0a0000000000000004030201"
            "0700000000000000"
            "02");
  const std::string chunk =
      EncodeSnapshotMessage(SnapshotChunk{Term(5), LogIndex(6), id, 8, "ab"});
  const auto with = [](std::string bytes, size_t position, char value) {
    bytes[position] = value;
    return DecodeSnapshotMessage(bytes);
  };
  ASSERT_TRUE(DecodeSnapshotMessage(chunk).ok());
  ExpectRefused(with(chunk, 1, 2), "unknown version 2");
  ExpectRefused(with(chunk, 2, 3), "unknown snapshot frame type 3");
  ExpectRefused(with(chunk, 27, 0), "snapshot of nothing");
  ExpectRefused(with(chunk, 47, 9), "chunk of 2 bytes at offset 9 of 10");
  ExpectRefused(with(chunk, chunk.size() - 1, 'x'), "wrong checksum");
  ExpectRefused(with(ack, ack.size() - 1, 3), "unknown status 3");
  ExpectRefused(with(ack, 47, 11), "offset 11 in a snapshot of 10 bytes");
}

TEST(CodecTest, FramesThatNoEncoderMakes) {
  const std::string vote =
      EncodeMessage(RequestVoteRequest{Term(1), {Term(1), LogIndex(1)}, true});
  std::string bytes = vote;
  bytes[0] = 2;
  ExpectRefused(DecodeMessage(bytes), "unknown version 2");
  bytes = vote;
  bytes[1] = 8;
  ExpectRefused(DecodeMessage(bytes), "unknown message type 8");
  bytes = vote;
  bytes[bytes.size() - 9] = 2;
  ExpectRefused(DecodeMessage(bytes), "boolean with the value 2");
  bytes = EncodeMessage(AppendEntriesResponse{.term = Term(1)});
  bytes.back() = 101;
  ExpectRefused(DecodeMessage(bytes), "priority of 101");
  bytes[bytes.size() - 2] = '\x80';
  ExpectRefused(DecodeMessage(bytes), "promise of less than no time");
}

TEST(CodecTest, EntriesThatDoNotFollow) {
  const auto decode = [](EntryId previous, std::vector<EntryPtr> entries) {
    return DecodeMessage(EncodeMessage(AppendEntriesRequest{
        Term(5), previous, LogIndex(0), 0, LogIndex(), std::move(entries)}));
  };
  const EntryId previous{Term(3), LogIndex(9)};
  ExpectRefused(decode(previous, {MakeEntry(3, 11, "")}),
                "entry 11 comes after entry 9");
  ExpectRefused(decode(previous, {MakeEntry(3, 10, ""), MakeEntry(3, 10, "")}),
                "entry 10 comes after entry 10");
  ExpectRefused(decode(previous, {MakeEntry(2, 10, "")}),
                "term 2, outside 3 to 5");
  ExpectRefused(decode(previous, {MakeEntry(6, 10, "")}),
                "term 6, outside 3 to 5");
  ExpectRefused(
      decode({Term(3), LogIndex(~uint64_t{0})}, {MakeEntry(3, 0, "")}),
      "index 0");
}

TEST(CodecTest, CountsThatTheBytesCannotHold) {
  std::string frame = EncodeMessage(AppendEntriesRequest{Term(1)});
  frame[frame.size() - 1] = '\x7f';
  ExpectRefused(DecodeMessage(frame), "2130706432 entries in 0 bytes");
  std::string configuration = EncodeConfiguration({.voters = {NodeId(1)}});
  configuration[4] = '\x7f';
  ExpectRefused(DecodeConfiguration(configuration), "cut short");
}

TEST(CodecTest, EntryOfUnknownKind) {
  std::string bytes = EncodeEntry(*MakeEntry(1, 2, "abc"));
  bytes[16] = 3;
  ExpectRefused(DecodeEntry(bytes), "entry 2 has unknown kind 3");
}

TEST(CodecTest, ConfigurationsOutOfOrder) {
  const std::string good =
      EncodeConfiguration({.voters = {NodeId(1), NodeId(2)},
                           .outgoing = {NodeId(1), NodeId(2)},
                           .learners = {NodeId(3), NodeId(4)},
                           .addresses = {{NodeId(1), ""}, {NodeId(2), ""}}});
  const auto with = [&good](size_t position, char value) {
    std::string bytes = good;
    bytes[position] = value;
    return DecodeConfiguration(bytes);
  };
  ExpectRefused(with(0, 2), "unknown version 2");
  ExpectRefused(with(13, 1), "voters out of order");
  ExpectRefused(with(5, 0), "voters out of order");
  ExpectRefused(with(33, 0), "outgoing voters out of order");
  ExpectRefused(with(53, 3), "learners out of order");
  ExpectRefused(with(45, 2), "a learner that is a voter");
  ExpectRefused(with(77, 1), "addresses out of order");
  std::string empty = EncodeConfiguration({.voters = {NodeId(1)}});
  empty.erase(1, 12);
  empty.insert(1, 4, '\0');
  ExpectRefused(DecodeConfiguration(empty), "no voters");
}

}  // namespace
}  // namespace jaco::raft

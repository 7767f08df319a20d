// Valid values of every kind the codec knows, drawn from a Prng: for its tests.

#ifndef JACO_RAFT_CODEC_SAMPLES_H_
#define JACO_RAFT_CODEC_SAMPLES_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jaco/base/prng.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/message.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

inline std::string SampleBytes(Prng& prng, size_t size_max) {
  std::string bytes(prng.Between(0, size_max), '\0');
  for (char& c : bytes) c = static_cast<char>(prng.Next());
  return bytes;
}

// Any of the extremes, or something in between.
inline uint64_t SampleNumber(Prng& prng) {
  switch (prng.Below(4)) {
    case 0:
      return 0;
    case 1:
      return ~uint64_t{0};
    case 2:
      return prng.Below(100);
    default:
      return prng.Next();
  }
}

inline EntryId SampleId(Prng& prng) {
  return {Term(SampleNumber(prng)), LogIndex(SampleNumber(prng))};
}

inline Configuration SampleConfiguration(Prng& prng) {
  Configuration configuration;
  configuration.voters.push_back(NodeId(1 + prng.Below(9)));
  for (uint64_t node = 10; node < 20; ++node) {
    switch (prng.Below(4)) {
      case 0:
        configuration.voters.push_back(NodeId(node));
        break;
      case 1:
        configuration.outgoing.push_back(NodeId(node));
        break;
      case 2:
        configuration.learners.push_back(NodeId(node));
        break;
      default:
        continue;
    }
    configuration.addresses.emplace_back(NodeId(node), SampleBytes(prng, 20));
  }
  return configuration;
}

inline EntryPtr SampleEntry(Prng& prng, EntryId id) {
  Entry entry{id, static_cast<EntryKind>(prng.Below(3)), {}};
  entry.data = entry.kind == EntryKind::kConfiguration
                   ? EncodeConfiguration(SampleConfiguration(prng))
                   : SampleBytes(prng, 40);
  return std::make_shared<const Entry>(std::move(entry));
}

inline AppendEntriesRequest SampleAppendEntries(Prng& prng) {
  AppendEntriesRequest request;
  request.previous = {Term(prng.Below(1000)), LogIndex(prng.Next() >> 1)};
  request.commit = LogIndex(SampleNumber(prng));
  request.round = SampleNumber(prng);
  request.session = LogIndex(SampleNumber(prng));
  request.transfers_over = SampleNumber(prng);
  request.address = SampleBytes(prng, 30);
  EntryId id = request.previous;
  for (uint64_t n = prng.Below(5); n > 0; --n) {
    id = {id.term + prng.Below(3), id.index.Next()};
    request.entries.push_back(SampleEntry(prng, id));
  }
  request.term = id.term + prng.Below(3);
  return request;
}

inline constexpr uint64_t kMessageTypes = std::variant_size_v<Message>;

// `type` below kMessageTypes chooses the kind of message.
inline Message SampleMessage(Prng& prng, uint64_t type) {
  const Term term(SampleNumber(prng));
  switch (type) {
    case 0:
      return RequestVoteRequest{term, SampleId(prng), prng.Chance(1, 2),
                                SampleNumber(prng), SampleBytes(prng, 30)};
    case 1:
      return RequestVoteResponse{term, prng.Chance(1, 2), prng.Chance(1, 2)};
    case 2:
      return SampleAppendEntries(prng);
    case 3:
      return AppendEntriesResponse{
          term,
          prng.Chance(1, 2),
          SampleNumber(prng),
          LogIndex(SampleNumber(prng)),
          LogIndex(SampleNumber(prng)),
          SampleId(prng),
          Nanoseconds(static_cast<int64_t>(prng.Next() >> 1)),
          static_cast<uint8_t>(prng.Below(101))};
    case 4:
      return TimeoutNow{term, SampleNumber(prng)};
    case 5:
      return ReadIndexRequest{term, ReadId(SampleNumber(prng))};
    default:
      return ReadIndexResponse{term, ReadId(SampleNumber(prng)),
                               prng.Chance(1, 2), LogIndex(SampleNumber(prng)),
                               prng.Chance(1, 2)};
  }
}

inline SnapshotMessage SampleSnapshotMessage(Prng& prng, bool chunk) {
  SnapshotId id;
  id.last = {Term(SampleNumber(prng)), LogIndex(SampleNumber(prng) | 1)};
  id.checksum = static_cast<uint32_t>(prng.Next());
  const Term term(SampleNumber(prng));
  const LogIndex session(SampleNumber(prng));
  if (!chunk) {
    id.size = SampleNumber(prng) | 1;
    return SnapshotChunkAck{term, session, id, prng.Between(0, id.size / 2),
                            static_cast<SnapshotStatus>(prng.Below(3))};
  }
  SnapshotChunk message{term, session, id, prng.Below(1000),
                        SampleBytes(prng, 50)};
  const uint64_t rest = message.data.empty() ? 0 : prng.Below(1000);
  message.offset += 1;
  message.id.size = message.offset + message.data.size() + rest;
  return message;
}

}  // namespace jaco::raft

#endif  // JACO_RAFT_CODEC_SAMPLES_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jaco/base/error.h"
#include "jaco/base/time.h"
#include "jaco/net/sansio/frame_reader.h"
#include "jaco/raft/codec.h"
#include "jaco/server/forward_codec.h"
#include "jaco/server/leader_call.pb.h"
#include "jaco/server/removal_notice.h"
#include "jaco/sim/formats/testing/format.h"

namespace jaco::formats {
namespace {

using raft::EntryId;
using raft::LogIndex;
using raft::NodeId;
using raft::Term;

std::function<void(std::string*)> Increment(size_t at) {
  return [at](std::string* bytes) { ++(*bytes)[at]; };
}

raft::Configuration Members() {
  return {.voters = {NodeId(1), NodeId(2), NodeId(3)},
          .outgoing = {NodeId(1), NodeId(4)},
          .learners = {NodeId(5)},
          .addresses = {{NodeId(1), "10.0.0.1:7001"}, {NodeId(5), "e:1"}}};
}

raft::EntryPtr MakeEntry(EntryId id, raft::EntryKind kind, std::string data) {
  return std::make_shared<const raft::Entry>(
      raft::Entry{id, kind, std::move(data)});
}

raft::AppendEntriesRequest Append() {
  return {.term = Term(7),
          .previous = {Term(5), LogIndex(40)},
          .commit = LogIndex(39),
          .round = 12,
          .session = LogIndex(3),
          .entries = {MakeEntry({Term(6), LogIndex(41)}, raft::EntryKind::kNoop,
                                ""),
                      MakeEntry({Term(6), LogIndex(42)},
                                raft::EntryKind::kCommand, "command"),
                      MakeEntry({Term(7), LogIndex(43)},
                                raft::EntryKind::kConfiguration,
                                raft::EncodeConfiguration(Members()))},
          .address = "10.0.0.1:7001",
          .transfers_over = 2};
}

// Entries are compared as objects: not by what is in them.
bool Same(const raft::Message& a, const raft::Message& b) {
  const auto* left = std::get_if<raft::AppendEntriesRequest>(&a);
  const auto* right = std::get_if<raft::AppendEntriesRequest>(&b);
  if (left == nullptr || right == nullptr) return a == b;
  raft::AppendEntriesRequest x = *left;
  raft::AppendEntriesRequest y = *right;
  const auto equal = [](const raft::EntryPtr& p, const raft::EntryPtr& q) {
    return *p == *q;
  };
  const bool same = std::equal(x.entries.begin(), x.entries.end(),
                               y.entries.begin(), y.entries.end(), equal);
  x.entries.clear();
  y.entries.clear();
  return same && x == y;
}

Format MessageFormat(const std::string& name, const raft::Message& message) {
  return {.name = "frame-" + name,
          .bytes = raft::EncodeMessage(message),
          .read =
              [message](absl::string_view bytes) {
                const auto read = raft::DecodeMessage(bytes);
                return read.ok() ? CheckEqual(Same(*read, message))
                                 : read.status();
              },
          .make_newer = Increment(0)};
}

Format SnapshotFrame(const std::string& name,
                     const raft::SnapshotMessage& message) {
  return {.name = "frame-" + name,
          .bytes = raft::EncodeSnapshotMessage(message),
          .read =
              [message](absl::string_view bytes) {
                const auto read = raft::DecodeSnapshotMessage(bytes);
                return read.ok() ? CheckEqual(*read == message) : read.status();
              },
          .make_newer = Increment(1)};
}

Format ForwardFrame(const std::string& name,
                    const server::ForwardMessage& message) {
  return {.name = "frame-" + name,
          .bytes = server::EncodeForward(message),
          .read =
              [message](absl::string_view bytes) {
                const auto read = server::DecodeForward(bytes);
                return read.ok() ? CheckEqual(*read == message) : read.status();
              },
          .make_newer = Increment(1)};
}

std::string Call() {
  server::LeaderCall call;
  call.mutable_transfer()->set_to(3);
  return call.SerializeAsString();
}

Format RemovalNoticeFormat() {
  return {.name = "frame-removal-notice",
          .bytes = server::EncodeRemovalNotice(),
          .read = server::DecodeRemovalNotice,
          .make_newer = Increment(1)};
}

Format HelloFormat() {
  return {.name = "peer-hello",
          .bytes = net::EncodeHello({.sender = 7, .cluster = 0x1234567890}),
          .read =
              [](absl::string_view bytes) {
                net::FrameReader reader;
                std::copy(bytes.begin(), bytes.end(), reader.Space().begin());
                reader.Commit(bytes.size());
                const auto next = reader.Next();
                if (!next.ok()) return next.status();
                const auto& hello = reader.hello();
                return CheckEqual(hello.has_value() && hello->sender == 7 &&
                                  hello->cluster == 0x1234567890);
              },
          .make_newer = Increment(8)};
}

Format ConfigurationFormat() {
  return {.name = "configuration",
          .bytes = raft::EncodeConfiguration(Members()),
          .read =
              [](absl::string_view bytes) {
                const auto read = raft::DecodeConfiguration(bytes);
                return read.ok() ? CheckEqual(*read == Members())
                                 : read.status();
              },
          .make_newer = Increment(0)};
}

}  // namespace

std::vector<Format> FrameFormats() {
  const raft::SnapshotId snapshot{{Term(5), LogIndex(40)}, 1000, 0x89abcdef};
  return {
      HelloFormat(),
      ConfigurationFormat(),
      MessageFormat("request-vote-request",
                    raft::RequestVoteRequest{.term = Term(7),
                                             .last = {Term(5), LogIndex(40)},
                                             .pre_vote = true,
                                             .transfer = 3,
                                             .address = "10.0.0.1:7001"}),
      MessageFormat("request-vote-response",
                    raft::RequestVoteResponse{
                        .term = Term(7), .pre_vote = true, .granted = true}),
      MessageFormat("append-entries-request", Append()),
      MessageFormat("append-entries-response",
                    raft::AppendEntriesResponse{.term = Term(7),
                                                .success = true,
                                                .round = 12,
                                                .session = LogIndex(3),
                                                .match = LogIndex(43),
                                                .hint = {Term(5), LogIndex(38)},
                                                .promise = Milliseconds(1000),
                                                .priority = 90}),
      MessageFormat("timeout-now",
                    raft::TimeoutNow{.term = Term(7), .transfer = 3}),
      MessageFormat("read-index-request",
                    raft::ReadIndexRequest{.term = Term(7),
                                           .id = raft::ReadId(0x1122334455)}),
      MessageFormat("read-index-response",
                    raft::ReadIndexResponse{.term = Term(7),
                                            .id = raft::ReadId(0x1122334455),
                                            .success = true,
                                            .index = LogIndex(43),
                                            .rate_limited = false}),
      SnapshotFrame("snapshot-chunk",
                    raft::SnapshotChunk{Term(7), LogIndex(3), snapshot, 128,
                                        "a piece of the file"}),
      SnapshotFrame("snapshot-answer",
                    raft::SnapshotChunkAck{Term(7), LogIndex(3), snapshot, 147,
                                           raft::SnapshotStatus::kRefused}),
      ForwardFrame("forward-request",
                   server::ForwardRequest{Term(7), 0x5566, 9, "command"}),
      ForwardFrame("forward-response",
                   server::ForwardResponse{.incarnation = 0x5566,
                                           .sequence = 9,
                                           .index = LogIndex(44),
                                           .reply = "reply"}),
      ForwardFrame(
          "forward-refusal",
          server::ForwardResponse{
              .incarnation = 0x5566,
              .sequence = 9,
              .status = MakeError(ErrorCode::kNoLeader, "not the leader")}),
      ForwardFrame("forward-call",
                   server::ForwardRequest{Term(7), 0x5566, 9, Call(), true}),
      ForwardFrame("forward-address",
                   server::ForwardAddress{NodeId(7), "10.0.0.7:7001"}),
      RemovalNoticeFormat(),
  };
}

}  // namespace jaco::formats

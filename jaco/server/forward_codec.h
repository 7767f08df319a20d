// Frames of forwarded proposals and calls, between members: what a follower
// asks of the leader on behalf of its clients. Layout: docs/formats.md.

#ifndef JACO_SERVER_FORWARD_CODEC_H_
#define JACO_SERVER_FORWARD_CODEC_H_

#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/raft/types.h"

namespace jaco::server {

struct ForwardRequest {
  // The leadership that the sender means: another one refuses. So a frame that
  // is late or comes twice is never proposed twice.
  raft::Term term;
  uint64_t incarnation = 0;  // of the sender, drawn at its start
  uint64_t sequence = 0;     // ascending in an incarnation
  std::string command;
  // `command` is no proposal, but a LeaderCall: the leader answers by itself.
  bool call = false;

  friend bool operator==(const ForwardRequest&,
                         const ForwardRequest&) = default;
};

struct ForwardResponse {
  uint64_t incarnation = 0;  // the request's
  uint64_t sequence = 0;
  raft::LogIndex index;  // of the entry; 0: nothing was applied
  // The machine's verdict, or why nothing was proposed, or that nobody knows:
  // an error of the closed set.
  absl::Status status;
  std::string reply;  // of the machine; empty unless `status` is OK

  friend bool operator==(const ForwardResponse&,
                         const ForwardResponse&) = default;
};

// Where a member is reached, for those who know another address of it: from
// itself, or passed on to the leader.
struct ForwardAddress {
  raft::NodeId node;
  std::string address;

  friend bool operator==(const ForwardAddress&,
                         const ForwardAddress&) = default;
};

using ForwardMessage =
    std::variant<ForwardRequest, ForwardResponse, ForwardAddress>;

// Told from other frames by the first byte.
bool IsForwardFrame(absl::string_view frame);

std::string EncodeForward(const ForwardMessage& message);
// kInvalidArgument for anything that EncodeForward does not make.
absl::StatusOr<ForwardMessage> DecodeForward(absl::string_view frame);

}  // namespace jaco::server

#endif  // JACO_SERVER_FORWARD_CODEC_H_

// How a server that is no member yet speaks to one.

#ifndef JACO_SERVER_JOIN_PEER_H_
#define JACO_SERVER_JOIN_PEER_H_

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/server/api.h"

namespace jaco::server {

// The joining side of a conversation of two requests. Answer is slow; all run
// one after the other, on whichever thread.
class PasswordConversation {
 public:
  virtual ~PasswordConversation() = default;

  // The first request, over a connection with this binding (RFC 9266).
  virtual std::string Begin(absl::string_view channel_binding) = 0;
  // The second, after the answer to the first.
  virtual absl::StatusOr<std::string> Answer(absl::string_view body) = 0;
  // OK, or why the answer to the second is not to be trusted.
  virtual absl::Status Finish(absl::string_view body) = 0;
};

class JoinPeer {
 public:
  virtual ~JoinPeer() = default;

  // Api::Admit of the server whose API is at `peer`, with `join_token` for the
  // secret. Before that is sent, the peer has shown that it belongs to the
  // cluster whose authority has this fingerprint (lower-case hex SHA-256): else
  // peer_untrusted. peer_unreachable. Answers on the loop, later.
  virtual void Admit(const std::string& peer,
                     const std::string& authority_fingerprint,
                     const std::string& join_token, AdmitRequest request,
                     Reply<AdmitResponse> reply) = 0;

  // UserApi::Challenge and Prove of the server whose API is at `peer`, whoever
  // that is: the conversation finds out. OK when that is content; its errors,
  // the other side's, and peer_unreachable. Answers on the loop, later.
  virtual void Converse(const std::string& peer,
                        std::shared_ptr<PasswordConversation> conversation,
                        absl::AnyInvocable<void(absl::Status)> done) = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_JOIN_PEER_H_

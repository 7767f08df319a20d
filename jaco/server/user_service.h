// Operators with passwords: as replicated rows, over HTTP, and for servers that
// join by one.

#ifndef JACO_SERVER_USER_SERVICE_H_
#define JACO_SERVER_USER_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/net/sansio/failure_limiter.h"
#include "jaco/server/certificates.h"
#include "jaco/server/join_service.h"
#include "jaco/server/node.h"
#include "jaco/server/password_join.pb.h"
#include "jaco/server/security/password.h"
#include "jaco/server/user_api.h"

namespace jaco::server {

// A password is checked on the compute lane: it takes some 50 ms.
class UserService final : public UserApi {
 public:
  // Passwords that wait to be checked. Beyond that, rate_limited.
  static constexpr size_t kPendingMax = 32;
  // Credentials that need no check as long as their user stays as it is.
  static constexpr size_t kKnownMax = 64;
  // Challenges that wait for a proof: for so long, and the oldest of the
  // address that has the most goes.
  static constexpr size_t kChallengesMax = 256;
  static constexpr Duration kChallengeLife = Seconds(30);
  // That one address gets at once, and one more each second: rate_limited.
  static constexpr int64_t kChallengesOfOne = 32;

  UserService(Node* node, Certificates* certificates, JoinService* joins)
      : node_(node), certificates_(certificates), joins_(joins) {}

  // See UserApi.
  void SetUser(const Caller& caller, SetUserRequest request,
               Reply<UserResponse> reply) override;
  void RemoveUser(const Caller& caller, RemoveUserRequest request,
                  Reply<UserResponse> reply) override;
  void ListUsers(const Caller& caller, Reply<ListUsersResponse> reply) override;
  void Challenge(const Caller& caller, PasswordChallengeRequest request,
                 Reply<PasswordChallenge> reply) override;
  void Prove(const Caller& caller, PasswordProof request,
             Reply<PasswordVerdict> reply) override;

  // Who shows `credentials`, those of HTTP's Basic scheme (RFC 7617):
  // token_invalid, rate_limited, the errors of a read. As of all that was
  // acknowledged anywhere before this call or, with `stale` and without a
  // leader, as this server knows it: whom it does not know gets the error of
  // the read.
  void Authenticate(absl::string_view credentials, bool stale,
                    Reply<Caller> reply);

  // The row for a new password. validation_failed.
  void MakeUser(const std::string& name, std::string password,
                Reply<fsm::User> reply);

  static absl::Status CheckPassword(absl::string_view password);

 private:
  struct Asked;
  struct Known {
    std::string mac;  // of the credentials, by known_key_
    std::string cluster_id;
    std::string name;
    uint64_t modify_index;
  };
  struct Open {
    std::string address;
    PasswordChallengeRequest request;
    PasswordChallenge challenge;
    std::string channel_binding;
    std::string identity;
    uint64_t modify_index = 0;  // of the user; 0: there is none
    Instant until;
  };

  void Derive(std::string password, std::string salt, PasswordCost cost,
              Reply<PasswordKeys> reply);
  void CheckUser(std::shared_ptr<Asked> asked);
  void OnDerived(Asked& asked, const absl::StatusOr<PasswordKeys>& keys);
  // Of this name and index; null when there is none.
  const fsm::User* Find(const std::string& name, uint64_t modify_index) const;
  std::string MacOf(absl::string_view credentials);
  bool IsKnown(const std::string& mac, const fsm::User& user);
  // What a user has that does not exist, always the same.
  std::string SaltOfNobody(absl::string_view name) const;
  absl::Status CountChallenge(const Caller& caller);
  void MakeRoomForChallenge();
  void OpenChallenge(const Caller& caller, PasswordChallengeRequest request,
                     Reply<PasswordChallenge> reply);
  void OnProof(const Open& open, const PasswordProof& proof,
               Reply<PasswordVerdict> reply);

  Node* const node_;
  Certificates* const certificates_;
  JoinService* const joins_;
  size_t pending_ = 0;
  std::string known_key_;  // secret, of this run
  std::deque<Known> known_;
  std::deque<Open> open_;  // oldest first
  net::FailureLimiter challenges_{{.burst = kChallengesOfOne}};
};

}  // namespace jaco::server

#endif  // JACO_SERVER_USER_SERVICE_H_

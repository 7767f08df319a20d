#include "jaco/server/user_service.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/server/password_join.h"
#include "jaco/server/security/token.h"

namespace jaco::server {
namespace {

absl::Status Wrong() {
  return MakeError(ErrorCode::kTokenInvalid,
                   "the user name or the password is wrong");
}

Node::Done Indexed(Reply<UserResponse> reply) {
  return [reply = std::move(reply)](const absl::StatusOr<std::string>& result,
                                    raft::LogIndex index) mutable {
    if (!result.ok()) return reply(result.status());
    reply(UserResponse{index.value()});
  };
}

}  // namespace

absl::Status UserService::CheckPassword(absl::string_view password) {
  if (!password.empty() && password.size() <= kPasswordBytesMax) {
    return absl::OkStatus();
  }
  return MakeError(
      ErrorCode::kValidationFailed,
      absl::StrCat("a password has 1 to ", kPasswordBytesMax, " bytes"));
}

// ---- The rows.

void UserService::MakeUser(const std::string& name, std::string password,
                           Reply<fsm::User> reply) {
  absl::Status status = fsm::ValidateUserName(name);
  if (status.ok()) status = CheckPassword(password);
  if (!status.ok()) return node_->Refuse(std::move(status), std::move(reply));
  const std::string salt = NewPasswordNonce(*node_->env().entropy)
                               .substr(0, fsm::kPasswordSaltBytes);
  const PasswordCost& cost = node_->options().password_cost;
  fsm::User user;
  user.set_name(name);
  user.set_salt(salt);
  user.set_passes(cost.passes);
  user.set_memory_kib(cost.memory_kib);
  Derive(std::move(password), salt, cost,
         [user = std::move(user), reply = std::move(reply)](
             const absl::StatusOr<PasswordKeys>& keys) mutable {
           if (!keys.ok()) return reply(keys.status());
           user.set_stored_key(keys->stored);
           user.set_server_key(keys->server);
           reply(std::move(user));
         });
}

void UserService::SetUser(const Caller& caller, SetUserRequest request,
                          Reply<UserResponse> reply) {
  if (absl::Status may = node_->Admit(); !may.ok()) {
    return node_->Refuse(std::move(may), std::move(reply));
  }
  MakeUser(request.name, std::move(request.password),
           [this, caller,
            reply = std::move(reply)](absl::StatusOr<fsm::User> user) mutable {
             if (!user.ok()) return reply(user.status());
             fsm::Command command;
             *command.mutable_user_set()->mutable_user() = *std::move(user);
             node_->Propose(caller, std::move(command),
                            Indexed(std::move(reply)));
           });
}

void UserService::RemoveUser(const Caller& caller, RemoveUserRequest request,
                             Reply<UserResponse> reply) {
  if (absl::Status status = fsm::ValidateUserName(request.name); !status.ok()) {
    return node_->Refuse(std::move(status), std::move(reply));
  }
  fsm::Command command;
  command.mutable_user_remove()->set_name(std::move(request.name));
  node_->Propose(caller, std::move(command), Indexed(std::move(reply)));
}

void UserService::ListUsers(const Caller& /*caller*/,
                            Reply<ListUsersResponse> reply) {
  node_->Read([this, reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return reply(std::move(status));
    ListUsersResponse response;
    response.index = node_->state().applied().value();
    for (const auto& [name, user] : node_->state().users()) {
      response.users.push_back(
          {name, user.create_index(), user.modify_index()});
    }
    reply(std::move(response));
  });
}

void UserService::Derive(std::string password, std::string salt,
                         PasswordCost cost, Reply<PasswordKeys> reply) {
  if (pending_ >= kPendingMax) {
    return node_->Refuse(MakeError(ErrorCode::kRateLimited,
                                   "too many passwords are being checked"),
                         std::move(reply));
  }
  ++pending_;
  auto keys = std::make_shared<PasswordKeys>();
  node_->env().disk->Submit(
      env::Lane::kCompute,
      [keys, password = std::move(password), salt = std::move(salt),
       cost](env::FileSystem&) mutable {
        auto derived = DerivePasswordKeys(password, salt, cost);
        std::fill(password.begin(), password.end(), '\0');
        if (!derived.ok()) return derived.status();
        *keys = *std::move(derived);
        return absl::OkStatus();
      },
      [this, keys, reply = std::move(reply)](absl::Status status) mutable {
        --pending_;
        if (!status.ok()) return reply(std::move(status));
        reply(std::move(*keys));
      });
}

const fsm::User* UserService::Find(const std::string& name,
                                   uint64_t modify_index) const {
  const auto it = node_->state().users().find(name);
  if (it == node_->state().users().end()) return nullptr;
  return it->second.modify_index() == modify_index ? &it->second : nullptr;
}

// The keyring is the same on all members, and nobody else has it.
std::string UserService::SaltOfNobody(absl::string_view name) const {
  const Keyring* keyring = certificates_->keyring();
  const std::string key = Mac(
      keyring == nullptr ? node_->state().cluster()->id() : keyring->Encode(),
      "salts of users that do not exist");
  return Mac(key, name).substr(0, fsm::kPasswordSaltBytes);
}

// ---- HTTP's Basic scheme.

struct UserService::Asked {
  std::string mac;
  std::string name;
  std::string password;
  uint64_t modify_index = 0;  // of the user that is checked; 0: of nobody
  absl::Status read;          // an error: judged by what this server knows
  Reply<Caller> reply;

  void Accept() {
    reply(
        Caller{.identity = fsm::UserIdentity(name), .unconfirmed = !read.ok()});
  }
  // A password that this server has not heard of may be new.
  void Refuse() { reply(read.ok() ? Wrong() : read); }
};

void UserService::Authenticate(absl::string_view credentials, bool stale,
                               Reply<Caller> reply) {
  std::string text;
  const bool decoded =
      absl::Base64Unescape(absl::StripAsciiWhitespace(credentials), &text);
  const size_t colon = text.find(':');
  if (!decoded || colon == std::string::npos ||
      !CheckPassword(absl::string_view(text).substr(colon + 1)).ok()) {
    return node_->Refuse(Wrong(), std::move(reply));
  }
  auto asked = std::make_shared<Asked>();
  asked->mac = MacOf(text);
  asked->name = text.substr(0, colon);
  asked->password = text.substr(colon + 1);
  asked->reply = std::move(reply);
  auto check = [this, asked, stale](absl::Status read) {
    if (!read.ok() && (!stale || !node_->MayDoWithout(read))) {
      return asked->reply(std::move(read));
    }
    asked->read = std::move(read);
    CheckUser(asked);
  };
  stale ? node_->ReadSoon(std::move(check)) : node_->Read(std::move(check));
}

std::string UserService::MacOf(absl::string_view credentials) {
  if (known_key_.empty()) known_key_ = NewPasswordNonce(*node_->env().entropy);
  return Mac(known_key_, credentials);
}

void UserService::CheckUser(std::shared_ptr<Asked> asked) {
  // After a restart nothing may be applied yet.
  if (!node_->state().cluster().has_value()) {
    return asked->reply(
        MakeError(ErrorCode::kNoLeader,
                  "this server does not know the cluster's users yet"));
  }
  const auto it = node_->state().users().find(asked->name);
  const bool exists = it != node_->state().users().end();
  if (exists && IsKnown(asked->mac, it->second)) {
    return asked->Accept();
  }
  PasswordCost cost = node_->options().password_cost;
  // A name that does not exist takes as long as one that does.
  std::string salt;
  if (exists) {
    asked->modify_index = it->second.modify_index();
    cost = {it->second.passes(), it->second.memory_kib()};
    salt = it->second.salt();
  } else {
    salt = SaltOfNobody(asked->name);
  }
  Derive(std::move(asked->password), std::move(salt), cost,
         [this, asked](const absl::StatusOr<PasswordKeys>& keys) {
           OnDerived(*asked, keys);
         });
}

void UserService::OnDerived(Asked& asked,
                            const absl::StatusOr<PasswordKeys>& keys) {
  if (!keys.ok()) return asked.reply(keys.status());
  const fsm::User* user = Find(asked.name, asked.modify_index);
  if (user == nullptr ||
      !EqualInConstantTime(keys->stored, user->stored_key())) {
    return asked.Refuse();
  }
  if (known_.size() >= kKnownMax) known_.pop_front();
  known_.push_back({asked.mac, node_->state().cluster()->id(), asked.name,
                    asked.modify_index});
  asked.Accept();
}

bool UserService::IsKnown(const std::string& mac, const fsm::User& user) {
  const auto it = std::find_if(
      known_.begin(), known_.end(),
      [&](const Known& known) { return EqualInConstantTime(known.mac, mac); });
  if (it == known_.end()) return false;
  // The first user of every cluster has the same index, and this server may
  // have been in another one.
  if (it->cluster_id == node_->state().cluster()->id() &&
      it->name == user.name() && it->modify_index == user.modify_index()) {
    return true;
  }
  known_.erase(it);
  return false;
}

// ---- Servers that join.

void UserService::Challenge(const Caller& caller,
                            PasswordChallengeRequest request,
                            Reply<PasswordChallenge> reply) {
  absl::Status may = node_->Admit();
  if (may.ok() && caller.channel_binding.empty()) {
    may = MakeError(ErrorCode::kPermissionDenied,
                    "a password is proved over TLS only");
  }
  if (may.ok() && (request.client_nonce().size() != kPasswordNonceBytes ||
                   request.user().size() > fsm::kUserNameBytesMax)) {
    may = MakeError(ErrorCode::kValidationFailed, "no challenge can be made");
  }
  if (may.ok()) may = CountChallenge(caller);
  if (!may.ok()) return node_->Refuse(std::move(may), std::move(reply));
  node_->Read([this, caller, request = std::move(request),
               reply = std::move(reply)](absl::Status read) mutable {
    if (read.ok() && !node_->state().cluster().has_value()) {
      read = MakeError(ErrorCode::kNoLeader,
                       "this server does not know the cluster's users yet");
    }
    if (!read.ok()) return reply(std::move(read));
    OpenChallenge(caller, std::move(request), std::move(reply));
  });
}

// Anybody may ask for one, and each costs a read.
absl::Status UserService::CountChallenge(const Caller& caller) {
  const Instant now = node_->env().clock->Now();
  const Duration wait = challenges_.Wait(caller.address, now);
  if (wait <= Duration()) {
    challenges_.OnFailure(caller.address, now);
    return absl::OkStatus();
  }
  return MakeError(
      ErrorCode::kRateLimited,
      absl::StrCat("too many challenges for ", caller.address, "; wait ",
                   1 + wait.milliseconds() / 1000, " s"));
}

void UserService::MakeRoomForChallenge() {
  if (open_.size() < kChallengesMax) return;
  std::map<absl::string_view, size_t> counts;
  size_t most = 0;
  for (const Open& open : open_) most = std::max(most, ++counts[open.address]);
  open_.erase(std::find_if(open_.begin(), open_.end(), [&](const Open& open) {
    return counts[open.address] == most;
  }));
}

void UserService::OpenChallenge(const Caller& caller,
                                PasswordChallengeRequest request,
                                Reply<PasswordChallenge> reply) {
  const Instant now = node_->env().clock->Now();
  // One a connection.
  std::erase_if(open_, [&](const Open& open) {
    return open.until < now || open.channel_binding == caller.channel_binding;
  });
  MakeRoomForChallenge();
  Open open{.address = caller.address,
            .channel_binding = caller.channel_binding,
            .identity = fsm::UserIdentity(request.user()),
            .until = now + kChallengeLife};
  open.challenge.set_server_nonce(NewPasswordNonce(*node_->env().entropy));
  const auto it = node_->state().users().find(request.user());
  if (it != node_->state().users().end()) {
    open.modify_index = it->second.modify_index();
    open.challenge.set_salt(it->second.salt());
    open.challenge.set_passes(it->second.passes());
    open.challenge.set_memory_kib(it->second.memory_kib());
  } else {
    const PasswordCost& cost = node_->options().password_cost;
    open.challenge.set_salt(SaltOfNobody(request.user()));
    open.challenge.set_passes(cost.passes);
    open.challenge.set_memory_kib(cost.memory_kib);
  }
  open.request = std::move(request);
  PasswordChallenge challenge = open.challenge;
  open_.push_back(std::move(open));
  reply(std::move(challenge));
}

void UserService::Prove(const Caller& caller, PasswordProof request,
                        Reply<PasswordVerdict> reply) {
  const auto it =
      std::find_if(open_.begin(), open_.end(), [&](const Open& open) {
        return open.challenge.server_nonce() == request.server_nonce() &&
               open.channel_binding == caller.channel_binding;
      });
  if (it == open_.end()) return node_->Refuse(Wrong(), std::move(reply));
  Open open = std::move(*it);
  open_.erase(it);
  absl::Status may = fsm::ValidateName("node name", request.node_name());
  if (may.ok() && open.until < node_->env().clock->Now()) may = Wrong();
  if (!may.ok()) return node_->Refuse(std::move(may), std::move(reply));
  node_->Read([this, open = std::move(open), request = std::move(request),
               reply = std::move(reply)](absl::Status read) mutable {
    if (!read.ok()) return reply(std::move(read));
    OnProof(open, request, std::move(reply));
  });
}

void UserService::OnProof(const Open& open, const PasswordProof& proof,
                          Reply<PasswordVerdict> reply) {
  const fsm::User* user = Find(open.request.user(), open.modify_index);
  const std::string transcript = ProofTranscript(open.request, open.challenge,
                                                 proof, open.channel_binding);
  const std::string nobody(fsm::kPasswordKeyBytes, '\0');
  const bool proved = CheckPasswordProof(
      user == nullptr ? nobody : user->stored_key(), transcript, proof.proof());
  if (user == nullptr || !proved) return reply(Wrong());
  auto kept = std::make_shared<Reply<PasswordVerdict>>(std::move(reply));
  auto grant = [this, transcript, key = user->server_key(),
                kept](std::string join_token) {
    PasswordVerdict verdict;
    verdict.set_join_token(std::move(join_token));
    verdict.set_time_unix_ms(absl::ToUnixMillis(node_->env().clock->WallNow()));
    verdict.set_signature(Mac(key, VerdictTranscript(transcript, verdict)));
    (*kept)(std::move(verdict));
  };
  if (proof.check_only()) return grant("");
  joins_->IssueToken(Caller{.identity = open.identity},
                     {.node_name = proof.node_name()},
                     [grant = std::move(grant),
                      kept](absl::StatusOr<IssueJoinTokenResponse> issued) {
                       if (!issued.ok()) return (*kept)(issued.status());
                       grant(std::move(issued->join_token));
                     });
}

}  // namespace jaco::server

#include "jaco/server/token_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/server/security/token.h"

namespace jaco::server {

void TokenService::Issue(const Caller& caller, IssueTokenRequest request,
                         Reply<IssueTokenResponse> reply) {
  if (absl::Status status = fsm::ValidateIdentity(request.identity);
      !status.ok()) {
    return node_->Refuse(std::move(status), std::move(reply));
  }
  // It could do what its issuer may not.
  if (request.allow_privileged && !caller.privileged) {
    return node_->Refuse(MakeError(ErrorCode::kPermissionDenied,
                                   "a privileged token is issued with another "
                                   "one, or over the unix socket"),
                         std::move(reply));
  }
  std::string secret = NewToken(*node_->env().entropy);
  fsm::Command command;
  fsm::TokenIssue& issue = *command.mutable_token_issue();
  issue.set_identity(std::move(request.identity));
  issue.set_token_hash(HashToken(secret));
  issue.set_allow_privileged(request.allow_privileged);
  node_->Propose(
      caller, std::move(command),
      [secret = std::move(secret), reply = std::move(reply)](
          absl::StatusOr<std::string> result, raft::LogIndex index) mutable {
        if (!result.ok()) {
          reply(result.status());
          return;
        }
        fsm::Token token;
        if (!token.ParseFromString(*result)) {
          reply(absl::InternalError("the state machine's reply is no token"));
          return;
        }
        reply(IssueTokenResponse{
            .identity = token.identity(),
            .token = std::move(secret),
            .issued_at = absl::FromUnixMillis(token.issued_at_unix_ms()),
            .index = index.value()});
      });
}

void TokenService::Revoke(const Caller& caller, RevokeTokenRequest request,
                          Reply<RevokeTokenResponse> reply) {
  if (absl::Status status = fsm::ValidateName("identity", request.identity);
      !status.ok()) {
    return node_->Refuse(std::move(status), std::move(reply));
  }
  fsm::Command command;
  command.mutable_token_revoke()->set_identity(std::move(request.identity));
  node_->Propose(caller, std::move(command),
                 [reply = std::move(reply)](absl::StatusOr<std::string> result,
                                            raft::LogIndex index) mutable {
                   if (!result.ok()) {
                     reply(result.status());
                     return;
                   }
                   reply(RevokeTokenResponse{.index = index.value()});
                 });
}

void TokenService::List(const Caller& /*caller*/,
                        Reply<ListTokensResponse> reply) {
  node_->Read([this, reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) {
      reply(std::move(status));
      return;
    }
    reply(Tokens());
  });
}

ListTokensResponse TokenService::Tokens() const {
  ListTokensResponse response;
  response.index = node_->state().applied().value();
  for (const auto& [identity, token] : node_->state().tokens()) {
    response.tokens.push_back(
        {.identity = identity,
         .issued_at = absl::FromUnixMillis(token.issued_at_unix_ms()),
         .revoked_at = token.revoked_at_unix_ms() == 0
                           ? absl::InfiniteFuture()
                           : absl::FromUnixMillis(token.revoked_at_unix_ms()),
         .allow_privileged = token.allow_privileged(),
         .create_index = token.create_index(),
         .modify_index = token.modify_index()});
  }
  return response;
}

// A member may not have applied yet that a token was revoked, and whoever
// revoked it was told that it is good for nothing any more.
void TokenService::Authenticate(absl::string_view token, bool stale,
                                Reply<Caller> reply) {
  if (token.empty()) return reply(NoToken());
  auto judge = [this, hash = HashToken(token), stale,
                reply = std::move(reply)](absl::Status read) mutable {
    if (read.ok()) return reply(BearerOf(hash));
    if (!stale || !node_->MayDoWithout(read)) return reply(std::move(read));
    auto bearer = BearerOf(hash);
    if (bearer.ok()) bearer->unconfirmed = true;
    // A token that this server has not heard of may be new.
    const bool known =
        bearer.ok() || CodeOf(bearer.status()) == ErrorCode::kTokenRevoked;
    if (!known) return reply(std::move(read));
    reply(std::move(bearer));
  };
  stale ? node_->ReadSoon(std::move(judge)) : node_->Read(std::move(judge));
}

// Everybody may know that there is no cluster, and so no token to come with.
absl::Status TokenService::NoToken() const {
  absl::Status member = node_->Admit();
  if (!member.ok() && CodeOf(member) == ErrorCode::kClusterUninitialized) {
    return member;
  }
  return MakeError(ErrorCode::kTokenInvalid,
                   "an `Authorization: Bearer` header is needed");
}

absl::StatusOr<Caller> TokenService::BearerOf(const std::string& hash) const {
  // After a restart nothing may be applied yet: that is no fault of the token.
  if (!node_->state().cluster().has_value()) {
    return MakeError(ErrorCode::kNoLeader,
                     "this server does not know the cluster's tokens yet");
  }
  // The lookup's time depends on the hash only, which nobody can steer.
  const fsm::Token* known = node_->state().FindTokenByHash(hash);
  if (known == nullptr && node_->state().join_tokens().contains(hash)) {
    return Caller{absl::StrCat("join_token:", hash.substr(0, 8)), hash};
  }
  if (known == nullptr || !EqualInConstantTime(known->hash(), hash)) {
    return MakeError(ErrorCode::kTokenInvalid, "the token is not known");
  }
  if (known->revoked_at_unix_ms() != 0) {
    return MakeError(
        ErrorCode::kTokenRevoked,
        absl::StrCat("the token of ", known->identity(), " was revoked"));
  }
  return Caller{.identity = known->identity(),
                .privileged = known->allow_privileged()};
}

}  // namespace jaco::server

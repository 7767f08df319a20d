// Operator tokens: `jaco token issue|revoke|list`.

#ifndef JACO_SERVER_TOKEN_SERVICE_H_
#define JACO_SERVER_TOKEN_SERVICE_H_

#include "jaco/server/api.h"
#include "jaco/server/node.h"

namespace jaco::server {

class TokenService {
 public:
  explicit TokenService(Node* node) : node_(node) {}

  // See Api.
  void Issue(const Caller& caller, IssueTokenRequest request,
             Reply<IssueTokenResponse> reply);
  void Revoke(const Caller& caller, RevokeTokenRequest request,
              Reply<RevokeTokenResponse> reply);
  void List(const Caller& caller, Reply<ListTokensResponse> reply);

  // See Server.
  void Authenticate(absl::string_view token, bool stale, Reply<Caller> reply);

 private:
  ListTokensResponse Tokens() const;
  absl::Status NoToken() const;
  absl::StatusOr<Caller> BearerOf(const std::string& hash) const;

  Node* const node_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_TOKEN_SERVICE_H_

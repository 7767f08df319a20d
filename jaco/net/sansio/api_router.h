#ifndef JACO_NET_SANSIO_API_ROUTER_H_
#define JACO_NET_SANSIO_API_ROUTER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/net/sansio/bootstrap_router.h"
#include "jaco/net/sansio/http_error.h"
#include "jaco/net/sansio/http_types.h"
#include "jaco/net/sansio/log_tail.h"
#include "jaco/net/sansio/nomad_router.h"
#include "jaco/server/api.h"

namespace jaco::net {

// The API's paths: (method, target, body, caller) in, one call on server::Api,
// (status, JSON) out. Knows no socket and keeps nothing between requests, so
// that a fuzzer or a simulated client can drive it.
//
// Every error is {"code", "message", "details"} with the HTTP status of its
// code; for paths that are Nomad's or Redis' see NomadRouter and
// BootstrapRouter. Before a cluster exists
// everything but init, status, health and version is `cluster_uninitialized`.
// Loop thread.
class ApiRouter {
 public:
  // Both are borrowed and outlive the router; without `log` there is none to be
  // read.
  explicit ApiRouter(server::Api* api, LogTail* log = nullptr)
      : api_(api), log_(log), nomad_(api), bootstrap_(api) {}

  // Answers through `reply` when `api` does; never, if `api` never does.
  void Handle(const HttpRequest& request, const server::Caller& caller,
              HttpReply reply);

  // Whether a request is answered from what this server knows, without asking
  // anybody: then its token may be judged by that, too.
  static bool IsLocalRead(absl::string_view method, absl::string_view target);

 private:
  struct Call;
  struct Route;
  static const Route kRoutes[];

  void Init(Call call);
  void Status(Call call);
  void ListTokens(Call call);
  void IssueToken(Call call);
  void RevokeToken(Call call);
  void IssueJoinToken(Call call);
  void Admit(Call call);
  void Join(Call call);
  void Backup(Call call);
  void Restore(Call call);
  void SaveSnapshot(Call call);
  void RestoreSnapshot(Call call);
  void RotateAuthority(Call call);
  void RetireAuthorities(Call call);
  void RemoveNode(Call call);
  void RemoveNamedNode(Call call);
  void Hello(Call call);
  void JoinServers(Call call);
  void ListNodes(Call call);
  void ListUsers(Call call);
  void SetUser(Call call);
  void RemoveUser(Call call);
  void Challenge(Call call);
  void Prove(Call call);
  void ListAudit(Call call);
  void ReadLog(Call call);
  void Health(Call call);
  void Version(Call call);

  absl::Status CheckInitialized() const;

  server::Api* api_;
  LogTail* log_;
  NomadRouter nomad_;
  BootstrapRouter bootstrap_;
};

// Whether requests for `target` may carry, and their answers be, whole
// archives: larger, and for longer, than anything else; from privileged callers
// only.
bool IsArchiveTarget(absl::string_view target);
// Whether `target` is for everybody, also those who say nothing of themselves:
// to prove that one knows a password, by which a server may join.
bool IsProofTarget(absl::string_view target);
// Whether it is for everybody as long as BootstrapApi::IsOpen.
bool IsBootstrapTarget(absl::string_view target);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_API_ROUTER_H_

// Input: method, newline, target, newline, body. Also hands the whole input to
// the decoders of responses.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/audit_json.h"
#include "jaco/net/sansio/bootstrap_json.h"
#include "jaco/net/sansio/log_tail.h"
#include "jaco/net/sansio/operator_json.h"
#include "jaco/net/sansio/query.h"
#include "jaco/net/sansio/user_json.h"
#include "jaco/server/audit_api.h"
#include "jaco/server/bootstrap.pb.h"
#include "jaco/server/bootstrap_api.h"
#include "jaco/server/operator_api.h"
#include "jaco/server/password_join.pb.h"
#include "jaco/server/user_api.h"

namespace jaco::net {
namespace {

class EchoOperators final : public server::OperatorApi {
 public:
  void ListPeers(const server::Caller&, bool,
                 server::Reply<server::RaftPeers> reply) override {
    reply(server::RaftPeers{});
  }
  void RemovePeer(const server::Caller&, server::PeerSelector peer,
                  server::Reply<server::RaftPeer> reply) override {
    JACO_CHECK((peer.id == 0) != peer.address.empty());
    reply(server::RaftPeer{});
  }
  void TransferLeadership(
      const server::Caller&, server::PeerSelector to,
      server::Reply<server::TransferResponse> reply) override {
    JACO_CHECK((to.id == 0) != to.address.empty());
    reply(server::TransferResponse{});
  }
  void GetAutopilot(const server::Caller&, bool,
                    server::Reply<server::AutopilotSettings> reply) override {
    reply(server::AutopilotSettings{});
  }
  void SetAutopilot(const server::Caller&, server::SetAutopilotRequest request,
                    server::Reply<server::AutopilotSettings> reply) override {
    JACO_CHECK(DecodeAutopilot(EncodeAutopilot(request.settings)).ok());
    reply(request.settings);
  }
  void Health(const server::Caller&,
              server::Reply<server::AutopilotHealth> reply) override {
    reply(server::AutopilotHealth{.healthy = true});
  }
  server::AgentInfo Agent() override { return {.leader_address = "a:1"}; }
  void RotateAuthority(
      const server::Caller&,
      server::Reply<server::AuthoritiesResponse> reply) override {
    reply(server::AuthoritiesResponse{});
  }
  void RetireAuthorities(
      const server::Caller&, server::RetireAuthoritiesRequest,
      server::Reply<server::AuthoritiesResponse> reply) override {
    reply(server::AuthoritiesResponse{});
  }
};

class EchoBootstrap final : public server::BootstrapApi {
 public:
  bool IsOpen() const override { return true; }
  void Report(server::Reply<server::BootstrapReport> reply) override {
    reply(server::BootstrapReport{});
  }
  absl::Status CheckMayBegin(const server::Caller&,
                             const server::BootstrapRequest&) const override {
    return absl::OkStatus();
  }
  absl::Status Begin(const server::Caller&,
                     server::BootstrapRequest request) override {
    const auto again =
        DecodeBootstrapRequest(request.action, EncodeBootstrapRequest(request));
    JACO_CHECK(again.ok() && again->nodes == request.nodes &&
               again->password == request.password);
    return absl::OkStatus();
  }
  void Validate(server::BootstrapRequest, Done done) override {
    done(absl::InternalError("e"));
  }
};

class EchoUsers final : public server::UserApi {
 public:
  void SetUser(const server::Caller&, server::SetUserRequest request,
               server::Reply<server::UserResponse> reply) override {
    reply(server::UserResponse{request.password.size()});
  }
  void RemoveUser(const server::Caller&, server::RemoveUserRequest request,
                  server::Reply<server::UserResponse> reply) override {
    reply(server::UserResponse{request.name.size()});
  }
  void ListUsers(const server::Caller&,
                 server::Reply<server::ListUsersResponse> reply) override {
    reply(server::ListUsersResponse{});
  }
  void Challenge(const server::Caller&, server::PasswordChallengeRequest,
                 server::Reply<server::PasswordChallenge> reply) override {
    reply(server::PasswordChallenge());
  }
  void Prove(const server::Caller&, server::PasswordProof,
             server::Reply<server::PasswordVerdict> reply) override {
    reply(server::PasswordVerdict());
  }
};

class EchoAudit final : public server::AuditApi {
 public:
  void ListEvents(const server::Caller&, server::ListAuditRequest request,
                  server::Reply<server::ListAuditResponse> reply) override {
    JACO_CHECK(request.age_max >= absl::ZeroDuration());
    server::ListAuditResponse page;
    for (const std::string& type : request.types) {
      page.events.push_back({.type = type, .payload = {{type, type}}});
    }
    reply(page);
  }
};

class EchoLog final : public LogTail {
 public:
  LogPage Read(const LogRequest& request) override {
    JACO_CHECK(request.limit > 0 && request.limit <= kLogLinesMax);
    return {.lines = {{request.after, request.least, "a"}}};
  }
};

// Answers at once with what it was asked.
class EchoApi final : public server::Api {
 public:
  void Init(const server::Caller&, server::InitRequest request,
            server::Reply<server::InitResponse> reply) override {
    reply(server::InitResponse{request.cluster_name, ""});
  }
  server::StatusResponse Status() override { return {}; }
  server::Lifecycle lifecycle() const override {
    return server::Lifecycle::kMember;
  }
  absl::Status failure() const override { return absl::OkStatus(); }
  void IssueToken(const server::Caller&, server::IssueTokenRequest request,
                  server::Reply<server::IssueTokenResponse> reply) override {
    JACO_CHECK(!request.identity.empty());
    reply(server::IssueTokenResponse{request.identity, "", {}, 1});
  }
  void RevokeToken(const server::Caller&, server::RevokeTokenRequest request,
                   server::Reply<server::RevokeTokenResponse> reply) override {
    JACO_CHECK(*PercentDecode(PercentEncode(request.identity)) ==
               request.identity);
    reply(server::RevokeTokenResponse{1});
  }
  void IssueJoinToken(
      const server::Caller&, server::IssueJoinTokenRequest request,
      server::Reply<server::IssueJoinTokenResponse> reply) override {
    reply(server::IssueJoinTokenResponse{request.node_name, {}});
  }
  void Admit(const server::Caller&, server::AdmitRequest request,
             server::Reply<server::AdmitResponse> reply) override {
    JACO_CHECK(request.node_id > 0);
    reply(server::AdmitResponse{request.node_name, request.address,
                                request.certificate_request, "k"});
  }
  void Join(const server::Caller&, server::JoinRequest request,
            server::Reply<server::JoinResponse> reply) override {
    JACO_CHECK(!request.peer.empty());
    reply(server::JoinResponse{request.join_token});
  }
  void Backup(const server::Caller&,
              server::Reply<server::ArchiveResponse> reply) override {
    reply(server::ArchiveResponse{"a", "b"});
  }
  void SaveSnapshot(const server::Caller&,
                    server::Reply<server::ArchiveResponse> reply) override {
    reply(server::ArchiveResponse{"a", "b"});
  }
  void Restore(const server::Caller&, server::RestoreRequest request,
               server::Reply<server::RestoreResponse> reply) override {
    reply(server::RestoreResponse{request.archive});
  }
  void RestoreSnapshot(
      const server::Caller&, server::RestoreRequest request,
      server::Reply<server::RestoreSnapshotResponse> reply) override {
    reply(server::RestoreSnapshotResponse{request.archive.size()});
  }
  void RemoveNode(const server::Caller&, server::RemoveNodeRequest request,
                  server::Reply<server::RemoveNodeResponse> reply) override {
    JACO_CHECK(!request.node_name.empty());
    reply(server::RemoveNodeResponse{1});
  }
  void Hello(const server::Caller&, server::HelloRequest,
             server::Reply<server::HelloResponse> reply) override {
    reply(server::HelloResponse());
  }
  void JoinServers(const server::Caller&, server::JoinServersRequest request,
                   server::Reply<server::JoinServersResponse> reply) override {
    reply(server::JoinServersResponse{request.addresses.size(), ""});
  }
  void ListTokens(const server::Caller&,
                  server::Reply<server::ListTokensResponse> reply) override {
    reply(server::ListTokensResponse{});
  }
  server::OperatorApi& operators() override { return operators_; }
  server::BootstrapApi& bootstrap() override { return bootstrap_; }
  server::UserApi& users() override { return users_; }
  server::AuditApi& audit() override { return audit_; }

 private:
  EchoOperators operators_;
  EchoBootstrap bootstrap_;
  EchoUsers users_;
  EchoAudit audit_;
};

absl::string_view Line(absl::string_view& rest) {
  const size_t end = rest.find('\n');
  const absl::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return line;
}

void Run(absl::string_view input) {
  (void)DecodeError(input);
  (void)DecodeJoinServersResponse(input);
  (void)DecodeInitResponse(input);
  (void)DecodeStatusResponse(input);
  (void)DecodeIssueTokenResponse(input);
  (void)DecodeListTokensResponse(input);

  (void)DecodeRaftConfiguration(input);
  (void)DecodeAutopilotHealth(input);
  (void)DecodeAuthorities(input);
  (void)DecodeBootstrapReport(input);
  (void)DecodeUsers(input);
  (void)DecodeAudit(input);
  (void)DecodeLogPage(input);

  EchoApi api;
  EchoLog log;
  HttpRequest request;
  request.wants_json = true;
  request.method = Line(input);
  request.target = Line(input);
  request.body = input;
  request.content_type = "application/json";
  int replies = 0;
  ApiRouter(&api, &log).Handle(request, {}, [&](HttpResponse response) {
    ++replies;
    // 406: the status of a bootstrap that would fail.
    JACO_CHECK(response.status == 200 || response.status == 406 ||
               DecodeError(response.body).ok());
  });
  JACO_CHECK(replies == 1);
}

}  // namespace
}  // namespace jaco::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jaco::net::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}

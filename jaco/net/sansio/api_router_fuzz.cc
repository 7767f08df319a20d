// Input: method, newline, target, newline, body. Also hands the whole input to
// the decoders of responses.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/api_router.h"

namespace jaco::net {
namespace {

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
  void ListTokens(const server::Caller&,
                  server::Reply<server::ListTokensResponse> reply) override {
    reply(server::ListTokensResponse{});
  }
};

absl::string_view Line(absl::string_view& rest) {
  const size_t end = rest.find('\n');
  const absl::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return line;
}

void Run(absl::string_view input) {
  (void)DecodeError(input);
  (void)DecodeInitResponse(input);
  (void)DecodeStatusResponse(input);
  (void)DecodeIssueTokenResponse(input);
  (void)DecodeListTokensResponse(input);

  EchoApi api;
  HttpRequest request;
  request.method = Line(input);
  request.target = Line(input);
  request.body = input;
  int replies = 0;
  ApiRouter(&api).Handle(request, {}, [&](HttpResponse response) {
    ++replies;
    JACO_CHECK(response.status == 200 || DecodeError(response.body).ok());
  });
  JACO_CHECK(replies == 1);
}

}  // namespace
}  // namespace jaco::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jaco::net::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}

#include "jaco/cmd/cli_nodes.h"

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/cmd/cli_output.h"
#include "jaco/net/sansio/api_json.h"

namespace jaco::cmd {
namespace {

absl::Status NoMember(const server::StatusResponse& status) {
  const bool fresh = status.lifecycle == server::Lifecycle::kUninitialized;
  return MakeError(ErrorCode::kClusterUninitialized,
                   fresh ? "this server is not part of a cluster yet"
                         : absl::StrCat("this server is ",
                                        server::LifecycleName(status.lifecycle),
                                        "; see `jaco cluster status`"));
}

absl::Status NotYet(const server::StatusResponse& status) {
  return MakeError(
      ErrorCode::kNoLeader,
      status.joining.empty()
          ? "this server does not know the cluster's nodes yet"
          : absl::StrCat("this server is joining: ", status.joining));
}

}  // namespace

absl::Status CheckKnowsNodes(const server::StatusResponse& status) {
  switch (status.lifecycle) {
    case server::Lifecycle::kMember:
      return status.joining.empty() && !status.nodes.empty() ? absl::OkStatus()
                                                             : NotYet(status);
    case server::Lifecycle::kRemoved:
      return MakeError(
          ErrorCode::kNotAMember,
          status.cluster_name.empty()
              ? "this server was removed from its cluster before it was in"
              : absl::StrCat("this server was removed from cluster ",
                             status.cluster_name,
                             "; what it knew of the nodes is out of date"));
    case server::Lifecycle::kStarting:
      return MakeError(ErrorCode::kNoLeader, "the server is starting");
    case server::Lifecycle::kFailed:
      return MakeError(ErrorCode::kInternal,
                       "the server has failed and stops: its log says why");
    case server::Lifecycle::kUninitialized:
    case server::Lifecycle::kCreating:
    case server::Lifecycle::kJoining:
    case server::Lifecycle::kRecovering:
      return NoMember(status);
  }
  return absl::OkStatus();
}

namespace {

absl::StatusOr<server::StatusResponse> DecodeNodes(const std::string& body) {
  auto status = net::DecodeStatusResponse(body);
  if (!status.ok()) return status;
  if (absl::Status known = CheckKnowsNodes(*status); !known.ok()) return known;
  return status;
}

}  // namespace

int ListNodes(CliSession& session, const std::string& output) {
  const auto outcome = session.Call({"GET", "/v1/cluster/status"});
  if (outcome.error) return session.Fail(*outcome.error);
  const auto status = DecodeNodes(outcome.body);
  if (!status.ok()) return session.Fail(status.status());
  if (output != "table") return session.ShowPart(outcome, PickNodes);
  *session.world().out << FormatNodes(*status);
  return 0;
}

// As Nomad's, whose JSON is that of its API.
int ListServers(CliSession& session, const std::string& output) {
  const auto outcome = session.Call({"GET", "/v1/cluster/status"});
  if (outcome.error) return session.Fail(*outcome.error);
  const auto status = DecodeNodes(outcome.body);
  if (!status.ok()) return session.Fail(status.status());
  if (output != "table") {
    return session.ShowPart(session.Call({"GET", "/v1/agent/members"}),
                            PickMembers);
  }
  *session.world().out << FormatServers(*status);
  return 0;
}

}  // namespace jaco::cmd

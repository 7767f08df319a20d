#include "jaco/cmd/cli_join.h"

#include <ostream>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/cmd/host_address.h"
#include "jaco/cmd/input_file.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/host_port.h"

namespace jaco::cmd {
namespace {

// Longer than the two servers need to tell why it has not worked.
constexpr absl::Duration kJoinTimeout = absl::Seconds(60);

// Nobody else reaches the server there; nor at no address at all.
bool IsOfThisHost(const std::string& address) {
  const auto parsed = net::ParseHostPort(address);
  return !parsed.ok() || parsed->host == "localhost" ||
         IsLoopbackAddress(parsed->host);
}

int IssueJoinToken(CliSession& session, const JoinOptions& options) {
  const auto outcome = session.CallLeader(
      {"POST", "/v1/node/issue-join-token",
       net::EncodeIssueJoinTokenRequest({.node_name = options.node_name})});
  if (outcome.error) return session.Fail(*outcome.error);
  const auto response = net::DecodeIssueJoinTokenResponse(outcome.body);
  if (!response.ok()) return session.Fail(response.status());
  // Where the operator reaches it, others do, too, unless that is from this
  // host only: then the server has to say.
  std::string peer = session.client().remote_address();
  if (IsOfThisHost(peer) && !IsOfThisHost(response->peer)) {
    peer = response->peer;
  }
  if (peer.empty()) peer = "<this-node-host:port>";
  *session.world().out << FormatJoinToken(peer, *response);
  if (options.show_ca) *session.world().out << "\n" << response->ca_cert;
  return 0;
}

absl::StatusOr<std::string> FindJoinToken(const JoinOptions& options,
                                          const CliWorld& world) {
  if (!options.token.empty() && !options.token_file.empty()) {
    return MakeError(ErrorCode::kValidationFailed,
                     "--token and --token-file are both given");
  }
  std::string token = options.token;
  if (!options.token_file.empty()) {
    auto text = ReadInput(options.token_file, kSecretBytesMax, world.in);
    if (!text.ok()) return text.status();
    token = *std::move(text);
  } else if (token.empty()) {
    token = options.token_variable.value_or("");
  }
  token = std::string(absl::StripAsciiWhitespace(token));
  if (!token.empty()) return token;
  return MakeError(ErrorCode::kValidationFailed,
                   "--token, --token-file or JACO_JOIN_TOKEN env is required");
}

// Patient as other writes: a member that has no leader has not used the token
// up, and whoever repeats a join with the same token is the same node.
int JoinCluster(CliSession& session, const JoinOptions& options) {
  const auto peer = net::ApiAddress(options.peer);
  if (!peer.ok()) {
    return session.Fail(
        MakeError(ErrorCode::kValidationFailed,
                  absl::StrCat("--peer: ", peer.status().message())));
  }
  const auto token = FindJoinToken(options, session.world());
  if (!token.ok()) return session.Fail(token.status());
  const auto outcome = session.CallLeader(
      {"POST", "/v1/node/join",
       net::EncodeJoinRequest({.peer = *peer, .join_token = *token}),
       kJoinTimeout});
  return session.Finish(outcome, net::DecodeJoinResponse, FormatJoined);
}

}  // namespace

void AddJoinCommands(CLI::App* node, JoinOptions* options,
                     const ChooseCommand& choose) {
  CLI::App* issue = node->add_subcommand(
      "issue-join-token", "Print the command by which a server joins");
  issue->add_option("--node-name", options->node_name,
                    "The only node that it is good for");
  issue->add_flag("--show-ca", options->show_ca,
                  "Print the cluster's CA certificate as well");
  issue->callback([=] {
    choose(
        [=](CliSession& session) { return IssueJoinToken(session, *options); });
  });
  CLI::App* join =
      node->add_subcommand("join", "Make this server a node of a cluster");
  join->add_option("--peer", options->peer, "Any member's API, as HOST:PORT")
      ->required();
  // As documented; HideSecrets takes it out of the process list at once.
  join->add_option("--token", options->token,
                   "The join token (or $JACO_JOIN_TOKEN)");
  join->add_option("--token-file", options->token_file,
                   "File with the join token; - is standard input");
  join->callback([=] {
    choose([=](CliSession& session) { return JoinCluster(session, *options); });
  });
}

}  // namespace jaco::cmd

#include "jaco/cmd/cli_operator.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/cmd/cli_operator_output.h"
#include "jaco/net/sansio/operator_json.h"
#include "jaco/net/sansio/query.h"

namespace jaco::cmd {
namespace {

constexpr absl::string_view kAutopilot = "/v1/operator/autopilot/configuration";
// A removal of the leader, or three attempts at a transfer.
constexpr absl::Duration kChangeTimeout = absl::Seconds(30);

int ListPeers(CliSession& session, const OperatorOptions& options) {
  const std::string target = absl::StrCat("/v1/operator/raft/configuration",
                                          options.stale ? "?stale" : "");
  return session.Show(session.CallLeader({"GET", target}),
                      net::DecodeRaftConfiguration, FormatPeers);
}

// As `?id=...`, from the options; validation_failed.
absl::StatusOr<std::string> PeerQuery(const OperatorOptions& options) {
  if (options.peer_id.empty() == options.peer_address.empty()) {
    return MakeError(ErrorCode::kValidationFailed,
                     "one of --peer-id and --peer-address is required");
  }
  return options.peer_id.empty()
             ? absl::StrCat("?address=",
                            net::PercentEncode(options.peer_address))
             : absl::StrCat("?id=", net::PercentEncode(options.peer_id));
}

// As Nomad names the peer in its answers.
std::string PeerWords(const OperatorOptions& options) {
  return options.peer_id.empty()
             ? absl::StrCat("peer with address \"", options.peer_address, "\"")
             : absl::StrCat("peer with id \"", options.peer_id, "\"");
}

int ChangePeer(CliSession& session, const OperatorOptions& options,
               absl::string_view method, absl::string_view path,
               absl::string_view done) {
  const auto query = PeerQuery(options);
  if (!query.ok()) return session.Fail(query.status());
  const auto outcome = session.CallLeader(
      {method, absl::StrCat("/v1/operator/raft/", path, *query), "",
       kChangeTimeout});
  if (outcome.error) return session.Fail(*outcome.error);
  *session.world().out << std::string(done) << PeerWords(options) << "\n";
  return 0;
}

int GetAutopilot(CliSession& session, const OperatorOptions& options) {
  const std::string target =
      absl::StrCat(kAutopilot, options.stale ? "?stale" : "");
  return session.Show(session.CallLeader({"GET", target}), net::DecodeAutopilot,
                      FormatAutopilot);
}

// validation_failed for what is no duration.
absl::Status Merge(const OperatorOptions& options,
                   server::AutopilotSettings* settings) {
  const auto duration = [](const std::optional<std::string>& text,
                           absl::Duration* to) {
    if (!text) return absl::OkStatus();
    const auto parsed = net::ParseGoDuration(*text);
    if (parsed.ok()) *to = *parsed;
    return parsed.status();
  };
  settings->cleanup_dead_servers =
      options.cleanup_dead_servers.value_or(settings->cleanup_dead_servers);
  settings->max_trailing_logs =
      options.max_trailing_logs.value_or(settings->max_trailing_logs);
  settings->min_quorum = options.min_quorum.value_or(settings->min_quorum);
  absl::Status status = duration(options.last_contact_threshold,
                                 &settings->last_contact_threshold);
  status.Update(duration(options.server_stabilization_time,
                         &settings->server_stabilization_time));
  return status;
}

// Reads, merges, and writes if nobody else has meanwhile.
int SetAutopilot(CliSession& session, const OperatorOptions& options) {
  auto outcome = session.CallLeader({"GET", std::string(kAutopilot)});
  if (outcome.error) return session.Fail(*outcome.error);
  auto settings = net::DecodeAutopilot(outcome.body);
  if (!settings.ok()) return session.Fail(settings.status());
  if (const absl::Status merged = Merge(options, &*settings); !merged.ok()) {
    return session.Fail(merged);
  }
  outcome = session.CallLeader(
      {"PUT", absl::StrCat(kAutopilot, "?cas=", settings->modify_index),
       net::EncodeAutopilot(*settings)});
  if (outcome.error) return session.Fail(*outcome.error);
  if (outcome.body == "true") {
    *session.world().out << "Configuration updated!\n";
    return 0;
  }
  return session.Fail({"conflict",
                       "Configuration could not be atomically updated, please "
                       "try again"});
}

int Health(CliSession& session) {
  return session.Show(
      session.CallLeader({"GET", "/v1/operator/autopilot/health"}),
      net::DecodeAutopilotHealth, FormatHealth);
}

int RotateAuthority(CliSession& session) {
  return session.Finish(session.CallLeader({"POST", "/v1/cluster/rotate-ca"}),
                        net::DecodeAuthorities, FormatRotated);
}

int RetireAuthorities(CliSession& session, const OperatorOptions& options) {
  return session.Finish(session.CallLeader({"POST", "/v1/cluster/retire-ca",
                                            net::EncodeRetireAuthorities(
                                                {.force = options.force})}),
                        net::DecodeAuthorities, FormatRetired);
}

void AddOutput(CLI::App* command, std::string* output) {
  command->add_option("-o,--output", *output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}));
}

void AddStale(CLI::App* command, OperatorOptions* options) {
  command->add_flag("--stale", options->stale,
                    "Ask this server only, also when there is no leader");
}

void AddPeer(CLI::App* command, OperatorOptions* options) {
  command->add_option("--peer-id", options->peer_id,
                      "Id of the server, as list-peers shows it");
  command->add_option("--peer-address", options->peer_address,
                      "Its address, instead");
}

void AddSettings(CLI::App* set, OperatorOptions* options) {
  set->add_option("--cleanup-dead-servers", options->cleanup_dead_servers,
                  "Remove servers that stay silent: true or false");
  set->add_option("--last-contact-threshold", options->last_contact_threshold,
                  "In touch with the leader within this time, as 200ms");
  set->add_option("--max-trailing-logs", options->max_trailing_logs,
                  "At most so many entries behind");
  set->add_option("--server-stabilization-time",
                  options->server_stabilization_time,
                  "Healthy for so long before it votes, as 10s");
  set->add_option("--min-quorum", options->min_quorum,
                  "A clean-up leaves so many voters");
}

}  // namespace

void AddRaftCommands(CLI::App* raft, OperatorOptions* options,
                     std::string* output, const ChooseCommand& choose) {
  CLI::App* list =
      raft->add_subcommand("list-peers", "The members and who leads and votes");
  AddOutput(list, output);
  AddStale(list, options);
  list->callback([=] {
    choose([=](CliSession& session) { return ListPeers(session, *options); });
  });
  CLI::App* remove =
      raft->add_subcommand("remove-peer", "Take a member out for good");
  AddPeer(remove, options);
  remove->callback([=] {
    choose([=](CliSession& session) {
      return ChangePeer(session, *options, "DELETE", "peer", "Removed ");
    });
  });
  CLI::App* transfer =
      raft->add_subcommand("transfer-leadership", "Let another voter lead");
  AddPeer(transfer, options);
  transfer->callback([=] {
    choose([=](CliSession& session) {
      return ChangePeer(session, *options, "PUT", "transfer-leadership",
                        "Transferred leadership to ");
    });
  });
}

void AddAutopilotCommands(CLI::App* operate, OperatorOptions* options,
                          std::string* output, const ChooseCommand& choose) {
  CLI::App* autopilot = operate->add_subcommand(
      "autopilot", "How the leader judges and looks after servers");
  autopilot->require_subcommand(1);
  CLI::App* get = autopilot->add_subcommand("get-config", "Show the settings");
  AddOutput(get, output);
  AddStale(get, options);
  get->callback([=] {
    choose(
        [=](CliSession& session) { return GetAutopilot(session, *options); });
  });
  CLI::App* set = autopilot->add_subcommand(
      "set-config", "Change settings; those that are not given stay");
  AddSettings(set, options);
  set->callback([=] {
    choose(
        [=](CliSession& session) { return SetAutopilot(session, *options); });
  });
  CLI::App* health = autopilot->add_subcommand("health", "How servers are");
  AddOutput(health, output);
  health->callback([=] { choose(Health); });
}

void AddAuthorityCommands(CLI::App* cluster, OperatorOptions* options,
                          const ChooseCommand& choose) {
  CLI::App* rotate = cluster->add_subcommand(
      "rotate-ca", "Let a new certificate authority sign from now on");
  rotate->callback([=] { choose(RotateAuthority); });
  CLI::App* retire = cluster->add_subcommand(
      "retire-ca", "End the trust in earlier certificate authorities");
  retire->add_flag("--force", options->force,
                   "Also while nodes have certificates of theirs");
  retire->callback([=] {
    choose([=](CliSession& session) {
      return RetireAuthorities(session, *options);
    });
  });
}

}  // namespace jaco::cmd

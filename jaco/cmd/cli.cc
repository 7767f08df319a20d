#include "jaco/cmd/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <ostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/cmd/api_client.h"
#include "jaco/cmd/archive_commands.h"
#include "jaco/cmd/cli_arguments.h"
#include "jaco/cmd/cli_audit.h"
#include "jaco/cmd/cli_bootstrap.h"
#include "jaco/cmd/cli_completion.h"
#include "jaco/cmd/cli_join.h"
#include "jaco/cmd/cli_monitor.h"
#include "jaco/cmd/cli_nodes.h"
#include "jaco/cmd/cli_operator.h"
#include "jaco/cmd/cli_output.h"
#include "jaco/cmd/cli_session.h"
#include "jaco/cmd/config.h"
#include "jaco/cmd/offline_raft.h"
#include "jaco/cmd/suggest.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/query.h"

namespace jaco::cmd {
namespace {

constexpr absl::Duration kInitTimeout = absl::Seconds(60);

struct Options {
  ApiClientOptions api;
  std::string name;
  std::string output = "table";
  std::vector<std::string> addresses;
  bool allow_privileged = false;
  bool force = false;
  OfflineRaftOptions raft;
  ArchiveOptions archive;
  OperatorOptions operators;
  JoinOptions join;
  BootstrapCommandOptions bootstrap;
  AuditOptions audit;
  MonitorOptions monitor;
  std::string shell;
};

class Session : public CliSession {
 public:
  Session(const CliWorld& world, const Options& options, ApiClient client)
      : CliSession(world, options.output, std::move(client)),
        options_(options) {}

  int Init() {
    const Outcome outcome =
        Call({"POST", "/v1/cluster/init",
              net::EncodeInitRequest({.cluster_name = options_.name}),
              kInitTimeout});
    return Finish(outcome, net::DecodeInitResponse, FormatInit);
  }

  int Status() {
    const Outcome outcome = Call({"GET", "/v1/cluster/status"});
    return Show(outcome, net::DecodeStatusResponse, FormatStatus);
  }

  int IssueToken() {
    const Outcome outcome =
        CallLeader({"POST", "/v1/token",
                    net::EncodeIssueTokenRequest(
                        {.identity = options_.name,
                         .allow_privileged = options_.allow_privileged})});
    return Finish(outcome, net::DecodeIssueTokenResponse, FormatIssuedToken);
  }

  int RevokeToken() {
    const Outcome outcome =
        CallLeader({"DELETE", absl::StrCat("/v1/token/",
                                           net::PercentEncode(options_.name))});
    if (outcome.error) return Fail(*outcome.error);
    *world().out << FormatRevokedToken(options_.name);
    return 0;
  }

  int RemoveNode() {
    const Outcome outcome =
        CallLeader({"POST", "/v1/node/remove",
                    net::EncodeRemoveNodeRequest({.node_name = options_.name,
                                                  .force = options_.force})});
    if (outcome.error) return Fail(*outcome.error);
    *world().out << "Removed node " << options_.name << "\n";
    return 0;
  }

  // As Nomad's: silent, and content with a server that nobody knows.
  int ForceLeave() {
    const Outcome outcome =
        CallLeader({"POST", "/v1/node/remove",
                    net::EncodeRemoveNodeRequest(
                        {.node_name = options_.name, .force = true})});
    const bool gone =
        !outcome.error ||
        outcome.error->code == ErrorCodeName(ErrorCode::kNodeNotFound);
    return gone ? 0 : Fail(*outcome.error);
  }

  int ListNodes() { return cmd::ListNodes(*this, options_.output); }

  int JoinServers() {
    std::string target = "/v1/agent/join";
    const char* separator = "?";
    for (const std::string& address : options_.addresses) {
      absl::StrAppend(&target, std::exchange(separator, "&"),
                      "address=", net::PercentEncode(address));
    }
    const Outcome outcome = Call({"PUT", target, "", kInitTimeout});
    if (outcome.error) return Fail(*outcome.error);
    const auto response = net::DecodeJoinServersResponse(outcome.body);
    if (!response.ok()) return Fail(response.status());
    const std::string text = FormatJoinedServers(*response);
    *(response->error.empty() ? world().out : world().err) << text;
    return response->error.empty() ? 0 : 1;
  }

  int ListServers() { return cmd::ListServers(*this, options_.output); }

  int OfflineRaft() {
    if (!client().remote_address().empty()) {
      return Fail(MakeError(ErrorCode::kValidationFailed,
                            "this reads the files of a server on this host, "
                            "--server names another one: see --data-dir"));
    }
    OfflineRaftOptions raft = options_.raft;
    raft.output = options_.output;
    return RunOfflineRaft(raft, world());
  }

  int Backup() { return RunBackup(options_.archive, *this); }
  int Restore() { return RunRestore(options_.archive, *this); }
  int SaveSnapshot() { return RunSnapshotSave(options_.archive, *this); }
  int RestoreSnapshot() { return RunSnapshotRestore(options_.archive, *this); }
  int InspectSnapshot() {
    ArchiveOptions archive = options_.archive;
    archive.output = options_.output;
    return RunSnapshotInspect(archive, *this);
  }

  int ListTokens() {
    const Outcome outcome = CallLeader({"GET", "/v1/tokens"});
    return Show(outcome, net::DecodeListTokensResponse, FormatTokens);
  }

 private:
  const Options& options_;
};

using Command = std::function<int(Session&)>;

// For commands that live in files of their own.
ChooseCommand Choose(Command* command) {
  return [command](std::function<int(CliSession&)> chosen) {
    *command = std::move(chosen);
  };
}

// How to reach a server: welcome after any command.
void AddConnection(CLI::App* app, ApiClientOptions* options) {
  app->add_option("--socket", options->socket,
                  "Unix socket of the local jacod ($JACO_SOCKET)");
  app->add_option("--server", options->server,
                  "Another jacod, as https://HOST:PORT; needs a token");
  app->add_option("--token-file", options->token_file,
                  "File with the operator token (or $JACO_TOKEN); - is "
                  "standard input");
  app->add_option("--ca-cert", options->ca_cert,
                  "The cluster's CA certificate ($JACO_CA_CERT)");
  // Everybody on the host can read a command line.
  app->add_option("--token")->group("")->each([](const std::string&) {
    throw CLI::ConversionError(
        "--token: a token on the command line is no secret; use --token-file "
        "or JACO_TOKEN");
  });
}

void AddOutput(CLI::App* command, Options* options) {
  command->add_option("-o,--output", options->output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}));
}

void AddClusterCommands(CLI::App* app, Options* options, Command* command) {
  CLI::App* cluster =
      app->add_subcommand("cluster", "Control the local daemon's cluster");
  cluster->require_subcommand(1);
  CLI::App* init = cluster->add_subcommand("init", "Initialize a new cluster");
  init->add_option("--name", options->name,
                   "Human-readable cluster name (default: the cluster id)");
  init->callback([command] { *command = &Session::Init; });
  CLI::App* status = cluster->add_subcommand(
      "status", "Show whether this node is initialized, its leader and nodes");
  AddOutput(status, options);
  status->callback([command] { *command = &Session::Status; });
  AddAuthorityCommands(cluster, &options->operators, Choose(command));
}

void AddNodeCommands(CLI::App* app, Options* options, Command* command) {
  CLI::App* node = app->add_subcommand("node", "Manage the cluster's nodes");
  node->require_subcommand(1);
  AddJoinCommands(node, &options->join, Choose(command));
  CLI::App* remove =
      node->add_subcommand("remove", "Take a node out of the cluster");
  remove->add_option("name", options->name, "The node's name")->required();
  remove->add_flag("--force", options->force,
                   "Remove it as soon as it can be spared");
  remove->callback([command] { *command = &Session::RemoveNode; });
  CLI::App* list = node->add_subcommand("list", "List the nodes");
  AddOutput(list, options);
  list->callback([command] { *command = &Session::ListNodes; });
}

void AddServerCommands(CLI::App* app, Options* options, Command* command) {
  CLI::App* server = app->add_subcommand("server", "Manage the servers");
  server->require_subcommand(1);
  CLI::App* leave = server->add_subcommand(
      "force-leave", "Take a server that has failed out of the cluster");
  leave->add_option("name", options->name, "The server's name")->required();
  leave->callback([command] { *command = &Session::ForceLeave; });
  CLI::App* join = server->add_subcommand(
      "join", "Tell this server where others are that share its bootstrap_key");
  join->add_option("address", options->addresses,
                   "API of another server, as HOST[:PORT]")
      ->required();
  join->callback([command] { *command = &Session::JoinServers; });
  CLI::App* members = server->add_subcommand("members", "List the servers");
  AddOutput(members, options);
  members->callback([command] { *command = &Session::ListServers; });
}

void AddTokenCommands(CLI::App* app, Options* options, Command* command) {
  CLI::App* token = app->add_subcommand("token", "Manage operator tokens");
  token->require_subcommand(1);
  CLI::App* issue = token->add_subcommand("issue", "Issue a token, shown once");
  issue->add_option("--name", options->name, "Identity of the new token")
      ->required();
  issue->add_flag("--allow-privileged", options->allow_privileged,
                  "The token may admit privileged workloads, take and restore "
                  "backups, and issue tokens like it");
  issue->callback([command] { *command = &Session::IssueToken; });
  CLI::App* list = token->add_subcommand("list", "List tokens, never secrets");
  AddOutput(list, options);
  list->callback([command] { *command = &Session::ListTokens; });
  CLI::App* revoke = token->add_subcommand("revoke", "Revoke a token");
  revoke->add_option("identity", options->name, "Identity of the token")
      ->required();
  revoke->callback([command] { *command = &Session::RevokeToken; });
}

void AddOfflineRaft(CLI::App* raft, const std::string& name,
                    const std::string& help, OfflineRaftOptions::What what,
                    Options* options, Command* command) {
  CLI::App* sub = raft->add_subcommand(
      name, absl::StrCat(help, ", read from the files of a stopped server"));
  sub->add_option("--data-dir", options->raft.data_dir,
                  "Data directory of the server ($JACO_DATA_DIR)");
  if (what == OfflineRaftOptions::What::kLogs) {
    sub->add_option("--from", options->raft.from, "First index");
    sub->add_option("--to", options->raft.to, "Last index");
  }
  AddOutput(sub, options);
  sub->callback([options, command, what] {
    options->raft.what = what;
    *command = &Session::OfflineRaft;
  });
}

void AddSeal(CLI::App* command, ArchiveOptions* options) {
  command->add_option("--passphrase-file", options->passphrase_file,
                      "File with the passphrase or key of the backup (or "
                      "$JACO_BACKUP_PASSPHRASE)");
  command->add_flag("--prompt", options->prompt, "Ask for the passphrase");
}

void AddArchiveCommands(CLI::App* app, Options* options, Command* command) {
  ArchiveOptions* archive = &options->archive;
  CLI::App* backup = app->add_subcommand(
      "backup", "Write all that the cluster needs to a sealed file");
  backup->add_option("-o,--output", archive->file, "The file")->required();
  AddSeal(backup, archive);
  backup->callback([command] { *command = &Session::Backup; });
  CLI::App* restore = app->add_subcommand(
      "restore", "Make this fresh server the first one of a lost cluster");
  restore->add_option("file,-i,--input", archive->file, "The backup")
      ->required();
  restore->add_option("--name", archive->name,
                      "Check that this is the server's node_name");
  restore->add_option("--data-dir", archive->data_dir,
                      "Without jacod: the data directory to fill");
  restore->add_option("--config", archive->config,
                      "Without jacod: its configuration ($JACO_CONFIG)");
  AddSeal(restore, archive);
  restore->callback([command] { *command = &Session::Restore; });
}

void AddSnapshotCommands(CLI::App* operate, Options* options,
                         Command* command) {
  CLI::App* snapshot = operate->add_subcommand(
      "snapshot", "Earlier states of the cluster that runs");
  snapshot->require_subcommand(1);
  CLI::App* save =
      snapshot->add_subcommand("save", "Write the replicated state to a file");
  save->add_option("file", options->archive.file,
                   "The file (default: jaco-state-TIME.snap)");
  save->callback([command] { *command = &Session::SaveSnapshot; });
  CLI::App* restore = snapshot->add_subcommand(
      "restore", "Put a saved state in the place of the cluster's");
  restore->add_option("file", options->archive.file, "The file")->required();
  AddSeal(restore, &options->archive);
  restore->callback([command] { *command = &Session::RestoreSnapshot; });
  CLI::App* inspect = snapshot->add_subcommand(
      "inspect", "Verify a snapshot or backup and show what it is");
  inspect->add_option("file", options->archive.file, "The file")->required();
  AddSeal(inspect, &options->archive);
  AddOutput(inspect, options);
  inspect->callback([command] { *command = &Session::InspectSnapshot; });
}

void AddOperatorCommands(CLI::App* app, Options* options, Command* command) {
  using What = OfflineRaftOptions::What;
  CLI::App* operate =
      app->add_subcommand("operator", "Look after the cluster itself");
  operate->require_subcommand(1);
  CLI::App* raft = operate->add_subcommand("raft", "The Raft subsystem");
  raft->require_subcommand(1);
  AddSnapshotCommands(operate, options, command);
  AddOfflineRaft(raft, "info", "Term, members, snapshots and segments",
                 What::kInfo, options, command);
  AddOfflineRaft(raft, "logs", "The entries of the log", What::kLogs, options,
                 command);
  AddOfflineRaft(raft, "state", "The replicated state", What::kState, options,
                 command);
  AddRaftCommands(raft, &options->operators, &options->output, Choose(command));
  AddAutopilotCommands(operate, &options->operators, &options->output,
                       Choose(command));
}

const CLI::App* FindSubcommand(const CLI::App& app, const std::string& name) {
  const auto found = app.get_subcommands(
      [&name](const CLI::App* sub) { return sub->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

std::vector<std::string> CommandsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub :
       app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return names;
}

// Names of `app`'s subcommands and long options, for suggestions.
std::vector<std::string> WordsOf(const CLI::App& app) {
  std::vector<std::string> words = CommandsOf(app);
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      words.push_back(absl::StrCat("--", name));
    }
  }
  return words;
}

// "Did you mean" for the first argument that no command along the line knows.
std::string Hint(const CLI::App& app,
                 const std::vector<std::string>& arguments) {
  const CLI::App* deepest = &app;
  std::vector<std::string> words = WordsOf(app);
  for (const std::string& argument : arguments) {
    if (const auto* sub = FindSubcommand(*deepest, argument)) {
      deepest = sub;
      words = WordsOf(*sub);
      for (std::string& word : WordsOf(app)) {
        if (word.starts_with("--")) words.push_back(std::move(word));
      }
      continue;
    }
    const std::string word = argument.substr(0, argument.find('='));
    if (std::find(words.begin(), words.end(), word) != words.end()) continue;
    const std::string meant = Suggest(word, words);
    if (!meant.empty()) return absl::StrCat("Did you mean `", meant, "`?\n");
  }
  return "";
}

int UsageError(const CLI::App& app, const std::vector<std::string>& arguments,
               const CLI::ParseError& error, const CliWorld& world) {
  *world.err << FormatUsageError(error.what(), Hint(app, arguments));
  return 1;
}

}  // namespace

int RunCli(std::vector<std::string> arguments, const CliWorld& world) {
  Options options;
  options.api.socket = world.socket.value_or(std::string(kDefaultSocket));
  options.api.token_variable = world.token;
  options.api.standard_input = world.in;
  options.api.ca_cert_variable = world.ca_cert;
  options.api.default_ca_cert = absl::StrCat(world.data_dir, "/node/ca.crt");
  options.raft.data_dir = world.data_dir;
  options.join.token_variable = world.join_token;
  Command command;
  CLI::App app("Operate a jaco cluster.", "jaco");
  app.require_subcommand(1);
  app.fallthrough();  // --socket is welcome anywhere
  AddConnection(&app, &options.api);
  app.set_version_flag("--version", std::string(kVersion));
  AddClusterCommands(&app, &options, &command);
  AddNodeCommands(&app, &options, &command);
  AddServerCommands(&app, &options, &command);
  AddTokenCommands(&app, &options, &command);
  AddArchiveCommands(&app, &options, &command);
  AddOperatorCommands(&app, &options, &command);
  AddBootstrapCommands(&app, &options.bootstrap, &options.output,
                       &options.api.token_needed, Choose(&command));
  AddUserCommands(&app, &options.bootstrap, &options.output, Choose(&command));
  AddAuditCommand(&app, &options.audit, &options.output, Choose(&command));
  AddMonitorCommand(&app, &options.monitor, Choose(&command));
  bool version = false;
  app.add_subcommand("version", "Print the version")->callback([&version] {
    version = true;
  });
  CLI::App* completion = app.add_subcommand(
      "completion", "Print what makes a shell complete these commands");
  completion->add_option("shell", options.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  auto arranged = ArrangeArguments(std::move(arguments), CommandsOf(app));
  if (!arranged.ok()) {
    *world.err << FormatUsageError(arranged.status().message());
    return 1;
  }
  arguments = *std::move(arranged);
  try {
    // CLI11 takes the arguments from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      return UsageError(app, arguments, error, world);
    }
    return app.exit(error, *world.out, *world.err);  // --help, --version
  }
  if (version) {
    *world.out << std::string(kVersion) << "\n";
    return 0;
  }
  if (completion->parsed()) {
    *world.out << CompletionScript(app, options.shell);
    return 0;
  }
  auto client = ApiClient::Create(options.api);
  if (!client.ok()) {
    *world.err << FormatError(ErrorCodeName(CodeOf(client.status())),
                              client.status().message());
    return 1;
  }
  Session session(world, options, *std::move(client));
  return command(session);
}

}  // namespace jaco::cmd

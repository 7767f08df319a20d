#include "jaco/cmd/cli_bootstrap.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "jaco/base/error.h"
#include "jaco/cmd/input_file.h"
#include "jaco/net/sansio/bootstrap_json.h"
#include "jaco/net/sansio/query.h"
#include "jaco/net/sansio/user_json.h"

namespace jaco::cmd {
namespace {

using server::BootstrapAction;
using server::BootstrapState;
using server::BootstrapStatus;

constexpr absl::string_view kPath = "/v1/bootstrap";

// How a secret can be given.
struct Secret {
  const char* flag;
  const char* variable;
};
constexpr Secret kPassword = {"--password-file", "JACO_PASSWORD"};
constexpr Secret kPassphrase = {"--passphrase-file", "JACO_BACKUP_PASSPHRASE"};

// From a file, else the environment, else the terminal, there `times` times.
absl::StatusOr<std::string> FindSecret(const Secret& secret,
                                       const std::string& file,
                                       absl::string_view question, int times,
                                       const CliWorld& world) {
  if (!file.empty()) {
    auto text = ReadInput(file, kSecretBytesMax, world.in);
    if (!text.ok()) return text.status();
    return std::string(absl::StripTrailingAsciiWhitespace(*text));
  }
  if (auto text = world.environment(secret.variable)) return *std::move(text);
  auto text = world.prompt(question);
  if (!text.ok()) {
    return MakeError(
        ErrorCode::kValidationFailed,
        absl::StrCat(secret.flag, " or ", secret.variable,
                     " env is required where there is no terminal"));
  }
  if (times > 1) {
    const auto again = world.prompt("Once more: ");
    if (!again.ok()) return again.status();
    if (*again != *text) {
      return MakeError(ErrorCode::kValidationFailed,
                       "these are two different passwords");
    }
  }
  return text;
}

std::string Shown(std::optional<absl::Time> time) {
  return time ? absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", *time,
                                 absl::UTCTimeZone())
              : "-";
}

std::string FormatBootstrap(const BootstrapStatus& status) {
  std::string text =
      absl::StrCat("State:    ", server::BootstrapStateName(status.state),
                   "\nStarted:  ", Shown(status.started),
                   "\nEnded:    ", Shown(status.ended), "\n");
  if (status.state == BootstrapState::kError) {
    absl::StrAppend(&text, "Error:    ", status.error_code, ": ",
                    status.error_message, "\n");
  }
  return text;
}

std::string FormatUsers(const server::ListUsersResponse& response) {
  std::string text;
  for (const server::UserInfo& user : response.users) {
    absl::StrAppend(&text, user.name, "\n");
  }
  return text;
}

absl::string_view Done(BootstrapAction action) {
  switch (action) {
    case BootstrapAction::kCreate:
      return "Cluster created.\n";
    case BootstrapAction::kJoin:
      return "Joined cluster.\n";
    case BootstrapAction::kRecover:
      return "Cluster restored.\n";
  }
  return "";
}

// What was begun goes on without us. The certificate of a server without a
// cluster is gone as soon as it has one, and with its process.
int Lost(CliSession& session, net::ApiError error) {
  if (error.code == ErrorCodeName(ErrorCode::kPeerUntrusted)) {
    error.message = absl::StrCat(
        "the connection broke, and ", session.client().name(),
        " shows another certificate now: it is in a cluster, or jacod was "
        "started anew. `jaco bootstrap status` on its host says which, and so "
        "does `jaco cluster status` with --ca-cert and a token of the cluster");
  }
  return session.Fail(error);
}

// Says every state once, until there is nothing to wait for.
int Follow(CliSession& session, BootstrapAction action) {
  std::optional<BootstrapState> said;
  while (true) {
    const auto outcome = session.Call({"GET", std::string(kPath)});
    // A member lets no stranger see.
    const bool refused =
        outcome.error &&
        outcome.error->code == ErrorCodeName(ErrorCode::kTokenInvalid);
    if (outcome.error && !refused) return Lost(session, *outcome.error);
    BootstrapStatus status{.state = BootstrapState::kCompleted};
    if (!refused) {
      const auto decoded = net::DecodeBootstrapReport(outcome.body);
      if (!decoded.ok()) return session.Fail(decoded.status());
      status = *decoded;
    }
    if (status.state == BootstrapState::kError) {
      return session.Fail({status.error_code, status.error_message});
    }
    if (status.state == BootstrapState::kCompleted) {
      *session.world().out << std::string(Done(action));
      return 0;
    }
    if (status.state == BootstrapState::kIdle) {
      return session.Fail(MakeError(
          ErrorCode::kConflict, "jacod was started anew meanwhile; repeat it"));
    }
    if (said != status.state) {
      said = status.state;
      *session.world().err << std::string(
                                  server::BootstrapStateName(status.state))
                           << "\n";
    }
    absl::SleepFor(session.world().retry_every);
  }
}

int Run(CliSession& session, const BootstrapCommandOptions& options,
        const server::BootstrapRequest& request) {
  // A new member shows another certificate, to whoever connects anew.
  session.KeepConnection();
  const auto outcome = session.Call(
      {"POST",
       absl::StrCat(kPath, "/", server::BootstrapActionName(request.action)),
       net::EncodeBootstrapRequest(request)});
  if (outcome.error) return session.Fail(*outcome.error);
  return options.no_wait ? 0 : Follow(session, request.action);
}

int Create(CliSession& session, const BootstrapCommandOptions& options) {
  auto password = FindSecret(
      kPassword, options.password_file,
      absl::StrCat("Password of ", options.username, ": "), 2, session.world());
  if (!password.ok()) return session.Fail(password.status());
  return Run(session, options,
             {.action = BootstrapAction::kCreate,
              .cluster_name = options.name,
              .username = options.username,
              .password = *std::move(password)});
}

int Join(CliSession& session, const BootstrapCommandOptions& options) {
  server::BootstrapRequest request{.action = BootstrapAction::kJoin,
                                   .nodes = options.nodes,
                                   .username = options.username,
                                   .retries_max = options.max_retries,
                                   .retry_time = Seconds(options.retry_time)};
  if (options.username.empty()) {
    request.join_token = session.world().join_token.value_or("");
    if (request.join_token.empty()) {
      return session.Fail(
          MakeError(ErrorCode::kValidationFailed,
                    "--username or JACO_JOIN_TOKEN env is required"));
    }
  } else {
    auto password =
        FindSecret(kPassword, options.password_file,
                   absl::StrCat("Password of ", options.username, ": "), 1,
                   session.world());
    if (!password.ok()) return session.Fail(password.status());
    request.password = *std::move(password);
  }
  return Run(session, options, request);
}

int Recover(CliSession& session, const BootstrapCommandOptions& options) {
  auto secret =
      FindSecret(kPassphrase, options.passphrase_file,
                 "Passphrase or key of the backup: ", 1, session.world());
  if (!secret.ok()) return session.Fail(secret.status());
  std::error_code error;
  const auto path = std::filesystem::absolute(options.file, error);
  return Run(session, options,
             {.action = BootstrapAction::kRecover,
              .recovery_filename = error ? options.file : path.string(),
              .recovery_secret = *std::move(secret)});
}

std::string UserPath(const BootstrapCommandOptions& options) {
  return absl::StrCat("/v1/user/", net::PercentEncode(options.name));
}

int SetPassword(CliSession& session, const BootstrapCommandOptions& options) {
  auto password = FindSecret(
      kPassword, options.password_file,
      absl::StrCat("New password of ", options.name, ": "), 2, session.world());
  if (!password.ok()) return session.Fail(password.status());
  const auto outcome = session.CallLeader(
      {"PUT", UserPath(options),
       net::EncodeSetUserRequest({options.name, *std::move(password)})});
  if (outcome.error) return session.Fail(*outcome.error);
  *session.world().out << "Set the password of " << options.name << "\n";
  return 0;
}

int RemoveUser(CliSession& session, const BootstrapCommandOptions& options) {
  const auto outcome = session.CallLeader({"DELETE", UserPath(options)});
  if (outcome.error) return session.Fail(*outcome.error);
  *session.world().out << "Removed user " << options.name << "\n";
  return 0;
}

}  // namespace

void AddBootstrapCommands(CLI::App* app, BootstrapCommandOptions* options,
                          std::string* output, bool* token_needed,
                          const ChooseCommand& choose) {
  CLI::App* bootstrap = app->add_subcommand(
      "bootstrap", "Found, join or restore a cluster, and see how far that is");
  bootstrap->require_subcommand(1);
  const auto add =
      [=](const char* name, const char* help,
          int (*run)(CliSession&, const BootstrapCommandOptions&)) {
        CLI::App* command = bootstrap->add_subcommand(name, help);
        command->callback([=] {
          *token_needed = false;
          choose([=](CliSession& session) { return run(session, *options); });
        });
        return command;
      };
  CLI::App* status =
      add("status", "Show the state of the last action",
          [](CliSession& session, const BootstrapCommandOptions&) {
            return session.Show(session.Call({"GET", std::string(kPath)}),
                                net::DecodeBootstrapReport, FormatBootstrap);
          });
  status->add_option("-o,--output", *output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}));
  CLI::App* create = add("create", "Found a cluster with a first user", Create);
  create->add_option("--name", options->name,
                     "The cluster's name, as a host's");
  create->add_option("--username", options->username, "The first user")
      ->required();
  CLI::App* join = add("join", "Join a cluster by a password", Join);
  join->add_option("node", options->nodes, "APIs of members, as HOST[:PORT]")
      ->required();
  join->add_option("--username", options->username,
                   "A user of the cluster; without, $JACO_JOIN_TOKEN");
  join->add_option("--max-retries", options->max_retries,
                   "How often all are tried again");
  join->add_option("--retry-time", options->retry_time, "Seconds in between");
  for (CLI::App* command : {create, join}) {
    command->add_option("--password-file", options->password_file,
                        "File with the password (or $JACO_PASSWORD)");
  }
  CLI::App* recover =
      add("recover", "Bring a lost cluster back from a backup", Recover);
  recover->add_option("file", options->file, "The backup, on the server's host")
      ->required();
  recover->add_option("--passphrase-file", options->passphrase_file,
                      "File with the passphrase or key of the backup (or "
                      "$JACO_BACKUP_PASSPHRASE)");
  for (CLI::App* command : {create, join, recover}) {
    command->add_flag("--no-wait", options->no_wait,
                      "Return as soon as it has begun");
  }
}

void AddUserCommands(CLI::App* app, BootstrapCommandOptions* options,
                     std::string* output, const ChooseCommand& choose) {
  CLI::App* user =
      app->add_subcommand("user", "Manage operators with passwords");
  user->require_subcommand(1);
  CLI::App* list = user->add_subcommand("list", "List the users");
  list->add_option("-o,--output", *output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}));
  list->callback([=] {
    choose([](CliSession& session) {
      return session.Show(session.CallLeader({"GET", "/v1/users"}),
                          net::DecodeUsers, FormatUsers);
    });
  });
  const auto add =
      [=](const char* name, const char* help,
          int (*run)(CliSession&, const BootstrapCommandOptions&)) {
        CLI::App* command = user->add_subcommand(name, help);
        command->add_option("name", options->name, "The user")->required();
        command->callback([=] {
          choose([=](CliSession& session) { return run(session, *options); });
        });
        return command;
      };
  add("set-password", "Add a user, or change the password", SetPassword)
      ->add_option("--password-file", options->password_file,
                   "File with the password (or $JACO_PASSWORD)");
  add("remove", "Remove a user", RemoveUser);
}

}  // namespace jaco::cmd

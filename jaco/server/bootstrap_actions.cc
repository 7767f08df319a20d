#include "jaco/server/bootstrap_actions.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/server/bootstrap_check.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSubsystem = "bootstrap";

// "host:port" or "[host]:port".
absl::string_view HostOf(absl::string_view address) {
  address = address.substr(0, address.rfind(':'));
  if (!address.empty() && address.front() == '[') {
    address = address.substr(1, address.size() - 2);
  }
  return address;
}

}  // namespace

bool BootstrapActions::IsOpen() const {
  const Lifecycle lifecycle = node_->lifecycle();
  return busy() || lifecycle == Lifecycle::kUninitialized ||
         lifecycle == Lifecycle::kCreating ||
         lifecycle == Lifecycle::kRemoved || node_->IsNewcomer();
}

// ---- What there is to see.

// Joining and recovering end with files that are created.
BootstrapState BootstrapActions::Doing() const {
  if (busy()) return status_.state;
  if (node_->lifecycle() == Lifecycle::kMember) {
    return node_->IsNewcomer() ? BootstrapState::kJoining
                               : BootstrapState::kIdle;
  }
  if (doors_.backups->busy()) return BootstrapState::kRecovering;
  if (doors_.joins->joining()) return BootstrapState::kJoining;
  return node_->lifecycle() == Lifecycle::kCreating ? BootstrapState::kCreating
                                                    : BootstrapState::kIdle;
}

std::optional<Lifecycle> BootstrapActions::UnderWay() const {
  switch (Doing()) {
    case BootstrapState::kCreating:
      return Lifecycle::kCreating;
    case BootstrapState::kJoining:
      return Lifecycle::kJoining;
    case BootstrapState::kRecovering:
      return Lifecycle::kRecovering;
    default:
      return std::nullopt;
  }
}

BootstrapStatus BootstrapActions::Status() const {
  if (busy()) return status_;
  const bool member = node_->lifecycle() == Lifecycle::kMember;
  const bool completed = status_.state == BootstrapState::kCompleted;
  if (member && completed) return status_;
  if (const BootstrapState doing = Doing(); doing != BootstrapState::kIdle) {
    return {.state = doing};
  }
  if (!member) return completed ? BootstrapStatus() : status_;
  // By another door, or before this run.
  BootstrapStatus status{.state = BootstrapState::kCompleted};
  const auto& nodes = node_->state().nodes();
  const auto self = nodes.find(node_->raft()->id().value());
  if (self != nodes.end()) {
    status.started = absl::FromUnixMillis(self->second.joined_at_unix_ms());
    status.ended = status.started;
  }
  return status;
}

void BootstrapActions::Report(Reply<BootstrapReport> reply) {
  auto report = std::make_shared<BootstrapReport>();
  report->status = Status();
  report->software_version = node_->options().version;
  report->data_dir = node_->options().data_dir;
  if (const raft::Raft* raft = node_->raft()) {
    const auto self = node_->state().nodes().find(raft->id().value());
    if (self != node_->state().nodes().end()) {
      report->uid = self->second.create_index();
    }
  }
  node_->env().disk->Submit(
      env::Lane::kApply,
      [report, host = node_->env().host](env::FileSystem&) {
        if (host != nullptr) report->host = host->Facts(report->data_dir);
        return absl::OkStatus();
      },
      [report, reply = std::move(reply)](const absl::Status&) mutable {
        reply(std::move(*report));
      });
}

// ---- Who may begin what.

absl::Status BootstrapActions::CheckMayBegin(
    const Caller& caller, const BootstrapRequest& request) const {
  switch (node_->lifecycle()) {
    case Lifecycle::kUninitialized:
      break;
    case Lifecycle::kRemoved:
      if (request.action == BootstrapAction::kJoin) break;
      [[fallthrough]];
    case Lifecycle::kCreating:
    case Lifecycle::kJoining:
    case Lifecycle::kRecovering:
    case Lifecycle::kMember:
      return MakeError(ErrorCode::kClusterAlreadyInitialized,
                       "this server is, was or becomes a member of a cluster");
    case Lifecycle::kStarting:
    case Lifecycle::kFailed:
      return MakeError(ErrorCode::kNoLeader, "this server is not ready");
  }
  if (caller.identity != Caller::Local().identity &&
      !node_->options().bootstrap.remote) {
    return MakeError(ErrorCode::kPermissionDenied,
                     "this server is bootstrapped over its unix socket only; "
                     "`remote_bootstrap: true` in its configuration allows "
                     "everybody who reaches it to do so");
  }
  if (busy()) {
    return MakeError(ErrorCode::kConflict, "bootstrap is already in progress");
  }
  return CheckBootstrapRequest(request);
}

absl::Status BootstrapActions::CheckHost(
    const BootstrapRequest& request) const {
  const ServerOptions& options = node_->options();
  if (!request.node_name.empty() && request.node_name != options.node_name) {
    return MakeError(
        ErrorCode::kConfigMismatch,
        absl::StrCat("node.identity.name: this server's node_name is ",
                     options.node_name));
  }
  if (!request.address.empty() &&
      request.address != HostOf(options.peer_address)) {
    return MakeError(
        ErrorCode::kConfigMismatch,
        absl::StrCat("node.identity.addr: by its cluster_addr this server is "
                     "at ",
                     HostOf(options.peer_address), " for its peers"));
  }
  return absl::OkStatus();
}

// ---- The machine.

void BootstrapActions::Enter(BootstrapState state) {
  status_.state = state;
  node_->env().logger->Write(LogLevel::kInfo, kSubsystem,
                             BootstrapStateName(state));
}

absl::Status BootstrapActions::Begin(const Caller& caller,
                                     BootstrapRequest request) {
  absl::Status may = CheckMayBegin(caller, request);
  if (!may.ok()) return may;
  status_ = {.started = node_->env().clock->WallNow()};
  Enter(BootstrapState::kInitiated);
  node_->env().loop->Post([this, request = std::move(request)]() mutable {
    Run(std::move(request));
  });
  return absl::OkStatus();
}

void BootstrapActions::Run(BootstrapRequest request) {
  if (absl::Status fits = CheckHost(request); !fits.ok()) return Finish(fits);
  switch (request.action) {
    case BootstrapAction::kCreate:
      Enter(BootstrapState::kCreating);
      return Create(std::move(request));
    case BootstrapAction::kJoin:
      Enter(BootstrapState::kJoining);
      return Join(std::move(request));
    case BootstrapAction::kRecover:
      Enter(BootstrapState::kRecovering);
      return Recover(std::move(request));
  }
}

void BootstrapActions::Finish(const absl::Status& status) {
  status_.ended = node_->env().clock->WallNow();
  if (status.ok()) return Enter(BootstrapState::kCompleted);
  status_.state = BootstrapState::kError;
  status_.error_code = BootstrapErrorCode(status);
  status_.error_message = std::string(status.message());
  node_->env().logger->Write(
      LogLevel::kError, kSubsystem,
      absl::StrCat(status_.error_code, ": ", status.message()));
}

void BootstrapActions::Create(BootstrapRequest request) {
  const InitRequest init{.cluster_name = request.cluster_name};
  absl::Status may = doors_.expect->CheckMayInit();
  if (may.ok()) may = doors_.cluster->CheckInit(init);
  if (!may.ok()) return Finish(may);
  doors_.users->MakeUser(
      request.username, std::move(request.password),
      [this, init](absl::StatusOr<fsm::User> user) {
        if (!user.ok()) return Finish(user.status());
        // The server may have promised another to found, meanwhile.
        const absl::Status still = doors_.expect->CheckMayInit();
        if (!still.ok()) return Finish(still);
        doors_.cluster->Init(init, *std::move(user),
                             [this](const absl::StatusOr<InitResponse>& made) {
                               Finish(made.status());
                             });
      });
}

// ---- Without doing it.

void BootstrapActions::Validate(BootstrapRequest request, Done done) {
  absl::Status status = CheckHost(request);
  if (status.ok() && validating_) {
    status = MakeError(ErrorCode::kConflict, "another request is validated");
  }
  if (status.ok() && request.action != BootstrapAction::kJoin) {
    status = doors_.expect->CheckMayInit();
  }
  if (status.ok() && request.action == BootstrapAction::kCreate) {
    status = doors_.cluster->CheckInit({.cluster_name = request.cluster_name});
  }
  const bool said_all =
      request.action == BootstrapAction::kCreate || !request.join_token.empty();
  if (!status.ok() || said_all) {
    return PostError(*node_->env().loop, std::move(status), std::move(done));
  }
  validating_ = true;
  auto validated = [this, done = std::move(done)](absl::Status result) mutable {
    validating_ = false;
    done(std::move(result));
  };
  if (request.action == BootstrapAction::kJoin) {
    return ValidateJoin(std::move(request), std::move(validated));
  }
  ReadBackup(std::move(request),
             [validated = std::move(validated)](
                 const absl::StatusOr<std::string>& archive) mutable {
               validated(archive.status());
             });
}

}  // namespace jaco::server

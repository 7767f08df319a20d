#include "jaco/sim/workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/server/backup_format.h"
#include "jaco/sim/stream.h"

namespace jaco::sim {
namespace {

// From a client to a server; clients' links are sound.
constexpr Duration kCallDelay = Microseconds(100);
// Between attempts, on average.
constexpr Duration kRetryPause = Milliseconds(40);

// The tokens that are in a backup, as a list would show them.
absl::StatusOr<server::ListTokensResponse> TokensIn(absl::string_view archive) {
  const auto content = server::DecodeBackup(archive);
  if (!content.ok()) return content.status();
  fsm::ClusterState state;
  const absl::Status loaded = state.RestoreSnapshot(content->state);
  if (!loaded.ok()) return loaded;
  if (state.applied().value() != content->meta.index) {
    return absl::DataLossError("meta.json has another index than the state");
  }
  server::ListTokensResponse list;
  list.index = content->meta.index;
  for (const auto& [identity, token] : state.tokens()) {
    server::TokenInfo& info = list.tokens.emplace_back();
    info.identity = identity;
    info.create_index = token.create_index();
    info.modify_index = token.modify_index();
    if (token.revoked_at_unix_ms() != 0) {
      info.revoked_at = absl::FromUnixMillis(token.revoked_at_unix_ms());
    }
  }
  return list;
}

}  // namespace

Workload::Workload(World& world, uint64_t seed)
    : world_(world),
      owner_(world.queue().NewOwner()),
      pause_(world.options().client_pause),
      timeout_(world.options().client_timeout) {
  for (int i = 0; i < world.options().clients; ++i) {
    clients_.emplace_back(
        MakeStream(seed, Stream::kClientOp, static_cast<uint64_t>(i)));
  }
  world.SetDownObserver([this](NodeNumber server) { OnDown(server); });
  for (uint32_t i = 0; i < clients_.size(); ++i) Rest(i);
}

Workload::~Workload() {
  world_.queue().CancelAll(owner_);
  world_.SetDownObserver(nullptr);
}

bool Workload::Idle() const {
  return open_calls_ == 0 &&
         std::none_of(clients_.begin(), clients_.end(),
                      [](const Client& client) { return client.busy; });
}

void Workload::Rest(uint32_t client) {
  const Duration pause = clients_[client].prng.Tail(pause_);
  world_.queue().Schedule(world_.now() + pause, owner_,
                          {EventKind::kClient, kWorld, kWorld, client},
                          [this, client] {
                            if (!finishing_) BeginOperation(client);
                          });
}

void Workload::BeginOperation(uint32_t number) {
  Client& client = clients_[number];
  const uint64_t known = history_.identities();
  // Packing a backup costs as much as hundreds of the other operations.
  const uint64_t die = client.prng.Below(1000);
  client.kind = die < 450   ? OpKind::kIssue
                : die < 750 ? OpKind::kRevoke
                : die < 996 ? OpKind::kList
                            : OpKind::kBackup;
  if (client.kind == OpKind::kRevoke && known > 0) {
    client.identity =
        static_cast<TokenHistory::Identity>(client.prng.Below(known));
  } else if (client.kind == OpKind::kIssue) {
    client.identity = history_.NewIdentity(absl::StrCat("t", known));
  } else if (client.kind != OpKind::kBackup) {
    client.kind = OpKind::kList;
  }
  Begin(number);
}

void Workload::IssueOneMore() {
  clients_[0].kind = OpKind::kIssue;
  clients_[0].identity =
      history_.NewIdentity(absl::StrCat("last", history_.identities()));
  Begin(0);
}

void Workload::ListOnceMore() {
  clients_[0].kind = OpKind::kList;
  Begin(0);
}

void Workload::Begin(uint32_t number) {
  clients_[number].attempts = 0;
  clients_[number].busy = true;
  Attempt(number);
}

void Workload::Attempt(uint32_t number) {
  Client& client = clients_[number];
  ++client.attempts;
  client.call = static_cast<CallNumber>(calls_.size());
  calls_.push_back({.client = number,
                    .kind = client.kind,
                    .server = client.server,
                    .identity = client.identity});
  const CallNumber call = client.call;
  // An event of the server's: a paused one does not take calls.
  world_.queue().Schedule(world_.now() + kCallDelay, owner_,
                          {EventKind::kClient, client.server, kWorld, number},
                          [this, call] { MakeCall(call); });
  client.timeout =
      world_.queue().Schedule(world_.now() + timeout_, owner_,
                              {EventKind::kClient, kWorld, kWorld, number},
                              [this, number] { Retry(number); });
}

void Workload::MakeCall(CallNumber number) {
  Call& call = calls_[number];
  const bool wanted = clients_[call.client].call == number;
  if (!wanted) return;
  if (!world_.node(call.server).up()) return Retry(call.client);
  world_.trace().Note({EventKind::kCall, call.server, kWorld, number});
  call.called = Now();
  call.open = true;
  ++open_calls_;
  switch (call.kind) {
    case OpKind::kIssue:
      return CallIssue(number);
    case OpKind::kRevoke:
      return CallRevoke(number);
    case OpKind::kList:
      return CallList(number);
    case OpKind::kBackup:
      return CallBackup(number);
  }
}

void Workload::CallIssue(CallNumber number) {
  const Call& call = calls_[number];
  history_.OnIssueCall(call.identity);
  world_.node(call.server)
      .server()
      ->IssueToken({}, {.identity = history_.name(call.identity)},
                   ReplyTo<server::IssueTokenResponse>(number));
}

void Workload::CallRevoke(CallNumber number) {
  const Call& call = calls_[number];
  history_.OnRevokeCall(call.identity);
  world_.node(call.server)
      .server()
      ->RevokeToken({}, {.identity = history_.name(call.identity)},
                    ReplyTo<server::RevokeTokenResponse>(number));
}

void Workload::CallList(CallNumber number) {
  world_.node(calls_[number].server)
      .server()
      ->ListTokens({}, ReplyTo<server::ListTokensResponse>(number));
}

void Workload::CallBackup(CallNumber number) {
  world_.node(calls_[number].server)
      .server()
      ->Backup(server::Caller::Local(),
               ReplyTo<server::ArchiveResponse>(number));
}

// An answer counts for the history even when its client has given up.
template <typename Response>
void Workload::OnReply(CallNumber number,
                       const absl::StatusOr<Response>& response) {
  Call& call = calls_[number];
  const std::string outcome =
      response.ok() ? "ok"
                    : std::string(ErrorCodeName(CodeOf(response.status())));
  world_.trace().Note({EventKind::kReply, call.server, kWorld, number},
                      outcome);
  if (!call.open) {
    world_.findings().Report(
        "replied_once",
        absl::StrCat("call ", number, " was answered a second time"));
    return;
  }
  call.open = false;
  --open_calls_;
  bool definite = true;
  if (response.ok()) {
    OnResponse(call, *response);
  } else {
    definite = OnError(call, response.status());
  }
  if (clients_[call.client].call != number) return;
  if (definite) {
    EndOperation(call.client);
  } else {
    Retry(call.client);
  }
}

void Workload::OnResponse(const Call& call,
                          const server::IssueTokenResponse& response) {
  secrets_.push_back({call.identity, response.token});
  history_.OnIssued(call.identity, response.index, call.called, Now(),
                    world_.findings());
}

void Workload::OnResponse(const Call& call,
                          const server::RevokeTokenResponse& response) {
  history_.OnRevoked(call.identity, response.index, call.called, Now(),
                     world_.findings());
}

void Workload::OnResponse(const Call& call,
                          const server::ListTokensResponse& response) {
  history_.OnListed(response, call.called, Now(), world_.findings());
}

// A backup says as much as a list, and must be as true.
void Workload::OnResponse(const Call& call,
                          const server::ArchiveResponse& response) {
  const auto list = TokensIn(response.archive);
  if (!list.ok()) {
    world_.findings().Report(
        "backup_is_whole",
        absl::StrCat("call ", call.called, ": ", list.status().message()));
    return;
  }
  history_.OnListed(*list, call.called, Now(), world_.findings());
}

bool Workload::OnError(const Call& call, const absl::Status& status) {
  switch (CodeOf(status)) {
    case ErrorCode::kTokenExists:
      history_.OnTokenExists(call.identity, Now(), world_.findings());
      return true;
    case ErrorCode::kTokenNotFound:
      history_.OnTokenNotFound(call.identity, call.called, world_.findings());
      return true;
    default:
      return false;
  }
}

void Workload::Retry(uint32_t number) {
  Client& client = clients_[number];
  client.call = kNoCall;
  world_.queue().Cancel(client.timeout);
  if (client.attempts >= kAttemptsMax && !finishing_) {
    return EndOperation(number);
  }
  client.server =
      static_cast<NodeNumber>(client.prng.Between(1, world_.servers()));
  const Duration pause = client.prng.Tail(kRetryPause);
  world_.queue().Schedule(world_.now() + pause, owner_,
                          {EventKind::kClient, kWorld, kWorld, number},
                          [this, number] { Attempt(number); });
}

void Workload::EndOperation(uint32_t number) {
  Client& client = clients_[number];
  if (client.call != kNoCall) ++completed_;
  client.call = kNoCall;
  client.busy = false;
  world_.queue().Cancel(client.timeout);
  Rest(number);
}

void Workload::OnDown(NodeNumber server) {
  for (CallNumber i = 0; i < calls_.size(); ++i) {
    Call& call = calls_[i];
    if (!call.open || call.server != server) continue;
    call.open = false;
    --open_calls_;
    if (clients_[call.client].call == i) Retry(call.client);
  }
}

std::string Workload::Unfinished() const {
  std::string text = absl::StrCat(open_calls_, " calls without an answer");
  for (CallNumber i = 0; i < calls_.size(); ++i) {
    if (!calls_[i].open) continue;
    absl::StrAppend(&text, "; call ", i, " at node ", calls_[i].server,
                    " since event ", calls_[i].called);
  }
  for (const Client& client : clients_) {
    if (!client.busy) continue;
    absl::StrAppend(&text, "; a client in attempt ", client.attempts);
  }
  return text;
}

}  // namespace jaco::sim

#include "jaco/server/bootstrap_service.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/server/bootstrap_record.h"
#include "jaco/server/security/token.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSubsystem = "bootstrap";
// On whose behalf join tokens are issued to those with the key.
constexpr absl::string_view kIdentity = "bootstrap_key";

}  // namespace

BootstrapService::BootstrapService(Node* node, ClusterService* cluster,
                                   JoinService* joins)
    : node_(node),
      cluster_(cluster),
      joins_(joins),
      contacts_(node->options().bootstrap.retry,
                node->options().bootstrap.retry_max) {}

bool BootstrapService::Active() const {
  return loaded_ && node_->lifecycle() == Lifecycle::kUninitialized;
}

void BootstrapService::Start() {
  if (options().expect == 0 && options().peer == nullptr) return;
  unknown_ = MakeError(ErrorCode::kNoLeader, "this server is starting");
  prng_ = Prng(NewNodeId(*node_->env().entropy));
  auto loaded =
      std::make_shared<absl::StatusOr<std::optional<BootstrapRecord>>>(
          std::nullopt);
  node_->env().disk->Submit(
      env::Lane::kLog,
      [loaded, path = node_->options().data_dir,
       seal_key = node_->options().seal_key](env::FileSystem& fs) {
        *loaded = LoadBootstrapRecord(fs, path, seal_key.get());
        return absl::OkStatus();
      },
      [this, loaded](const absl::Status&) { OnLoaded(*std::move(loaded)); });
}

// A server that has lost its vote may not vote again: it takes no part.
void BootstrapService::OnLoaded(
    absl::StatusOr<std::optional<BootstrapRecord>> loaded) {
  unknown_ = absl::OkStatus();
  if (node_->lifecycle() == Lifecycle::kMember) return Forget();
  if (!loaded.ok()) {
    unknown_ = MakeError(CodeOf(loaded.status()),
                         absl::StrCat("this server takes no part in the "
                                      "founding of a cluster: ",
                                      loaded.status().message()));
    return Report(unknown_.message(), LogLevel::kError);
  }
  if (loaded->has_value()) {
    record_ = **std::move(loaded);
  } else {
    record_.set_server_id(NewNodeId(*node_->env().entropy));
  }
  loaded_ = true;
  contacts_.SetSelf(Ourselves(record_.server_id()));
  const Instant now = node_->env().clock->Now();
  for (const std::string& address : options().retry_join) {
    contacts_.Learn(address, now);
  }
  for (const std::string& address : record_.addresses()) {
    contacts_.Learn(address, now);
  }
  for (const KnownServer& server : record_.known()) {
    contacts_.Recall(server.address(), server.server_id(), now);
  }
  remembered_ = contacts_.KnownByAddress();
  durable_.assign(record_.addresses().begin(), record_.addresses().end());
  BeginRound();
}

BootstrapContacts::Self BootstrapService::Ourselves(uint64_t id) const {
  return {id, node_->options().node_name, options().api_address,
          options().expect};
}

void BootstrapService::Store(Done done) {
  record_.clear_addresses();
  for (std::string& address : contacts_.All()) {
    record_.add_addresses(std::move(address));
  }
  auto known = contacts_.KnownByAddress();
  record_.clear_known();
  for (const auto& [address, id] : known) {
    KnownServer& server = *record_.add_known();
    server.set_address(address);
    server.set_server_id(id);
  }
  node_->env().disk->Submit(
      env::Lane::kLog,
      [path = node_->options().data_dir,
       bytes = EncodeBootstrapRecord(SealJoinToken(
           record_, node_->options().seal_key.get(), *node_->env().entropy))](
          env::FileSystem& fs) {
        return StoreBootstrapRecord(fs, path, bytes);
      },
      [this, addresses = contacts_.All(), known = std::move(known),
       done = std::move(done)](absl::Status status) mutable {
        if (status.ok()) {
          durable_ = std::move(addresses);
          remembered_ = std::move(known);
        }
        done(std::move(status));
      });
}

// A member's Raft state says all that counts.
void BootstrapService::Forget() {
  progress_.clear();
  node_->env().disk->Submit(
      env::Lane::kLog,
      [path = node_->options().data_dir](env::FileSystem& fs) {
        return RemoveBootstrapRecord(fs, path);
      },
      [](const absl::Status&) {});
}

void BootstrapService::Report(absl::string_view progress, LogLevel level) {
  progress_ = std::string(progress);
  std::string& last = level == LogLevel::kInfo ? said_ : warned_;
  if (std::exchange(last, progress_) == progress_) return;
  node_->env().logger->Write(level, kSubsystem, progress_);
}

absl::Status BootstrapService::CheckMayInit() const {
  if (node_->lifecycle() != Lifecycle::kUninitialized) return absl::OkStatus();
  if (!unknown_.ok()) return unknown_;
  return loaded_ ? CheckMayFound(record_.vote()) : absl::OkStatus();
}

// ---- The one that is asked.

void BootstrapService::Hello(const Caller& caller, HelloRequest request,
                             Reply<HelloResponse> reply) {
  if (!caller.bootstrap_peer) {
    return node_->Refuse(
        MakeError(ErrorCode::kPermissionDenied, "the bootstrap key is needed"),
        std::move(reply));
  }
  if (absl::Status status = ValidateHello(request); !status.ok()) {
    return node_->Refuse(std::move(status), std::move(reply));
  }
  if (node_->lifecycle() == Lifecycle::kMember) {
    return AnswerAsMember(caller, request, std::move(reply));
  }
  if (!Active()) {
    return node_->Refuse(
        MakeError(ErrorCode::kNoLeader, "this server is not ready"),
        std::move(reply));
  }
  const Instant now = node_->env().clock->Now();
  bool news = contacts_.Met(request.address(), request.member(), now);
  for (const std::string& address : request.addresses()) {
    news |= contacts_.Learn(address, now);
  }
  if (news) Wake();
  AnswerAsFresh(request, std::move(reply));
}

HelloResponse BootstrapService::Describe() const {
  HelloResponse response;
  const raft::Raft* raft = node_->raft();
  response.set_member(raft != nullptr);
  response.set_server_id(raft != nullptr ? raft->id().value()
                                         : record_.server_id());
  response.set_node_name(node_->name());
  response.set_address(options().api_address);
  response.set_expect(options().expect);
  if (raft != nullptr) return response;
  *response.mutable_vote() = record_.vote();
  // Whoever tells two of each other has to know them when they have a cluster.
  for (const std::string& address : durable_) response.add_addresses(address);
  return response;
}

// A server that joins and fails, over and over, must not fill the state with
// join tokens.
absl::Status BootstrapService::CountToken(const Caller& caller) {
  const Instant now = node_->env().clock->Now();
  const Duration wait = tokens_.Wait(caller.address, now);
  if (wait <= Duration()) {
    tokens_.OnFailure(caller.address, now);
    return absl::OkStatus();
  }
  return MakeError(
      ErrorCode::kRateLimited,
      absl::StrCat("too many join tokens for ", caller.address, "; wait ",
                   1 + wait.milliseconds() / 1000, " s"));
}

void BootstrapService::AnswerAsMember(const Caller& caller,
                                      const HelloRequest& request,
                                      Reply<HelloResponse> reply) {
  absl::Status status = node_->Admit();
  if (status.ok() && !node_->state().cluster().has_value()) {
    status = MakeError(ErrorCode::kNoLeader,
                       "this member does not know its cluster yet");
  }
  const bool wants_token = request.ask() == HelloRequest::JOIN_TOKEN;
  if (status.ok() && wants_token) status = CountToken(caller);
  if (!status.ok()) return node_->Refuse(std::move(status), std::move(reply));
  HelloResponse response = Describe();
  response.set_cluster_id(node_->state().cluster()->id());
  if (!wants_token) {
    return node_->env().loop->Post(
        [response = std::move(response), reply = std::move(reply)]() mutable {
          reply(std::move(response));
        });
  }
  joins_->IssueToken(
      Caller{.identity = std::string(kIdentity)},
      {.node_name = request.node_name()},
      [response = std::move(response), reply = std::move(reply)](
          absl::StatusOr<IssueJoinTokenResponse> issued) mutable {
        if (!issued.ok()) return reply(issued.status());
        response.set_granted(true);
        response.set_join_token(std::move(issued->join_token));
        reply(std::move(response));
      });
}

// Who knows of a cluster lets nobody found another one.
absl::Status BootstrapService::CheckMayVote(const HelloRequest& request) const {
  if (request.expect() != options().expect) {
    return MakeError(
        ErrorCode::kConfigMismatch,
        absl::StrCat(node_->options().node_name, " has bootstrap_expect ",
                     options().expect, ", ", request.node_name(), " has ",
                     request.expect()));
  }
  if (joining_ || !record_.join_token().empty() || contacts_.KnowsAMember()) {
    return MakeError(ErrorCode::kConflict,
                     absl::StrCat(node_->options().node_name,
                                  " knows of a cluster and joins it"));
  }
  return absl::OkStatus();
}

// Whom we answer may count on being known here, also after a crash: a server
// that has become a member looks for nobody any more. It may be known here and
// yet not be durable: from somebody else, or from an answer that waits for the
// disk.
void BootstrapService::AnswerAsFresh(const HelloRequest& request,
                                     Reply<HelloResponse> reply) {
  absl::Status status;
  bool granted = false;
  const bool asks = request.ask() != HelloRequest::NOTHING;
  const bool own = request.server_id() == record_.server_id();
  if (asks && !own) status = CheckMayVote(request);
  if (status.ok() && asks && !own) {
    if (request.ask() == HelloRequest::PROMISE) {
      granted = Promise(request.ballot(), record_.mutable_vote());
    } else if (request.ask() == HelloRequest::ACCEPT) {
      granted =
          Accept(request.ballot(), request.founder(), record_.mutable_vote());
    } else {
      status = MakeError(ErrorCode::kClusterUninitialized,
                         "this server is no member of a cluster");
    }
  }
  if (!status.ok()) return node_->Refuse(std::move(status), std::move(reply));
  HelloResponse response = Describe();
  response.set_granted(granted);
  auto answer = [this, response = std::move(response),
                 reply = std::move(reply)](absl::Status written) mutable {
    if (!written.ok()) return reply(std::move(written));
    *response.mutable_addresses() = {durable_.begin(), durable_.end()};
    reply(std::move(response));
  };
  if (granted || durable_ != contacts_.All()) return Store(std::move(answer));
  PostError(*node_->env().loop, absl::OkStatus(), std::move(answer));
}

// ---- `jaco server join`.

void BootstrapService::JoinServers(JoinServersRequest request,
                                   Reply<JoinServersResponse> reply) {
  absl::Status status;
  if (node_->lifecycle() == Lifecycle::kRemoved) {
    status = node_->Admit();
  } else if (options().peer == nullptr) {
    status = MakeError(ErrorCode::kConflict,
                       "this server has no bootstrap_key, by which servers "
                       "know each other");
  } else if (request.addresses.empty() ||
             request.addresses.size() > kBootstrapAddressesMax) {
    status = MakeError(
        ErrorCode::kValidationFailed,
        absl::StrCat("1 to ", kBootstrapAddressesMax, " addresses are needed"));
  } else if (!Active() && node_->lifecycle() != Lifecycle::kMember) {
    status = MakeError(ErrorCode::kNoLeader, "this server is not ready");
  }
  for (const std::string& address : request.addresses) {
    if (status.ok()) status = fsm::ValidateAddress(address);
  }
  if (!status.ok()) return node_->Refuse(std::move(status), std::move(reply));
  auto poll = std::make_shared<JoinPoll>(
      JoinPoll{request.addresses.size(), {}, std::move(reply)});
  const HelloRequest hello = Request(HelloRequest::NOTHING);
  for (const std::string& address : request.addresses) {
    options().peer->Hello(
        address, hello,
        [this, address, poll](absl::StatusOr<HelloResponse> answer) {
          OnJoinAnswer(address, answer, *poll);
        });
  }
}

void BootstrapService::OnJoinAnswer(const std::string& address,
                                    const absl::StatusOr<HelloResponse>& answer,
                                    JoinPoll& poll) {
  if (answer.ok()) {
    ++poll.response.num_joined;
    if (Active()) contacts_.Learn(address, node_->env().clock->Now());
  } else if (poll.response.error.empty()) {
    poll.response.error =
        absl::StrCat("failed joining: ", answer.status().message());
  }
  if (--poll.waiting > 0) return;
  if (poll.response.num_joined > 0) poll.response.error.clear();
  if (!Active()) return poll.reply(std::move(poll.response));
  Wake();
  Store([reply = std::move(poll.reply),
         response = std::move(poll.response)](absl::Status stored) mutable {
    if (!stored.ok()) return reply(std::move(stored));
    reply(std::move(response));
  });
}

}  // namespace jaco::server

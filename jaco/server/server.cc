#include "jaco/server/server.h"

#include <utility>

#include "jaco/server/announcer.h"
#include "jaco/server/audit_service.h"
#include "jaco/server/autopilot.h"
#include "jaco/server/backup_service.h"
#include "jaco/server/bootstrap_actions.h"
#include "jaco/server/bootstrap_service.h"
#include "jaco/server/certificates.h"
#include "jaco/server/cluster_service.h"
#include "jaco/server/join_service.h"
#include "jaco/server/leave_service.h"
#include "jaco/server/node.h"
#include "jaco/server/operator_service.h"
#include "jaco/server/token_service.h"
#include "jaco/server/user_service.h"

namespace jaco::server {

struct Server::Impl {
  Impl(ServerOptions options, const env::Environment& environment)
      : node(std::move(options), environment),
        certificates(&node),
        cluster(&node, &certificates),
        tokens(&node),
        joins(&node, &certificates),
        leaves(&node),
        autopilot(&node),
        operators(&node, &leaves, &autopilot, &certificates),
        bootstrap(&node, &cluster, &joins),
        backups(&node, &certificates, &bootstrap),
        users(&node, &certificates, &joins),
        audit(&node),
        actions(&node, {&cluster, &joins, &backups, &bootstrap, &users}),
        announcer(&node, &certificates) {}

  Node node;
  Certificates certificates;
  ClusterService cluster;
  TokenService tokens;
  JoinService joins;
  LeaveService leaves;
  Autopilot autopilot;
  OperatorService operators;
  BootstrapService bootstrap;
  BackupService backups;
  UserService users;
  AuditService audit;
  BootstrapActions actions;
  Announcer announcer;
};

Server::Server(ServerOptions options, env::Environment environment)
    : impl_(std::make_unique<Impl>(std::move(options), environment)) {}

Server::~Server() = default;

void Server::Start(absl::AnyInvocable<void(absl::Status)> started,
                   absl::AnyInvocable<void(absl::Status)> failed) {
  impl_->certificates.Load(
      [impl = impl_.get(), started = std::move(started),
       failed = std::move(failed)](absl::Status loaded) mutable {
        if (!loaded.ok())
          return impl->node.RefuseToStart(loaded, std::move(started));
        impl->node.Start(
            [impl, started = std::move(started)](absl::Status status) mutable {
              if (status.ok()) {
                impl->certificates.Start();
                impl->joins.Start();
                impl->bootstrap.Start();
                impl->announcer.Start();
              }
              started(std::move(status));
            },
            std::move(failed));
      });
}

void Server::Found(raft::NodeId self, Founding founding,
                   absl::AnyInvocable<void(absl::Status)> done) {
  impl_->node.Found(self, std::move(founding), std::move(done));
}

void Server::Join(raft::NodeId self,
                  absl::AnyInvocable<void(absl::Status)> done) {
  impl_->node.Join(self, impl_->node.options().node_name, {}, std::move(done));
}

void Server::ChangeConfiguration(raft::Configuration target,
                                 absl::AnyInvocable<void(absl::Status)> done) {
  impl_->node.ChangeConfiguration(std::move(target), std::move(done));
}

absl::Status Server::TransferLeadership(raft::NodeId target) {
  return impl_->node.TransferLeadership(target);
}

void Server::AddNonvoter(raft::NodeId id, std::string address,
                         absl::AnyInvocable<void(absl::Status)> done) {
  impl_->autopilot.AddNonvoter(id, std::move(address), std::move(done));
}

void Server::Authenticate(absl::string_view token, bool stale,
                          Reply<Caller> reply) {
  if (IsBasic(token)) {
    return impl_->users.Authenticate(token.substr(kBasicScheme.size()), stale,
                                     std::move(reply));
  }
  impl_->tokens.Authenticate(token, stale, std::move(reply));
}

void Server::AddNode(raft::NodeId id, std::string name, std::string address,
                     absl::AnyInvocable<void(absl::Status)> done) {
  impl_->leaves.Add(id, std::move(name), std::move(address), std::move(done));
}

void Server::Leave(Reply<RemoveNodeResponse> reply) {
  impl_->leaves.Leave(std::move(reply));
}

void Server::RemoveNode(const Caller& caller, RemoveNodeRequest request,
                        Reply<RemoveNodeResponse> reply) {
  impl_->leaves.Remove(caller, std::move(request), std::move(reply));
}

void Server::WatchCredentials(
    absl::AnyInvocable<void(const Credentials&)> changed) {
  impl_->certificates.Watch(std::move(changed));
}

void Server::ReloadCredentials(absl::AnyInvocable<void(absl::Status)> done) {
  impl_->certificates.Load(std::move(done));
}

OperatorApi& Server::operators() { return impl_->operators; }

BootstrapApi& Server::bootstrap() { return impl_->actions; }

UserApi& Server::users() { return impl_->users; }

AuditApi& Server::audit() { return impl_->audit; }

void Server::Init(const Caller& /*caller*/, InitRequest request,
                  Reply<InitResponse> reply) {
  if (absl::Status status = impl_->bootstrap.CheckMayInit(); !status.ok()) {
    return impl_->node.Refuse(std::move(status), std::move(reply));
  }
  impl_->cluster.Init(std::move(request), std::nullopt, std::move(reply));
}

StatusResponse Server::Status() {
  StatusResponse response = impl_->cluster.Status();
  response.bootstrap = impl_->bootstrap.progress();
  response.joining = impl_->joins.progress();
  response.authority_end = impl_->certificates.AuthorityEnd();
  if (response.lifecycle != Lifecycle::kMember &&
      response.lifecycle != Lifecycle::kFailed) {
    response.lifecycle = impl_->actions.UnderWay().value_or(response.lifecycle);
  }
  return response;
}

void Server::IssueToken(const Caller& caller, IssueTokenRequest request,
                        Reply<IssueTokenResponse> reply) {
  impl_->tokens.Issue(caller, std::move(request), std::move(reply));
}

void Server::RevokeToken(const Caller& caller, RevokeTokenRequest request,
                         Reply<RevokeTokenResponse> reply) {
  impl_->tokens.Revoke(caller, std::move(request), std::move(reply));
}

void Server::ListTokens(const Caller& caller, Reply<ListTokensResponse> reply) {
  impl_->tokens.List(caller, std::move(reply));
}

void Server::IssueJoinToken(const Caller& caller, IssueJoinTokenRequest request,
                            Reply<IssueJoinTokenResponse> reply) {
  impl_->joins.IssueToken(caller, std::move(request), std::move(reply));
}

void Server::Admit(const Caller& caller, AdmitRequest request,
                   Reply<AdmitResponse> reply) {
  impl_->joins.Admit(caller, std::move(request), std::move(reply));
}

void Server::Join(const Caller& caller, JoinRequest request,
                  Reply<JoinResponse> reply) {
  impl_->joins.Join(caller, std::move(request), std::move(reply));
}

void Server::Backup(const Caller& caller, Reply<ArchiveResponse> reply) {
  impl_->backups.Backup(caller, std::move(reply));
}

void Server::SaveSnapshot(const Caller& caller, Reply<ArchiveResponse> reply) {
  impl_->backups.SaveSnapshot(caller, std::move(reply));
}

void Server::Restore(const Caller& caller, RestoreRequest request,
                     Reply<RestoreResponse> reply) {
  impl_->backups.Restore(caller, std::move(request), std::move(reply));
}

void Server::RestoreSnapshot(const Caller& caller, RestoreRequest request,
                             Reply<RestoreSnapshotResponse> reply) {
  impl_->backups.RestoreSnapshot(caller, std::move(request), std::move(reply));
}

void Server::Hello(const Caller& caller, HelloRequest request,
                   Reply<HelloResponse> reply) {
  impl_->bootstrap.Hello(caller, std::move(request), std::move(reply));
}

void Server::JoinServers(const Caller& /*caller*/, JoinServersRequest request,
                         Reply<JoinServersResponse> reply) {
  impl_->bootstrap.JoinServers(std::move(request), std::move(reply));
}

absl::Status Server::failure() const { return impl_->node.failure(); }

Lifecycle Server::lifecycle() const { return impl_->node.lifecycle(); }

const raft::Raft* Server::raft() const { return impl_->node.raft(); }

const fsm::ClusterState& Server::state() const { return impl_->node.state(); }

}  // namespace jaco::server

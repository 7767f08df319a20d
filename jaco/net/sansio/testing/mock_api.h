#ifndef JACO_NET_SANSIO_TESTING_MOCK_API_H_
#define JACO_NET_SANSIO_TESTING_MOCK_API_H_

#include "gmock/gmock.h"
#include "jaco/server/api.h"
#include "jaco/server/audit_api.h"
#include "jaco/server/bootstrap.pb.h"
#include "jaco/server/bootstrap_api.h"
#include "jaco/server/operator_api.h"
#include "jaco/server/password_join.pb.h"
#include "jaco/server/user_api.h"

namespace jaco::net {

class MockOperatorApi : public server::OperatorApi {
 public:
  MOCK_METHOD(void, ListPeers,
              (const server::Caller&, bool, server::Reply<server::RaftPeers>),
              (override));
  MOCK_METHOD(void, RemovePeer,
              (const server::Caller&, server::PeerSelector,
               server::Reply<server::RaftPeer>),
              (override));
  MOCK_METHOD(void, TransferLeadership,
              (const server::Caller&, server::PeerSelector,
               server::Reply<server::TransferResponse>),
              (override));
  MOCK_METHOD(void, GetAutopilot,
              (const server::Caller&, bool,
               server::Reply<server::AutopilotSettings>),
              (override));
  MOCK_METHOD(void, SetAutopilot,
              (const server::Caller&, server::SetAutopilotRequest,
               server::Reply<server::AutopilotSettings>),
              (override));
  MOCK_METHOD(void, Health,
              (const server::Caller&, server::Reply<server::AutopilotHealth>),
              (override));
  MOCK_METHOD(server::AgentInfo, Agent, (), (override));
  MOCK_METHOD(void, RotateAuthority,
              (const server::Caller&,
               server::Reply<server::AuthoritiesResponse>),
              (override));
  MOCK_METHOD(void, RetireAuthorities,
              (const server::Caller&, server::RetireAuthoritiesRequest,
               server::Reply<server::AuthoritiesResponse>),
              (override));
};

class MockBootstrapApi : public server::BootstrapApi {
 public:
  MOCK_METHOD(bool, IsOpen, (), (const, override));
  MOCK_METHOD(void, Report, (server::Reply<server::BootstrapReport>),
              (override));
  MOCK_METHOD(absl::Status, CheckMayBegin,
              (const server::Caller&, const server::BootstrapRequest&),
              (const, override));
  MOCK_METHOD(absl::Status, Begin,
              (const server::Caller&, server::BootstrapRequest), (override));
  MOCK_METHOD(void, Validate, (server::BootstrapRequest, Done), (override));
};

class MockUserApi : public server::UserApi {
 public:
  MOCK_METHOD(void, SetUser,
              (const server::Caller&, server::SetUserRequest,
               server::Reply<server::UserResponse>),
              (override));
  MOCK_METHOD(void, RemoveUser,
              (const server::Caller&, server::RemoveUserRequest,
               server::Reply<server::UserResponse>),
              (override));
  MOCK_METHOD(void, ListUsers,
              (const server::Caller&, server::Reply<server::ListUsersResponse>),
              (override));
  MOCK_METHOD(void, Challenge,
              (const server::Caller&, server::PasswordChallengeRequest,
               server::Reply<server::PasswordChallenge>),
              (override));
  MOCK_METHOD(void, Prove,
              (const server::Caller&, server::PasswordProof,
               server::Reply<server::PasswordVerdict>),
              (override));
};

class MockAuditApi : public server::AuditApi {
 public:
  MOCK_METHOD(void, ListEvents,
              (const server::Caller&, server::ListAuditRequest,
               server::Reply<server::ListAuditResponse>),
              (override));
};

class MockApi : public server::Api {
 public:
  MOCK_METHOD(void, Init,
              (const server::Caller&, server::InitRequest,
               server::Reply<server::InitResponse>),
              (override));
  MOCK_METHOD(server::StatusResponse, Status, (), (override));
  MOCK_METHOD(server::Lifecycle, lifecycle, (), (const, override));
  MOCK_METHOD(absl::Status, failure, (), (const, override));
  MOCK_METHOD(void, IssueToken,
              (const server::Caller&, server::IssueTokenRequest,
               server::Reply<server::IssueTokenResponse>),
              (override));
  MOCK_METHOD(void, RevokeToken,
              (const server::Caller&, server::RevokeTokenRequest,
               server::Reply<server::RevokeTokenResponse>),
              (override));
  MOCK_METHOD(void, IssueJoinToken,
              (const server::Caller&, server::IssueJoinTokenRequest,
               server::Reply<server::IssueJoinTokenResponse>),
              (override));
  MOCK_METHOD(void, Admit,
              (const server::Caller&, server::AdmitRequest,
               server::Reply<server::AdmitResponse>),
              (override));
  MOCK_METHOD(void, Join,
              (const server::Caller&, server::JoinRequest,
               server::Reply<server::JoinResponse>),
              (override));
  MOCK_METHOD(void, Backup,
              (const server::Caller&, server::Reply<server::ArchiveResponse>),
              (override));
  MOCK_METHOD(void, SaveSnapshot,
              (const server::Caller&, server::Reply<server::ArchiveResponse>),
              (override));
  MOCK_METHOD(void, Restore,
              (const server::Caller&, server::RestoreRequest,
               server::Reply<server::RestoreResponse>),
              (override));
  MOCK_METHOD(void, RestoreSnapshot,
              (const server::Caller&, server::RestoreRequest,
               server::Reply<server::RestoreSnapshotResponse>),
              (override));
  MOCK_METHOD(void, RemoveNode,
              (const server::Caller&, server::RemoveNodeRequest,
               server::Reply<server::RemoveNodeResponse>),
              (override));
  MOCK_METHOD(void, Hello,
              (const server::Caller&, server::HelloRequest,
               server::Reply<server::HelloResponse>),
              (override));
  MOCK_METHOD(void, JoinServers,
              (const server::Caller&, server::JoinServersRequest,
               server::Reply<server::JoinServersResponse>),
              (override));
  MOCK_METHOD(void, ListTokens,
              (const server::Caller&,
               server::Reply<server::ListTokensResponse>),
              (override));
  MOCK_METHOD(server::OperatorApi&, operators, (), (override));
  MOCK_METHOD(server::BootstrapApi&, bootstrap, (), (override));
  MOCK_METHOD(server::UserApi&, users, (), (override));
  MOCK_METHOD(server::AuditApi&, audit, (), (override));
};

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_TESTING_MOCK_API_H_

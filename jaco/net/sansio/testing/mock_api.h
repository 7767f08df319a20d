#ifndef JACO_NET_SANSIO_TESTING_MOCK_API_H_
#define JACO_NET_SANSIO_TESTING_MOCK_API_H_

#include "gmock/gmock.h"
#include "jaco/server/api.h"

namespace jaco::net {

class MockApi : public server::Api {
 public:
  MOCK_METHOD(void, Init,
              (const server::Caller&, server::InitRequest,
               server::Reply<server::InitResponse>),
              (override));
  MOCK_METHOD(server::StatusResponse, Status, (), (override));
  MOCK_METHOD(server::Lifecycle, lifecycle, (), (const, override));
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
  MOCK_METHOD(void, ListTokens,
              (const server::Caller&,
               server::Reply<server::ListTokensResponse>),
              (override));
};

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_TESTING_MOCK_API_H_

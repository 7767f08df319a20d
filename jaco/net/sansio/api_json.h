// The API's values as JSON and back. Decoders of requests are strict, because
// a misspelt field that is ignored is a setting that silently did not happen;
// decoders of responses ignore fields they do not know, because a newer server
// may send them.

#ifndef JACO_NET_SANSIO_API_JSON_H_
#define JACO_NET_SANSIO_API_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/server/api.h"

namespace jaco::net {

// Requests. Errors: parse_failed (not JSON, or nested too deep),
// validation_failed (not an object, unknown field, wrong type, field missing).
// An empty body is an empty object.
absl::StatusOr<server::InitRequest> DecodeInitRequest(absl::string_view body);
absl::StatusOr<server::IssueTokenRequest> DecodeIssueTokenRequest(
    absl::string_view body);
absl::StatusOr<server::IssueJoinTokenRequest> DecodeIssueJoinTokenRequest(
    absl::string_view body);
absl::StatusOr<server::JoinRequest> DecodeJoinRequest(absl::string_view body);
absl::StatusOr<server::AdmitRequest> DecodeAdmitRequest(absl::string_view body);
absl::StatusOr<server::RemoveNodeRequest> DecodeRemoveNodeRequest(
    absl::string_view body);
std::string EncodeRemoveNodeRequest(const server::RemoveNodeRequest& request);
std::string EncodeIssueJoinTokenRequest(
    const server::IssueJoinTokenRequest& request);
std::string EncodeJoinRequest(const server::JoinRequest& request);
std::string EncodeAdmitRequest(const server::AdmitRequest& request);
std::string EncodeInitRequest(const server::InitRequest& request);
std::string EncodeIssueTokenRequest(const server::IssueTokenRequest& request);

// Responses. Times are RFC 3339 in UTC; `revoked_at` of an active token is
// null; node statuses and suffrages are lower-case, `?` is "unknown".
std::string EncodeInitResponse(const server::InitResponse& response);
std::string EncodeStatusResponse(const server::StatusResponse& response);
std::string EncodeIssueTokenResponse(
    const server::IssueTokenResponse& response);
std::string EncodeRevokeTokenResponse(
    const server::RevokeTokenResponse& response);
// `next_token` goes in when it is not empty: where the next page begins.
std::string EncodeListTokensResponse(const server::ListTokensResponse& response,
                                     absl::string_view next_token = "");
std::string EncodeIssueJoinTokenResponse(
    const server::IssueJoinTokenResponse& response);
std::string EncodeJoinResponse(const server::JoinResponse& response);
std::string EncodeAdmitResponse(const server::AdmitResponse& response);
std::string EncodeRestoreResponse(const server::RestoreResponse& response);
std::string EncodeRemoveNodeResponse(
    const server::RemoveNodeResponse& response);
std::string EncodeJoinServersResponse(
    const server::JoinServersResponse& response);
std::string EncodeHealth(server::Lifecycle lifecycle);
std::string EncodeVersion(absl::string_view version);

// Errors: kInternal when `body` is not such a response.
absl::StatusOr<server::InitResponse> DecodeInitResponse(absl::string_view body);
absl::StatusOr<server::StatusResponse> DecodeStatusResponse(
    absl::string_view body);
absl::StatusOr<server::IssueTokenResponse> DecodeIssueTokenResponse(
    absl::string_view body);
absl::StatusOr<server::ListTokensResponse> DecodeListTokensResponse(
    absl::string_view body);

absl::StatusOr<server::IssueJoinTokenResponse> DecodeIssueJoinTokenResponse(
    absl::string_view body);
absl::StatusOr<server::JoinResponse> DecodeJoinResponse(absl::string_view body);
absl::StatusOr<server::AdmitResponse> DecodeAdmitResponse(
    absl::string_view body);
absl::StatusOr<server::RestoreResponse> DecodeRestoreResponse(
    absl::string_view body);
absl::StatusOr<server::JoinServersResponse> DecodeJoinServersResponse(
    absl::string_view body);

// {"code":...,"message":...,"details":{...}}. `status` is not OK.
std::string EncodeError(const absl::Status& status);

// An error as a client sees it; `code` may be newer than this program.
struct ApiError {
  std::string code;
  std::string message;
};
// kInternal when `body` is not an error of ours.
absl::StatusOr<ApiError> DecodeError(absl::string_view body);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_API_JSON_H_

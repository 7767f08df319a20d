// server::OperatorApi as JSON: with the field names of Nomad's API where the
// path is Nomad's, with ours for the rest. Durations are texts as "200ms", ids
// are decimal texts.

#ifndef JACO_NET_SANSIO_OPERATOR_JSON_H_
#define JACO_NET_SANSIO_OPERATOR_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/server/operator_api.h"

namespace jaco::net {

// There is one region, and one datacenter in it.
inline constexpr absl::string_view kRegion = "global";
inline constexpr absl::string_view kDatacenter = "dc1";

// What Nomad's gossip would say of a node of this status ("READY", ...).
absl::string_view SerfStatus(absl::string_view node_status);

// As Go prints and reads a time.Duration: "200ms", "1m0s".
std::string GoDuration(absl::Duration duration);
// validation_failed for what is no finite duration.
absl::StatusOr<absl::Duration> ParseGoDuration(absl::string_view text);

std::string EncodeRaftConfiguration(const server::RaftPeers& peers);
absl::StatusOr<server::RaftPeers> DecodeRaftConfiguration(
    absl::string_view body);

std::string EncodeTransfer(const server::TransferResponse& response);

std::string EncodeAutopilot(const server::AutopilotSettings& settings);
// A field that is absent has its default. parse_failed, validation_failed; an
// empty body is refused.
absl::StatusOr<server::AutopilotSettings> DecodeAutopilot(
    absl::string_view body);

std::string EncodeAutopilotHealth(const server::AutopilotHealth& health);
absl::StatusOr<server::AutopilotHealth> DecodeAutopilotHealth(
    absl::string_view body);

std::string EncodeStatusLeader(const server::AgentInfo& info);
std::string EncodeStatusPeers(const server::AgentInfo& info);
std::string EncodeAgentMembers(const server::AgentInfo& info);
std::string EncodeAgentSelf(const server::AgentInfo& info);
std::string EncodeRegions();

// Ours.
absl::StatusOr<server::RetireAuthoritiesRequest> DecodeRetireAuthorities(
    absl::string_view body);
std::string EncodeRetireAuthorities(
    const server::RetireAuthoritiesRequest& request);
std::string EncodeAuthorities(const server::AuthoritiesResponse& response);
absl::StatusOr<server::AuthoritiesResponse> DecodeAuthorities(
    absl::string_view body);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_OPERATOR_JSON_H_

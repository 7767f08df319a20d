#include "jaco/cmd/cli_operator_output.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "jaco/net/sansio/operator_json.h"

namespace jaco::cmd {
namespace {

using Row = std::vector<std::string>;

absl::string_view Bool(bool value) { return value ? "true" : "false"; }

// Columns as wide as they must be, two spaces between them.
std::string Table(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - row[i].size() + 2, ' ');
    }
    out += "\n";
  }
  return out;
}

}  // namespace

std::string FormatPeers(const server::RaftPeers& peers) {
  std::vector<server::RaftPeer> sorted = peers.peers;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::pair(a.node, a.id) < std::pair(b.node, b.id);
  });
  std::vector<Row> rows = {
      {"Node", "ID", "Address", "State", "Voter", "RaftProtocol"}};
  for (const server::RaftPeer& peer : sorted) {
    rows.push_back({peer.node, absl::StrCat(peer.id), peer.address,
                    peer.leader ? "leader" : "follower",
                    std::string(Bool(peer.voter)), "3"});
  }
  return Table(rows);
}

std::string FormatAutopilot(const server::AutopilotSettings& settings) {
  return absl::StrCat(
      "CleanupDeadServers = ", Bool(settings.cleanup_dead_servers),
      "\nLastContactThreshold = ",
      net::GoDuration(settings.last_contact_threshold),
      "\nMaxTrailingLogs = ", settings.max_trailing_logs,
      "\nMinQuorum = ", settings.min_quorum, "\nServerStabilizationTime = ",
      net::GoDuration(settings.server_stabilization_time),
      "\nEnableRedundancyZones = false\nDisableUpgradeMigration = false\n"
      "EnableCustomUpgrades = false\n");
}

std::string FormatHealth(const server::AutopilotHealth& health) {
  std::vector<Row> rows = {{"ID", "Name", "Address", "SerfStatus", "Version",
                            "Leader", "Voter", "Healthy", "LastContact",
                            "LastTerm", "LastIndex", "StableSince"}};
  std::string voters;
  for (const server::ServerHealth& server : health.servers) {
    if (server.voter) absl::StrAppend(&voters, "\t", server.id, "\n");
    rows.push_back(
        {absl::StrCat(server.id), server.name, server.address,
         server.alive ? "alive" : "failed", server.version,
         std::string(Bool(server.leader)), std::string(Bool(server.voter)),
         std::string(Bool(server.healthy)),
         net::GoDuration(server.last_contact), absl::StrCat(server.last_term),
         absl::StrCat(server.last_index),
         absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", server.stable_since,
                          absl::UTCTimeZone())});
  }
  return absl::StrCat("Healthy: ", Bool(health.healthy),
                      "\nFailureTolerance: ", health.failure_tolerance,
                      "\nLeader: ", health.leader, "\nVoters:\n", voters,
                      "Servers:\n", Table(rows));
}

std::string FormatRotated(const server::AuthoritiesResponse& response) {
  return absl::StrCat(
      "A new certificate authority signs from now on.\n"
      "  fingerprint: ",
      response.fingerprint,
      "\n"
      "\n"
      "Every server renews its certificate as soon as it hears of it. Then\n"
      "hand out node/ca.crt again and run `jaco cluster retire-ca`.\n");
}

std::string FormatRetired(const server::AuthoritiesResponse& response) {
  return absl::StrCat(
      "Earlier certificate authorities are not trusted any more.\n"
      "  fingerprint: ",
      response.fingerprint, "\n");
}

}  // namespace jaco::cmd

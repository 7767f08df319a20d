#include "jaco/cmd/cli_output.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/cmd/next_step.h"
#include "jaco/net/sansio/operator_json.h"

namespace jaco::cmd {
namespace {

namespace json = boost::json;

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", time, absl::UTCTimeZone());
}

json::value Parse(absl::string_view text) {
  json::error_code error;
  json::value value =
      json::parse(json::string_view(text.data(), text.size()), error);
  JACO_CHECK(!error);
  return value;
}

std::string Text(json::string_view text) {
  return std::string(text.data(), text.size());
}

// `items` calls its argument for each element with a function that prints it.
void PrintBlock(char open, char close, size_t depth, size_t count,
                absl::FunctionRef<void(size_t)> print_item, std::string* out) {
  out->push_back(open);
  for (size_t i = 0; i < count; ++i) {
    absl::StrAppend(out, i == 0 ? "\n" : ",\n",
                    std::string(2 * (depth + 1), ' '));
    print_item(i);
  }
  if (count > 0) absl::StrAppend(out, "\n", std::string(2 * depth, ' '));
  out->push_back(close);
}

void PrintJson(const json::value& value, size_t depth, std::string* out) {
  if (value.is_object()) {
    const json::object& object = value.get_object();
    PrintBlock(
        '{', '}', depth, object.size(),
        [&](size_t i) {
          const auto& entry = object.begin()[i];
          absl::StrAppend(out, json::serialize(entry.key()), ": ");
          PrintJson(entry.value(), depth + 1, out);
        },
        out);
  } else if (value.is_array()) {
    const json::array& array = value.get_array();
    PrintBlock(
        '[', ']', depth, array.size(),
        [&](size_t i) { PrintJson(array[i], depth + 1, out); }, out);
  } else {
    out->append(json::serialize(value));
  }
}

void PrintYaml(const json::value& value, YAML::Emitter& out) {
  if (value.is_object()) {
    if (value.get_object().empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& entry : value.get_object()) {
      out << YAML::Key << Text(entry.key()) << YAML::Value;
      PrintYaml(entry.value(), out);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    if (value.get_array().empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const json::value& element : value.get_array()) {
      PrintYaml(element, out);
    }
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    // Quoted: "true", "7" and "" would read as something else.
    out << YAML::DoubleQuoted << Text(value.get_string());
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << json::serialize(value);  // the same words in both languages
  }
}

// "[::1]:7001" is "::1" and "7001".
std::pair<std::string, std::string> SplitPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return {std::string(address), ""};
  absl::string_view host = address.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return {std::string(host), std::string(address.substr(colon + 1))};
}

absl::StatusOr<json::value> Pick(absl::string_view text,
                                 json::string_view key) {
  json::error_code error;
  const json::value value =
      json::parse(json::string_view(text.data(), text.size()), error);
  const json::object* const object = error ? nullptr : value.if_object();
  const json::value* const part = object ? object->if_contains(key) : nullptr;
  if (part == nullptr || !part->is_array()) {
    return MakeError(
        ErrorCode::kInternal,
        absl::StrCat("the server's answer has no list \"", Text(key), "\""));
  }
  return *part;
}

// Columns as wide as they must be, two blanks apart.
std::string FormatColumns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const size_t pad =
          i + 1 == row.size() ? 0 : widths[i] + 2 - row[i].size();
      absl::StrAppend(&out, row[i], std::string(pad, ' '));
    }
    out.push_back('\n');
  }
  return out;
}

}  // namespace

std::string FormatInit(const server::InitResponse& response) {
  return absl::StrCat(
      "Cluster initialized.\n"
      "  cluster_id:     ",
      response.cluster_id,
      "\n"
      "  operator_token: ",
      response.operator_token,
      "\n"
      "\n"
      "Save the operator token now — it cannot be recovered.\n");
}

std::string FormatStatus(const server::StatusResponse& response) {
  if (response.lifecycle == server::Lifecycle::kUninitialized &&
      !response.bootstrap.empty()) {
    return absl::StrCat(
        "Status:    uninitialized\nBootstrap: ", response.bootstrap, "\n");
  }
  if (response.lifecycle == server::Lifecycle::kJoining ||
      response.lifecycle == server::Lifecycle::kRecovering) {
    return absl::StrCat(
        "Status:    ", server::LifecycleName(response.lifecycle), "\n");
  }
  if (response.lifecycle == server::Lifecycle::kUninitialized) {
    return "Status:    uninitialized\n"
           "\n"
           "Run `jaco cluster init` to start a new cluster,\n"
           "or `jaco node join` to join an existing one.\n";
  }
  if (response.lifecycle == server::Lifecycle::kRemoved) {
    return absl::StrCat(
        "Status:     removed\n"
        "\n"
        "This server was removed from ",
        response.cluster_name.empty()
            ? "its cluster before it was in.\n"
            : absl::StrCat("cluster ", response.cluster_name,
                           ". It keeps its data and takes no writes.\n"),
        "Run `jaco node join` to make it a node again.\n");
  }
  if (!response.initialized) {
    return absl::StrCat(
        "Status:    ", server::LifecycleName(response.lifecycle), "\n");
  }
  if (!response.joining.empty()) {
    return absl::StrCat("Status:     joining\nJoining:    ", response.joining,
                        "\n");
  }
  std::string out = absl::StrCat(
      "Status:     initialized\n"
      "Leader:     ",
      response.leader.empty() ? "(no leader elected)" : response.leader,
      "\n"
      "Raft index: ",
      response.raft_index, "\n");
  if (!response.repair.empty()) {
    absl::StrAppend(&out, "Repairing:  ", response.repair, "\n");
  }
  if (!response.authority_end.empty()) {
    absl::StrAppend(&out, "Authority:  ", response.authority_end, "\n");
  }
  absl::StrAppend(&out, "Nodes (", response.nodes.size(), "):\n");
  for (const server::NodeStatus& node : response.nodes) {
    absl::StrAppend(&out, "  - ", node.hostname, " @ ", node.address, " [",
                    node.status, ", ", node.suffrage, "]\n");
  }
  return out;
}

std::string FormatIssuedToken(const server::IssueTokenResponse& response) {
  return absl::StrCat("Token for ", response.identity,
                      " (save this; not recoverable): ", response.token, "\n");
}

std::string FormatRevokedToken(absl::string_view identity) {
  return absl::StrCat("Revoked token for ", identity, "\n");
}

std::string FormatTokens(const server::ListTokensResponse& response) {
  std::string out;
  const auto line = [&out](absl::string_view identity, absl::string_view issued,
                           absl::string_view revoked) {
    absl::StrAppendFormat(&out, "%-30s %-20s %s\n", identity, issued, revoked);
  };
  line("IDENTITY", "ISSUED", "REVOKED");
  for (const server::TokenInfo& token : response.tokens) {
    line(token.identity, Rfc3339(token.issued_at),
         token.revoked_at == absl::InfiniteFuture()
             ? "-"
             : Rfc3339(token.revoked_at));
  }
  return out;
}

std::string FormatJoinToken(absl::string_view peer,
                            const server::IssueJoinTokenResponse& response) {
  return absl::StrCat(
      "Join token issued. On the joining node, run:\n\n  sudo jaco node join "
      "--peer=",
      peer, " --token=", response.join_token,
      "\n\nToken expires in 24h (single-use).\n");
}

std::string FormatJoined(const server::JoinResponse&) {
  return "Joined cluster.\n";
}

std::string FormatNodes(const server::StatusResponse& response) {
  std::string out;
  for (const server::NodeStatus& node : response.nodes) {
    absl::StrAppend(&out, node.hostname, "\t", node.address, "\tNODE_STATUS_",
                    node.status, "\t",
                    node.version.empty() ? "-" : node.version, "\t",
                    node.feature_level, "\n");
  }
  return out;
}

std::string FormatJoinedServers(const server::JoinServersResponse& response) {
  if (!response.error.empty()) {
    return absl::StrCat("Error joining: ", response.error, "\n");
  }
  return absl::StrCat("Joined ", response.num_joined,
                      " servers successfully\n");
}

std::string FormatServers(const server::StatusResponse& response) {
  std::vector<std::vector<std::string>> rows = {
      {"Name", "Address", "Port", "Status", "Leader", "Raft Version", "Build",
       "Datacenter", "Region"}};
  for (const server::NodeStatus& node : response.nodes) {
    const auto [host, port] = SplitPort(node.address);
    rows.push_back({absl::StrCat(node.hostname, ".global"), host, port,
                    std::string(net::SerfStatus(node.status)),
                    node.hostname == response.leader ? "true" : "false", "3",
                    node.version.empty() ? "-" : node.version, "dc1",
                    "global"});
  }
  return FormatColumns(rows);
}

std::string FormatJson(absl::string_view json) {
  std::string out;
  PrintJson(Parse(json), 0, &out);
  return EscapeControls(out) + "\n";
}

std::string EscapeControls(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const unsigned next =
        i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0u;
    if (byte == 0x7f) {
      out.append("\\u007f");
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
      absl::StrAppendFormat(&out, "\\u%04x", next);
      ++i;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

absl::StatusOr<std::string> PickNodes(absl::string_view text) {
  auto nodes = Pick(text, "nodes");
  if (!nodes.ok()) return nodes.status();
  return json::serialize(json::object{{"nodes", *std::move(nodes)}});
}

absl::StatusOr<std::string> PickMembers(absl::string_view text) {
  const auto members = Pick(text, "Members");
  if (!members.ok()) return members.status();
  return json::serialize(*members);
}

std::string FormatYaml(absl::string_view json) {
  YAML::Emitter out;
  PrintYaml(Parse(json), out);
  return absl::StrCat(EscapeControls(out.c_str()), "\n");
}

std::string FormatError(absl::string_view code, absl::string_view message) {
  if (code.empty()) return absl::StrCat("Error: ", message, "\n");
  const absl::string_view next = NextStep(code, message);
  return absl::StrCat("Error: ", code, ": ", message, "\n",
                      next.empty() ? "" : absl::StrCat("Next: ", next, "\n"));
}

std::string FormatUsageError(absl::string_view message,
                             absl::string_view hint) {
  return absl::StrCat(
      FormatError(ErrorCodeName(ErrorCode::kValidationFailed), message), hint,
      "Run with --help for more information.\n");
}

}  // namespace jaco::cmd

#include "jaco/cmd/next_step.h"

#include "absl/strings/match.h"
#include "jaco/base/error.h"

namespace jaco::cmd {
namespace {

struct Row {
  ErrorCode code;
  absl::string_view about;  // a part of the messages that it is for
  absl::string_view step;
};

constexpr absl::string_view kAnotherJoinToken =
    "`jaco node issue-join-token` on a member prints another one";
constexpr absl::string_view kAnotherToken =
    "`jaco token issue --name NAME` on the host of a member prints another one";

// The first row that fits.
constexpr Row kRows[] = {
    {ErrorCode::kClusterUninitialized, "",
     "`jaco cluster init` starts a cluster, `jaco node join` joins one"},
    {ErrorCode::kClusterAlreadyInitialized, "",
     "`jaco cluster status` shows the cluster that this server is in"},
    {ErrorCode::kNodeAlreadyMember, "",
     "give this server another node_name, or take the other one out with "
     "`jaco node remove`"},
    {ErrorCode::kQuorumLost, "",
     "start the other voters, or mend the network between them and this "
     "server"},
    {ErrorCode::kTokenInvalid, "", kAnotherToken},
    {ErrorCode::kTokenRevoked, "", kAnotherToken},
    {ErrorCode::kTokenExists, "",
     "choose another --name; `jaco token list` shows those that are taken"},
    {ErrorCode::kTokenNotFound, "", "`jaco token list` shows the identities"},
    {ErrorCode::kJoinTokenInvalid, "another node",
     "`jaco node issue-join-token --node-name NAME` on a member prints one for "
     "this server"},
    {ErrorCode::kJoinTokenInvalid, "", kAnotherJoinToken},
    {ErrorCode::kJoinTokenExpired, "", kAnotherJoinToken},
    {ErrorCode::kJoinTokenConsumed, "", kAnotherJoinToken},
    {ErrorCode::kPermissionDenied, "Permission denied",
     "run this as root or as the user that jacod runs as"},
    {ErrorCode::kNodeNotFound, "",
     "`jaco node list` shows the nodes, `jaco operator raft list-peers` their "
     "ids"},
    {ErrorCode::kNotAMember, "",
     "`jaco node join`, with a new join token, makes this server a node again"},
    {ErrorCode::kPeerUnreachable, "",
     "make sure that the address is of a member's API (its listen_addr), and "
     "that no firewall is in between"},
    {ErrorCode::kPeerUntrusted, "",
     "make sure that the address is of the cluster that the join token or "
     "--ca-cert is of"},
    {ErrorCode::kDataLoss, "the archive", "take it again, or another copy"},
    {ErrorCode::kDataLoss, "the sealed file", "take another copy of it"},
    {ErrorCode::kDataLoss, "",
     "keep the files, and look at the disk (`dmesg`, SMART); "
     "docs/operations.md "
     "goes on under \"Damaged files\""},
    {ErrorCode::kDiskFull, "", "make room on that disk"},
};

}  // namespace

absl::string_view NextStep(absl::string_view code, absl::string_view message) {
  if (absl::StrContains(message, "`")) return "";
  for (const Row& row : kRows) {
    if (ErrorCodeName(row.code) == code &&
        absl::StrContains(message, row.about)) {
      return row.step;
    }
  }
  return "";
}

}  // namespace jaco::cmd

#include "jaco/raft/configuration_checker.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/describe.h"

namespace jaco::raft {

absl::Status CheckSuccession(const Configuration& previous,
                             const Configuration& next) {
  const bool leaves =
      previous.IsJoint() && !next.IsJoint() && next.voters == previous.voters;
  const bool enters =
      !previous.IsJoint() && next.IsJoint() && next.outgoing == previous.voters;
  const bool keeps =
      !previous.IsJoint() && !next.IsJoint() && next.voters == previous.voters;
  if (leaves || enters || keeps) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("configuration (", Describe(next),
                                          ") follows (", Describe(previous),
                                          ")"));
}

absl::Status ConfigurationChecker::Check(const Observation& server) {
  const Log& log = *server.log;
  const LogIndex at = server.configuration_index;
  const Seen now{log.start().index, {log.TermAt(at).value_or(Term()), at}};
  const auto [seen, fresh] = seen_.emplace(server.id, now);
  if (!fresh && seen->second == now) return absl::OkStatus();
  if (fresh || seen->second.latest != now.latest) ++changes_;
  seen->second = now;
  const bool leads = server.role == Role::kLeader;
  int under_way = 0;
  std::optional<Configuration> previous;
  // Without voters: of a server that has heard of no cluster yet.
  if (!server.first_configuration->voters.empty()) {
    previous = *server.first_configuration;
  }
  for (LogIndex i = log.start().index.Next(); i <= log.last().index; ++i) {
    const Entry& entry = *log.At(i);
    if (entry.kind != EntryKind::kConfiguration) continue;
    Configuration next = DecodeConfiguration(entry.data).value();
    if (previous.has_value()) {
      absl::Status status = CheckSuccession(*previous, next);
      if (!status.ok()) return status;
    }
    if (leads && entry.id.term == server.hard_state.term &&
        i > server.commit.index) {
      ++under_way;
    }
    previous = std::move(next);
  }
  if (under_way <= 1) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("server ", server.id.value(), " has ",
                                          under_way,
                                          " changes of members under way"));
}

}  // namespace jaco::raft

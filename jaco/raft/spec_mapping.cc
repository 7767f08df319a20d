#include "jaco/raft/spec_mapping.h"

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/describe.h"

namespace jaco::raft {
namespace {

spec::Id IdOf(NodeId node) {
  JACO_CHECK(node.value() <= spec::kServersMax);
  return static_cast<spec::Id>(node.value());
}

spec::Servers SetOf(const std::vector<NodeId>& nodes) {
  spec::Servers set = 0;
  for (NodeId node : nodes) set |= spec::Servers{1} << IdOf(node);
  return set;
}

spec::Entry ToSpec(const Entry& entry) {
  spec::Entry result{.term = entry.id.term.value()};
  if (entry.kind == EntryKind::kCommand) result.kind = spec::Kind::kCommand;
  if (entry.kind == EntryKind::kConfiguration) {
    result.kind = spec::Kind::kMembers;
    result.members = ToSpec(*DecodeConfiguration(entry.data));
  }
  return result;
}

spec::Position ToSpec(const EntryId& id) {
  return {id.index.value(), id.term.value()};
}

std::vector<EntryPtr> Behind(const Log& log, LogIndex from, LogIndex to) {
  std::vector<EntryPtr> entries;
  for (LogIndex i = from; i < to;) entries.push_back(log.At(++i));
  return entries;
}

spec::Role RoleOf(const Raft& raft) {
  switch (raft.role()) {
    case Role::kLeader:
      return spec::Role::kLeader;
    case Role::kCandidate:
      return spec::Role::kCandidate;
    default:
      return spec::Role::kFollower;
  }
}

spec::Stable ToSpec(const HardState& hard_state, spec::Log log) {
  return {hard_state.term.value(), IdOf(hard_state.voted_for), std::move(log)};
}

// ---- Messages.

using Body = decltype(spec::Message::body);

std::optional<Body> BodyOf(const RequestVoteRequest& m) {
  if (m.pre_vote) return std::nullopt;
  return spec::VoteRequest{ToSpec(m.last)};
}

std::optional<Body> BodyOf(const RequestVoteResponse& m) {
  if (!m.granted) return spec::Refusal{};
  // Of a pre-vote: its term is one that there may never be.
  if (m.pre_vote) return std::nullopt;
  return spec::Vote{};
}

std::optional<Body> BodyOf(const AppendEntriesRequest& m) {
  spec::Append append{.previous = ToSpec(m.previous),
                      .commit = m.commit.value()};
  for (const EntryPtr& entry : m.entries) {
    append.entries.push_back(ToSpec(*entry));
  }
  return append;
}

std::optional<Body> BodyOf(const AppendEntriesResponse& m) {
  if (!m.success) return spec::Refusal{};
  return spec::Acknowledgement{m.match.value()};
}

template <typename Other>
std::optional<Body> BodyOf(const Other&) {
  return std::nullopt;
}

}  // namespace

spec::Log Histories::At(const EntryId& last) const {
  if (last == EntryId()) return {};
  const auto it = logs_.find({last.term.value(), last.index.value()});
  return it != logs_.end() ? it->second : spec::Log(last.index.value());
}

spec::Log Histories::Whole(const EntryId& start,
                           const std::vector<EntryPtr>& behind) const {
  spec::Log log = At(start);
  for (const EntryPtr& entry : behind) log.push_back(ToSpec(*entry));
  return log;
}

void Histories::Remember(const Log& log, LogIndex index) {
  Remember({*log.TermAt(index), index},
           Whole(log.start(), Behind(log, log.start().index, index)));
}

void Histories::Remember(const EntryId& last, spec::Log log) {
  logs_.insert_or_assign({last.term.value(), last.index.value()},
                         std::move(log));
}

spec::Members ToSpec(const Configuration& configuration) {
  return {SetOf(configuration.voters), SetOf(configuration.outgoing)};
}

spec::Server ToSpec(const Raft& raft, const ModelDisk& disk,
                    const std::deque<Persist>& writes,
                    const spec::Members& founding, const Histories& histories) {
  const auto image = [&](const ModelDisk& d) {
    return ToSpec(d.hard_state, histories.Whole(d.start, d.entries));
  };
  const EntryId start = raft.log().start();
  spec::Server server{.id = IdOf(raft.id()), .founding = founding};
  server.memory = ToSpec(raft.hard_state(),
                         histories.Whole(start, Behind(raft.log(), start.index,
                                                       raft.last().index)));
  server.disk = image(disk);
  ModelDisk later = disk;
  for (const Persist& write : writes) {
    later.Write(write);
    server.writes.push_back(image(later));
  }
  server.role = RoleOf(raft);
  server.commit = raft.commit().value();
  if (raft.role() == Role::kCandidate) server.votes = SetOf(*raft.granted());
  if (raft.role() == Role::kLeader) {
    for (const Progress& peer : *raft.progress()) {
      server.match[IdOf(peer.id)] = peer.match.value();
    }
  }
  server.agreed = raft.matched().value();
  return server;
}

std::optional<spec::Message> ToSpec(NodeId from, NodeId to,
                                    const Message& message) {
  const std::optional<Body> body =
      std::visit([](const auto& m) { return BodyOf(m); }, message);
  if (!body.has_value()) return std::nullopt;
  return spec::Message{IdOf(from), IdOf(to), TermOf(message).value(), *body};
}

std::string WhyNotMapped(const Raft& raft, const spec::Server& server) {
  if (ToSpec(raft.configuration()) == spec::InForce(server)) return "";
  return absl::StrCat("specification: in force is ",
                      Describe(raft.configuration()),
                      ", which is not the latest of ", Describe(server));
}

}  // namespace jaco::raft

#include "jaco/raft/spec.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"

namespace jaco::raft::spec {
namespace {

Servers Only(Id id) { return Servers{1} << id; }

bool IsMajority(Servers voters, Servers servers) {
  return 2 * std::popcount(voters & servers) > std::popcount(voters);
}

// Where the configuration in force stands; 0: it is the founding.
Index InForceAt(const Server& server) {
  const Log& log = server.memory.log;
  for (Index i = log.size(); i > 0; --i) {
    if (log[i - 1].kind == Kind::kMembers) return i;
  }
  return 0;
}

bool Holds(const Log& log, const Position& position) {
  if (position.index == 0) return position.term == 0;
  return position.index <= log.size() &&
         log[position.index - 1].term == position.term;
}

// The same entries up to `index`, which both have.
bool SameUpTo(const Log& a, const Log& b, Index index) {
  return index <= a.size() && index <= b.size() &&
         std::equal(a.begin(), a.begin() + static_cast<ptrdiff_t>(index),
                    b.begin());
}

// §3.6.1
bool UpToDate(const Position& candidate, const Position& voter) {
  if (candidate.term != voter.term) return candidate.term > voter.term;
  return candidate.index >= voter.index;
}

// What belongs to a role and is void without it.
void BecomeFollower(Server& server) {
  server.role = Role::kFollower;
  server.votes = 0;
  server.match = {};
}

void EnterTerm(Server& server, Term term, Id vote) {
  BecomeFollower(server);
  server.memory.term = term;
  server.memory.voted_for = vote;
  server.agreed = 0;
}

// ---- Messages out.

bool MaySay(const Server& server, const Message& message, const Refusal&) {
  return message.term == server.memory.term;
}

// §3.4. The candidate's own vote must survive a crash: see CountOwnVote.
bool MaySay(const Server& server, const Message& message,
            const VoteRequest& request) {
  return server.role == Role::kCandidate &&
         message.term == server.memory.term &&
         server.disk.term == server.memory.term &&
         server.disk.voted_for == server.id &&
         request.last == Last(server.memory.log);
}

// §3.4, §3.8: a vote that was given, and cannot be forgotten.
bool MaySay(const Server& server, const Message& message, const Vote&) {
  const auto gave = [&](const Stable& stable) {
    return stable.term == message.term && stable.voted_for == message.to;
  };
  return gave(server.memory) && gave(server.disk);
}

// §3.5. Nothing needs to be on the leader's own disk (§10.2.1).
bool MaySay(const Server& server, const Message& message,
            const Append& append) {
  const Log& log = server.memory.log;
  const Index first = append.previous.index;
  return server.role == Role::kLeader && message.term == server.memory.term &&
         Holds(log, append.previous) && append.commit <= server.commit &&
         first + append.entries.size() <= log.size() &&
         std::equal(append.entries.begin(), append.entries.end(),
                    log.begin() + static_cast<ptrdiff_t>(first));
}

// §3.5, §3.8: what is acknowledged cannot be forgotten, nor can the term be, in
// which nothing of an earlier leader is accepted any more.
bool MaySay(const Server& server, const Message& message,
            const Acknowledgement& acknowledgement) {
  return server.role == Role::kFollower && message.term == server.memory.term &&
         server.disk.term == server.memory.term &&
         acknowledgement.match <= server.agreed &&
         SameUpTo(server.disk.log, server.memory.log, acknowledgement.match);
}

// §5.3: any server has the right to what is committed.
bool MaySay(const Server& server, const Message&, const Snapshot& snapshot) {
  return snapshot.log.size() <= server.commit &&
         SameUpTo(snapshot.log, server.memory.log, snapshot.log.size());
}

// ---- Messages in, of the server's own term.

bool Hear(Server&, const Message&, const Refusal&) { return true; }

// §3.6
bool Hear(Server& server, const Message& message, const VoteRequest& request) {
  Stable& memory = server.memory;
  if (memory.voted_for != 0 && memory.voted_for != message.from) return false;
  if (!UpToDate(request.last, Last(memory.log))) return false;
  memory.voted_for = message.from;
  return true;
}

bool Hear(Server& server, const Message& message, const Vote&) {
  if (server.role != Role::kCandidate) return false;
  server.votes |= Only(message.from);
  return true;
}

// §3.5
bool Hear(Server& server, const Message&, const Append& append) {
  if (server.role == Role::kLeader) return false;
  BecomeFollower(server);
  Log& log = server.memory.log;
  if (!Holds(log, append.previous)) return true;
  Index at = append.previous.index;
  for (const Entry& entry : append.entries) {
    // Only what conflicts is cut: what follows may be acknowledged.
    if (at < log.size() && log[at].term != entry.term) log.resize(at);
    if (at == log.size()) log.push_back(entry);
    ++at;
  }
  server.agreed = std::max(server.agreed, at);
  server.commit = std::max(server.commit, std::min(append.commit, at));
  return true;
}

bool Hear(Server& server, const Message& message,
          const Acknowledgement& acknowledgement) {
  if (server.role != Role::kLeader) return false;
  Index& match = server.match[message.from];
  match = std::max(match, acknowledgement.match);
  return true;
}

// Never taken for one of a term.
bool Hear(Server&, const Message&, const Snapshot&) { return false; }

// §5.3: keeps what follows if it goes with it.
bool Install(Server& server, const Snapshot& snapshot) {
  const Index last = snapshot.log.size();
  if (server.role == Role::kLeader || last <= server.commit) return false;
  // Behind a log of a later term an entry could come out of order.
  if (snapshot.log.back().term > server.memory.term) return false;
  if (!Holds(server.memory.log, Last(snapshot.log))) {
    server.memory.log = snapshot.log;
    server.agreed = std::min(server.agreed, last);
  }
  server.commit = last;
  return true;
}

// §4.3 and, that the leader has committed something of its own term,
// raft-dev 2015-07 ("bug in single-server membership changes").
bool MayChangeTo(const Server& server, const Members& next) {
  const Members now = InForce(server);
  const Index at = InForceAt(server);
  if (at > server.commit) return false;
  if (now.outgoing != 0) return next == Members{now.voters, 0};
  if (server.commit == 0) return false;
  if (server.memory.log[server.commit - 1].term != server.memory.term) {
    return false;
  }
  return next.outgoing == now.voters || next == now;
}

}  // namespace

Members InForce(const Server& server) {
  const Index at = InForceAt(server);
  return at == 0 ? server.founding : server.memory.log[at - 1].members;
}

Position Last(const Log& log) {
  return log.empty() ? Position() : Position{log.size(), log.back().term};
}

bool IsQuorum(const Members& members, Servers servers) {
  return IsMajority(members.voters, servers) &&
         (members.outgoing == 0 || IsMajority(members.outgoing, servers));
}

bool MaySend(const Server& server, const Message& message) {
  if (message.from != server.id) return false;
  return std::visit(
      [&](const auto& body) { return MaySay(server, message, body); },
      message.body);
}

bool Timeout(Server& server) {
  if (server.role == Role::kLeader) return false;
  EnterTerm(server, server.memory.term + 1, server.id);
  server.role = Role::kCandidate;
  return true;
}

bool CountOwnVote(Server& server) {
  if (server.role != Role::kCandidate) return false;
  if (server.disk.term != server.memory.term) return false;
  if (server.disk.voted_for != server.id) return false;
  server.votes |= Only(server.id);
  return true;
}

bool BecomeLeader(Server& server) {
  if (server.role != Role::kCandidate) return false;
  if (!IsQuorum(InForce(server), server.votes)) return false;
  server.role = Role::kLeader;
  server.votes = 0;
  return true;
}

bool StepDown(Server& server) {
  if (server.role == Role::kFollower) return false;
  BecomeFollower(server);
  return true;
}

bool AppendOwn(Server& server, const Entry& entry) {
  if (server.role != Role::kLeader) return false;
  if (entry.term != server.memory.term) return false;
  if (entry.kind == Kind::kMembers && !MayChangeTo(server, entry.members)) {
    return false;
  }
  server.memory.log.push_back(entry);
  return true;
}

bool AdvanceCommit(Server& server, Index to) {
  const Log& log = server.memory.log;
  if (server.role != Role::kLeader) return false;
  if (to <= server.commit || to > log.size()) return false;
  // Figure 3.7: entries of earlier terms only come along.
  if (log[to - 1].term != server.memory.term) return false;
  Servers holders = 0;
  for (Id other = 1; other <= kServersMax; ++other) {
    if (server.match[other] >= to) holders |= Only(other);
  }
  if (SameUpTo(server.disk.log, log, to)) {
    holders |= Only(server.id);
  } else {
    holders &= ~Only(server.id);
  }
  if (!IsQuorum(InForce(server), holders)) return false;
  server.commit = to;
  return true;
}

bool UpdateTerm(Server& server, const Message& message) {
  if (message.term <= server.memory.term) return false;
  EnterTerm(server, message.term, 0);
  return true;
}

bool Receive(Server& server, const Message& message) {
  if (const auto* snapshot = std::get_if<Snapshot>(&message.body)) {
    return Install(server, *snapshot);
  }
  if (message.term != server.memory.term) return false;
  return std::visit(
      [&](const auto& body) { return Hear(server, message, body); },
      message.body);
}

bool Write(Server& server) {
  server.writes.push_back(server.memory);
  return true;
}

bool FinishWrite(Server& server) {
  if (server.writes.empty()) return false;
  server.disk = server.writes.front();
  server.writes.erase(server.writes.begin());
  return true;
}

bool Restart(Server& server, Index commit) {
  if (commit > server.commit || commit > server.disk.log.size()) return false;
  BecomeFollower(server);
  server.writes.clear();
  server.memory = server.disk;
  server.commit = commit;
  server.agreed = 0;
  return true;
}

bool ForgetAgreed(Server& server) {
  if (server.agreed == 0) return false;
  server.agreed = 0;
  return true;
}

bool ForgetMatch(Server& server, Id other) {
  if (server.match[other] == 0) return false;
  server.match[other] = 0;
  return true;
}

// ---- Words, for what goes wrong.

namespace {

std::string Text(const Log& log) {
  std::string text;
  for (const Entry& entry : log) {
    absl::StrAppend(&text, text.empty() ? "" : " ", entry.term);
    if (entry.kind == Kind::kCommand) text += 'x';
    if (entry.kind == Kind::kMembers) {
      absl::StrAppend(&text, "{", absl::Hex(entry.members.voters), ",",
                      absl::Hex(entry.members.outgoing), "}");
    }
  }
  return text;
}

std::string Text(const Stable& stable) {
  return absl::StrCat("term ", stable.term, " vote ", stable.voted_for, " [",
                      Text(stable.log), "]");
}

std::string Text(const Refusal&) { return "refusal"; }
std::string Text(const VoteRequest& m) {
  return absl::StrCat("asks for a vote, log up to ", m.last.term, ":",
                      m.last.index);
}
std::string Text(const Vote&) { return "vote"; }
std::string Text(const Append& m) {
  return absl::StrCat("append after ", m.previous.term, ":", m.previous.index,
                      " [", Text(m.entries), "] commit ", m.commit);
}
std::string Text(const Acknowledgement& m) {
  return absl::StrCat("acknowledges ", m.match);
}
std::string Text(const Snapshot& m) {
  return absl::StrCat("snapshot [", Text(m.log), "]");
}

}  // namespace

std::string Describe(const Server& server) {
  std::string text = absl::StrCat(
      server.role == Role::kLeader      ? "leader "
      : server.role == Role::kCandidate ? "candidate "
                                        : "follower ",
      server.id, ": ", Text(server.memory), " commit ", server.commit,
      " votes ", absl::Hex(server.votes), " agreed ", server.agreed, " match");
  for (Id other = 1; other <= kServersMax; ++other) {
    absl::StrAppend(&text, " ", server.match[other]);
  }
  absl::StrAppend(&text, "; disk ", Text(server.disk));
  for (const Stable& write : server.writes) {
    absl::StrAppend(&text, "; writing ", Text(write));
  }
  return text;
}

std::string Describe(const Message& message) {
  return absl::StrCat(
      message.from, " to ", message.to, " in term ", message.term, ": ",
      std::visit([](const auto& body) { return Text(body); }, message.body));
}

}  // namespace jaco::raft::spec

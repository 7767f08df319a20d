// For tests: Raft as an executable specification, to be read beside the
// dissertation. Its shape is that of Ongaro's TLA+ specification (appendix
// B): the state of one server, and actions that are enabled or not. It shares
// no code with the core: servers are small numbers, sets of them are bits, the
// log is a plain vector that is never compacted.
//
// Actions touch one server; what servers share is the messages. A message once
// sent may arrive at any time, in any order, any number of times, or never: so
// there is no set of messages here, only the question whether a server may say
// something as it stands (`MaySend`), and what may become of one that hears it.
//
// What is more than in appendix B:
// - §3.8, §10.2.1: memory and disk are apart. Writes are on their way for any
//   time; a restart goes on from the disk. What a message promises must be on
//   the disk.
// - §4.3: configurations in the log, joint consensus.
// - §5: snapshots, as the beginning of a log that is committed.
// What is less: nextIndex (a leader may send any part of its log, §3.5 says
// only which is useful), and whatever only makes servers do less of what they
// may do anyway: PreVote, CheckQuorum, leases, hand-over. A leader may step
// down, a server that does not lead may stand for election, at any time.

#ifndef JACO_RAFT_SPEC_H_
#define JACO_RAFT_SPEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace jaco::raft::spec {

using Id = uint32_t;       // 1 to kServersMax; 0 is nobody
using Servers = uint32_t;  // a set: server i is bit i
using Term = uint64_t;
using Index = size_t;  // the first entry has 1

inline constexpr size_t kServersMax = 7;

// §4.3: `outgoing` is not empty in joint consensus.
struct Members {
  Servers voters = 0;
  Servers outgoing = 0;

  friend bool operator==(const Members&, const Members&) = default;
};

enum class Kind : uint8_t { kNothing, kCommand, kMembers };

struct Entry {
  Term term = 0;
  Kind kind = Kind::kNothing;
  Members members;  // of kMembers

  friend bool operator==(const Entry&, const Entry&) = default;
};
using Log = std::vector<Entry>;

// What figure 3.1 calls persistent state.
struct Stable {
  Term term = 0;
  Id voted_for = 0;
  Log log;

  friend bool operator==(const Stable&, const Stable&) = default;
};

enum class Role : uint8_t { kFollower, kCandidate, kLeader };

struct Server {
  Id id = 0;
  Members founding;  // in force as long as the log has none
  Stable memory;
  Stable disk;
  std::vector<Stable> writes;  // on their way to the disk, oldest first
  Role role = Role::kFollower;
  Index commit = 0;
  Servers votes = 0;  // of a candidate: votesGranted
  std::array<Index, kServersMax + 1> match = {};  // of a leader: matchIndex
  // Of a follower: its log equals that of the leader of its term up to here.
  Index agreed = 0;

  friend bool operator==(const Server&, const Server&) = default;
};

// The index and the term of an entry; 0, 0 is before the first.
struct Position {
  Index index = 0;
  Term term = 0;

  friend bool operator==(const Position&, const Position&) = default;
};

// §3.4
struct VoteRequest {
  Position last;
};
struct Vote {};
// §3.5
struct Append {
  Position previous;
  Log entries;
  Index commit = 0;
};
struct Acknowledgement {
  Index match = 0;
};
// Of a vote or an append: says no more than its term.
struct Refusal {};
// §5.3: a part of the log, from its beginning on. Of no term.
struct Snapshot {
  Log log;
};

struct Message {
  Id from = 0;
  Id to = 0;
  Term term = 0;
  std::variant<Refusal, VoteRequest, Vote, Append, Acknowledgement, Snapshot>
      body;
};

// ---- What is said of a server.

// §4.1: the latest in the log, committed or not.
Members InForce(const Server& server);
Position Last(const Log& log);
// §3.6: a majority; of both in joint consensus.
bool IsQuorum(const Members& members, Servers servers);
// Whether the server may send `message` as it stands.
bool MaySend(const Server& server, const Message& message);

// ---- Actions. Each is done if it is enabled; false: it is not, and nothing
// is changed.

// §3.4: stands for election.
bool Timeout(Server& server);
// §3.4: its own vote counts once it is on its disk.
bool CountOwnVote(Server& server);
bool BecomeLeader(Server& server);
// §6.2, and a candidate that gives up.
bool StepDown(Server& server);
// §3.5: of the term that the server leads.
bool AppendOwn(Server& server, const Entry& entry);
// §3.5, §3.6.2
bool AdvanceCommit(Server& server, Index to);
// §3.3: whoever hears of a higher term takes it over.
bool UpdateTerm(Server& server, const Message& message);
// What a message of its own term does.
bool Receive(Server& server, const Message& message);
// §3.8: begins a write of all that there is; the oldest write is done.
bool Write(Server& server);
bool FinishWrite(Server& server);
// §3.8: a crash and what follows. Of `commit` the state machine may have kept
// something.
bool Restart(Server& server, Index commit);
// What another's log was known to be is not known any more, which only makes
// this server promise, or commit, less.
bool ForgetAgreed(Server& server);
bool ForgetMatch(Server& server, Id other);

std::string Describe(const Server& server);
std::string Describe(const Message& message);

}  // namespace jaco::raft::spec

#endif  // JACO_RAFT_SPEC_H_

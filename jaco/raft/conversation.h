// For tests: a little cluster driven by a text file, command by command, with
// what came of each written below it, to be read in review.
//
//   nodes 1 2 3 [inflight=N] [batch=N] [reads=N] [apply=N] [lease=on]   with,
//     1 log=1:1,1:2 [term=T] [vote=N] [priority=N]   in indented lines below
//     it,
//                        what some of them have on disk and in their options.
//                        With voters=1,2 the others are in no cluster yet
//   lead N               timeout and stabilize, in one line of output
//   timeout N            N's clock moves on to its deadline
//   advance 100ms [N..]  clocks move on; deadlines that are reached are called
//   deliver A->B [n|all] the oldest message(s) under way from A to B
//   drop A->B [n|all]    loses them instead
//   duplicate A->B       the oldest is under way once more, behind the others
//   reorder A->B         the oldest goes behind the others
//   auto-persist on|off  on (as at the start): writes are done at once
//   persist N [upto]     N's writes (up to that number) are durable
//   refuse N             there is no room for them, and they wait
//   propose N text       read N id
//   compact N index      N forgets its log up to there
//   snapshot A->B index  B gets A's snapshot of that entry
//   sent A->B index      A learns that B has it
//   failed A->B          A learns that it did not work
//   change N voters 1 2 [learners 3]   asks N for this configuration
//   transfer N M         asks N to hand over to M
//   reset N M            N's connection to M breaks
//   stabilize [N..]      delivers and persists until nothing is left (between
//                        these servers)
//   crash N              what was not persisted is lost
//   restart N [lease=on|off]
//   damage N keep=K      N is down, and all but K entries of its log are lost
//   partition 1 | 2 3    cuts the links between the groups; what is under way
//   heal                 there is lost, and what is sent later
//   status               log N               network             members
//
// The output: indented lines are what a server did because of the line above.

#ifndef JACO_RAFT_CONVERSATION_H_
#define JACO_RAFT_CONVERSATION_H_

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "jaco/raft/cluster_checker.h"
#include "jaco/raft/message.h"
#include "jaco/raft/ready.h"
#include "jaco/raft/test_server.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

class Conversation {
 public:
  // Runs one command, with its body in further lines. Returns its output: whole
  // lines, at least one.
  std::string Run(absl::string_view command);

  // An invariant was broken or a command not understood; the output says which.
  bool failed() const { return failed_; }

 private:
  using Link = std::pair<NodeId, NodeId>;  // from, to
  using Words = std::vector<std::string>;

  void Nodes(const Words& words, const Words& body);
  void Lead(const Words& words);
  void Timeout(const Words& words);
  void Advance(const Words& words);
  void Deliver(const Words& words);
  void Drop(const Words& words);
  void Duplicate(const Words& words);
  void Reorder(const Words& words);
  void AutoPersist(const Words& words);
  void PersistWrites(const Words& words);
  void RefuseWrites(const Words& words);
  void Propose(const Words& words);
  void Read(const Words& words);
  // conversation_snapshot.cc.
  void Compact(const Words& words);
  void Snapshot(const Words& words);
  void SnapshotSent(const Words& words);
  void SnapshotFailed(const Words& words);

  void Change(const Words& words);
  void Transfer(const Words& words);
  void Reset(const Words& words);
  void Members(const Words& words);
  void Stabilize(const Words& words);
  void Crash(const Words& words);
  void Restart(const Words& words);
  void Damage(const Words& words);
  void Partition(const Words& words);
  void Heal(const Words& words);
  void Status(const Words& words);
  void Log(const Words& words);
  void Network(const Words& words);

  void Line(absl::string_view line);
  void Fail(absl::string_view what);
  // The server that `words` names at `at`; nullptr, and a failure, if none or
  // not up.
  TestServer* Server(const Words& words, size_t at);
  // The link that words[1] names; nullptr, and a failure, if nothing is under
  // way there.
  std::deque<Message>* Queue(const Words& words, Link* link);
  size_t Count(const Words& words, size_t all);

  void CallDeadline(TestServer& server);
  void DeliverOne(const Link& link);
  void FinishWrites(TestServer& server, PersistId upto);
  void Act(TestServer& server, const Ready& ready);
  void Say(NodeId id, const Ready& ready);
  void Check(TestServer& server, const Ready& ready);
  void ShowProgress(const Raft& raft);

  std::map<NodeId, std::unique_ptr<TestServer>> servers_;
  std::map<Link, std::deque<Message>> links_;
  std::set<Link> cut_;
  std::map<Link, LogIndex> snapshot_sessions_;  // as last asked for
  ClusterChecker checker_;
  bool auto_persist_ = true;
  bool failed_ = false;
  std::string out_;
};

// A file: comments (#) and blank lines, and commands, each with its body, a
// line "----" and its output up to a blank line. Returns the file with the
// outputs of today; `failed` as above.
std::string RunConversation(absl::string_view file, bool* failed);

}  // namespace jaco::raft

#endif  // JACO_RAFT_CONVERSATION_H_

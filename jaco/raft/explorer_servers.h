// For tests: the servers of an exploration (explorer.h), each state of each
// once. What a server does with an input is computed, and compared with the
// specification, when it is asked for first; after that it is looked up.

#ifndef JACO_RAFT_EXPLORER_SERVERS_H_
#define JACO_RAFT_EXPLORER_SERVERS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "jaco/raft/explorer.h"
#include "jaco/raft/raft.h"
#include "jaco/raft/spec.h"
#include "jaco/raft/spec_mapping.h"
#include "jaco/raft/spec_search.h"
#include "jaco/raft/test_server.h"

namespace jaco::raft {

using ServerRef = uint32_t;
using FlightRef = uint32_t;

// The bytes of a snapshot on their way, and the word that they arrived.
struct SnapshotSent {
  LogIndex session;
  EntryId last;
  Configuration configuration;
  spec::Log log;  // that it stands for
};
struct SnapshotArrived {
  LogIndex session;
  EntryId last;
};

struct Flight {
  NodeId from;
  NodeId to;
  std::variant<Message, SnapshotSent, SnapshotArrived> content;
  std::vector<uint64_t> hashes;  // by renaming; may be added up
};

// One server with its disk.
struct ExploredServer {
  Raft raft;
  ModelDisk disk;
  std::deque<Persist> writes;  // under way
  Instant now;
  Histories histories;
  spec::Server abstract;
  std::vector<uint64_t> hashes;  // by renaming
};

struct Input {
  enum class Kind : uint8_t {
    kMessage,  // `argument` is the flight
    kPatience,
    kHeartbeat,
    kGiveUp,
    kWritten,
    kCrash,
    kPropose,
    kChange,
    kCompact,
    kTransfer,  // `argument` is the target
  };

  Kind kind;
  uint32_t argument = 0;
};

struct Outcome {
  ServerRef server = 0;
  std::vector<FlightRef> sent;
  bool accepted = true;   // the core took what it was asked for
  std::string violation;  // of the specification or of an invariant
};

class ExplorerServers {
 public:
  // Each of `renamings` calls server i renamings[..][i - 1]; the first changes
  // nothing.
  ExplorerServers(const Scenario& scenario,
                  std::vector<std::vector<NodeId>> renamings);

  ServerRef Start(NodeId id);
  const Outcome& Take(ServerRef server, const Input& input);
  const ExploredServer& At(ServerRef ref) const { return *servers_[ref]; }
  const Flight& FlightAt(FlightRef ref) const { return *flights_[ref]; }
  std::string Text(const Input& input) const;
  // How many different ones there are, and what states there were.
  void Summarize(Exploration* result) const;

 private:
  using Call = std::function<void(Raft&, Instant)>;

  std::unique_ptr<ExploredServer> Boot(NodeId id, ModelDisk disk) const;
  void Do(ExploredServer& server, const Input& input, Outcome& outcome);
  void DoMessage(ExploredServer& server, const Flight& flight,
                 Outcome& outcome);
  void DoSnapshot(ExploredServer& server, const Flight& flight,
                  Outcome& outcome);
  void Compact(ExploredServer& server, Outcome& outcome);
  void Finish(ExploredServer& server, Outcome& outcome);
  void Step(ExploredServer& server, Duration wait, const Call& call,
            const std::optional<spec::Message>& received, bool restarted,
            Outcome& outcome);
  void Pump(ExploredServer& server, std::vector<Flight>& sent);
  void Compare(ExploredServer& server, spec::Step step,
               const std::vector<Flight>& sent, Outcome& outcome);
  static std::optional<spec::Message> SpecOf(const Flight& flight);
  static void Violate(const std::string& what, Outcome& outcome);
  ServerRef Intern(std::unique_ptr<ExploredServer> server);
  FlightRef Intern(Flight flight);
  std::vector<uint64_t> HashesOf(const ExploredServer& server) const;
  std::vector<uint64_t> HashesOf(const Flight& flight) const;

  const Scenario scenario_;
  const std::vector<std::vector<NodeId>> renamings_;
  std::vector<std::unique_ptr<ExploredServer>> servers_;
  std::unordered_map<uint64_t, ServerRef> server_refs_;
  std::vector<std::unique_ptr<Flight>> flights_;
  std::unordered_map<uint64_t, FlightRef> flight_refs_;
  std::unordered_map<uint64_t, Outcome> outcomes_;
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_EXPLORER_SERVERS_H_

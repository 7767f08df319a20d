#include "jaco/sim/joiners.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/sim/stream.h"

namespace jaco::sim {
namespace {

// Between attempts, on average.
constexpr Duration kPause = Milliseconds(30);
// For so long somebody waits for a token.
constexpr Duration kIssuePatience = Seconds(1);
// Once all is sound, what may still come of an earlier attempt has come.
constexpr Duration kGiveUpAfter = Seconds(5);

bool IsCode(const absl::Status& status, ErrorCode code) {
  return !status.ok() && CodeOf(status) == code;
}

// It makes no sense to try again with this token.
bool IsSpent(const absl::Status& status) {
  return IsCode(status, ErrorCode::kJoinTokenConsumed) ||
         IsCode(status, ErrorCode::kJoinTokenExpired) ||
         IsCode(status, ErrorCode::kJoinTokenInvalid) ||
         IsCode(status, ErrorCode::kTokenInvalid);
}

std::string SecretOf(const std::string& token) {
  return token.substr(0, token.find('.'));
}

}  // namespace

Joiners::Joiners(World& world, Departures& departures)
    : world_(world),
      departures_(departures),
      owner_(world.queue().NewOwner()),
      prng_(MakeStream(world.seed(), Stream::kJoin, 1)) {}

bool Joiners::Idle() const {
  for (const Spare& spare : spares_) {
    if (!spare.token.empty() || spare.expired) return false;
  }
  return true;
}

bool Joiners::SomeLapsed() const {
  for (const Spare& spare : spares_) {
    if (spare.lapsed) return true;
  }
  return false;
}

void Joiners::Finish() {
  finishing_ = true;
  finished_ = world_.now();
  if (SomeLapsed()) Arm();
}

void Joiners::Begin(Prng prng, const raft::Configuration& members) {
  if (finishing_ || !Idle() || world_.now() < issuing_until_) return;
  PerNode<bool> is_member = {};
  for (const raft::NodeId member : members.Members()) {
    is_member[world_.NumberOf(member)] = true;
  }
  std::vector<NodeNumber> inside;
  std::vector<NodeNumber> outside;
  for (NodeNumber i = 1; i <= world_.servers(); ++i) {
    if (world_.node(i).up()) (is_member[i] ? inside : outside).push_back(i);
  }
  if (inside.empty() || outside.empty()) return;
  const auto take_one = [&] {
    std::swap(outside[prng.Below(outside.size())], outside.back());
    const NodeNumber one = outside.back();
    outside.pop_back();
    return one;
  };
  std::vector<NodeNumber> chosen = {take_one()};
  if (!outside.empty() && prng.Chance(1, 4)) chosen.push_back(take_one());
  if (!used_.empty() && prng.Chance(1, 8)) {
    return HandOut(used_[prng.Below(used_.size())], chosen);
  }
  std::string name;
  if (prng.Chance(1, 4)) name = MemberOf(chosen.front()).name;
  Issue(inside[prng.Below(inside.size())], name, std::move(chosen));
}

void Joiners::Issue(NodeNumber asked, const std::string& name,
                    std::vector<NodeNumber> servers) {
  issuing_until_ = world_.now() + kIssuePatience;
  const uint64_t issue = ++issues_;
  // An event of the server's: a paused one does not take calls.
  world_.queue().Schedule(
      world_.now(), owner_, {EventKind::kClient, asked},
      [this, asked, name, issue, servers = std::move(servers)] {
        if (!world_.node(asked).up()) return;
        world_.node(asked).server()->IssueJoinToken(
            server::Caller::Local(), {.node_name = name},
            [this, issue, servers](
                const absl::StatusOr<server::IssueJoinTokenResponse>& made) {
              const bool wanted = issue == issues_ && !finishing_;
              if (!made.ok() || !wanted || !Idle()) return;
              used_.push_back(made->join_token);
              HandOut(made->join_token, servers);
            });
      });
}

void Joiners::HandOut(const std::string& token,
                      const std::vector<NodeNumber>& servers) {
  issuing_until_ = world_.now();
  for (const NodeNumber number : servers) {
    spares_[number] = {.token = token, .lapsed = spares_[number].lapsed};
    departures_.OnAddCall(number);
  }
  Arm();
}

void Joiners::OnWiped(NodeNumber number) {
  spares_[number] = {.expired = true};
  Arm();
}

void Joiners::Arm() {
  if (std::exchange(armed_, true)) return;
  world_.queue().Schedule(world_.now() + prng_.Tail(kPause), owner_,
                          {EventKind::kClient, kWorld}, [this] {
                            armed_ = false;
                            Tick();
                          });
}

// Whatever an incarnation that is gone was at, the next begins anew.
void Joiners::Tick() {
  for (NodeNumber i = 1; i <= world_.servers(); ++i) {
    Spare& spare = spares_[i];
    const SimNode& node = world_.node(i);
    if (spare.expired || (finishing_ && spare.IsLapsed())) Expel(i);
    if (spare.token.empty() || spare.expired || !node.up()) continue;
    if (spare.trying && spare.incarnation == node.starts()) continue;
    spare.asked = spare.asked || spare.trying;
    spare.trying = true;
    spare.incarnation = node.starts();
    const NodeNumber peer = DrawPeer(i);
    world_.queue().Schedule(world_.now(), owner_, {EventKind::kClient, i},
                            [this, i, peer] { Try(i, peer); });
  }
  if (!Idle() || (finishing_ && SomeLapsed())) Arm();
}

bool Joiners::IsInTable(NodeNumber number) const {
  return Departures::IsInTable(world_.checkers().state().machine(), number);
}

// Until it is gone.
void Joiners::Expel(NodeNumber number) {
  Spare& spare = spares_[number];
  if (!IsInTable(number)) {
    if (spare.expired) spare = {.lapsed = true};
    return;
  }
  const NodeNumber asked = DrawPeer(number);
  world_.queue().Schedule(world_.now(), owner_, {EventKind::kClient, asked},
                          [this, asked, number] {
                            const Spare& spare = spares_[number];
                            if (!spare.expired && !spare.lapsed) return;
                            if (!world_.node(asked).up()) return;
                            departures_.Remove(asked, number, /*force=*/true);
                          });
}

// Mostly one that is in the cluster, as far as it knows.
NodeNumber Joiners::DrawPeer(NodeNumber number) {
  std::vector<NodeNumber> members;
  for (NodeNumber i = 1; i <= world_.servers(); ++i) {
    if (i != number && world_.node(i).last_seen().has_value()) {
      members.push_back(i);
    }
  }
  if (!members.empty() && !prng_.Chance(1, 8)) {
    return members[prng_.Below(members.size())];
  }
  return static_cast<NodeNumber>(prng_.Between(1, world_.servers()));
}

void Joiners::Try(NodeNumber number, NodeNumber peer) {
  SimNode& node = world_.node(number);
  if (!node.up() || spares_[number].incarnation != node.starts()) return;
  world_.trace().Note({EventKind::kCall, number, peer}, "join");
  node.BeginJoin();
  node.server()->Join(
      server::Caller::Local(),
      {.peer = absl::StrCat(int{peer}), .join_token = spares_[number].token},
      [this, number](const absl::StatusOr<server::JoinResponse>& response) {
        OnOutcome(number, response.status());
      });
}

// Of one that may have been let in and not have heard so. Not the former self
// of a server that asked: it has yet to hear that it was removed. One that is
// starting does not know yet.
bool Joiners::IsIn(NodeNumber number, const absl::Status& status) {
  const raft::Raft* raft = world_.node(number).server()->raft();
  if (!IsCode(status, ErrorCode::kClusterAlreadyInitialized) ||
      raft == nullptr) {
    return false;
  }
  const auto& nodes = world_.checkers().state().machine().nodes();
  if (!spares_[number].asked || nodes.contains(raft->id().value())) return true;
  // Nobody will tell it, nor waits for it.
  return IsLeftAlone(number) && !IsInTable(number);
}

// All that it knows have left, too, and it does not know that it did itself.
bool Joiners::IsLeftAlone(NodeNumber number) const {
  const raft::Raft* raft = world_.node(number).server()->raft();
  const auto& nodes = world_.checkers().state().machine().nodes();
  return raft != nullptr && !nodes.contains(raft->id().value()) && finishing_ &&
         world_.now() - finished_ >= kGiveUpAfter;
}

void Joiners::OnOutcome(NodeNumber number, const absl::Status& status) {
  world_.trace().Note({EventKind::kReply, number},
                      status.ok() ? "ok" : ErrorCodeName(CodeOf(status)));
  SimNode& node = world_.node(number);
  node.EndJoin();
  Spare& spare = spares_[number];
  spare.trying = false;
  const bool spent = IsSpent(status);
  const bool in = status.ok() || IsIn(number, status);
  spare.asked =
      spare.asked || !IsCode(status, ErrorCode::kClusterAlreadyInitialized);
  // An operator looks at the clocks then.
  if (IsCode(status, ErrorCode::kPeerUntrusted)) {
    for (NodeNumber i = 1; i <= world_.servers(); ++i) {
      if (world_.node(i).up()) world_.node(i).SetWall();
    }
  }
  // The same for who was let in, lost that, and takes itself for what it was.
  const bool expired = IsCode(status, ErrorCode::kJoinTokenExpired) ||
                       (!in && IsLeftAlone(number));
  // A row that an earlier token made too late.
  if (spare.lapsed && IsCode(status, ErrorCode::kNodeAlreadyMember)) {
    Expel(number);
  }
  if (!in && !spent && !expired) return;
  if (status.ok()) ++joined_;
  if (spent) ++refused_;
  departures_.OnAdded(number, status);
  // By clocks that jump it may expire at any time: then even for who was let in
  // and has not heard of it.
  if (expired) {
    spare.expired = true;
    return Expel(number);
  }
  if (spent) {
    world_.joins().OnSpent(number, SecretOf(spare.token), world_.findings());
  }
  spare = {.lapsed = spare.lapsed && !in};
}

}  // namespace jaco::sim

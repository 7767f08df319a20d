#include "jaco/raft/spec_search.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace jaco::raft::spec {
namespace {

// A point on a way: where the server stands, and what it could have sent until
// then.
struct Point {
  Server server;
  std::vector<bool> sendable;

  friend bool operator==(const Point&, const Point&) = default;
};

class Search {
 public:
  explicit Search(const Step& step) : step_(step) {}

  std::string Run();

 private:
  using Action = std::function<bool(Server&)>;

  void Reach(Server server, std::vector<bool> sendable);
  void Try(const Point& from, const Action& action);
  bool IsLeftBehind(const Stable& stable) const;
  void Expand(const Point& from);
  void ExpandByMessage(const Point& from);
  std::string Failure() const;

  const Step& step_;
  std::vector<Point> reached_;
  bool found_ = false;
  std::vector<bool> sendable_at_end_;  // by whichever way came there
};

void Search::Reach(Server server, std::vector<bool> sendable) {
  for (size_t i = 0; i < step_.sent.size(); ++i) {
    if (!sendable[i]) sendable[i] = MaySend(server, step_.sent[i]);
  }
  Point point{std::move(server), std::move(sendable)};
  if (std::find(reached_.begin(), reached_.end(), point) != reached_.end()) {
    return;
  }
  if (point.server == step_.after) {
    sendable_at_end_ = point.sendable;
    found_ = std::find(point.sendable.begin(), point.sendable.end(), false) ==
             point.sendable.end();
  }
  reached_.push_back(std::move(point));
}

void Search::Try(const Point& from, const Action& action) {
  if (found_) return;
  Server server = from.server;
  if (action(server)) Reach(std::move(server), from.sendable);
}

void Search::ExpandByMessage(const Point& from) {
  const Message& message = *step_.received;
  Try(from, [&](Server& s) { return UpdateTerm(s, message); });
  Try(from, [&](Server& s) { return Receive(s, message); });
}

// Whether `after` has it on its disk or on the way there.
bool Search::IsLeftBehind(const Stable& stable) const {
  const auto& writes = step_.after.writes;
  return stable == step_.after.disk ||
         std::find(writes.begin(), writes.end(), stable) != writes.end();
}

// The parameters of actions are those that `after` asks for.
void Search::Expand(const Point& from) {
  const Server& after = step_.after;
  const Log& log = after.memory.log;
  const size_t length = from.server.memory.log.size();
  if (step_.restarted) {
    Try(from, [&](Server& s) { return Restart(s, after.commit); });
    return;
  }
  if (step_.received.has_value()) ExpandByMessage(from);
  if (from.server.memory.term < after.memory.term) Try(from, Timeout);
  Try(from, CountOwnVote);
  Try(from, BecomeLeader);
  Try(from, StepDown);
  if (length < log.size()) {
    Try(from, [&](Server& s) { return AppendOwn(s, log[length]); });
  }
  Try(from, [&](Server& s) { return AdvanceCommit(s, after.commit); });
  if (IsLeftBehind(from.server.memory)) Try(from, Write);
  if (from.server.disk != after.disk || from.server.writes != after.writes) {
    Try(from, FinishWrite);
  }
  if (after.agreed != from.server.agreed) Try(from, ForgetAgreed);
  for (Id other = 1; other <= kServersMax; ++other) {
    if (after.match[other] != 0) continue;
    Try(from, [&](Server& s) { return ForgetMatch(s, other); });
  }
}

std::string Search::Failure() const {
  for (size_t i = 0; i < sendable_at_end_.size(); ++i) {
    if (sendable_at_end_[i]) continue;
    return absl::StrCat(
        "specification: may not send: ", Describe(step_.sent[i]), "; it is ",
        Describe(step_.after), "; it was ", Describe(step_.before));
  }
  return absl::StrCat(
      "specification: no actions lead to ", Describe(step_.after), "; from ",
      Describe(step_.before),
      step_.received.has_value() ? "; heard " + Describe(*step_.received) : "");
}

std::string Search::Run() {
  Reach(step_.before, std::vector<bool>(step_.sent.size(), false));
  size_t begin = 0;
  for (int actions = 0; actions < kActionsMax && !found_; ++actions) {
    const size_t end = reached_.size();
    for (size_t i = begin; i < end && !found_; ++i) Expand(Point(reached_[i]));
    if (reached_.size() == end) break;
    begin = end;
  }
  return found_ ? "" : Failure();
}

}  // namespace

std::string WhyNotAllowed(const Step& step) { return Search(step).Run(); }

}  // namespace jaco::raft::spec

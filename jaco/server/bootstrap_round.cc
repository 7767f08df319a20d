// The asking side of BootstrapService: Paxos's proposer, and the joiner.

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/server/bootstrap_record.h"
#include "jaco/server/bootstrap_service.h"

namespace jaco::server {

struct BootstrapService::Poll {
  size_t waiting;
  Answers answers;
  absl::AnyInvocable<void(const Answers&)> then;
};

// To found a cluster.
struct BootstrapService::Attempt {
  Ballot ballot;
  std::vector<std::string> voters;  // besides this server
  size_t needed;                    // this server included
};

void BootstrapService::BeginRound() {
  timer_ = 0;
  if (node_->lifecycle() == Lifecycle::kMember) return Forget();
  if (node_->lifecycle() == Lifecycle::kFailed) return;
  if (!Active()) return Rest();
  busy_ = true;
  Remember([this] {
    AskAll(contacts_.Due(node_->env().clock->Now()),
           Request(HelloRequest::NOTHING),
           [this](const Answers&) { Remember([this] { Decide(); }); });
  });
}

// Who is asked or counted is so after a crash, too. Else this server could be
// forgotten: others that know it need not look for it any more by then. And a
// few of many could think that they are all.
void BootstrapService::Remember(absl::AnyInvocable<void()> then) {
  if (!Active() || (contacts_.All() == durable_ &&
                    contacts_.KnownByAddress() == remembered_)) {
    return then();
  }
  Store([this, then = std::move(then)](const absl::Status& stored) mutable {
    if (stored.ok()) return then();
    Report(stored.message(), LogLevel::kError);
    Rest();
  });
}

// Servers that do the same at the same time come apart by chance.
void BootstrapService::Rest() {
  busy_ = false;
  Duration pause = options().retry;
  pause = prng_.Between(pause / 2, pause * 3 / 2);
  if (std::exchange(again_, false)) pause = kSoon;
  node_->env().loop->Cancel(timer_);
  timer_ = node_->env().loop->After(pause, [this] { BeginRound(); });
}

void BootstrapService::Wake() {
  again_ = true;
  if (!busy_) Rest();
}

HelloRequest BootstrapService::Request(HelloRequest::Ask ask) const {
  HelloRequest request;
  const HelloResponse described = Describe();
  request.set_server_id(described.server_id());
  request.set_node_name(described.node_name());
  request.set_expect(described.expect());
  *request.mutable_addresses() = described.addresses();
  request.set_address(described.address());
  request.set_member(described.member());
  request.set_ask(ask);
  return request;
}

void BootstrapService::AskAll(const std::vector<std::string>& addresses,
                              const HelloRequest& request,
                              absl::AnyInvocable<void(const Answers&)> then) {
  if (options().peer == nullptr || addresses.empty()) return then({});
  auto poll =
      std::make_shared<Poll>(Poll{addresses.size(), {}, std::move(then)});
  for (const std::string& address : addresses) {
    options().peer->Hello(
        address, request,
        [this, address, poll](absl::StatusOr<HelloResponse> answer) {
          Hear(address, answer);
          if (answer.ok()) poll->answers.push_back(*std::move(answer));
          if (--poll->waiting == 0) poll->then(poll->answers);
        });
  }
}

void BootstrapService::Hear(const std::string& address,
                            const absl::StatusOr<HelloResponse>& answer) {
  const Instant now = node_->env().clock->Now();
  if (!answer.ok()) return contacts_.Missed(address, answer.status(), now);
  contacts_.Heard(address, *answer, now);
  // Also under the name that its certificate is for.
  again_ |= contacts_.Learn(answer->address(), now);
  for (const std::string& learned : answer->addresses()) {
    again_ |= contacts_.Learn(learned, now);
  }
}

void BootstrapService::Decide() {
  const auto complete_since = std::exchange(complete_since_, std::nullopt);
  if (!Active()) return Rest();
  const std::vector<std::string> members = contacts_.Members();
  if (!members.empty()) return JoinCluster(members);
  if (!record_.join_token().empty()) {
    Report(absl::StrCat("waiting for a member of cluster ",
                        record_.cluster_id(), ", which this server joins; ",
                        contacts_.LastFailure()));
    return Rest();
  }
  if (contacts_.KnowsAMember()) {
    Report(absl::StrCat("waiting for a member of the cluster that there is; ",
                        contacts_.LastFailure()));
    return Rest();
  }
  if (const absl::Status problem = contacts_.Problem(); !problem.ok()) {
    Report(absl::StrCat(ErrorCodeName(CodeOf(problem)), ": ", problem.message(),
                        "; no cluster is founded"),
           LogLevel::kError);
    return Rest();
  }
  DecideWhoFounds(complete_since);
}

std::string BootstrapService::Waiting(size_t here) const {
  const std::string failure = contacts_.LastFailure();
  std::string what = options().expect == 0
                         ? "waiting for a cluster to join"
                         : absl::StrCat("waiting for servers, ", here, " of ",
                                        needed(), " are here");
  if (here >= options().expect && options().expect > 0) {
    absl::StrAppend(&what, ": ", contacts_.known(),
                    " are known, of which more than half have to agree");
  }
  return failure.empty() ? what : absl::StrCat(what, "; ", failure);
}

// Who has the lowest id may answer and yet be unable to act: its disk hangs, or
// it sees other servers than we do. So those behind it have their turn, too,
// each somewhat later. Paxos does not mind who proposes, or how many do.
bool BootstrapService::IsOurTurn(
    const std::map<uint64_t, std::string>& fresh) const {
  const auto before =
      std::distance(fresh.begin(), fresh.lower_bound(record_.server_id()));
  const Duration turn = options().retry * kTurnRounds;
  return node_->env().clock->Now() - *complete_since_ >= turn * before;
}

void BootstrapService::DecideWhoFounds(std::optional<Instant> complete_since) {
  const std::map<uint64_t, std::string> fresh = contacts_.Fresh();
  const uint64_t self = record_.server_id();
  const Founder founder = contacts_.Accepted(record_.vote());
  const uint64_t id = founder.server_id();
  if (id != 0 && id != self && !fresh.contains(id)) {
    Report(absl::StrCat("waiting for ", founder.node_name(),
                        ", which was to found the cluster and is not here"),
           LogLevel::kWarning);
    return Rest();
  }
  if (options().expect == 0 || fresh.size() + 1 < needed()) {
    Report(Waiting(fresh.size() + 1));
    return Rest();
  }
  if (id == 0) {
    complete_since_ = complete_since.value_or(node_->env().clock->Now());
  }
  if (id != 0 ? id == self : IsOurTurn(fresh)) return Propose();
  Report(id != 0 ? absl::StrCat("agreed that ", founder.node_name(),
                                " founds the cluster")
                 : absl::StrCat("the server at ", fresh.begin()->second,
                                " is about to found the cluster"));
  Rest();
}

// Paxos, first half. Any two sets of servers that are large enough have one in
// common as long as there are less than twice as many as are expected, or the
// proposers know all of them.
void BootstrapService::Propose() {
  Report("asking the others to let this server found the cluster");
  auto attempt = std::make_shared<Attempt>();
  attempt->needed = needed();
  for (const auto& [id, address] : contacts_.Fresh()) {
    attempt->voters.push_back(address);
  }
  const uint64_t promised = record_.vote().promised().round();
  attempt->ballot.set_round(std::max(promised, contacts_.highest_round()) + 1);
  attempt->ballot.set_server(record_.server_id());
  if (!Promise(attempt->ballot, record_.mutable_vote())) return Rest();
  Store([this, attempt](const absl::Status& stored) {
    if (!stored.ok()) {
      Report(stored.message(), LogLevel::kError);
      return Rest();
    }
    HelloRequest request = Request(HelloRequest::PROMISE);
    *request.mutable_ballot() = attempt->ballot;
    AskAll(attempt->voters, request, [this, attempt](const Answers& answers) {
      OnPromises(attempt, answers);
    });
  });
}

// Servers count, not addresses: two of these may lead to one server by now.
bool BootstrapService::MayGoOn(const Attempt& attempt,
                               const Answers& answers) const {
  std::set<uint64_t> granted = {record_.server_id()};
  for (const HelloResponse& answer : answers) {
    if (answer.granted()) granted.insert(answer.server_id());
  }
  return Active() && !contacts_.KnowsAMember() &&
         granted.size() >= attempt.needed;
}

void BootstrapService::OnPromises(std::shared_ptr<Attempt> attempt,
                                  const Answers& answers) {
  const FounderVote* highest = &record_.vote();
  for (const HelloResponse& answer : answers) {
    if (answer.granted() && highest->accepted() < answer.vote().accepted()) {
      highest = &answer.vote();
    }
  }
  const uint64_t founder = highest->founder().server_id();
  if (!MayGoOn(*attempt, answers)) return Rest();
  // It may have been chosen: it finds that out by itself.
  if (founder != 0 && founder != record_.server_id()) return Rest();
  AskToAccept(std::move(attempt));
}

void BootstrapService::AskToAccept(std::shared_ptr<Attempt> attempt) {
  Founder self;
  self.set_server_id(record_.server_id());
  self.set_node_name(node_->options().node_name);
  if (!Accept(attempt->ballot, self, record_.mutable_vote())) return Rest();
  Store([this, attempt, self](const absl::Status& stored) {
    if (!stored.ok()) {
      Report(stored.message(), LogLevel::kError);
      return Rest();
    }
    HelloRequest request = Request(HelloRequest::ACCEPT);
    *request.mutable_ballot() = attempt->ballot;
    *request.mutable_founder() = self;
    AskAll(attempt->voters, request, [this, attempt](const Answers& answers) {
      OnAccepted(*attempt, answers);
    });
  });
}

void BootstrapService::OnAccepted(const Attempt& attempt,
                                  const Answers& answers) {
  if (!MayGoOn(attempt, answers)) return Rest();
  Found();
}

// Only what takes effect counts: a founding that is cut off is repeated, by the
// same server, because it is the one that was chosen.
void BootstrapService::Found() {
  Report("founding the cluster");
  cluster_->Init({}, {}, [this](absl::StatusOr<InitResponse> founded) {
    if (founded.ok()) return OnFounded();
    Report(
        absl::StrCat("cannot found the cluster: ", founded.status().message()),
        LogLevel::kError);
    Rest();
  });
}

void BootstrapService::OnFounded() {
  Forget();
  AskAll(contacts_.All(), Request(HelloRequest::NOTHING),
         [](const Answers&) {});
}

// The token is kept before it is used: whoever comes again with the same one is
// the same node.
void BootstrapService::JoinCluster(const std::vector<std::string>& members) {
  const std::string member = members[joins_tried_++ % members.size()];
  joining_ = true;
  if (record_.cluster_id() == contacts_.ClusterOf(member)) {
    return JoinThrough(member);
  }
  AskAll({member}, Request(HelloRequest::JOIN_TOKEN),
         [this, member](const Answers& answers) {
           if (!Active() || answers.empty() || !answers[0].granted()) {
             return OnNotJoined(MakeError(
                 ErrorCode::kPeerUnreachable,
                 absl::StrCat("no join token: ", contacts_.LastFailure())));
           }
           record_.set_join_token(answers[0].join_token());
           record_.set_cluster_id(answers[0].cluster_id());
           Store([this, member](absl::Status stored) {
             if (!stored.ok()) {
               ForgetToken();
               return OnNotJoined(stored);
             }
             JoinThrough(member);
           });
         });
}

void BootstrapService::JoinThrough(const std::string& member) {
  Report("joining a cluster");
  joins_->Join({}, {.peer = member, .join_token = record_.join_token()},
               [this](absl::StatusOr<JoinResponse> joined) {
                 if (joined.ok()) return Forget();
                 OnNotJoined(joined.status());
               });
}

void BootstrapService::ForgetToken() {
  record_.clear_join_token();
  record_.clear_cluster_id();
}

void BootstrapService::OnNotJoined(const absl::Status& why) {
  joining_ = false;
  Report(absl::StrCat("cannot join yet: ", ErrorCodeName(CodeOf(why)), ": ",
                      why.message()),
         LogLevel::kWarning);
  // The member that was asked has just shown the key: it gives another one.
  if (JoinToken::IsOutdated(why)) ForgetToken();
  Rest();
}

}  // namespace jaco::server

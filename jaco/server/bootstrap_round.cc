// The asking side of BootstrapService: Paxos's proposer, and the joiner.

#include <algorithm>
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
  AskAll(contacts_.Due(node_->env().clock->Now()),
         Request(HelloRequest::NOTHING), [this](const Answers&) { Decide(); });
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
  DecideWhoFounds();
}

std::string BootstrapService::Waiting(size_t here) const {
  const std::string failure = contacts_.LastFailure();
  const std::string what =
      options().expect == 0
          ? "waiting for a cluster to join"
          : absl::StrCat("waiting for servers, ", here, " of ",
                         options().expect, " are here");
  return failure.empty() ? what : absl::StrCat(what, "; ", failure);
}

void BootstrapService::DecideWhoFounds() {
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
  if (options().expect == 0 || fresh.size() + 1 < options().expect) {
    Report(Waiting(fresh.size() + 1));
    return Rest();
  }
  const uint64_t lowest =
      fresh.empty() ? self : std::min(self, fresh.begin()->first);
  if ((id != 0 ? id : lowest) == self) return Propose();
  Report(id != 0 ? absl::StrCat("agreed that ", founder.node_name(),
                                " founds the cluster")
                 : "another server is about to found the cluster");
  Rest();
}

// Paxos, first half. Any two sets of servers that are large enough have one in
// common as long as there are less than twice as many as are expected, or the
// proposers know all of them.
void BootstrapService::Propose() {
  Report("asking the others to let this server found the cluster");
  auto attempt = std::make_shared<Attempt>();
  attempt->needed =
      std::max<size_t>(options().expect, contacts_.known() / 2 + 1);
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
  switch (CodeOf(why)) {
    case ErrorCode::kJoinTokenInvalid:
    case ErrorCode::kJoinTokenExpired:
    case ErrorCode::kJoinTokenConsumed:
      ForgetToken();
      break;
    default:
      break;
  }
  Rest();
}

}  // namespace jaco::server

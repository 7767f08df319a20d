// Servers that join by a token.

#ifndef JACO_SIM_SERVER_TESTING_JOINING_CLUSTER_H_
#define JACO_SIM_SERVER_TESTING_JOINING_CLUSTER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/join_peer.h"
#include "jaco/server/password_join.pb.h"
#include "jaco/server/user_api.h"
#include "jaco/sim/server/testing/test_cluster.h"

namespace jaco::server {

class TokenJoinTest : public ClusterTest, public JoinPeer {
 protected:
  TokenJoinTest() {
    policy_ = true;
    join_peer_ = this;
  }

  ~TokenJoinTest() override { processes_.clear(); }

  void Adjust(NodeNumber node, ServerOptions* options) override {
    askers_[options->node_name] = {node, started_};
  }

  // The way there and back takes an event each. Who is not up does not answer,
  // and hears no answer.
  void Admit(const std::string& peer, const std::string& fingerprint,
             const std::string& join_token, AdmitRequest request,
             Reply<AdmitResponse> reply) override {
    fingerprint_ = fingerprint;
    const auto node = static_cast<NodeNumber>(peer[0] - '0');
    const std::string asker = request.node_name;
    auto answer = [this, asker, number = askers_[asker].second,
                   kept = std::make_shared<Reply<AdmitResponse>>(
                       std::move(reply))](auto response) {
      if (askers_[asker].second != number) return;
      if (!processes_.contains(askers_[asker].first)) return;
      (*kept)(std::move(response));
    };
    queue_.Schedule(
        queue_.now() + Milliseconds(1), sim::kWorldOwner,
        {sim::EventKind::kTask},
        [this, node, join_token, request = std::move(request), answer] {
          using Answer = absl::StatusOr<AdmitResponse>;
          if (!processes_.contains(node)) {
            return answer(
                Answer(MakeError(ErrorCode::kPeerUnreachable, "refused")));
          }
          At(node).Authenticate(
              join_token, /*stale=*/false,
              [this, node, request, answer](absl::StatusOr<Caller> caller) {
                if (!caller.ok()) return answer(Answer(caller.status()));
                At(node).Admit(
                    *caller, request,
                    [answer](absl::StatusOr<AdmitResponse> response) {
                      answer(std::move(response));
                    });
              });
        });
  }

  // The same for a password; who is in between sees two connections.
  void Converse(const std::string& peer,
                std::shared_ptr<PasswordConversation> conversation,
                absl::AnyInvocable<void(absl::Status)> done) override {
    ++conversations_;
    const auto node = static_cast<NodeNumber>(peer[0] - '0');
    auto kept = std::make_shared<absl::AnyInvocable<void(absl::Status)>>(
        std::move(done));
    queue_.Schedule(queue_.now() + Milliseconds(1), sim::kWorldOwner,
                    {sim::EventKind::kTask}, [this, node, conversation, kept] {
                      if (processes_.contains(node)) {
                        return Talk(node, conversation, kept);
                      }
                      (*kept)(MakeError(ErrorCode::kPeerUnreachable, "down"));
                    });
  }
  void Talk(NodeNumber node, std::shared_ptr<PasswordConversation> conversation,
            std::shared_ptr<absl::AnyInvocable<void(absl::Status)>> done) {
    const Caller caller{
        .anonymous = true,
        .channel_binding = somebody_in_between_ ? "another" : "connection"};
    PasswordChallengeRequest request;
    EXPECT_TRUE(request.ParseFromString(conversation->Begin("connection")));
    At(node).users().Challenge(
        caller, request,
        [this, node, caller, conversation,
         done](const absl::StatusOr<PasswordChallenge>& challenge) {
          if (!challenge.ok()) return (*done)(challenge.status());
          const auto answer =
              conversation->Answer(challenge->SerializeAsString());
          if (!answer.ok()) return (*done)(answer.status());
          PasswordProof proof;
          EXPECT_TRUE(proof.ParseFromString(*answer));
          At(node).users().Prove(
              caller, proof,
              [conversation,
               done](const absl::StatusOr<PasswordVerdict>& verdict) {
                (*done)(verdict.ok()
                            ? conversation->Finish(verdict->SerializeAsString())
                            : verdict.status());
              });
        });
  }

  std::string NewJoinToken(const std::string& node_name = "",
                           NodeNumber member = 1) {
    std::string token;
    At(member).IssueJoinToken({}, {.node_name = node_name},
                              [&token](const auto& response) {
                                EXPECT_TRUE(response.ok()) << response.status();
                                if (response.ok()) token = response->join_token;
                              });
    Run(Seconds(1));
    return token;
  }
  // "ok", or the code of the error; "none" when there was no answer.
  std::string Join(NodeNumber node, NodeNumber peer, const std::string& token) {
    auto outcome = std::make_shared<std::string>("none");
    BeginJoin(node, peer, token, outcome);
    Run(Seconds(2));
    return *outcome;
  }
  void BeginJoin(NodeNumber node, NodeNumber peer, const std::string& token,
                 const std::shared_ptr<std::string>& outcome) {
    At(node).Join({}, {absl::StrCat(int{peer}), token},
                  [outcome](const absl::StatusOr<JoinResponse>& response) {
                    *outcome = response.ok() ? "ok"
                                             : std::string(ErrorCodeName(
                                                   CodeOf(response.status())));
                  });
  }

  std::string fingerprint_;
  bool somebody_in_between_ = false;
  int conversations_ = 0;
  // By name: which server it is, and the start of it that runs.
  std::map<std::string, std::pair<NodeNumber, uint64_t>> askers_;
};

// Server 1 is a cluster.
class JoiningClusterTest : public TokenJoinTest {
 protected:
  JoiningClusterTest() {
    Start(1);
    At(1).Init({}, {}, [this](absl::StatusOr<InitResponse> response) {
      EXPECT_TRUE(response.ok()) << response.status();
    });
    Run(Seconds(2));
  }
  size_t Voters() { return At(1).raft()->configuration().voters.size(); }
};

}  // namespace jaco::server

#endif  // JACO_SIM_SERVER_TESTING_JOINING_CLUSTER_H_

// Servers that find each other by bootstrap_expect, in a world whose calls take
// their time, get lost, and do not cross partitions.

#ifndef JACO_SIM_SERVER_TESTING_BOOTSTRAP_CLUSTER_H_
#define JACO_SIM_SERVER_TESTING_BOOTSTRAP_CLUSTER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/server/bootstrap_peer.h"
#include "jaco/server/bootstrap_record.h"
#include "jaco/server/join_peer.h"
#include "jaco/server/security/keyring.h"
#include "jaco/sim/server/testing/test_cluster.h"

namespace jaco::server {

inline std::string ApiOf(NodeNumber node) {
  return absl::StrCat("10.0.0.", int{node}, ":7000");
}

class BootstrapCluster : public ClusterTest {
 protected:
  BootstrapCluster() {
    policy_ = true;
    for (NodeNumber node = 1; node <= kNodes; ++node) {
      peers_[node] = std::make_unique<Peer>(this, node);
    }
  }
  ~BootstrapCluster() override { processes_.clear(); }

  void Adjust(NodeNumber node, ServerOptions* options) override {
    incarnations_[node] = started_;
    options->join_peer = peers_[node].get();
    options->bootstrap.peer = peers_[node].get();
    options->seal_key = seal_key_;
    options->bootstrap.api_address = ApiOf(node);
    options->bootstrap.expect =
        expects_.contains(node) ? expects_[node] : expect_;
    for (const NodeNumber known : retry_join_) {
      options->bootstrap.retry_join.push_back(ApiOf(known));
    }
    if (names_.contains(node)) options->node_name = names_[node];
  }

  // What the servers that run say; looks at all of them.
  std::set<std::string> ClusterIds() {
    for (const auto& [node, process] : processes_) {
      const auto& cluster = process->server.state().cluster();
      if (cluster.has_value()) cluster_ids_.insert(cluster->id());
    }
    return cluster_ids_;
  }
  size_t Members() {
    size_t members = 0;
    for (const auto& [node, process] : processes_) {
      if (process->server.state().cluster().has_value()) ++members;
    }
    return members;
  }
  std::string Progress(NodeNumber node) { return At(node).Status().bootstrap; }
  std::string AllProgress() {
    std::string all;
    for (const auto& [node, process] : processes_) {
      absl::StrAppend(&all, int{node}, ": ", Progress(node), "\n");
    }
    return all;
  }

  // Who of those that run has the lowest id, and so founds if it can; 0: nobody
  // has one yet.
  NodeNumber Lowest() {
    NodeNumber lowest = 0;
    uint64_t lowest_id = 0;
    for (const auto& [node, process] : processes_) {
      if (files_[node]->crashed()) continue;
      const auto record = LoadBootstrapRecord(*files_[node], "/data",
                                              /*seal_key=*/nullptr);
      if (!record.ok() || !record->has_value()) continue;
      const uint64_t id = (*record)->server_id();
      if (lowest != 0 && id > lowest_id) continue;
      lowest = node;
      lowest_id = id;
    }
    return lowest;
  }

  bool MayPass(NodeNumber from, NodeNumber to) {
    return !cut_.contains({from, to}) && !cut_.contains({to, from}) &&
           !prng_.Chance(loss_percent_, 100);
  }

  // Whether the certificates that the server shows are of this authority.
  bool Shows(NodeNumber node, const std::string& fingerprint) {
    const auto& cluster = At(node).state().cluster();
    if (!cluster.has_value()) return false;
    for (const fsm::Authority& authority : cluster->authorities()) {
      const auto shown =
          processes_.at(node)->pki.Fingerprint(authority.certificate());
      if (shown.ok() && *shown == fingerprint) return true;
    }
    return false;
  }
  std::string NewJoinToken(NodeNumber member) {
    std::string token;
    At(member).IssueJoinToken({}, {}, [&](const auto& response) {
      EXPECT_TRUE(response.ok()) << response.status();
      if (response.ok()) token = response->join_token;
    });
    Run(Seconds(1));
    return token;
  }

  uint32_t expect_ = 3;
  std::shared_ptr<const Keyring> seal_key_;
  std::map<NodeNumber, uint32_t> expects_;
  std::map<NodeNumber, std::string> names_;
  std::vector<NodeNumber> retry_join_ = {1};
  std::set<std::pair<NodeNumber, NodeNumber>> cut_;
  uint64_t loss_percent_ = 0;
  std::set<std::string> cluster_ids_;  // all that were ever seen
  // Before each call; may let things happen to servers.
  std::function<void(NodeNumber from, NodeNumber to)> on_call_;

 private:
  struct Peer final : BootstrapPeer, JoinPeer {
    Peer(BootstrapCluster* world, NodeNumber self) : world(world), self(self) {}

    void Hello(const std::string& address, HelloRequest request,
               Reply<HelloResponse> reply) override {
      world->Call<HelloResponse>(
          self, address, std::move(reply),
          [from = absl::StrCat("10.0.0.", int{self}),
           request = std::move(request)](Server& server,
                                         Reply<HelloResponse> answer) {
            server.Hello({.bootstrap_peer = true, .address = from}, request,
                         std::move(answer));
          });
    }
    void Admit(const std::string& peer, const std::string& fingerprint,
               const std::string& join_token, AdmitRequest request,
               Reply<AdmitResponse> reply) override {
      world->Call<AdmitResponse>(
          self, peer, std::move(reply),
          [world = world, node = NodeAt(peer), fingerprint, join_token,
           request = std::move(request)](Server& server,
                                         Reply<AdmitResponse> answer) {
            if (!world->Shows(node, fingerprint)) {
              return answer(MakeError(ErrorCode::kPeerUntrusted, "another"));
            }
            server.Authenticate(
                join_token, /*stale=*/false,
                [&server, request, answer = std::move(answer)](
                    const absl::StatusOr<Caller>& caller) mutable {
                  if (!caller.ok()) return answer(caller.status());
                  server.Admit(*caller, request, std::move(answer));
                });
          });
    }

    void Converse(const std::string&, std::shared_ptr<PasswordConversation>,
                  absl::AnyInvocable<void(absl::Status)>) override {
      ADD_FAILURE() << "there are no passwords here";
    }

    BootstrapCluster* const world;
    const NodeNumber self;
  };

  static NodeNumber NodeAt(const std::string& address) {
    NodeNumber node = 1;
    while (node <= kNodes && ApiOf(node) != address) ++node;
    return node;
  }
  Instant Later() {
    return queue_.now() + prng_.Between(Milliseconds(1), Milliseconds(20));
  }
  bool IsUp(NodeNumber node, uint64_t incarnation) {
    return processes_.contains(node) && incarnations_[node] == incarnation;
  }
  // An event of the server that asked, as long as that runs.
  void PostTo(NodeNumber node, uint64_t incarnation, Instant when,
              env::Task task) {
    if (!IsUp(node, incarnation)) return;
    queue_.Schedule(when, processes_[node]->loop.owner(),
                    {sim::EventKind::kTask}, std::move(task));
  }

  template <typename Response>
  void Call(NodeNumber from, const std::string& address, Reply<Response> reply,
            std::function<void(Server&, Reply<Response>)> ask) {
    const NodeNumber to = NodeAt(address);
    const uint64_t incarnation = incarnations_[from];
    auto kept = std::make_shared<Reply<Response>>(std::move(reply));
    const auto finish = [kept](absl::StatusOr<Response> answer) {
      if (auto once = std::exchange(*kept, nullptr)) once(std::move(answer));
    };
    PostTo(from, incarnation, queue_.now() + Milliseconds(700), [finish] {
      finish(MakeError(ErrorCode::kPeerUnreachable, "no answer"));
    });
    if (!MayPass(from, to)) return;
    queue_.Schedule(
        Later(), sim::kWorldOwner, {sim::EventKind::kTask},
        [this, from, to, incarnation, finish, ask = std::move(ask)] {
          if (on_call_) on_call_(from, to);
          if (!processes_.contains(to)) {
            return PostTo(from, incarnation, Later(), [finish] {
              finish(MakeError(ErrorCode::kPeerUnreachable, "refused"));
            });
          }
          ask(At(to), [this, from, to, incarnation,
                       finish](absl::StatusOr<Response> answer) {
            if (!MayPass(to, from)) return;
            PostTo(from, incarnation, Later(),
                   [finish, answer = std::move(answer)]() mutable {
                     finish(std::move(answer));
                   });
          });
        });
  }

  std::map<NodeNumber, uint64_t> incarnations_;
  std::map<NodeNumber, std::unique_ptr<Peer>> peers_;
};

}  // namespace jaco::server

#endif  // JACO_SIM_SERVER_TESTING_BOOTSTRAP_CLUSTER_H_

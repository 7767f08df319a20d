// The state machine behind BootstrapApi. It opens no door of its own: what it
// does is what `jaco cluster init`, `node join` and `restore` do.

#ifndef JACO_SERVER_BOOTSTRAP_ACTIONS_H_
#define JACO_SERVER_BOOTSTRAP_ACTIONS_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/server/backup_service.h"
#include "jaco/server/bootstrap_api.h"
#include "jaco/server/bootstrap_service.h"
#include "jaco/server/cluster_service.h"
#include "jaco/server/join_service.h"
#include "jaco/server/node.h"
#include "jaco/server/password_join.h"
#include "jaco/server/user_service.h"

namespace jaco::server {

// The services that it drives; borrowed.
struct BootstrapDoors {
  ClusterService* cluster;
  JoinService* joins;
  BackupService* backups;
  BootstrapService* expect;
  UserService* users;
};

// Idle after every start: what was cut off is begun anew, and a member has
// completed. Loop thread.
class BootstrapActions final : public BootstrapApi {
 public:
  // Certificates are good from so long before they are made.
  static constexpr absl::Duration kClockDifferenceMax = absl::Minutes(5);
  // From having joined to knowing the cluster.
  static constexpr Duration kCatchUpMax = Seconds(15);
  static constexpr Duration kCatchUpLook = Milliseconds(100);

  BootstrapActions(Node* node, BootstrapDoors doors)
      : node_(node), doors_(doors) {}

  // See BootstrapApi.
  bool IsOpen() const override;
  void Report(Reply<BootstrapReport> reply) override;
  absl::Status Begin(const Caller& caller, BootstrapRequest request) override;
  absl::Status CheckMayBegin(const Caller& caller,
                             const BootstrapRequest& request) const override;
  void Validate(BootstrapRequest request, Done done) override;

  // What a server that is no member is about to become, by whatever door.
  std::optional<Lifecycle> UnderWay() const;

 private:
  struct Joining;

  bool busy() const {
    return status_.state != BootstrapState::kIdle &&
           status_.state != BootstrapState::kError &&
           status_.state != BootstrapState::kCompleted;
  }
  // What goes on here, kIdle for nothing.
  BootstrapState Doing() const;
  BootstrapStatus Status() const;
  // Whether this server is what the request says that it is.
  absl::Status CheckHost(const BootstrapRequest& request) const;
  void Enter(BootstrapState state);
  void Run(BootstrapRequest request);
  void Finish(const absl::Status& status);

  void Create(BootstrapRequest request);

  void Join(BootstrapRequest request);
  void TryNode(std::shared_ptr<Joining> joining);
  void OnNobody(std::shared_ptr<Joining> joining);
  void Converse(const BootstrapRequest& request, const std::string& node,
                bool check_only, Reply<std::string> reply);
  void KeepToken(std::shared_ptr<Joining> joining, std::string token);
  void UseToken(std::shared_ptr<Joining> joining);
  void OnJoined();
  void AwaitState(Instant until);
  void ValidateJoin(std::shared_ptr<Joining> joining, Done done);
  void ValidateJoin(BootstrapRequest request, Done done);

  void Recover(BootstrapRequest request);
  // The archive in the file, opened.
  void ReadBackup(BootstrapRequest request, Reply<std::string> reply);

  Node* const node_;
  const BootstrapDoors doors_;
  BootstrapStatus status_;
  bool validating_ = false;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_BOOTSTRAP_ACTIONS_H_

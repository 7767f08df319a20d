// Tells the cluster what this server is like: its address, its version, what
// its build can do and whose certificate it has. At the start and whenever that
// changes.

#ifndef JACO_SERVER_ANNOUNCER_H_
#define JACO_SERVER_ANNOUNCER_H_

#include "jaco/server/certificates.h"
#include "jaco/server/node.h"

namespace jaco::server {

// Loop thread.
class Announcer {
 public:
  // How often it is looked whether there is something to say.
  static constexpr Duration kReviewEvery = Seconds(1);
  // Said in vain, it is said again at growing intervals, up to this.
  static constexpr Duration kRepeatMax = Seconds(60);

  // Both outlive this.
  Announcer(Node* node, Certificates* certificates)
      : node_(node), certificates_(certificates) {}

  // Once the server runs.
  void Start();

 private:
  void Review();
  // As this server has it now.
  fsm::NodeAnnounce Present() const;
  bool IsKnown(const fsm::NodeAnnounce& present) const;
  // Whether the Raft configuration has another address for this server.
  bool HasMoved() const;
  void Announce(fsm::NodeAnnounce present);

  Node* const node_;
  Certificates* const certificates_;
  bool announcing_ = false;
  Instant next_;
  Duration repeat_ = kReviewEvery;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_ANNOUNCER_H_

// All of a server's outside in one place to hand around.

#ifndef JACO_ENV_ENVIRONMENT_H_
#define JACO_ENV_ENVIRONMENT_H_

#include "jaco/base/logger.h"
#include "jaco/env/clock.h"
#include "jaco/env/disk.h"
#include "jaco/env/entropy.h"
#include "jaco/env/event_loop.h"
#include "jaco/env/host.h"
#include "jaco/env/network.h"
#include "jaco/env/pki.h"

namespace jaco::env {

// Borrowed; each outlives the server that uses it.
struct Environment {
  Clock* clock = nullptr;
  EventLoop* loop = nullptr;
  Network* network = nullptr;
  Disk* disk = nullptr;
  Entropy* entropy = nullptr;
  Logger* logger = nullptr;
  // nullptr: a world without certificates, whose network needs none.
  Pki* pki = nullptr;
  // nullptr: nothing is known of it.
  Host* host = nullptr;
};

}  // namespace jaco::env

#endif  // JACO_ENV_ENVIRONMENT_H_

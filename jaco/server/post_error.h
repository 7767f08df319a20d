// Callbacks never run before the call that was given them has returned, errors
// that are known at once included.

#ifndef JACO_SERVER_POST_ERROR_H_
#define JACO_SERVER_POST_ERROR_H_

#include <utility>

#include "absl/status/status.h"
#include "jaco/env/event_loop.h"

namespace jaco::server {

// Runs `done` with `status`, and `rest` behind it, in an event of its own.
template <typename Done, typename... Rest>
void PostError(env::EventLoop& loop, absl::Status status, Done done,
               Rest... rest) {
  loop.Post([status = std::move(status), done = std::move(done),
             rest...]() mutable { done(std::move(status), rest...); });
}

}  // namespace jaco::server

#endif  // JACO_SERVER_POST_ERROR_H_

// The connections of one HTTP server. Internal to http_server.

#ifndef JACO_NET_HTTP_SESSIONS_H_
#define JACO_NET_HTTP_SESSIONS_H_

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "jaco/net/http_session.h"

namespace jaco::net {

// Knows who has to go when there are too many: strangers, who have not said who
// they are, before those who are known. So a crowd of strangers keeps out
// nobody who is known, and one source's crowd no stranger from elsewhere.
class HttpSessions {
 public:
  HttpSessions(size_t sessions_max, size_t strangers_of_one_max)
      : sessions_max_(sessions_max),
        strangers_of_one_max_(strangers_of_one_max) {}

  // Closes as many as it takes to Add one of a stranger from `address`: of
  // `strangers_of_one_max` there the oldest, of `sessions_max` the oldest
  // stranger of the address that has the most of them, or else the known one
  // that has been idle for longest. False when all are known and busy.
  bool MakeRoom(const std::string& address);
  void Add(std::shared_ptr<HttpSession> session);
  // A request of `session`, which is one of these, is handled.
  void OnRequest(const HttpSession* session);
  void Forget(const HttpSession* session);
  void CloseAll();
  size_t size() const { return sessions_.size(); }

 private:
  // In the order of their last requests.
  using Sessions = std::list<std::shared_ptr<HttpSession>>;

  Sessions::iterator LeastWanted();
  void Close(Sessions::iterator session);

  const size_t sessions_max_, strangers_of_one_max_;
  Sessions sessions_;
};

}  // namespace jaco::net

#endif  // JACO_NET_HTTP_SESSIONS_H_

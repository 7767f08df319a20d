#include "jaco/net/http_sessions.h"

#include <algorithm>
#include <map>
#include <utility>

namespace jaco::net {

bool HttpSessions::MakeRoom(const std::string& address) {
  const auto is_stranger_there = [&](const auto& session) {
    return !session->known() && session->address() == address;
  };
  const auto strangers = static_cast<size_t>(
      std::count_if(sessions_.begin(), sessions_.end(), is_stranger_there));
  if (strangers >= strangers_of_one_max_) {
    Close(std::find_if(sessions_.begin(), sessions_.end(), is_stranger_there));
  }
  if (sessions_.size() < sessions_max_) return true;
  const auto victim = LeastWanted();
  if (victim == sessions_.end()) return false;
  Close(victim);
  return true;
}

void HttpSessions::Add(std::shared_ptr<HttpSession> session) {
  sessions_.push_back(std::move(session));
}

void HttpSessions::OnRequest(const HttpSession* session) {
  const auto found =
      std::find_if(sessions_.begin(), sessions_.end(),
                   [session](const auto& s) { return s.get() == session; });
  sessions_.splice(sessions_.end(), sessions_, found);
}

void HttpSessions::Forget(const HttpSession* session) {
  sessions_.remove_if([session](const auto& s) { return s.get() == session; });
}

void HttpSessions::CloseAll() {
  for (const auto& session : sessions_) session->Close();
  sessions_.clear();
}

HttpSessions::Sessions::iterator HttpSessions::LeastWanted() {
  std::map<std::string, size_t> strangers;
  for (const auto& session : sessions_) {
    if (!session->known()) ++strangers[session->address()];
  }
  size_t most = 0;
  for (const auto& [address, count] : strangers) most = std::max(most, count);
  return std::find_if(
      sessions_.begin(), sessions_.end(), [&](const auto& session) {
        return most == 0 ? session->idle()
                         : !session->known() &&
                               strangers.at(session->address()) == most;
      });
}

void HttpSessions::Close(Sessions::iterator session) {
  const std::shared_ptr<HttpSession> closed = *session;
  sessions_.erase(session);
  closed->Close();
}

}  // namespace jaco::net

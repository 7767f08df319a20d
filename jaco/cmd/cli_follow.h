// Asking a server again and again, for commands that go on until somebody ends
// them.

#ifndef JACO_CMD_CLI_FOLLOW_H_
#define JACO_CMD_CLI_FOLLOW_H_

#include <optional>
#include <string>

#include "jaco/cmd/cli_session.h"

namespace jaco::cmd {

class Follower {
 public:
  // `session` is borrowed. From now on an interruption is a good end.
  explicit Follower(CliSession* session);

  // The body of the answer to a GET. The first time as patient as
  // CliSession::CallLeader; later it waits for as long as it takes for a leader
  // and for a server that is started again, and says so on standard error,
  // once. nullopt: an error for good, which has been printed.
  std::optional<std::string> Ask(const std::string& target);

  // Until the next question.
  void Pause() const;

 private:
  CliSession* const session_;
  bool reached_ = false;
  std::string said_;  // while it waits
};

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_FOLLOW_H_

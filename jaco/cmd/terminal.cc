#include "jaco/cmd/terminal.h"

#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace jaco::cmd {

absl::StatusOr<std::string> AskAtTerminal(absl::string_view text) {
  const std::unique_ptr<FILE, int (*)(FILE*)> terminal(
      std::fopen("/dev/tty", "r+"), std::fclose);
  termios before;
  if (terminal == nullptr || tcgetattr(fileno(terminal.get()), &before) != 0) {
    return absl::UnavailableError("there is no terminal to ask at");
  }
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  const int terminal_fd = fileno(terminal.get());
  tcsetattr(terminal_fd, TCSAFLUSH, &silent);
  std::fwrite(text.data(), 1, text.size(), terminal.get());
  std::fflush(terminal.get());
  std::string line;
  int c = std::fgetc(terminal.get());
  for (; c != EOF && c != '\n'; c = std::fgetc(terminal.get())) {
    line.push_back(static_cast<char>(c));
  }
  tcsetattr(terminal_fd, TCSAFLUSH, &before);
  std::fputc('\n', terminal.get());
  if (c == EOF) return absl::UnavailableError("nothing was typed");
  return line;
}

}  // namespace jaco::cmd

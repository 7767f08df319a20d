#include "jaco/cmd/interruption.h"

#include <signal.h>
#include <unistd.h>

namespace jaco::cmd {
namespace {

void End(int) { _exit(0); }

}  // namespace

void EndWellWhenInterrupted() {
  struct sigaction before = {};
  sigaction(SIGINT, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return;
  struct sigaction action = {};
  action.sa_handler = End;
  sigaction(SIGINT, &action, nullptr);
}

bool WriteWhole(std::ostream& out, absl::string_view text) {
  sigset_t interrupt, before;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_BLOCK, &interrupt, &before);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.flush();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return out.good();
}

}  // namespace jaco::cmd

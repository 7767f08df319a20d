#ifndef JACO_NET_INTERRUPT_H_
#define JACO_NET_INTERRUPT_H_

#include <sys/eventfd.h>
#include <unistd.h>

namespace jaco::net {

// Ends the blocking calls (http_client.h) that were given it, those under way
// and those to come. Looking up a name is not interrupted.
class Interrupt {
 public:
  Interrupt() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Interrupt() {
    if (fd_ >= 0) close(fd_);
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // For good. Any thread.
  void Raise() { eventfd_write(fd_, 1); }

  // Readable once it is raised; -1, which poll(2) ignores, when the process had
  // no descriptors left.
  int fd() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace jaco::net

#endif  // JACO_NET_INTERRUPT_H_

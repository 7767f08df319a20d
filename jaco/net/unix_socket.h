#ifndef JACO_NET_UNIX_SOCKET_H_
#define JACO_NET_UNIX_SOCKET_H_

#include <sys/types.h>
#include <sys/un.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::net {

// The address of `path`; kInvalidArgument when it is empty or too long.
absl::StatusOr<sockaddr_un> UnixAddress(absl::string_view path);

// A listening socket file; removed by the destructor, unless somebody has put
// another one in its place.
class UnixListener {
 public:
  // As HttpServer::ListenUnix promises.
  static absl::StatusOr<UnixListener> Open(absl::string_view path,
                                           absl::string_view group = "");

  UnixListener(UnixListener&& other);
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  // Hands over the descriptor, which listens; non-blocking.
  int ReleaseDescriptor();

 private:
  UnixListener(int fd, std::string path);

  int fd_;
  std::string path_;  // empty: nothing to remove
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace jaco::net

#endif  // JACO_NET_UNIX_SOCKET_H_

#include "jaco/cmd/sd_notify.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>

namespace jaco::cmd {

void SdNotify(absl::string_view socket_name, absl::string_view state) {
  sockaddr_un address = {};
  if (socket_name.empty() || socket_name.size() >= sizeof(address.sun_path)) {
    return;
  }
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, socket_name.data(), socket_name.size());
  // systemd writes abstract sockets with '@' for the zero byte.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                           socket_name.size());
  sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&address), size);
  close(fd);
}

}  // namespace jaco::cmd

#include "jaco/net/https_join_peer.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace jaco::net {
namespace {

class Conversation final : public server::PasswordConversation {
 public:
  std::string Begin(absl::string_view) override { return ""; }
  absl::StatusOr<std::string> Answer(absl::string_view) override { return ""; }
  absl::Status Finish(absl::string_view) override { return absl::OkStatus(); }
};

// Somebody who accepts connections and says nothing.
class Mute {
 public:
  Mute() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_, generic, size), 0);
    EXPECT_EQ(listen(fd_, 64), 0);
    EXPECT_EQ(getsockname(fd_, generic, &size), 0);
    host_port_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~Mute() { HangUp(); }

  const std::string& host_port() const { return host_port_; }
  void HangUp() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
  std::string host_port_;
};

TEST(HttpsJoinPeerTest, TheLoopWaitsForNobody) {
  Mute mute;
  std::atomic<int> posted = 0;
  HttpsJoinPeer peer([&](absl::AnyInvocable<void()>) { ++posted; });
  const absl::Time begun = absl::Now();
  for (int i = 0; i < 2; ++i) {
    peer.Converse(mute.host_port(), std::make_shared<Conversation>(),
                  [](const absl::Status&) {});
    peer.Admit(mute.host_port(), std::string(64, 'f'), std::string(64, '0'), {},
               [](const absl::StatusOr<server::AdmitResponse>&) {});
  }
  EXPECT_LT(absl::Now() - begun, absl::Seconds(2));
  // There is an end to that, too.
  for (int i = 0; i < 20; ++i) {
    peer.Converse(mute.host_port(), std::make_shared<Conversation>(),
                  [](const absl::Status&) {});
  }
  EXPECT_EQ(posted, 8);
  mute.HangUp();
}

}  // namespace
}  // namespace jaco::net

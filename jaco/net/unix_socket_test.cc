#include "jaco/net/unix_socket.h"

#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

namespace jaco::net {
namespace {

// As a service manager may have it. For good: in a process of its own.
bool ForbidChown() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
#ifdef SYS_chown
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_chown, 1, 0),
#endif
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fchownat, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {std::size(rules), rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() {
    const group* ours = getgrgid(getegid());
    if (ours != nullptr) group_ = ours->gr_name;
    char directory[] = "/tmp/jaco_socket_XXXXXX";
    EXPECT_NE(mkdtemp(directory), nullptr);
    directory_ = directory;
    path_ = directory_ + "/s.sock";
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(directory_); }

  // Opens it and ends with 0, or else says why it does not.
  [[noreturn]] void OpenWithoutChown(const std::string& group) {
    if (!ForbidChown()) _exit(77);
    const auto listener = UnixListener::Open(path_, group);
    struct stat info = {};
    if (listener.ok() && lstat(path_.c_str(), &info) == 0 &&
        info.st_gid == getegid() && (info.st_mode & 0777) == 0660) {
      _exit(0);
    }
    fputs(listener.status().ToString().c_str(), stderr);
    _exit(1);
  }

  std::string directory_, path_, group_;
};

TEST_F(UnixSocketTest, OurOwnGroupTakesNoRight) {
  if (group_.empty()) GTEST_SKIP() << "our group has no name";
  EXPECT_EXIT(OpenWithoutChown(group_), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(OpenWithoutChown(""), testing::ExitedWithCode(0), "");
}

TEST_F(UnixSocketTest, AnotherGroupThatIsNamedDoes) {
  const group* other = nullptr;
  setgrent();
  do {
    other = getgrent();
  } while (other != nullptr && other->gr_gid == getegid());
  if (other == nullptr) GTEST_SKIP() << "there is one group only";
  const std::string name = other->gr_name;
  EXPECT_EXIT(OpenWithoutChown(name), testing::ExitedWithCode(1),
              "give to group .* the socket .*: Operation not permitted");
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(UnixSocketTest, AGroupThatIsNamedIsThere) {
  EXPECT_EQ(UnixListener::Open(path_, "no-such-group").status().message(),
            "socket_group: there is no group no-such-group");
}

}  // namespace
}  // namespace jaco::net

#include "jaco/cmd/interruption.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "gtest/gtest.h"

namespace jaco::cmd {
namespace {

// Interrupts whoever writes to it.
class Interrupting : public std::stringbuf {
 protected:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    raise(SIGINT);
    const std::streamsize written = std::stringbuf::xsputn(text, size);
    if (write(STDERR_FILENO, text, static_cast<size_t>(size)) < 0) std::abort();
    return written;
  }
};

TEST(InterruptionDeathTest, EndsWell) {
  EXPECT_EXIT(
      {
        EndWellWhenInterrupted();
        raise(SIGINT);
      },
      testing::ExitedWithCode(0), "");
  EXPECT_EXIT(raise(SIGINT), testing::KilledBySignal(SIGINT), "");
}

TEST(InterruptionDeathTest, WhatIsIgnoredStaysSo) {
  EXPECT_EXIT(
      {
        signal(SIGINT, SIG_IGN);
        EndWellWhenInterrupted();
        raise(SIGINT);
        std::_Exit(3);
      },
      testing::ExitedWithCode(3), "");
}

TEST(InterruptionDeathTest, ALineIsWrittenWhole) {
  EXPECT_EXIT(
      {
        EndWellWhenInterrupted();
        Interrupting buffer;
        std::ostream out(&buffer);
        WriteWhole(out, "a whole line\n");
        std::_Exit(3);
      },
      testing::ExitedWithCode(0), "a whole line");
}

TEST(InterruptionTest, SaysWhetherSomebodyReads) {
  std::ostringstream out;
  EXPECT_TRUE(WriteWhole(out, "a"));
  EXPECT_EQ(out.str(), "a");
  out.setstate(std::ios::badbit);
  EXPECT_FALSE(WriteWhole(out, "b"));
}

}  // namespace
}  // namespace jaco::cmd

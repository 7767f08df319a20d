#include "jaco/net/tcp_listen.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace jaco::net {
namespace {

class TcpListenTest : public testing::Test {
 protected:
  absl::Status ErrorOf(absl::string_view host_port) {
    TcpAcceptor acceptor(context_);
    return Listen(host_port, acceptor).status();
  }

  boost::asio::io_context context_;
};

TEST_F(TcpListenTest, OnAnyPortOrTheSame) {
  TcpAcceptor any(context_);
  const auto port = Listen("127.0.0.1:0", any);
  ASSERT_TRUE(port.ok()) << port.status();
  const std::string taken = absl::StrCat("127.0.0.1:", *port);
  EXPECT_EQ(ErrorOf(taken),
            absl::FailedPreconditionError(absl::StrCat(
                "cannot listen on ", taken, ": Address already in use")));
  any.close();
  TcpAcceptor again(context_);
  EXPECT_EQ(*Listen(taken, again), *port);
}

TEST_F(TcpListenTest, WhatIsNotOursIsNotTaken) {
  // Of RFC 5737: nobody has it.
  EXPECT_EQ(ErrorOf("203.0.113.5:0"),
            absl::InvalidArgumentError("cannot listen on 203.0.113.5:0: Cannot "
                                       "assign requested address"));
  for (const char* host_port : {"localhost:0", "127.0.0.1", ""}) {
    EXPECT_EQ(ErrorOf(host_port).code(), absl::StatusCode::kInvalidArgument)
        << host_port;
  }
}

}  // namespace
}  // namespace jaco::net

// A `jaco` and the API of a server that it talks to.

#ifndef JACO_CMD_CLI_TEST_H_
#define JACO_CMD_CLI_TEST_H_

#include <stdlib.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/cmd/cli.h"
#include "jaco/net/http_server.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/testing/mock_api.h"

namespace jaco::cmd {

class CliTest : public testing::Test {
 protected:
  CliTest() {
    std::string name = "/tmp/jaco-cli-XXXXXX";
    root_ = mkdtemp(name.data());
    world_.out = &out_;
    world_.err = &err_;
    world_.socket = absl::StrCat(root_, "/jaco.sock");
    world_.retry_every = absl::Milliseconds(10);
    status_.lifecycle = server::Lifecycle::kMember;
    status_.initialized = true;
    status_.leader = "node-1";
    ON_CALL(api_, Status).WillByDefault([this] { return status_; });
    ON_CALL(api_, operators).WillByDefault(testing::ReturnRef(operators_));
    ON_CALL(api_, lifecycle).WillByDefault([this] {
      return status_.lifecycle;
    });
  }
  ~CliTest() override {
    if (loop_.joinable()) {
      boost::asio::post(context_, [&] {
        server_.reset();
        context_.stop();
      });
      loop_.join();
    }
    std::filesystem::remove_all(root_);
  }

  // After the expectations: from here on the loop's thread uses the mock.
  void Serve() {
    router_ = std::make_unique<net::ApiRouter>(&api_, log_);
    server_ = std::make_unique<net::HttpServer>(
        context_, &logger_,
        [this](const net::HttpRequest& request, const server::Caller& caller,
               net::HttpReply reply) {
          router_->Handle(request, caller, std::move(reply));
        });
    ASSERT_TRUE(server_->ListenUnix(*world_.socket).ok());
    loop_ = std::thread([this] { context_.run(); });
  }
  int Run(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    return RunCli(std::move(arguments), world_);
  }

  NullLogger logger_;
  std::string root_;
  std::ostringstream out_, err_;
  CliWorld world_;
  server::StatusResponse status_;
  testing::NiceMock<net::MockApi> api_;
  testing::NiceMock<net::MockOperatorApi> operators_;
  net::LogTail* log_ = nullptr;
  std::unique_ptr<net::ApiRouter> router_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      guard_{context_.get_executor()};
  std::unique_ptr<net::HttpServer> server_;
  std::thread loop_;
};

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_TEST_H_

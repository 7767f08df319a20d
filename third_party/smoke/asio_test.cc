#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>

#include "gtest/gtest.h"

namespace jaco {
namespace {

TEST(AsioSmokeTest, RunsWhatWasPosted) {
  boost::asio::io_context context;
  bool ran = false;
  boost::asio::post(context, [&ran] { ran = true; });
  EXPECT_EQ(context.run(), 1u);
  EXPECT_TRUE(ran);
}

TEST(AsioSmokeTest, MakesATlsContext) {
  boost::asio::ssl::context context(boost::asio::ssl::context::tlsv13_server);
  EXPECT_NE(context.native_handle(), nullptr);
}

}  // namespace
}  // namespace jaco

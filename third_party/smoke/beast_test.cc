#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>

#include "gtest/gtest.h"

namespace jaco {
namespace {

namespace http = boost::beast::http;

TEST(BeastSmokeTest, ParsesARequest) {
  const std::string text = "GET /v1/cluster HTTP/1.1\r\nHost: a\r\n\r\n";
  http::request_parser<http::string_body> parser;
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(text), error);
  ASSERT_FALSE(error) << error.message();
  EXPECT_EQ(parser.get().target(), "/v1/cluster");
}

}  // namespace
}  // namespace jaco

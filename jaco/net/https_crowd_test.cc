// The API over TLS when strangers come in a crowd, and what they may cost.

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/net/http_client.h"
#include "jaco/net/http_server.h"
#include "jaco/net/testing_authority.h"

namespace jaco::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A client at 127.0.0.`host` that trusts anybody and sends what it likes. The
// server may have closed the connection at any time.
class TlsClient {
 public:
  explicit TlsClient(uint16_t port, uint8_t host = 1)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)),
        context_(SSL_CTX_new(TLS_client_method())),
        ssl_(SSL_new(context_)) {
    signal(SIGPIPE, SIG_IGN);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7F000000 + host);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_, generic, sizeof(address)), 0);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, generic, sizeof(address)), 0);
    SSL_set_fd(ssl_, fd_);
    SSL_connect(ssl_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    close(fd_);
  }

  void Send(absl::string_view data) {
    if (!SSL_is_init_finished(ssl_)) return;
    SSL_write(ssl_, data.data(), static_cast<int>(data.size()));
  }
  // Reads until `marker` has come, or to the end.
  std::string ReadTo(absl::string_view marker) {
    std::string text;
    char bytes[4096];
    while (text.find(std::string(marker)) == std::string::npos) {
      const int n = SSL_read(ssl_, bytes, sizeof(bytes));
      if (n <= 0) break;
      text.append(bytes, static_cast<size_t>(n));
    }
    return text;
  }

 private:
  int fd_;
  SSL_CTX* context_;
  SSL* ssl_;
};

class HttpsCrowdTest : public testing::Test {
 protected:
  HttpsCrowdTest() {
    OnLoop([&] {
      EXPECT_TRUE(tls_.Update(authority_.For(1)).ok());
      server_ = std::make_unique<HttpServer>(
          context_, &logger_,
          [](const HttpRequest& request, const server::Caller& caller,
             HttpReply reply) {
            std::string body =
                absl::StrCat(caller.identity, " ", request.body.size());
            if (request.target == "/large") body.resize(100 << 10, 'x');
            reply({.body = std::move(body)});
          });
      server_->OpenTo([](absl::string_view target) {
        return target == "/open" || target == "/large";
      });
      const auto port =
          server_->ListenTls("127.0.0.1:0", &tls_,
                             [this](absl::string_view token, bool,
                                    server::Reply<server::Caller> reply) {
                               ++asked_;
                               if (token == good_)
                                 return reply(server::Caller{"ops"});
                               reply(MakeError(ErrorCode::kTokenInvalid, "no"));
                             });
      EXPECT_TRUE(port.ok()) << port.status();
      remote_ = {.host = "127.0.0.1",
                 .port = port.value_or(0),
                 .authorities = authority_.authority().certificate,
                 .token = "good"};
    });
  }
  ~HttpsCrowdTest() override {
    OnLoop([&] { server_.reset(); });
    context_.stop();
    loop_.join();
  }

  void OnLoop(absl::AnyInvocable<void()> task) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  void ExpectServing() {
    const auto answer =
        CallRemote(remote_, "POST", "/x", "abc", absl::Seconds(20));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->body, "ops 3");
  }
  // More than there may be connections, each of which says `bytes`.
  void Crowd(absl::string_view bytes, uint8_t hosts) {
    for (int i = 0; i < 330; ++i) {
      const auto host = static_cast<uint8_t>(2 + i % hosts);
      crowd_.push_back(std::make_unique<TlsClient>(remote_.port, host));
      crowd_.back()->Send(bytes);
      if (i % 25 == 24) ExpectServing();
    }
    for (int i = 0; i < 13; ++i) ExpectServing();
  }

  TestAuthority authority_{1};
  std::string good_ = "good";
  int asked_ = 0;
  TlsIdentity tls_;
  NullLogger logger_;
  HttpRemote remote_;
  std::vector<std::unique_ptr<TlsClient>> crowd_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      guard_{context_.get_executor()};
  std::unique_ptr<HttpServer> server_;
  std::thread loop_{[this] { context_.run(); }};
};

constexpr absl::string_view kHeader =
    "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n";

TEST_F(HttpsCrowdTest, OfOneAddressThatSendsHeadersOnly) { Crowd(kHeader, 1); }

TEST_F(HttpsCrowdTest, OfOneAddressThatMaySendBodies) {
  Crowd("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", 1);
}

TEST_F(HttpsCrowdTest, OfManyAddressesThatSendHalfAHeader) {
  Crowd("POST /x HT", 7);
}

TEST_F(HttpsCrowdTest, OfManyAddressesThatMaySendBodies) {
  Crowd("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", 7);
}

TEST_F(HttpsCrowdTest, TheSameAddressAsThatOfOthers) {
  for (int i = 0; i < 330; ++i) {
    crowd_.push_back(std::make_unique<TlsClient>(remote_.port));
    crowd_.back()->Send("POST /x HT");
    if (i % 25 == 24) ExpectServing();
  }
  ExpectServing();
}

TEST_F(HttpsCrowdTest, ThoseWhoAreKnownStay) {
  TlsClient known(remote_.port);
  const auto ask = [&] {
    known.Send(
        "GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n\r\n");
    return known.ReadTo("ops 0");
  };
  EXPECT_THAT(ask(), HasSubstr("ops 0"));
  Crowd("POST /x HT", 7);
  EXPECT_THAT(ask(), HasSubstr("ops 0"));
}

TEST_F(HttpsCrowdTest, BodiesOfStrangersAreNotRead) {
  for (const char* token : {"", "Authorization: Bearer bad\r\n"}) {
    TlsClient client(remote_.port);
    client.Send(absl::StrCat("POST /x HTTP/1.1\r\nHost: x\r\n", token,
                             "Content-Length: 1048576\r\n\r\nbegin"));
    EXPECT_THAT(
        client.ReadTo("no such text"),
        AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("Connection: close\r\n")));
  }
  TlsClient anybody(remote_.port);
  anybody.Send(
      "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n");
  EXPECT_THAT(anybody.ReadTo("no such text"), StartsWith("HTTP/1.1 413"));
}

// Between its header and its end a request may take long enough for that.
TEST_F(HttpsCrowdTest, ATokenThatIsRevokedMeanwhile) {
  constexpr absl::string_view kAsk =
      "POST /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n"
      "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  TlsClient client(remote_.port);
  client.Send(kAsk);
  EXPECT_THAT(client.ReadTo("\r\n\r\n"), StartsWith("HTTP/1.1 100"));
  client.Send("abc");
  EXPECT_THAT(client.ReadTo("ops 3"), HasSubstr("ops 3"));
  client.Send(kAsk);
  EXPECT_THAT(client.ReadTo("\r\n\r\n"), StartsWith("HTTP/1.1 100"));
  OnLoop([&] { good_ = "another"; });
  client.Send("abc");
  EXPECT_THAT(client.ReadTo("\r\n\r\n"), StartsWith("HTTP/1.1 401"));
}

// What comes whole is judged once.
TEST_F(HttpsCrowdTest, OneQuestionForOneRequest) {
  ExpectServing();
  OnLoop([&] { EXPECT_EQ(asked_, 1); });
}

TEST_F(HttpsCrowdTest, NobodyUnverifiedAnswersAtLength) {
  const absl::Status status = TalkToAnybody(
      remote_, absl::Seconds(10),
      [](absl::string_view, Post post) { return post("/large", "").status(); });
  EXPECT_THAT(std::string(status.message()), HasSubstr("body limit exceeded"));
  remote_.token = "good";
  const auto answer =
      CallRemote(remote_, "POST", "/large", "", absl::Seconds(10));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body.size(), 100u << 10);
}

}  // namespace
}  // namespace jaco::net

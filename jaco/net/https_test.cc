// The API over TLS: what strangers may do, and what they may not.

#include <netinet/in.h>
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

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/net/bootstrap_psk.h"
#include "jaco/net/http_client.h"
#include "jaco/net/http_server.h"
#include "jaco/net/https_bootstrap_peer.h"
#include "jaco/net/https_join_peer.h"
#include "jaco/net/testing_authority.h"

namespace jaco::net {
namespace {

using ::testing::HasSubstr;

class RawClient {
 public:
  explicit RawClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                      sizeof(address)),
              0);
  }
  RawClient(RawClient&& other) : fd_(std::exchange(other.fd_, -1)) {}
  ~RawClient() {
    if (fd_ >= 0) close(fd_);
  }

  void Send(absl::string_view data) {
    send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
  }
  // Returns when the other side has closed.
  void AwaitEnd() {
    char bytes[4096];
    while (recv(fd_, bytes, sizeof(bytes), 0) > 0) {
    }
  }

 private:
  int fd_;
};

class HttpsTest : public testing::Test {
 protected:
  HttpsTest() {
    OnLoop([&] {
      EXPECT_TRUE(tls_.Update(authority_.For(1)).ok());
      server_ = NewServer();
      const auto port =
          server_->ListenTls("127.0.0.1:0", &tls_, Authenticator());
      EXPECT_TRUE(port.ok()) << port.status();
      remote_ = {.host = "127.0.0.1",
                 .port = port.value_or(0),
                 .authorities = authority_.authority().certificate,
                 .token = "good"};
    });
  }
  ~HttpsTest() override {
    OnLoop([&] { server_.reset(); });
    context_.stop();
    loop_.join();
  }

  std::unique_ptr<HttpServer> NewServer() {
    return std::make_unique<HttpServer>(
        context_, &logger_,
        [](const HttpRequest& request, const server::Caller& caller,
           HttpReply reply) {
          if (request.target == "/bad") return reply({.status = 401});
          reply({.body = caller.anonymous ? caller.channel_binding
                                          : absl::StrCat(request.target, " ",
                                                         caller.identity, " ",
                                                         request.body.size())});
        },
        HttpServerOptions{.connections_max = 20,
                          .handshake_timeout = Milliseconds(500)});
  }
  HttpServer::Authenticate Authenticator() {
    return [this](absl::string_view token, bool stale,
                  server::Reply<server::Caller> reply) {
      stale_ = stale;
      Authenticate(token, std::move(reply));
    };
  }
  // Some answers take time.
  void Authenticate(absl::string_view token,
                    server::Reply<server::Caller> reply) {
    absl::StatusOr<server::Caller> caller =
        MakeError(ErrorCode::kTokenInvalid, "the token is not known");
    if (token == "good") caller = server::Caller{"ops"};
    if (late_ = !late_; !late_) return reply(std::move(caller));
    boost::asio::post(context_, [reply = std::move(reply),
                                 caller = std::move(caller)]() mutable {
      reply(std::move(caller));
    });
  }
  void OnLoop(absl::AnyInvocable<void()> task) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  absl::StatusOr<HttpAnswer> Call(const HttpRemote& remote,
                                  const std::string& body = "") {
    return CallRemote(remote, "POST", "/x", body, absl::Seconds(10));
  }
  void ExpectServing() {
    const auto answer = Call(remote_);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->body, "/x ops 0");
  }

  TestAuthority authority_{1}, stranger_{2};
  bool late_ = false;
  bool stale_ = false;  // what the last request's token was judged by
  TlsIdentity tls_;
  NullLogger logger_;
  HttpRemote remote_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      guard_{context_.get_executor()};
  std::unique_ptr<HttpServer> server_;
  std::thread loop_{[this] { context_.run(); }};
};

TEST_F(HttpsTest, BearersAreServed) {
  ExpectServing();
  EXPECT_EQ(Call(remote_, std::string(1 << 20, 'x'))->body, "/x ops 1048576");
  EXPECT_EQ(Call(remote_, std::string(20 << 20, 'x'))->status, 413);
  HttpRemote by_name = remote_;
  by_name.host = "localhost";
  EXPECT_EQ(Call(by_name)->status, 200);
  HttpRemote nobody = remote_;
  nobody.token.clear();
  EXPECT_EQ(Call(nobody)->status, 401);
}

// Both ends of a connection know what binds to it, and to no other.
TEST_F(HttpsTest, AnybodyMayTalkWhereItIsOpen) {
  OnLoop([&] {
    server_->OpenTo([](absl::string_view target) {
      return target == "/open" || target == "/bad";
    });
  });
  std::string bindings[2];
  for (std::string& binding : bindings) {
    const absl::Status status =
        TalkToAnybody(remote_, absl::Seconds(10),
                      [&](absl::string_view ours, Post post) -> absl::Status {
                        binding = std::string(ours);
                        EXPECT_EQ(post("/open", "first")->body, ours);
                        EXPECT_EQ(post("/open", "second")->body, ours);
                        EXPECT_EQ(post("/closed", "")->status, 401);
                        return absl::OkStatus();
                      });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(binding.size(), 32u);
  }
  EXPECT_NE(bindings[0], bindings[1]);
  // Those who fail there are not heard for a while, there and elsewhere.
  std::vector<int> statuses;
  for (int i = 0; i < 15; ++i) {
    EXPECT_TRUE(TalkToAnybody(remote_, absl::Seconds(10),
                              [&](absl::string_view, Post post) {
                                statuses.push_back(post("/bad", "")->status);
                                return absl::OkStatus();
                              })
                    .ok());
  }
  EXPECT_EQ(statuses.front(), 401);
  EXPECT_EQ(statuses.back(), 429);
  EXPECT_EQ(Call(remote_)->status, 429);
}

TEST_F(HttpsTest, TheRequestSaysWhatItsTokenIsJudgedBy) {
  const auto get = [&](const std::string& target) {
    EXPECT_EQ(CallRemote(remote_, "GET", target, "", absl::Seconds(10))->status,
              200);
    return stale_;
  };
  EXPECT_TRUE(get("/v1/cluster/status"));
  EXPECT_FALSE(get("/v1/tokens"));
}

TEST_F(HttpsTest, TheTokenGoesToNobodyElse) {
  HttpRemote deceived = remote_;
  deceived.authorities = stranger_.authority().certificate;
  const absl::Status status = Call(deceived).status();
  EXPECT_EQ(CodeOf(status), ErrorCode::kPeerUntrusted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("is not to be trusted: "));
  HttpRemote elsewhere = remote_;
  OnLoop([&] {
    EXPECT_TRUE(tls_.Update(authority_.For({"c1", 1, "n", {"other"}})).ok());
  });
  EXPECT_THAT(std::string(Call(elsewhere).status().message()),
              HasSubstr("IP address mismatch"));
  elsewhere.host = "localhost";
  EXPECT_THAT(std::string(Call(elsewhere).status().message()),
              HasSubstr("hostname mismatch"));
  deceived.authorities = "nonsense";
  EXPECT_FALSE(Call(deceived).ok());
}

TEST_F(HttpsTest, AConversationOutlivesTheCertificate) {
  HttpConversation conversation(remote_);
  const auto call = [&](absl::string_view method) {
    return conversation.Call(method, "/x", "abc", absl::Seconds(10));
  };
  ASSERT_TRUE(call("POST").ok());
  OnLoop([&] { EXPECT_TRUE(tls_.Update(stranger_.For(1)).ok()); });
  EXPECT_EQ(CodeOf(Call(remote_).status()), ErrorCode::kPeerUntrusted);
  for (const absl::string_view method : {"GET", "POST"}) {
    const auto answer = call(method);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->body, "/x ops 3");
  }
}

TEST_F(HttpsTest, AConversationThatWasCutOffGoesOnWithWhoIsTrusted) {
  HttpConversation conversation(remote_);
  const auto call = [&](absl::string_view method) {
    return conversation.Call(method, "/x", "", absl::Seconds(10)).status();
  };
  const auto cut_off = [&] {
    OnLoop([&] {
      const uint16_t port = remote_.port;
      server_.reset();
      server_ = NewServer();
      const auto listening = server_->ListenTls(
          absl::StrCat("127.0.0.1:", port), &tls_, Authenticator());
      EXPECT_TRUE(listening.ok()) << listening.status();
    });
  };
  EXPECT_TRUE(call("GET").ok());
  cut_off();
  // It may have been done.
  EXPECT_TRUE(absl::IsUnavailable(call("POST")));
  EXPECT_TRUE(call("POST").ok());
  cut_off();
  EXPECT_TRUE(call("GET").ok());
  OnLoop([&] { EXPECT_TRUE(tls_.Update(stranger_.For(1)).ok()); });
  cut_off();
  EXPECT_EQ(CodeOf(call("GET")), ErrorCode::kPeerUntrusted);
}

TEST_F(HttpsTest, TooManyBadTokensAreNotHeard) {
  HttpRemote guessing = remote_;
  int refused = 0, limited = 0;
  for (int i = 0; i < 30; ++i) {
    guessing.token = absl::StrCat("guess", i);
    const int status = Call(guessing)->status;
    refused += status == 401;
    limited += status == 429;
  }
  EXPECT_GE(refused, 10);
  EXPECT_GE(limited, 10);
  EXPECT_EQ(refused + limited, 30);
  const auto answer = Call(remote_);
  EXPECT_THAT(answer->body, HasSubstr("rate_limited"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  ExpectServing();
}

TEST_F(HttpsTest, StrangersEndOnlyTheirOwnConnections) {
  for (const std::string& bytes :
       {std::string("GET /v1/tokens HTTP/1.1\r\nHost: x\r\n\r\n"),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        std::string("\x16\x03\x01\xff\xff\x01\x00", 7), std::string("x"),
        std::string()}) {
    RawClient client(remote_.port);
    client.Send(bytes);
    client.AwaitEnd();
  }
  ExpectServing();
}

TEST_F(HttpsTest, AMultitudeKeepsNobodyOut) {
  std::vector<RawClient> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.emplace_back(remote_.port);
    if (i % 25 == 24) ExpectServing();
  }
}

TEST_F(HttpsTest, NewCertificatesAreForNewConnections) {
  OnLoop([&] { EXPECT_TRUE(tls_.Update(stranger_.For(1)).ok()); });
  EXPECT_FALSE(Call(remote_).ok());
  remote_.authorities += stranger_.authority().certificate;
  ExpectServing();
}

TEST_F(HttpsTest, WithoutACertificateConnectionsAreClosed) {
  TlsIdentity none;
  HttpRemote remote = remote_;
  OnLoop([&] {
    remote.port = *server_->ListenTls("127.0.0.1:0", &none, Authenticator());
  });
  EXPECT_EQ(Call(remote).status().code(), absl::StatusCode::kUnavailable);
  OnLoop([&] { EXPECT_TRUE(none.Update(authority_.For(1)).ok()); });
  EXPECT_EQ(Call(remote)->status, 200);
  OnLoop([&] { server_.reset(); });
}

TEST_F(HttpsTest, TheBootstrapKeyIsShownByBothSides) {
  const BootstrapPsk key("a key that all of them have");
  const BootstrapPsk other("a key that somebody else has");
  HttpRemote peer = remote_;
  peer.authorities = "";
  peer.token = "";
  peer.bootstrap_psk = &key;
  const auto expect_untrusted = [&] {
    const auto answer = Call(peer);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(CodeOf(answer.status()), ErrorCode::kPeerUntrusted)
        << answer.status();
    EXPECT_THAT(answer.status().message(),
                HasSubstr("does not have our bootstrap_key"));
  };
  // The server has a certificate, but no key.
  expect_untrusted();
  OnLoop([&] { tls_.AllowBootstrap(key); });
  auto answer = Call(peer, "12345");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "/x bootstrap_key 5");
  peer.bootstrap_psk = &other;
  expect_untrusted();
  // For everybody else all is as it was.
  ExpectServing();
  // New credentials change nothing about it.
  OnLoop([&] { EXPECT_TRUE(tls_.Update(authority_.For(1)).ok()); });
  expect_untrusted();
  peer.bootstrap_psk = &key;
  EXPECT_TRUE(Call(peer).ok());
  ExpectServing();
}

TEST_F(HttpsTest, TheBootstrapKeyNeedsNoCertificate) {
  const BootstrapPsk key("a key that all of them have");
  const BootstrapPsk other("a key that somebody else has");
  TlsIdentity fresh;
  fresh.AllowBootstrap(key);
  HttpRemote peer = remote_;
  OnLoop([&] {
    peer.port = *server_->ListenTls("127.0.0.1:0", &fresh, Authenticator());
  });
  peer.bootstrap_psk = &key;
  const auto answer = Call(peer);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "/x bootstrap_key 0");
  peer.bootstrap_psk = &other;
  EXPECT_EQ(CodeOf(Call(peer).status()), ErrorCode::kPeerUntrusted);
  // Who has no key at all gets no connection.
  peer.bootstrap_psk = nullptr;
  EXPECT_FALSE(Call(peer).ok());
}

// Whoever stops need not wait for somebody who says nothing.
TEST(InterruptTest, CallsEndWithThoseWhoMadeThem) {
  const int silent = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(silent, generic, size), 0);
  ASSERT_EQ(listen(silent, 8), 0);
  ASSERT_EQ(getsockname(silent, generic, &size), 0);
  const std::string peer = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  int answers = 0;
  const auto post = [&](absl::AnyInvocable<void()>) { ++answers; };
  const absl::Time begun = absl::Now();
  {
    HttpsJoinPeer joins(post);
    joins.Admit(peer, std::string(64, 'f'), std::string(64, '0'), {},
                [](const absl::StatusOr<server::AdmitResponse>&) {});
    absl::SleepFor(absl::Milliseconds(100));
  }
  {
    HttpsBootstrapPeer hellos(BootstrapPsk("the same everywhere"), post);
    server::HelloRequest request;
    request.set_ask(server::HelloRequest::JOIN_TOKEN);
    hellos.Hello(peer, request,
                 [](const absl::StatusOr<server::HelloResponse>&) {});
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_LT(absl::Now() - begun, absl::Seconds(2));
  EXPECT_EQ(answers, 2);
  close(silent);
}

}  // namespace
}  // namespace jaco::net

#include "jaco/net/http_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
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
#include "jaco/net/unix_socket.h"

namespace jaco::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Echoes; some targets are special.
void Handle(std::vector<HttpReply>& kept, const HttpRequest& request,
            const server::Caller& caller, HttpReply reply) {
  if (request.target == "/never") return kept.push_back(std::move(reply));
  if (request.target == "/dropped") return;
  reply({.status = 200,
         .body = absl::StrCat(request.method, " ", request.target, " ",
                              caller.identity, " ", request.body.size())});
}

constexpr HttpServerOptions kQuick = {.connections_max = 4,
                                      .handshake_timeout = Milliseconds(300),
                                      .idle_timeout = Seconds(5),
                                      .header_timeout = Milliseconds(300),
                                      .request_timeout = Milliseconds(300),
                                      .reply_timeout = Milliseconds(200),
                                      .linger_timeout = Seconds(2)};

// A blocking client that sends what it likes.
class RawClient {
 public:
  explicit RawClient(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    const auto address = UnixAddress(path);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&*address),
                      sizeof(*address)),
              0);
  }
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
  ~RawClient() { close(fd_); }

  // False when the other side has closed.
  bool Send(absl::string_view data) {
    while (!data.empty()) {
      const ssize_t n = send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      data.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // Reads until `marker` has come, or to the end.
  std::string ReadTo(absl::string_view marker) {
    std::string text;
    char bytes[4096];
    while (text.find(std::string(marker)) == std::string::npos) {
      const ssize_t n = recv(fd_, bytes, sizeof(bytes), 0);
      if (n <= 0) break;
      text.append(bytes, static_cast<size_t>(n));
    }
    return text;
  }
  std::string ReadAll() { return ReadTo("no such text"); }

 private:
  int fd_;
};

class Lines final : public Logger {
 public:
  bool Enabled(LogLevel) const override { return true; }
  void Write(LogLevel, absl::string_view, absl::string_view line) override {
    absl::StrAppend(&lines, line, "\n");
  }
  std::string lines;
};

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    std::string name = "/tmp/jaco-http-XXXXXX";
    root_ = mkdtemp(name.data());
    path_ = absl::StrCat(root_, "/a/b/jaco.sock");
    OnLoop([&] {
      server_ = std::make_unique<HttpServer>(
          context_, &logger_,
          [this](const HttpRequest& request, const server::Caller& caller,
                 HttpReply reply) {
            Handle(kept_, request, caller, std::move(reply));
          },
          kQuick);
      const absl::Status status = server_->ListenUnix(path_);
      EXPECT_TRUE(status.ok()) << status;
    });
  }
  ~HttpServerTest() override {
    OnLoop([&] { server_.reset(); });
    context_.stop();
    loop_.join();
    std::filesystem::remove_all(root_);
  }

  void OnLoop(absl::AnyInvocable<void()> task) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  absl::StatusOr<HttpAnswer> Call(absl::string_view target,
                                  absl::string_view body = "") {
    return CallUnixSocket(path_, "POST", target, body, absl::Seconds(5));
  }
  void ExpectHealthy() {
    const auto answer = Call("/x", "abc");
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /x local 3");
  }

  void ExpectLogged(const std::string& text) {
    OnLoop([&] { EXPECT_THAT(logger_.lines, HasSubstr(text)); });
  }

  Lines logger_;
  std::string root_, path_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      guard_{context_.get_executor()};
  std::vector<HttpReply> kept_;
  std::unique_ptr<HttpServer> server_;
  std::thread loop_{[this] { context_.run(); }};
};

TEST_F(HttpServerTest, AnswersAndProtectsTheSocket) {
  ExpectHealthy();
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0660u);
  OnLoop([&] { server_.reset(); });
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(HttpServerTest, KeepsAliveAndPipelines) {
  RawClient client(path_);
  client.Send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
      "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string text = client.ReadAll();
  const size_t first = text.find("GET /1 local 0");
  const size_t second = text.find("POST /2 local 2");
  const size_t third = text.find("GET /3 local 0");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
  EXPECT_THAT(text, HasSubstr("Content-Type: application/json"));
}

TEST_F(HttpServerTest, HeadGetsNoBody) {
  RawClient client(path_);
  client.Send(
      "HEAD /1 HTTP/1.1\r\n\r\n"
      "GET /2 HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string answers = client.ReadAll();
  EXPECT_THAT(answers, HasSubstr("Content-Length: 15\r\n\r\nHTTP/1.1 200"));
  EXPECT_THAT(answers, HasSubstr("GET /2 local 0"));
}

TEST_F(HttpServerTest, Http10Closes) {
  RawClient client(path_);
  client.Send("GET /1 HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.ReadAll(), HasSubstr("GET /1 local 0"));
}

TEST_F(HttpServerTest, GarbageGets400) {
  for (const std::string& bytes :
       {std::string("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
        std::string("hello\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nbad header\r\n\r\n"),
        std::string(1000, '\xff')}) {
    RawClient client(path_);
    client.Send(bytes);
    EXPECT_THAT(client.ReadAll(),
                AllOf(StartsWith("HTTP/1.1 400"),
                      HasSubstr("{\"code\":\"parse_failed\"")));
  }
  ExpectHealthy();
}

TEST_F(HttpServerTest, TooLargeIsSaidEvenMidway) {
  const auto answer = Call("/x", std::string(100 << 20, 'x'));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 413);
  EXPECT_THAT(answer->body, HasSubstr("{\"code\":\"too_large\""));
  EXPECT_EQ(Call("/x", std::string(1 << 20, 'x'))->status, 200);
  EXPECT_EQ(Call("/x", std::string((1 << 20) + 1, 'x'))->status, 413);
  EXPECT_EQ(Call(absl::StrCat("/", std::string(20'000, 'x')))->status, 431);

  RawClient chunked(path_);
  chunked.Send(
      "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) {
    chunked.Send(absl::StrCat("20000\r\n", std::string(0x20000, 'x'), "\r\n"));
  }
  EXPECT_THAT(chunked.ReadAll(), HasSubstr("413"));
  ExpectHealthy();
}

// However it arrives.
TEST_F(HttpServerTest, AHeaderIsTooLargeAsAWhole) {
  RawClient client(path_);
  client.Send("GET /x HTTP/1.1\r\n");
  const std::string field = absl::StrCat("a: ", std::string(1000, 'x'), "\r\n");
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    client.Send(field);
  }
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 431"));
  ExpectHealthy();
}

TEST_F(HttpServerTest, WhatEndsAChunkedBodyMayBeSmallButNotLarge) {
  const std::string header =
      "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  RawClient slow(path_);
  for (const std::string& piece :
       {header, std::string("0\r\n"), std::string("\r"), std::string("\n")}) {
    EXPECT_TRUE(slow.Send(piece));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_THAT(slow.ReadTo("local 0"), HasSubstr("POST /x local 0"));
  RawClient large(path_);
  large.Send(
      absl::StrCat(header, "0\r\na: ", std::string(70'000, 'x'), "\r\n\r\n"));
  EXPECT_THAT(large.ReadAll(), StartsWith("HTTP/1.1 431"));
  ExpectHealthy();
}

TEST_F(HttpServerTest, ArchivesMayBeLarger) {
  EXPECT_EQ(Call("/v1/operator/snapshot?x", std::string(20 << 20, 'x'))->body,
            absl::StrCat("POST /v1/operator/snapshot?x local ", 20 << 20));
  RawClient chunked(path_);
  chunked.Send(
      "POST /v1/cluster/restore HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) {
    chunked.Send(absl::StrCat("20000\r\n", std::string(0x20000, 'x'), "\r\n"));
  }
  chunked.Send("0\r\n\r\n");
  EXPECT_THAT(chunked.ReadAll(), HasSubstr("local 2621440"));
  RawClient much(path_);
  much.Send(
      "PUT /v1/operator/snapshot HTTP/1.1\r\nHost: x\r\n"
      "Content-Length: 300000000\r\n\r\n");
  EXPECT_THAT(much.ReadAll(), HasSubstr("413"));
  ExpectHealthy();
}

TEST_F(HttpServerTest, HalfARequestIsNotWaitedForForEver) {
  RawClient half(path_), slow(path_);
  half.Send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Le");
  EXPECT_EQ(half.ReadAll(), "");
  // One byte now and then does not help.
  slow.Send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
  bool open = true;
  for (int i = 0; i < 40 && open; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    open = slow.Send("x");
  }
  EXPECT_FALSE(open);
  ExpectHealthy();
  ExpectLogged("the unix socket: its request took too long");
}

TEST_F(HttpServerTest, ClientsThatLeave) {
  for (const char* bytes :
       {"", "G", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /never HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"}) {
    RawClient(path_).Send(bytes);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  ExpectHealthy();
}

TEST_F(HttpServerTest, AReplyThatNeverComesIsA504AndALateOneIsIgnored) {
  RawClient client(path_);
  for (const char* target : {"/never", "/dropped"}) {
    client.Send(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_THAT(client.ReadTo("}}"),
                AllOf(StartsWith("HTTP/1.1 504"), HasSubstr("\"timeout\"")));
  }
  OnLoop([&] {
    for (HttpReply& reply : kept_) reply({.body = "late"});
  });
  client.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadTo("local 0"), HasSubstr("GET /1 local 0"));
}

TEST_F(HttpServerTest, ContinuesWhenExpectedTo) {
  RawClient client(path_);
  client.Send(
      "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.ReadTo("\r\n\r\n"), StartsWith("HTTP/1.1 100"));
  client.Send("a");
  EXPECT_THAT(client.ReadTo("local 1"), HasSubstr("POST /x local 1"));
}

TEST_F(HttpServerTest, OneTooManyIsToldWhenAllAreBusy) {
  std::vector<RawClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(path_);
    clients.back().Send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  RawClient fifth(path_);
  EXPECT_THAT(fifth.ReadAll(),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("rate_limited")));
  clients.clear();
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  ExpectHealthy();
  ExpectLogged("the unix socket: all connections are in use");
}

TEST_F(HttpServerTest, TheLongestIdleMakesRoom) {
  std::vector<RawClient> clients;
  const auto ask = [](RawClient& client) {
    client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    return client.ReadTo("local 0");
  };
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(path_);
    EXPECT_THAT(ask(clients.back()), HasSubstr("local 0"));
  }
  ask(clients[0]);
  RawClient fifth(path_);
  EXPECT_THAT(ask(fifth), HasSubstr("local 0"));
  EXPECT_EQ(clients[1].ReadAll(), "");
  EXPECT_THAT(ask(clients[0]), HasSubstr("local 0"));
}

// Each may be 256 MiB large.
TEST_F(HttpServerTest, OneArchiveAtATime) {
  RawClient first(path_), second(path_);
  first.Send(
      "PUT /v1/operator/snapshot HTTP/1.1\r\nHost: x\r\n"
      "Connection: close\r\nContent-Length: 4\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  second.Send("GET /v1/cluster/backup HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string refused = second.ReadAll();
  EXPECT_THAT(refused,
              AllOf(StartsWith("HTTP/1.1 429"), HasSubstr("rate_limited"),
                    HasSubstr("Retry-After: 5")));
  ExpectHealthy();
  first.Send("abcd");
  EXPECT_THAT(first.ReadAll(), HasSubstr("/v1/operator/snapshot local 4"));
  EXPECT_EQ(Call("/v1/operator/snapshot", "abc")->status, 200);
  {
    RawClient gone(path_);
    gone.Send(
        "PUT /v1/operator/snapshot HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 4\r\n\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(Call("/v1/operator/snapshot", "abc")->status, 200);
}

// As of the daemon, which has one for its host and one for the network.
TEST_F(HttpServerTest, TwoServersTakeOneArchiveBetweenThem) {
  const std::string path = absl::StrCat(root_, "/other.sock");
  std::optional<HttpServer> other;
  OnLoop([&] {
    other.emplace(
        context_, &logger_,
        [](const HttpRequest&, const server::Caller&, HttpReply reply) {
          reply({.status = 200});
        },
        kQuick);
    other->ShareArchivePlace(*server_);
    EXPECT_TRUE(other->ListenUnix(path).ok());
  });
  RawClient first(path_);
  first.Send(
      "PUT /v1/operator/snapshot HTTP/1.1\r\nHost: x\r\n"
      "Connection: close\r\nContent-Length: 4\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto back_up = [&] {
    const auto answer =
        CallUnixSocket(path, "GET", "/v1/cluster/backup", "", absl::Seconds(5));
    return answer.ok() ? answer->status : 0;
  };
  EXPECT_EQ(back_up(), 429);
  first.Send("abcd");
  EXPECT_THAT(first.ReadAll(), HasSubstr("/v1/operator/snapshot local 4"));
  EXPECT_EQ(back_up(), 200);
  OnLoop([&] { other.reset(); });
}

TEST_F(HttpServerTest, LoopbackNeedsAToken) {
  uint16_t port = 0;
  OnLoop([&] {
    EXPECT_EQ(server_->ListenLoopback("0.0.0.0:0", nullptr).status().code(),
              absl::StatusCode::kInvalidArgument);
    port = *server_->ListenLoopback(
        "127.0.0.1:0",
        [](absl::string_view token, bool, server::Reply<server::Caller> reply) {
          if (token == "good") return reply(server::Caller{"ops"});
          reply(MakeError(ErrorCode::kTokenInvalid,
                          token.empty() ? "nothing" : "no"));
        });
  });
  RawClient client(port);
  const auto ask = [&](absl::string_view header, absl::string_view end) {
    client.Send(absl::StrCat("GET /x HTTP/1.1\r\nHost: x\r\n", header, "\r\n"));
    return client.ReadTo(end);
  };
  EXPECT_THAT(ask("", "}}"),
              AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("token_invalid")));
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(ask("", "}}"), AllOf(HasSubstr("401"), HasSubstr("nothing")));
  }
  EXPECT_THAT(ask("Authorization: Bearer bad\r\n", "}}"), HasSubstr("401"));
  EXPECT_THAT(ask("Authorization: Basic good\r\n", "}}"), HasSubstr("401"));
  EXPECT_THAT(ask("authorization: bearer good\r\n", "ops 0"),
              HasSubstr("GET /x ops 0"));
  EXPECT_THAT(ask("X-Nomad-Token: good\r\n", "ops 0"),
              HasSubstr("GET /x ops 0"));
  EXPECT_THAT(ask("", "}}"), HasSubstr("WWW-Authenticate: Bearer\r\n"));
}

// Without a quorum a password that is not known may be new: that must not let
// anybody try them all.
TEST_F(HttpServerTest, PasswordsThatAreTriedCount) {
  uint16_t port = 0;
  OnLoop([&] {
    port = *server_->ListenLoopback(
        "127.0.0.1:0",
        [](absl::string_view, bool, server::Reply<server::Caller> reply) {
          reply(MakeError(ErrorCode::kQuorumLost, "nobody is to be asked"));
        });
  });
  RawClient client(port);
  const auto last_of_many = [&](const std::vector<std::string>& credentials) {
    std::string answer;
    for (size_t i = 0; i < 15; ++i) {
      client.Send(absl::StrCat(
          "GET /v1/cluster/status HTTP/1.1\r\nHost: x\r\nAuthorization: ",
          credentials[i % credentials.size()], "\r\n\r\n"));
      answer = client.ReadTo("}}");
    }
    return answer;
  };
  EXPECT_THAT(last_of_many({"Bearer a-token"}), HasSubstr("quorum_lost"));
  // Each of the two spellings alone would be too few.
  EXPECT_THAT(last_of_many({"Basic Zm9vOmJhcg==", "basic Zm9vOmJhcg=="}),
              HasSubstr("rate_limited"));
}

TEST_F(HttpServerTest, AStaleSocketIsReplacedALiveOneIsNot) {
  OnLoop([&] {
    HttpServer second(context_, &logger_, nullptr);
    const absl::Status status = second.ListenUnix(path_);
    EXPECT_EQ(status.message(),
              absl::StrCat("another process answers on ", path_));
  });
  ExpectHealthy();
  const std::string stale = absl::StrCat(root_, "/stale.sock");
  {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    const auto address = UnixAddress(stale);
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&*address),
                   sizeof(*address)),
              0);
    close(fd);
  }
  EXPECT_TRUE(UnixListener::Open(stale).ok());
  const std::string file = absl::StrCat(root_, "/file");
  std::ofstream(file) << "precious";
  EXPECT_EQ(UnixListener::Open(file).status().message(),
            absl::StrCat(file, " exists and is not a socket"));
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_FALSE(UnixListener::Open(std::string(200, 'x')).ok());
}

TEST_F(HttpServerTest, TheClientSaysWhatIsWrong) {
  const auto missing =
      CallUnixSocket("/no/such.sock", "GET", "/", "", absl::Seconds(1));
  EXPECT_EQ(missing.status().message(),
            "no --server given and local socket /no/such.sock is not "
            "available");
  const std::string deaf = absl::StrCat(root_, "/deaf.sock");
  auto listener = UnixListener::Open(deaf);
  const auto late =
      CallUnixSocket(deaf, "GET", "/", "", absl::Milliseconds(100));
  EXPECT_EQ(late.status().code(), absl::StatusCode::kDeadlineExceeded);
  const int fd = listener->ReleaseDescriptor();
  close(fd);
  EXPECT_THAT(std::string(CallUnixSocket(deaf, "GET", "/", "", absl::Seconds(1))
                              .status()
                              .message()),
              HasSubstr("connection refused"));
}

// The same, of an answer.
TEST_F(HttpServerTest, TheClientBearsWhatEndsAChunkedBody) {
  const std::string path = absl::StrCat(root_, "/odd.sock");
  auto listener = UnixListener::Open(path);
  ASSERT_TRUE(listener.ok()) << listener.status();
  const int fd = listener->ReleaseDescriptor();
  const std::string header =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::vector<std::string>> answers = {
      {header, "0\r\n", "\r", "\n"},
      {header, absl::StrCat("0\r\na: ", std::string(70'000, 'x'), "\r\n\r\n")},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "123"},
      {header, "5\r\n123"}};
  std::thread server([&] {
    for (const auto& answer : answers) {
      pollfd caller = {.fd = fd, .events = POLLIN};
      poll(&caller, 1, -1);
      const int connection = accept(fd, nullptr, nullptr);
      char request[4096];  // Unread, it would make the end a reset.
      EXPECT_GT(recv(connection, request, sizeof(request), 0), 0);
      for (const std::string& piece : answer) {
        send(connection, piece.data(), piece.size(), MSG_NOSIGNAL);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      close(connection);
    }
  });
  const auto call = [&] {
    return CallUnixSocket(path, "GET", "/", "", absl::Seconds(5));
  };
  const auto slow = call();
  const auto large = call();
  const auto short_of_it = call();
  const auto short_of_a_chunk = call();
  server.join();
  close(fd);
  ASSERT_TRUE(slow.ok()) << slow.status();
  EXPECT_EQ(slow->status, 200);
  EXPECT_THAT(std::string(large.status().message()),
              HasSubstr("does not answer in HTTP"));
  // It was restarted, say.
  for (const auto& cut_off : {short_of_it, short_of_a_chunk}) {
    EXPECT_EQ(cut_off.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(cut_off.status().message()),
                HasSubstr("in the midst of its answer"));
  }
}

// Two that cannot accept must not wake each other for ever.
TEST(HttpServerWithoutDescriptorsTest, WaitsForThem) {
  Lines logger;
  boost::asio::io_context context;
  std::vector<HttpReply> kept;
  HttpServer server(
      context, &logger,
      [&](const HttpRequest& request, const server::Caller& caller,
          HttpReply reply) { Handle(kept, request, caller, std::move(reply)); },
      kQuick);
  std::vector<RawClient> clients;
  for (int i = 0; i < 2; ++i) {
    const auto port = server.ListenLoopback(
        "127.0.0.1:0", [](absl::string_view, bool, auto reply) {
          reply(server::Caller{.identity = "someone"});
        });
    ASSERT_TRUE(port.ok()) << port.status();
    clients.emplace_back(*port);
    clients.back().Send(
        "GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n\r\n");
  }
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = dup(0);
  ASSERT_GE(lowest_free, 0);
  close(lowest_free);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest_free);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const size_t woken = context.run_for(std::chrono::milliseconds(500));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_LT(woken, 50u);
  EXPECT_THAT(logger.lines, HasSubstr("cannot accept connections"));
  context.run_for(std::chrono::milliseconds(500));
  for (RawClient& client : clients) {
    EXPECT_THAT(client.ReadTo("\r\n\r\n"), HasSubstr("200"));
  }
}

TEST_F(HttpServerTest, DiesWithRequestsInFlight) {
  RawClient waiting(path_), idle(path_);
  waiting.Send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  OnLoop([&] { server_.reset(); });
  OnLoop([&] {
    for (HttpReply& reply : kept_) reply({.body = "nobody is there"});
  });
  EXPECT_EQ(waiting.ReadAll(), "");
  EXPECT_EQ(idle.ReadAll(), "");
}

}  // namespace
}  // namespace jaco::net

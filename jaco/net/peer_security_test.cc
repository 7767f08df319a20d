// Who may talk to a peer, with real handshakes on loopback.

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/net/peer_transport.h"
#include "jaco/net/testing_authority.h"

namespace jaco::net {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using Tcp = asio::ip::tcp;
using boost::system::error_code;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr absl::string_view kAny = "127.0.0.1:0";

env::FramePtr Frame(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

class Recorder final : public env::FrameReceiver, public Logger {
 public:
  bool Admits(env::PeerId from) override { return from != removed; }
  void OnFrame(env::PeerId from, absl::string_view frame) override {
    frames.emplace_back(from, std::string(frame));
  }
  void OnPeerDown(env::PeerId peer) override { down.push_back(peer); }
  bool Enabled(LogLevel) const override { return true; }
  void Write(LogLevel, absl::string_view, absl::string_view line) override {
    absl::StrAppend(&log, line, "\n");
  }

  std::vector<std::pair<env::PeerId, std::string>> frames;
  std::vector<env::PeerId> down;
  env::PeerId removed = 0;
  std::string log;
};

struct Node {
  Node(asio::io_context& context, env::PeerId id,
       const TlsCredentials& credentials, PeerTransportOptions options = {})
      : transport(
            context, &recorder, Prng(id),
            [id] {
              return PeerHello{id, 0};
            },
            With(options)) {
    if (!credentials.key.empty()) {
      EXPECT_TRUE(tls.Update(credentials).ok());
    }
    EXPECT_TRUE(transport.Listen(kAny).ok());
    address = {id, absl::StrCat("127.0.0.1:", transport.port())};
    transport.Bind(&recorder);
  }
  PeerTransportOptions With(PeerTransportOptions options) {
    options.tls = &tls;
    return options;
  }

  Recorder recorder;
  TlsIdentity tls;
  PeerTransport transport;
  env::PeerAddress address;
};

class PeerSecurityTest : public testing::Test {
 protected:
  template <typename Condition>
  testing::AssertionResult RunUntil(Condition condition) {
    const auto limit =
        std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > limit) {
        return testing::AssertionFailure() << "not within 10 s";
      }
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(50));
    }
    return testing::AssertionSuccess();
  }
  void RunFor(int milliseconds) {
    context_.restart();
    context_.run_for(std::chrono::milliseconds(milliseconds));
  }
  Tcp::socket Connect(const Node& node) {
    Tcp::socket socket(context_);
    socket.connect(
        Tcp::endpoint(asio::ip::address_v4::loopback(), node.transport.port()));
    return socket;
  }
  bool IsClosed(Tcp::socket& socket) {
    error_code error;
    char bytes[4096];
    socket.non_blocking(true);
    while (socket.read_some(asio::buffer(bytes), error) > 0) {
    }
    return error != asio::error::would_block;
  }
  // `node` refuses what `credentials` open, or deliver, in a connection of our
  // own making.
  void ExpectRefused(Node& node, const TlsCredentials& credentials,
                     const std::string& sent) {
    const uint64_t before = node.transport.refused();
    node.recorder.log.clear();
    ssl::context context(ssl::context::tls_client);
    if (!credentials.key.empty()) {
      context.use_certificate(asio::buffer(credentials.certificates),
                              ssl::context::pem);
      context.use_private_key(asio::buffer(credentials.key), ssl::context::pem);
    }
    ssl::stream<Tcp::socket> stream(Connect(node), context);
    error_code shaken = asio::error::would_block;
    stream.async_handshake(ssl::stream_base::client,
                           [&](error_code error) { shaken = error; });
    EXPECT_TRUE(RunUntil([&] { return shaken != asio::error::would_block; }));
    if (!shaken) asio::write(stream, asio::buffer(sent), shaken);
    EXPECT_TRUE(RunUntil([&] { return node.transport.refused() > before; }));
    EXPECT_TRUE(RunUntil([&] { return IsClosed(stream.next_layer()); }));
  }
  void ExpectServing(Node& node) {
    Node friendly(context_, 77, authority_.For(77));
    node.recorder.frames.clear();
    friendly.transport.Send(node.address, Frame("fine"));
    ASSERT_TRUE(RunUntil([&] { return !node.recorder.frames.empty(); }));
    EXPECT_THAT(node.recorder.frames, ElementsAre(Pair(77, "fine")));
  }

  TestAuthority authority_{1}, stranger_{2};
  asio::io_context context_;
};

TEST_F(PeerSecurityTest, OnlyNodesOfThisClusterAreHeard) {
  Node b(context_, 2, authority_.For(2));
  const std::string message = [] {
    std::string bytes = EncodeHello({.sender = 5});
    AppendFrameHeader(2, &bytes);
    return bytes + "hi";
  }();
  const absl::Time long_ago = absl::Now() - absl::Hours(24 * 366);
  // No certificate; another authority's; one that has expired or is not valid
  // yet; that of another node; of a node of another cluster.
  ExpectRefused(b, {}, message);
  ExpectRefused(b, stranger_.For(5), message);
  ExpectRefused(b, authority_.For(5, long_ago), message);
  ExpectRefused(b, authority_.For(5, absl::Now() + absl::Hours(1)), message);
  ExpectRefused(b, authority_.For(6), message);
  ExpectRefused(b, authority_.For({"c2", 5, "node", {}}), message);
  EXPECT_TRUE(b.recorder.frames.empty());
  EXPECT_TRUE(b.recorder.down.empty());
  ExpectServing(b);
}

TEST_F(PeerSecurityTest, AnAuthorityIsNoNode) {
  Node b(context_, 2, authority_.For(2));
  ExpectRefused(
      b, {authority_.authority().key, authority_.authority().certificate, ""},
      "");
  ExpectServing(b);
}

TEST_F(PeerSecurityTest, WhatListensMustBeThePeerThatIsMeant) {
  Node a(context_, 1, authority_.For(1));
  Node b(context_, 2, authority_.For(2));
  Node foreign(context_, 3, stranger_.For(3));
  a.transport.Send({4, b.address.host_port}, Frame("for 4"));
  a.transport.Send(foreign.address, Frame("for 3"));
  ASSERT_TRUE(RunUntil([&] {
    return b.transport.refused() > 0 && foreign.transport.refused() > 0;
  }));
  EXPECT_THAT(a.recorder.log, HasSubstr("its certificate is of node, 2"));
  EXPECT_THAT(a.recorder.log, HasSubstr("unable to get local issuer"));
  EXPECT_TRUE(b.recorder.frames.empty());
  EXPECT_TRUE(foreign.recorder.frames.empty());
  EXPECT_TRUE(a.recorder.down.empty());
}

TEST_F(PeerSecurityTest, WhoWasRemovedIsRefused) {
  Node a(context_, 1, authority_.For(1));
  Node b(context_, 2, authority_.For(2));
  a.transport.Send(b.address, Frame("before"));
  ASSERT_TRUE(RunUntil([&] { return b.recorder.frames.size() == 1; }));
  b.recorder.removed = 1;
  // On the connection that there is, and on new ones.
  for (uint64_t refused = 1; refused <= 3; ++refused) {
    for (int tries = 0; tries < 500 && b.transport.refused() < refused;
         ++tries) {
      a.transport.Send(b.address, Frame("after"));
      RunFor(20);
    }
    ASSERT_GE(b.transport.refused(), refused) << b.recorder.log;
  }
  EXPECT_EQ(b.recorder.frames.size(), 1u);
  EXPECT_THAT(b.recorder.log, HasSubstr("was removed from the cluster"));
  // It is still told things.
  b.transport.Send(a.address, Frame("you left"));
  EXPECT_TRUE(RunUntil([&] { return !a.recorder.frames.empty(); }));
}

TEST_F(PeerSecurityTest, StrangeBytesEndOnlyTheirOwnConnection) {
  Node b(context_, 2, authority_.For(2), {.handshake_timeout = Seconds(1)});
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\nHost: example\r\n\r\n"),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        std::string("SSH-2.0-OpenSSH_9.2\r\n"),
        // A record that announces more than TLS allows.
        std::string("\x16\x03\x01\xff\xff\x01\x00", 7) +
            std::string(70'000, 'x'),
        EncodeHello({.sender = 5}), std::string(100'000, '\xff')}) {
    Tcp::socket socket = Connect(b);
    error_code ignored;
    asio::write(socket, asio::buffer(bytes), ignored);
    EXPECT_TRUE(RunUntil([&] { return IsClosed(socket); }));
  }
  EXPECT_GE(b.transport.refused(), 6u);
  const auto lines = [&] {
    return std::count(b.recorder.log.begin(), b.recorder.log.end(), '\n');
  };
  // One line of each kind, however often it comes.
  const auto kinds = lines();
  EXPECT_LE(kinds, 6);
  for (int i = 0; i < 20; ++i) {
    Tcp::socket socket = Connect(b);
    error_code ignored;
    asio::write(socket, asio::buffer(std::string("GET / HTTP/1.1\r\n\r\n")),
                ignored);
    EXPECT_TRUE(RunUntil([&] { return IsClosed(socket); }));
  }
  EXPECT_EQ(lines(), kinds);
  ExpectServing(b);
}

TEST_F(PeerSecurityTest, SlowHandshakesEnd) {
  Node b(context_, 2, authority_.For(2),
         {.handshake_timeout = Milliseconds(300)});
  Tcp::socket silent = Connect(b), slow = Connect(b);
  const std::string hello("\x16\x03\x01\x02\x00\x01", 6);
  size_t sent = 0;
  ASSERT_TRUE(RunUntil([&] {
    error_code ignored;
    if (sent < hello.size()) {
      asio::write(slow, asio::buffer(&hello[sent++], 1), ignored);
    }
    return IsClosed(silent) && IsClosed(slow);
  }));
  ExpectServing(b);
}

TEST_F(PeerSecurityTest, AMultitudeOfStrangersKeepsNobodyOut) {
  Node b(context_, 2, authority_.For(2));
  std::vector<Tcp::socket> strangers;
  for (int i = 0; i < 300; ++i) {
    strangers.push_back(Connect(b));
    if (i % 20 == 0) RunFor(1);
  }
  EXPECT_TRUE(RunUntil([&] { return b.transport.refused() >= 200; }));
  ExpectServing(b);
}

TEST_F(PeerSecurityTest, ANodeThatSendsTooMuchIsClosed) {
  Node b(context_, 2, authority_.For(2));
  std::string oversize = EncodeHello({.sender = 5});
  AppendFrameHeader(env::kFrameBytesMax + 1, &oversize);
  ExpectRefused(b, authority_.For(5), oversize);
  EXPECT_THAT(b.recorder.log, HasSubstr("frame"));
  ExpectServing(b);
}

TEST_F(PeerSecurityTest, WithoutACertificateThereAreNoPeers) {
  Node fresh(context_, 1, {}), b(context_, 2, authority_.For(2));
  fresh.transport.Send(b.address, Frame("x"));
  b.transport.Send(fresh.address, Frame("x"));
  ASSERT_TRUE(RunUntil([&] { return fresh.transport.refused() > 0; }));
  EXPECT_TRUE(fresh.recorder.frames.empty());
  EXPECT_TRUE(b.recorder.frames.empty());
  // It joins.
  EXPECT_TRUE(fresh.tls.Update(authority_.For(1)).ok());
  ASSERT_TRUE(RunUntil([&] {
    b.transport.Send(fresh.address, Frame("welcome"));
    return !fresh.recorder.frames.empty();
  }));
}

TEST_F(PeerSecurityTest, NewCertificatesDisturbNoConnection) {
  Node a(context_, 1, authority_.For(1)), b(context_, 2, authority_.For(2));
  a.transport.Send(b.address, Frame("1"));
  ASSERT_TRUE(RunUntil([&] { return b.recorder.frames.size() == 1; }));
  // The authority changes, one server after the other.
  const std::string both =
      authority_.authority().certificate + stranger_.authority().certificate;
  for (Node* node : {&a, &b}) {
    TlsCredentials trusting = authority_.For(node->address.id);
    trusting.bundle = both;
    EXPECT_TRUE(node->tls.Update(trusting).ok());
  }
  for (Node* node : {&a, &b}) {
    TlsCredentials next = stranger_.For(node->address.id);
    next.bundle = both;
    EXPECT_TRUE(node->tls.Update(next).ok());
    // New connections work at every step, both ways.
    TlsCredentials third = authority_.For(3);
    third.bundle = both;
    Node c(context_, 3, third);
    c.transport.Send(a.address, Frame("c"));
    a.transport.Send(c.address, Frame("a"));
    ASSERT_TRUE(RunUntil([&] {
      return !a.recorder.frames.empty() && !c.recorder.frames.empty();
    }));
    a.recorder.frames.clear();
  }
  // The old connection was there all the time.
  a.transport.Send(b.address, Frame("2"));
  ASSERT_TRUE(RunUntil([&] { return b.recorder.frames.size() == 2; }));
  EXPECT_THAT(a.recorder.log, Not(HasSubstr("lost peer 2")));
}

// Clocks differ: what one side takes for a good certificate is not valid yet
// for the other.
TEST_F(PeerSecurityTest, ARefusedRenewalCutsNothing) {
  Node a(context_, 1, authority_.For(1)), b(context_, 2, authority_.For(2));
  a.transport.Send(b.address, Frame("a"));
  b.transport.Send(a.address, Frame("b"));
  ASSERT_TRUE(RunUntil([&] {
    return a.recorder.frames.size() == 1 && b.recorder.frames.size() == 1;
  }));
  EXPECT_TRUE(
      a.tls.Update(authority_.For(1, absl::Now() + absl::Hours(1))).ok());
  a.transport.OnCredentials();
  EXPECT_TRUE(b.tls.Update(authority_.For(2)).ok());
  b.transport.OnCredentials();
  constexpr absl::string_view kGoesOn = "the old one goes on";
  ASSERT_TRUE(RunUntil([&] {
    return absl::StrContains(a.recorder.log, kGoesOn) &&
           absl::StrContains(b.recorder.log, kGoesOn);
  }));
  EXPECT_GT(b.transport.refused(), 0u);
  a.recorder.frames.clear();
  b.recorder.frames.clear();
  for (int i = 0; i < 5; ++i) {
    a.transport.Send(b.address, Frame("a"));
    b.transport.Send(a.address, Frame("b"));
    RunFor(20);
  }
  EXPECT_THAT(a.recorder.frames, SizeIs(5));
  EXPECT_THAT(b.recorder.frames, SizeIs(5));
  for (Node* node : {&a, &b}) {
    EXPECT_TRUE(node->recorder.down.empty());
    EXPECT_THAT(node->recorder.log, Not(HasSubstr("lost peer")));
  }
  // What is not trusted any more does not go on.
  EXPECT_TRUE(a.tls.Update(stranger_.For(1)).ok());
  a.transport.OnCredentials();
  ASSERT_TRUE(RunUntil(
      [&] { return absl::StrContains(a.recorder.log, "lost peer 2"); }));
}

// As a cluster retires an authority: everybody has a certificate of the next
// one, but for a peer that lives on what was stolen.
TEST_F(PeerSecurityTest, TrustThatEndsEndsConnections) {
  const std::string both =
      authority_.authority().certificate + stranger_.authority().certificate;
  const auto trusting = [&](TlsCredentials credentials) {
    credentials.bundle = both;
    return credentials;
  };
  Node a(context_, 1, trusting(authority_.For(1)));
  Node b(context_, 2, trusting(authority_.For(2)));
  Node thief(context_, 3, trusting(authority_.For(3)));
  a.transport.Send(b.address, Frame("a"));
  thief.transport.Send(b.address, Frame("thief"));
  b.transport.Send(thief.address, Frame("b"));
  ASSERT_TRUE(RunUntil([&] {
    return b.recorder.frames.size() == 2 && thief.recorder.frames.size() == 1;
  }));
  for (Node* node : {&a, &b}) {
    EXPECT_TRUE(
        node->tls.Update(trusting(stranger_.For(node->address.id))).ok());
    node->transport.OnCredentials();
  }
  RunFor(200);
  // Trust in the first authority ends.
  EXPECT_TRUE(b.tls.Update(stranger_.For(2)).ok());
  b.transport.OnCredentials();
  EXPECT_EQ(b.transport.refused(), 1u);
  b.recorder.frames.clear();
  thief.recorder.frames.clear();
  for (int i = 0; i < 20; ++i) {
    thief.transport.Send(b.address, Frame("thief"));
    b.transport.Send(thief.address, Frame("b"));
    a.transport.Send(b.address, Frame("a"));
    RunFor(20);
  }
  EXPECT_GT(b.transport.refused(), 1u);
  EXPECT_TRUE(thief.recorder.frames.empty());
  EXPECT_THAT(b.recorder.frames, SizeIs(20));
  EXPECT_THAT(b.recorder.frames, Each(Pair(1, "a")));
  // Nobody took that for the end of a server.
  EXPECT_TRUE(a.recorder.down.empty());
  EXPECT_TRUE(b.recorder.down.empty());
  EXPECT_THAT(a.recorder.log, Not(HasSubstr("lost peer 2")));
}

// Whoever has not said who it is when trust ends is none of the open
// connections that end with it.
TEST_F(PeerSecurityTest, TrustThatEndsEndsHandshakes) {
  std::string message = EncodeHello({.sender = 5});
  AppendFrameHeader(2, &message);
  message += "hi";
  const TlsCredentials thief = authority_.For(5);
  for (const bool shaken_before : {true, false}) {
    SCOPED_TRACE(shaken_before);
    TlsCredentials trusting = stranger_.For(2);
    trusting.bundle += authority_.authority().certificate;
    Node b(context_, 2, trusting);
    ssl::context context(ssl::context::tls_client);
    context.use_certificate(asio::buffer(thief.certificates),
                            ssl::context::pem);
    context.use_private_key(asio::buffer(thief.key), ssl::context::pem);
    ssl::stream<Tcp::socket> stream(Connect(b), context);
    RunFor(50);  // It is accepted.
    error_code shaken = asio::error::would_block;
    const auto shake = [&] {
      stream.async_handshake(ssl::stream_base::client,
                             [&](error_code error) { shaken = error; });
      ASSERT_TRUE(RunUntil([&] { return shaken != asio::error::would_block; }));
      RunFor(50);
    };
    if (shaken_before) shake();
    ASSERT_TRUE(b.tls.Update(stranger_.For(2)).ok());
    b.transport.OnCredentials();
    if (!shaken_before) shake();
    ASSERT_FALSE(shaken);
    asio::write(stream, asio::buffer(message), shaken);
    EXPECT_TRUE(RunUntil([&] { return b.transport.refused() > 0; }));
    EXPECT_TRUE(b.recorder.frames.empty());
  }
}

TEST_F(PeerSecurityTest, CredentialsThatDoNotFitChangeNothing) {
  Node b(context_, 2, authority_.For(2));
  TlsCredentials mixed = authority_.For(2);
  mixed.key = authority_.For(3).key;
  TlsCredentials nameless = authority_.For(2);
  nameless.certificates = authority_.authority().certificate;
  TlsCredentials trustless = authority_.For(2);
  trustless.bundle = "";
  for (const TlsCredentials& bad :
       {mixed, nameless, trustless, TlsCredentials{}}) {
    const absl::Status status = b.tls.Update(bad);
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(status.ToString(), Not(HasSubstr("PRIVATE")));
  }
  ExpectServing(b);
}

}  // namespace
}  // namespace jaco::net

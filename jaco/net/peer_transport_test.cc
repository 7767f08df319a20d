#include "jaco/net/peer_transport.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/net/testing_authority.h"

namespace jaco::net {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ::testing::ElementsAre;

env::FramePtr Frame(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

class Recorder final : public env::FrameReceiver {
 public:
  void OnFrame(env::PeerId from, absl::string_view frame) override {
    frames.emplace_back(from, std::string(frame));
  }
  void OnPeerDown(env::PeerId peer) override { down.push_back(peer); }

  std::vector<std::pair<env::PeerId, std::string>> frames;
  std::vector<env::PeerId> down;
};

// One server's transport.
struct Node {
  // The authority of the test that runs; nullptr: it is about plain text.
  static inline TestAuthority* authority = nullptr;

  Node(asio::io_context& context, env::PeerId id, absl::string_view host_port,
       PeerTransportOptions options = {}, uint64_t cluster = 0)
      : transport(
            context, &logger, Prng(id),
            [id, cluster] {
              return PeerHello{id, cluster};
            },
            Secured(options, id)) {
    const absl::Status status = transport.Listen(host_port);
    EXPECT_TRUE(status.ok()) << status;
    address = {id, absl::StrCat("127.0.0.1:", transport.port())};
    transport.Bind(&recorder);
  }

  PeerTransportOptions Secured(PeerTransportOptions options, env::PeerId id) {
    options.plaintext_for_tests = authority == nullptr;
    if (authority == nullptr) return options;
    EXPECT_TRUE(tls.Update(authority->For(id)).ok());
    options.tls = &tls;
    return options;
  }

  NullLogger logger;
  TlsIdentity tls;
  Recorder recorder;
  PeerTransport transport;
  env::PeerAddress address;
};

// With and without TLS.
class PeerTransportTest : public testing::TestWithParam<bool> {
 protected:
  PeerTransportTest() { Node::authority = GetParam() ? &authority_ : nullptr; }

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
  void RunFor(std::chrono::milliseconds time) {
    context_.restart();
    context_.run_for(time);
  }
  // A stranger's connection to `node`.
  Tcp::socket Connect(const Node& node) {
    Tcp::socket socket(context_);
    socket.connect(
        Tcp::endpoint(asio::ip::address_v4::loopback(), node.transport.port()));
    return socket;
  }
  // Whether the other side has closed `socket`.
  bool IsClosed(Tcp::socket& socket) {
    boost::system::error_code error;
    char byte;
    socket.non_blocking(true);
    socket.read_some(asio::buffer(&byte, 1), error);
    return error && error != asio::error::would_block;
  }

  TestAuthority authority_;
  asio::io_context context_;
};

INSTANTIATE_TEST_SUITE_P(, PeerTransportTest, testing::Values(false, true),
                         [](const auto& info) {
                           return info.param ? "Tls" : "PlainText";
                         });

constexpr absl::string_view kAny = "127.0.0.1:0";

TEST_P(PeerTransportTest, CarriesFramesBothWaysInOrder) {
  Node a(context_, 1, kAny), b(context_, 2, kAny);
  constexpr size_t kFrames = 3000;
  for (size_t i = 0; i < kFrames; ++i) {
    a.transport.Send(b.address, Frame(absl::StrCat("a", i)));
  }
  const std::string large(env::kFrameBytesMax, 'x');
  b.transport.Send(a.address, Frame("small"));
  b.transport.Send(a.address, Frame(large));
  b.transport.Send(a.address, Frame(std::string(20'000, 'y')));
  b.transport.Send(a.address, Frame(""));
  ASSERT_TRUE(RunUntil([&] {
    return b.recorder.frames.size() == kFrames && a.recorder.frames.size() == 4;
  }));
  for (size_t i = 0; i < kFrames; ++i) {
    ASSERT_EQ(b.recorder.frames[i].first, 1u);
    ASSERT_EQ(b.recorder.frames[i].second, absl::StrCat("a", i));
  }
  EXPECT_EQ(a.recorder.frames[0].second, "small");
  EXPECT_TRUE(a.recorder.frames[1].second == large);
  EXPECT_EQ(a.recorder.frames[2].second, std::string(20'000, 'y'));
  EXPECT_EQ(a.recorder.frames[3].second, "");
}

TEST_P(PeerTransportTest, DeliversToSelfLater) {
  Node a(context_, 1, kAny);
  a.transport.Send(a.address, Frame("me"));
  EXPECT_TRUE(a.recorder.frames.empty());
  ASSERT_TRUE(RunUntil([&] { return !a.recorder.frames.empty(); }));
  EXPECT_THAT(a.recorder.frames, ElementsAre(std::pair(1, "me")));
}

TEST_P(PeerTransportTest, DropsTheNewestWhenTheQueueIsFull) {
  Node b(context_, 2, kAny);
  Node a(context_, 1, kAny, {.queue_frames_max = 2, .queue_bytes_max = 100});
  a.transport.Send(b.address, Frame("1"));
  a.transport.Send(b.address, Frame(std::string(100, 'x')));
  a.transport.Send(b.address, Frame("2"));
  a.transport.Send(b.address, Frame("3"));
  RunFor(std::chrono::milliseconds(100));
  EXPECT_THAT(b.recorder.frames,
              ElementsAre(std::pair(1, "1"), std::pair(1, "2")));
}

TEST_P(PeerTransportTest, ReportsAPeerThatGoesAndFindsItWhenItIsBack) {
  Node a(context_, 1, kAny);
  auto b = std::make_unique<Node>(context_, 2, kAny);
  const env::PeerAddress address = b->address;
  a.transport.Send(address, Frame("hello"));
  ASSERT_TRUE(RunUntil([&] { return b->recorder.frames.size() == 1; }));

  b.reset();
  ASSERT_TRUE(RunUntil([&] { return !a.recorder.down.empty(); }));
  EXPECT_EQ(a.recorder.down[0], 2u);

  // Refused while it is away.
  a.recorder.down.clear();
  a.transport.Send(address, Frame("lost"));
  ASSERT_TRUE(RunUntil([&] { return !a.recorder.down.empty(); }));

  b = std::make_unique<Node>(context_, 2, address.host_port);
  ASSERT_TRUE(RunUntil([&] {
    a.transport.Send(address, Frame("again"));
    return !b->recorder.frames.empty();
  }));
  EXPECT_EQ(b->recorder.frames[0],
            std::pair(env::PeerId{1}, std::string("again")));
}

TEST_P(PeerTransportTest, APeerThatShowsItselfIsDialledAtOnce) {
  Node a(context_, 1, kAny,
         {.backoff_min = Seconds(60), .backoff_max = Seconds(60)});
  auto b = std::make_unique<Node>(context_, 2, kAny);
  const env::PeerAddress address = b->address;
  b.reset();
  a.transport.Send(address, Frame("refused"));
  ASSERT_TRUE(RunUntil([&] { return !a.recorder.down.empty(); }));
  RunFor(std::chrono::milliseconds(120));
  a.transport.Send(address, Frame("waits"));
  RunFor(std::chrono::milliseconds(20));
  b = std::make_unique<Node>(context_, 2, address.host_port);
  b->transport.Send(a.address, Frame("I am back"));
  ASSERT_TRUE(RunUntil([&] { return !b->recorder.frames.empty(); }));
  EXPECT_EQ(b->recorder.frames[0].second, "waits");
}

TEST_P(PeerTransportTest, WhoSendsAllTheTimeDialsAllTheSame) {
  Node a(context_, 1, kAny,
         {.backoff_min = Milliseconds(100), .backoff_max = Milliseconds(100)});
  auto b = std::make_unique<Node>(context_, 2, kAny);
  const env::PeerAddress address = b->address;
  b.reset();
  // From turn to turn of the loop, with other work in each.
  const auto send = [&] {
    for (int i = 0; i < 100; ++i) a.transport.Send(address, Frame("x"));
    asio::post(context_, [] {});
  };
  ASSERT_TRUE(RunUntil([&] {
    send();
    return a.recorder.down.size() > 3;
  }));
  b = std::make_unique<Node>(context_, 2, address.host_port);
  ASSERT_TRUE(RunUntil([&] {
    send();
    return !b->recorder.frames.empty();
  }));
}

TEST_P(PeerTransportTest, FollowsAPeerThatMoves) {
  Node a(context_, 1, kAny), old_b(context_, 2, kAny), new_b(context_, 2, kAny);
  a.transport.Send(old_b.address, Frame("old"));
  ASSERT_TRUE(RunUntil([&] { return !old_b.recorder.frames.empty(); }));
  a.transport.Send(new_b.address, Frame("new"));
  ASSERT_TRUE(RunUntil([&] { return !new_b.recorder.frames.empty(); }));
  EXPECT_EQ(new_b.recorder.frames[0].second, "new");
}

TEST_P(PeerTransportTest, ANameIsResolved) {
  Node a(context_, 1, kAny), b(context_, 2, kAny);
  a.transport.Send({2, absl::StrCat("localhost:", b.transport.port())},
                   Frame("by name"));
  ASSERT_TRUE(RunUntil([&] { return !b.recorder.frames.empty(); }));
  a.transport.Send({3, "no port"}, Frame("lost"));
  a.transport.Send({4, "no-such-host.invalid:1"}, Frame("lost"));
  RunFor(std::chrono::milliseconds(50));
}

TEST_P(PeerTransportTest, AnotherClusterIsRefused) {
  Node a(context_, 1, kAny, {}, /*cluster=*/5);
  Node b(context_, 2, kAny, {}, /*cluster=*/6);
  Node c(context_, 3, kAny, {}, /*cluster=*/0);
  a.transport.Send(b.address, Frame("stranger"));
  c.transport.Send(b.address, Frame("newcomer"));
  ASSERT_TRUE(RunUntil([&] { return !b.recorder.frames.empty(); }));
  RunFor(std::chrono::milliseconds(50));
  EXPECT_THAT(b.recorder.frames, ElementsAre(std::pair(3, "newcomer")));
}

TEST_P(PeerTransportTest, HostileBytesEndOnlyTheirOwnConnection) {
  Node a(context_, 1, kAny), b(context_, 2, kAny);
  const std::string hello = EncodeHello({.sender = 9});
  std::string oversize = hello;
  AppendFrameHeader(env::kFrameBytesMax + 1, &oversize);
  std::string version = hello;
  version[8] = 77;
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\nHost: example\r\n\r\n"), version,
        EncodeHello({.sender = 0}), EncodeHello({.sender = 2}), oversize,
        std::string(100'000, '\xff')}) {
    Tcp::socket socket = Connect(b);
    asio::write(socket, asio::buffer(bytes));
    EXPECT_TRUE(RunUntil([&] { return IsClosed(socket); }));
  }
  a.transport.Send(b.address, Frame("fine"));
  ASSERT_TRUE(RunUntil([&] { return !b.recorder.frames.empty(); }));
}

TEST_P(PeerTransportTest, SilenceInsteadOfAHandshake) {
  Node b(context_, 2, kAny, {.handshake_timeout = Milliseconds(50)});
  Tcp::socket silent = Connect(b);
  Tcp::socket half = Connect(b);
  asio::write(half, asio::buffer("JACOPEER", 8));
  EXPECT_TRUE(RunUntil([&] { return IsClosed(silent) && IsClosed(half); }));
}

TEST_P(PeerTransportTest, TheOldestStrangerMakesRoom) {
  Node a(context_, 1, kAny), b(context_, 2, kAny, {.strangers_max = 2});
  a.transport.Send(b.address, Frame("before"));
  ASSERT_TRUE(RunUntil([&] { return b.recorder.frames.size() == 1; }));
  Tcp::socket first = Connect(b), second = Connect(b);
  RunFor(std::chrono::milliseconds(20));
  EXPECT_FALSE(IsClosed(first));
  Tcp::socket third = Connect(b);
  EXPECT_TRUE(RunUntil([&] { return IsClosed(first); }));
  EXPECT_FALSE(IsClosed(second));
  EXPECT_EQ(b.transport.refused(), 1u);
  a.transport.Send(b.address, Frame("still here"));
  ASSERT_TRUE(RunUntil([&] { return b.recorder.frames.size() == 2; }));
}

TEST_P(PeerTransportTest, PeersAreCounted) {
  Node b(context_, 9, kAny, {.incoming_max = 2});
  Node one(context_, 1, kAny), two(context_, 2, kAny), three(context_, 3, kAny);
  one.transport.Send(b.address, Frame("1"));
  two.transport.Send(b.address, Frame("2"));
  ASSERT_TRUE(RunUntil([&] { return b.recorder.frames.size() == 2; }));
  three.transport.Send(b.address, Frame("3"));
  ASSERT_TRUE(RunUntil([&] { return b.transport.refused() == 1; }));
  EXPECT_EQ(b.recorder.frames.size(), 2u);
}

// Destroys the transport from within a callback.
class Destroyer final : public env::FrameReceiver {
 public:
  explicit Destroyer(std::unique_ptr<Node>* node) : node_(node) {}
  void OnFrame(env::PeerId, absl::string_view) override { node_->reset(); }
  void OnPeerDown(env::PeerId) override {}

 private:
  std::unique_ptr<Node>* node_;
};

TEST_P(PeerTransportTest, DiesAtAnyInstant) {
  Node a(context_, 1, kAny);
  auto b = std::make_unique<Node>(context_, 2, kAny);
  Destroyer destroyer(&b);
  b->transport.Bind(&destroyer);
  b->transport.Send(a.address, Frame("x"));
  b->transport.Send(b->address, Frame("to self"));
  b->transport.Send({5, "127.0.0.1:1"}, Frame("x"));
  a.transport.Send(b->address, Frame("1"));
  a.transport.Send(b->address, Frame("2"));
  ASSERT_TRUE(RunUntil([&] { return b == nullptr; }));
  RunFor(std::chrono::milliseconds(50));
}

TEST_P(PeerTransportTest, APortInUseIsNamed) {
  Node a(context_, 1, kAny);
  NullLogger logger;
  PeerTransport other(context_, &logger, Prng(1), [] { return PeerHello{2}; },
                      {.plaintext_for_tests = true});
  const absl::Status status = other.Listen(a.address.host_port);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            absl::StrCat("cannot listen on ", a.address.host_port,
                         ": Address already in use"));
}

}  // namespace
}  // namespace jaco::net

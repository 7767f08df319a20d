// The bytes of a peer connection, without the connection.
//
// A connection carries frames one way, from the server that dialled it:
//
//   hello   "JACOPEER" | version u8 | sender u64 | cluster u64
//   frame   length u32 | length bytes                            repeated
//
// Integers are little-endian.

#ifndef JACO_NET_SANSIO_FRAME_READER_H_
#define JACO_NET_SANSIO_FRAME_READER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "jaco/env/network.h"

namespace jaco::net {

inline constexpr uint8_t kPeerProtocolVersion = 1;

struct PeerHello {
  env::PeerId sender = 0;  // never 0
  // A hash of the cluster's id, so that servers of two clusters notice; 0 when
  // the sender does not know its cluster.
  uint64_t cluster = 0;
};

std::string EncodeHello(const PeerHello& hello);
void AppendFrameHeader(size_t frame_size, std::string* out);

// Cuts a stream into frames. The stream may be hostile: memory grows with the
// bytes that came, never with what a header announces.
class FrameReader {
 public:
  // Where the next bytes go; never empty. Invalidates frames.
  absl::Span<char> Space();
  // The first `size` bytes of Space() were filled.
  void Commit(size_t size);

  // The next whole frame, or nullopt when more bytes are needed; call until
  // then. An error (bad magic, unknown version, sender 0, frame longer than
  // kFrameBytesMax) is final: close the connection.
  absl::StatusOr<std::optional<absl::string_view>> Next();

  // Set once the hello has been read by Next.
  const std::optional<PeerHello>& hello() const { return hello_; }

 private:
  absl::string_view Unread() const;
  absl::Status ReadHello();

  std::string buffer_;
  size_t begin_ = 0;  // of what Next has not returned
  size_t end_ = 0;    // of what has come
  std::optional<PeerHello> hello_;
};

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_FRAME_READER_H_

#include "jaco/net/sansio/frame_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"

namespace jaco::net {
namespace {

constexpr absl::string_view kMagic = "JACOPEER";
constexpr size_t kHelloBytes = 8 + 1 + 8 + 8;
constexpr size_t kFrameHeaderBytes = 4;
// One read's worth; a connection at rest keeps no more than this.
constexpr size_t kSpaceBytes = 64 << 10;

absl::Status Refused(absl::string_view why) {
  return MakeError(ErrorCode::kPeerUntrusted, why);
}

}  // namespace

std::string EncodeHello(const PeerHello& hello) {
  std::string out(kMagic);
  AppendLittleEndian(kPeerProtocolVersion, &out);
  AppendLittleEndian(hello.sender, &out);
  AppendLittleEndian(hello.cluster, &out);
  return out;
}

void AppendFrameHeader(size_t frame_size, std::string* out) {
  AppendLittleEndian(static_cast<uint32_t>(frame_size), out);
}

absl::string_view FrameReader::Unread() const {
  return absl::string_view(buffer_).substr(begin_, end_ - begin_);
}

absl::Span<char> FrameReader::Space() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > kSpaceBytes) std::string().swap(buffer_);
  }
  if (buffer_.size() - end_ < kSpaceBytes / 2 && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // Doubles while a long frame comes in: each byte is moved once or twice.
  if (buffer_.size() - end_ < kSpaceBytes / 2) {
    buffer_.resize(std::max(kSpaceBytes, 2 * buffer_.size()));
  }
  return absl::MakeSpan(buffer_.data() + end_, buffer_.size() - end_);
}

void FrameReader::Commit(size_t size) {
  JACO_CHECK(size <= buffer_.size() - end_);
  end_ += size;
}

absl::Status FrameReader::ReadHello() {
  ByteReader reader(Unread());
  const absl::string_view magic = reader.ReadBytes(kMagic.size());
  const auto version = reader.Read<uint8_t>();
  PeerHello hello;
  hello.sender = reader.Read<uint64_t>();
  hello.cluster = reader.Read<uint64_t>();
  if (magic != kMagic) {
    return Refused(absl::StrCat("not a jaco peer: it begins with \"",
                                absl::CHexEscape(magic), "\""));
  }
  if (version != kPeerProtocolVersion) {
    return Refused(absl::StrCat("peer speaks version ", version,
                                " of the protocol, this server ",
                                kPeerProtocolVersion));
  }
  if (hello.sender == 0) return Refused("peer has id 0");
  begin_ += kHelloBytes;
  hello_ = hello;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<absl::string_view>> FrameReader::Next() {
  if (!hello_.has_value()) {
    if (Unread().size() < kHelloBytes) return std::nullopt;
    const absl::Status status = ReadHello();
    if (!status.ok()) return status;
  }
  const absl::string_view unread = Unread();
  if (unread.size() < kFrameHeaderBytes) return std::nullopt;
  const size_t size = LoadLittleEndian<uint32_t>(unread.data());
  if (size > env::kFrameBytesMax) {
    return MakeError(ErrorCode::kTooLarge,
                     absl::StrCat("a frame of ", size, " bytes, more than ",
                                  env::kFrameBytesMax));
  }
  if (unread.size() - kFrameHeaderBytes < size) return std::nullopt;
  begin_ += kFrameHeaderBytes + size;
  return unread.substr(kFrameHeaderBytes, size);
}

}  // namespace jaco::net

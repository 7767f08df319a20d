// Frames of snapshots, told from those of messages by their first byte.

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/raft/codec.h"

namespace jaco::raft {
namespace {

// Message frames begin with their version, which will not come this far.
constexpr uint8_t kSnapshotFrame = 0x53;
constexpr uint8_t kSnapshotFrameVersion = 1;
constexpr uint8_t kChunk = 1;
constexpr uint8_t kChunkAck = 2;
constexpr size_t kFixedBytesMax = 72;

void AppendHead(uint8_t type, Term term, LogIndex session, const SnapshotId& id,
                uint64_t offset, std::string* out) {
  out->push_back(static_cast<char>(kSnapshotFrame));
  out->push_back(static_cast<char>(kSnapshotFrameVersion));
  out->push_back(static_cast<char>(type));
  AppendLittleEndian(term.value(), out);
  AppendLittleEndian(session.value(), out);
  AppendLittleEndian(id.last.term.value(), out);
  AppendLittleEndian(id.last.index.value(), out);
  AppendLittleEndian(id.size, out);
  AppendLittleEndian(id.checksum, out);
  AppendLittleEndian(offset, out);
}

// What both kinds begin with, into either.
template <typename Kind>
Kind ReadHead(ByteReader& reader) {
  Kind message;
  message.term = Term(reader.Read<uint64_t>());
  message.session = LogIndex(reader.Read<uint64_t>());
  message.id.last.term = Term(reader.Read<uint64_t>());
  message.id.last.index = LogIndex(reader.Read<uint64_t>());
  message.id.size = reader.Read<uint64_t>();
  message.id.checksum = reader.Read<uint32_t>();
  message.offset = reader.Read<uint64_t>();
  return message;
}

absl::Status CheckHead(const SnapshotId& id, uint64_t offset) {
  if (id.last.index == LogIndex(0) || id.size == 0) {
    return absl::InvalidArgumentError("a snapshot of nothing");
  }
  if (offset > id.size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "offset ", offset, " in a snapshot of ", id.size, " bytes"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SnapshotMessage> ReadChunk(ByteReader& reader) {
  auto chunk = ReadHead<SnapshotChunk>(reader);
  const auto checksum = reader.Read<uint32_t>();
  if (!reader.ok()) return absl::InvalidArgumentError("chunk is cut short");
  const absl::string_view data = reader.ReadBytes(reader.remaining());
  if (absl::Status status = CheckHead(chunk.id, chunk.offset); !status.ok()) {
    return status;
  }
  if (data.size() > chunk.id.size - chunk.offset) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk of ", data.size(), " bytes at offset ",
                     chunk.offset, " of ", chunk.id.size));
  }
  if (data.empty() != (chunk.offset == chunk.id.size)) {
    return absl::InvalidArgumentError("an empty chunk before the end");
  }
  if (Crc32c(data) != checksum) {
    return absl::InvalidArgumentError("chunk with a wrong checksum");
  }
  chunk.data = std::string(data);
  return chunk;
}

absl::StatusOr<SnapshotMessage> ReadChunkAck(ByteReader& reader) {
  auto ack = ReadHead<SnapshotChunkAck>(reader);
  const auto status = reader.Read<uint8_t>();
  if (!reader.AtEnd()) {
    return absl::InvalidArgumentError("chunk answer has the wrong size");
  }
  if (absl::Status head = CheckHead(ack.id, ack.offset); !head.ok()) {
    return head;
  }
  if (status > static_cast<uint8_t>(SnapshotStatus::kRefused)) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk answer with unknown status ", status));
  }
  ack.status = static_cast<SnapshotStatus>(status);
  return ack;
}

}  // namespace

bool IsSnapshotFrame(absl::string_view frame) {
  return !frame.empty() && static_cast<uint8_t>(frame[0]) == kSnapshotFrame;
}

std::string EncodeSnapshotMessage(const SnapshotMessage& message) {
  std::string out;
  if (const auto* chunk = std::get_if<SnapshotChunk>(&message)) {
    out.reserve(kFixedBytesMax + chunk->data.size());
    AppendHead(kChunk, chunk->term, chunk->session, chunk->id, chunk->offset,
               &out);
    AppendLittleEndian(Crc32c(chunk->data), &out);
    out.append(chunk->data);
    return out;
  }
  const auto& ack = std::get<SnapshotChunkAck>(message);
  AppendHead(kChunkAck, ack.term, ack.session, ack.id, ack.offset, &out);
  out.push_back(static_cast<char>(ack.status));
  return out;
}

absl::StatusOr<SnapshotMessage> DecodeSnapshotMessage(absl::string_view frame) {
  ByteReader reader(frame);
  if (reader.Read<uint8_t>() != kSnapshotFrame) {
    return absl::InvalidArgumentError("not a frame of a snapshot");
  }
  const auto version = reader.Read<uint8_t>();
  if (version != kSnapshotFrameVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("snapshot frame has unknown version ", version,
                     "; this build knows ", kSnapshotFrameVersion));
  }
  const auto type = reader.Read<uint8_t>();
  if (type == kChunk) return ReadChunk(reader);
  if (type == kChunkAck) return ReadChunkAck(reader);
  return absl::InvalidArgumentError(
      absl::StrCat("unknown snapshot frame type ", type));
}

}  // namespace jaco::raft

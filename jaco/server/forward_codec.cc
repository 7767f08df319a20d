#include "jaco/server/forward_codec.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

constexpr uint8_t kForwardFrame = 0x46;
constexpr uint8_t kVersion = 1;
enum class Type : uint8_t {
  kRequest = 1,
  kResponse = 2,
  kCall = 3,
  kAddress = 4
};

void Append(const ForwardRequest& request, std::string* out) {
  out->push_back(
      static_cast<char>(request.call ? Type::kCall : Type::kRequest));
  AppendLittleEndian(request.term.value(), out);
  AppendLittleEndian(request.incarnation, out);
  AppendLittleEndian(request.sequence, out);
  AppendSized(request.command, out);
}

void Append(const ForwardResponse& response, std::string* out) {
  const absl::Status& status = response.status;
  out->push_back(static_cast<char>(Type::kResponse));
  AppendLittleEndian(response.incarnation, out);
  AppendLittleEndian(response.sequence, out);
  AppendLittleEndian(response.index.value(), out);
  AppendSized(status.ok() ? "" : ErrorCodeName(CodeOf(status)), out);
  AppendSized(status.ok() ? response.reply : status.message(), out);
}

void Append(const ForwardAddress& address, std::string* out) {
  out->push_back(static_cast<char>(Type::kAddress));
  AppendLittleEndian(address.node.value(), out);
  AppendSized(address.address, out);
}

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("forward frame: ", why));
}

absl::StatusOr<ForwardMessage> ReadRequest(ByteReader& reader, bool call) {
  ForwardRequest request;
  request.call = call;
  request.term = raft::Term(reader.Read<uint64_t>());
  request.incarnation = reader.Read<uint64_t>();
  request.sequence = reader.Read<uint64_t>();
  request.command = std::string(reader.ReadSized());
  return request;
}

absl::StatusOr<ForwardMessage> ReadResponse(ByteReader& reader) {
  ForwardResponse response;
  response.incarnation = reader.Read<uint64_t>();
  response.sequence = reader.Read<uint64_t>();
  response.index = raft::LogIndex(reader.Read<uint64_t>());
  const absl::string_view code = reader.ReadSized();
  std::string text(reader.ReadSized());
  if (code.empty()) {
    response.reply = std::move(text);
    return response;
  }
  const std::optional<ErrorCode> known = ErrorCodeFromName(code);
  if (!known.has_value()) return Malformed("an unknown error code");
  response.status = MakeError(*known, text);
  return response;
}

}  // namespace

bool IsForwardFrame(absl::string_view frame) {
  return !frame.empty() && static_cast<uint8_t>(frame[0]) == kForwardFrame;
}

std::string EncodeForward(const ForwardMessage& message) {
  std::string frame;
  frame.push_back(static_cast<char>(kForwardFrame));
  frame.push_back(static_cast<char>(kVersion));
  std::visit([&frame](const auto& m) { Append(m, &frame); }, message);
  return frame;
}

absl::StatusOr<ForwardMessage> DecodeForward(absl::string_view frame) {
  ByteReader reader(frame);
  if (reader.Read<uint8_t>() != kForwardFrame) return Malformed("another kind");
  const auto version = reader.Read<uint8_t>();
  if (reader.ok() && version != kVersion) {
    return Malformed(absl::StrCat("unknown version ", version,
                                  "; this build knows ", kVersion));
  }
  const auto type = reader.Read<uint8_t>();
  if (!reader.ok()) return Malformed("cut short");
  absl::StatusOr<ForwardMessage> message = Malformed("unknown type");
  if (type == static_cast<uint8_t>(Type::kRequest) ||
      type == static_cast<uint8_t>(Type::kCall)) {
    message = ReadRequest(reader, type == static_cast<uint8_t>(Type::kCall));
  } else if (type == static_cast<uint8_t>(Type::kResponse)) {
    message = ReadResponse(reader);
  } else if (type == static_cast<uint8_t>(Type::kAddress)) {
    const raft::NodeId node(reader.Read<uint64_t>());
    message = ForwardAddress{node, std::string(reader.ReadSized())};
  }
  if (message.ok() && !reader.ok()) return Malformed("cut short");
  if (message.ok() && !reader.AtEnd()) {
    return Malformed(absl::StrCat(reader.remaining(), " surplus bytes"));
  }
  return message;
}

}  // namespace jaco::server

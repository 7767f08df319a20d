// Frames: the half of the codec that peers exchange.

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/endian.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/codec_internal.h"

namespace jaco::raft {
namespace {

using internal::kEntryHeaderBytes;

constexpr uint8_t kFrameVersion = 1;

// On the wire for ever: never renumber.
enum class MessageType : uint8_t {
  kRequestVoteRequest = 1,
  kRequestVoteResponse = 2,
  kAppendEntriesRequest = 3,
  kAppendEntriesResponse = 4,
  kTimeoutNow = 5,
  kReadIndexRequest = 6,
  kReadIndexResponse = 7,
};

// Of a frame without its entries.
constexpr size_t kFixedBytesMax = 72;

size_t SizeBound(const Message& message) {
  size_t size = kFixedBytesMax;
  if (const auto* append = std::get_if<AppendEntriesRequest>(&message)) {
    size += append->address.size();
    for (const EntryPtr& entry : append->entries) {
      size += EncodedEntrySize(*entry);
    }
  } else if (const auto* vote = std::get_if<RequestVoteRequest>(&message)) {
    size += vote->address.size();
  }
  return size;
}

void AppendId(const EntryId& id, std::string* out) {
  AppendLittleEndian(id.term.value(), out);
  AppendLittleEndian(id.index.value(), out);
}

void AppendBool(bool value, std::string* out) {
  out->push_back(value ? '\1' : '\0');
}

void AppendType(MessageType type, std::string* out) {
  out->push_back(kFrameVersion);
  out->push_back(static_cast<char>(type));
}

void AppendString(const std::string& bytes, std::string* out) {
  AppendLittleEndian(static_cast<uint32_t>(bytes.size()), out);
  out->append(bytes);
}

void AppendMessage(const RequestVoteRequest& request, std::string* out) {
  AppendType(MessageType::kRequestVoteRequest, out);
  AppendLittleEndian(request.term.value(), out);
  AppendId(request.last, out);
  AppendString(request.address, out);
  AppendBool(request.pre_vote, out);
  AppendLittleEndian(request.transfer, out);
}

void AppendMessage(const RequestVoteResponse& response, std::string* out) {
  AppendType(MessageType::kRequestVoteResponse, out);
  AppendLittleEndian(response.term.value(), out);
  AppendBool(response.pre_vote, out);
  AppendBool(response.granted, out);
}

void AppendMessage(const AppendEntriesRequest& request, std::string* out) {
  AppendType(MessageType::kAppendEntriesRequest, out);
  AppendLittleEndian(request.term.value(), out);
  AppendId(request.previous, out);
  AppendLittleEndian(request.commit.value(), out);
  AppendLittleEndian(request.round, out);
  AppendLittleEndian(request.session.value(), out);
  AppendLittleEndian(request.transfers_over, out);
  AppendString(request.address, out);
  AppendLittleEndian(static_cast<uint32_t>(request.entries.size()), out);
  for (const EntryPtr& entry : request.entries) AppendEntry(*entry, out);
}

void AppendMessage(const AppendEntriesResponse& response, std::string* out) {
  AppendType(MessageType::kAppendEntriesResponse, out);
  AppendLittleEndian(response.term.value(), out);
  AppendBool(response.success, out);
  AppendLittleEndian(response.round, out);
  AppendLittleEndian(response.session.value(), out);
  AppendLittleEndian(response.match.value(), out);
  AppendId(response.hint, out);
  AppendLittleEndian(response.promise.nanoseconds(), out);
  AppendLittleEndian(response.priority, out);
}

void AppendMessage(const TimeoutNow& request, std::string* out) {
  AppendType(MessageType::kTimeoutNow, out);
  AppendLittleEndian(request.term.value(), out);
  AppendLittleEndian(request.transfer, out);
}

void AppendMessage(const ReadIndexRequest& request, std::string* out) {
  AppendType(MessageType::kReadIndexRequest, out);
  AppendLittleEndian(request.term.value(), out);
  AppendLittleEndian(request.id.value(), out);
}

void AppendMessage(const ReadIndexResponse& response, std::string* out) {
  AppendType(MessageType::kReadIndexResponse, out);
  AppendLittleEndian(response.term.value(), out);
  AppendLittleEndian(response.id.value(), out);
  AppendBool(response.success, out);
  AppendLittleEndian(response.index.value(), out);
  AppendBool(response.rate_limited, out);
}

Term TakeTerm(ByteReader& reader) { return Term(reader.Read<uint64_t>()); }
LogIndex TakeIndex(ByteReader& reader) {
  return LogIndex(reader.Read<uint64_t>());
}
EntryId TakeId(ByteReader& reader) {
  const Term term = TakeTerm(reader);
  return {term, TakeIndex(reader)};
}

std::string TakeString(ByteReader& reader) {
  return std::string(reader.ReadBytes(reader.Read<uint32_t>()));
}

// A boolean that is neither 0 nor 1 leaves `defect` set.
bool TakeBool(ByteReader& reader, absl::Status* defect) {
  const auto value = reader.Read<uint8_t>();
  if (value > 1) {
    *defect = absl::InvalidArgumentError(
        absl::StrCat("boolean with the value ", value));
  }
  return value == 1;
}

absl::StatusOr<Message> ReadRequestVoteRequest(ByteReader& reader) {
  absl::Status defect;
  RequestVoteRequest request;
  request.term = TakeTerm(reader);
  request.last = TakeId(reader);
  request.address = TakeString(reader);
  request.pre_vote = TakeBool(reader, &defect);
  request.transfer = reader.Read<uint64_t>();
  if (!defect.ok()) return defect;
  return request;
}

absl::StatusOr<Message> ReadRequestVoteResponse(ByteReader& reader) {
  absl::Status defect;
  RequestVoteResponse response;
  response.term = TakeTerm(reader);
  response.pre_vote = TakeBool(reader, &defect);
  response.granted = TakeBool(reader, &defect);
  if (!defect.ok()) return defect;
  return response;
}

// Whether `entry` may come right after `before` in a message of `term`.
absl::Status CheckFollows(const EntryId& entry, const EntryId& before,
                          Term term) {
  if (entry.index != before.index.Next()) {
    return absl::InvalidArgumentError(
        absl::StrCat("entry ", entry.index.value(), " comes after entry ",
                     before.index.value()));
  }
  if (entry.term < before.term || entry.term > term) {
    return absl::InvalidArgumentError(absl::StrCat(
        "entry ", entry.index.value(), " has term ", entry.term.value(),
        ", outside ", before.term.value(), " to ", term.value()));
  }
  return absl::OkStatus();
}

// `request` has everything but its entries.
absl::Status TakeEntries(ByteReader& reader, AppendEntriesRequest* request) {
  const auto count = reader.Read<uint32_t>();
  if (count > reader.remaining() / kEntryHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(count, " entries in ", reader.remaining(), " bytes"));
  }
  request->entries.reserve(count);
  EntryId before = request->previous;
  for (uint32_t i = 0; i < count; ++i) {
    absl::StatusOr<EntryPtr> entry = internal::ReadEntry(reader);
    if (!entry.ok()) return entry.status();
    const absl::Status follows =
        CheckFollows((*entry)->id, before, request->term);
    if (!follows.ok()) return follows;
    before = (*entry)->id;
    request->entries.push_back(*std::move(entry));
  }
  return absl::OkStatus();
}

absl::StatusOr<Message> ReadAppendEntriesRequest(ByteReader& reader) {
  AppendEntriesRequest request;
  request.term = TakeTerm(reader);
  request.previous = TakeId(reader);
  request.commit = TakeIndex(reader);
  request.round = reader.Read<uint64_t>();
  request.session = TakeIndex(reader);
  request.transfers_over = reader.Read<uint64_t>();
  request.address = TakeString(reader);
  const absl::Status entries = TakeEntries(reader, &request);
  if (!entries.ok()) return entries;
  return request;
}

absl::StatusOr<Message> ReadAppendEntriesResponse(ByteReader& reader) {
  absl::Status defect;
  AppendEntriesResponse response;
  response.term = TakeTerm(reader);
  response.success = TakeBool(reader, &defect);
  response.round = reader.Read<uint64_t>();
  response.session = TakeIndex(reader);
  response.match = TakeIndex(reader);
  response.hint = TakeId(reader);
  response.promise = Nanoseconds(reader.Read<int64_t>());
  response.priority = reader.Read<uint8_t>();
  if (response.promise < Duration()) {
    return absl::InvalidArgumentError("a promise of less than no time");
  }
  if (response.priority > kPriorityMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a priority of ", response.priority));
  }
  if (!defect.ok()) return defect;
  return response;
}

absl::StatusOr<Message> ReadTimeoutNow(ByteReader& reader) {
  TimeoutNow request;
  request.term = TakeTerm(reader);
  request.transfer = reader.Read<uint64_t>();
  return request;
}

absl::StatusOr<Message> ReadReadIndexRequest(ByteReader& reader) {
  ReadIndexRequest request;
  request.term = TakeTerm(reader);
  request.id = ReadId(reader.Read<uint64_t>());
  return request;
}

absl::StatusOr<Message> ReadReadIndexResponse(ByteReader& reader) {
  absl::Status defect;
  ReadIndexResponse response;
  response.term = TakeTerm(reader);
  response.id = ReadId(reader.Read<uint64_t>());
  response.success = TakeBool(reader, &defect);
  response.index = TakeIndex(reader);
  response.rate_limited = TakeBool(reader, &defect);
  if (!defect.ok()) return defect;
  return response;
}

absl::StatusOr<Message> ReadBody(uint8_t type, ByteReader& reader) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::kRequestVoteRequest:
      return ReadRequestVoteRequest(reader);
    case MessageType::kRequestVoteResponse:
      return ReadRequestVoteResponse(reader);
    case MessageType::kAppendEntriesRequest:
      return ReadAppendEntriesRequest(reader);
    case MessageType::kAppendEntriesResponse:
      return ReadAppendEntriesResponse(reader);
    case MessageType::kTimeoutNow:
      return ReadTimeoutNow(reader);
    case MessageType::kReadIndexRequest:
      return ReadReadIndexRequest(reader);
    case MessageType::kReadIndexResponse:
      return ReadReadIndexResponse(reader);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("frame has unknown message type ", type));
}

}  // namespace

std::string EncodeMessage(const Message& message) {
  std::string frame;
  const size_t bound = SizeBound(message);
  frame.reserve(bound);
  std::visit([&frame](const auto& m) { AppendMessage(m, &frame); }, message);
  JACO_CHECK(frame.size() <= bound);
  return frame;
}

absl::StatusOr<Message> DecodeMessage(absl::string_view frame) {
  ByteReader reader(frame);
  const auto version = reader.Read<uint8_t>();
  const auto type = reader.Read<uint8_t>();
  if (!reader.ok()) return absl::InvalidArgumentError("frame is cut short");
  if (version != kFrameVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame has unknown version ", version,
                     "; this build knows ", kFrameVersion));
  }
  absl::StatusOr<Message> message = ReadBody(type, reader);
  if (!message.ok()) return message;
  if (!reader.ok()) return absl::InvalidArgumentError("frame is cut short");
  if (!reader.AtEnd()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame is followed by ", reader.remaining(), " surplus bytes"));
  }
  return message;
}

}  // namespace jaco::raft

// libFuzzer's entry: every decoder takes any bytes, and what one accepts is
// exactly what the encoder makes of the result, so no value has two encodings.

#include <cstddef>
#include <cstdint>
#include <string>

#include "jaco/base/check.h"
#include "jaco/raft/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace raft = jaco::raft;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto message = raft::DecodeMessage(bytes); message.ok()) {
    JACO_CHECK(raft::EncodeMessage(*message) == bytes);
  }
  if (const auto m = raft::DecodeSnapshotMessage(bytes); m.ok()) {
    JACO_CHECK(raft::IsSnapshotFrame(bytes));
    JACO_CHECK(raft::EncodeSnapshotMessage(*m) == bytes);
    JACO_CHECK(!raft::DecodeMessage(bytes).ok());
  }
  if (const auto entry = raft::DecodeEntry(bytes); entry.ok()) {
    std::string again;
    raft::AppendEntry(**entry, &again);
    JACO_CHECK(again == bytes);
  }
  if (const auto state = raft::DecodeHardState(bytes); state.ok()) {
    JACO_CHECK(raft::EncodeHardState(*state) == bytes);
  }
  if (const auto found = raft::DecodeConfiguration(bytes); found.ok()) {
    JACO_CHECK(raft::EncodeConfiguration(*found) == bytes);
  }
  return 0;
}

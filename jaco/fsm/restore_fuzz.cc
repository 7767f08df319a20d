#include "jaco/fsm/restore_fuzz.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/snapshot.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {
namespace {

void Restore(absl::string_view bytes) {
  ClusterState state;
  if (state.RestoreSnapshot(bytes).ok()) {
    JACO_CHECK(state.TakeSnapshot()() == bytes);
  } else {
    JACO_CHECK(state.digest() == Digest());
    JACO_CHECK(state.TakeRowEdits().empty());
  }
}

// A fuzzer does not find checksums: the header of an empty snapshot (magic,
// version, applied), then `bytes` from the row count on, then what is right.
std::string WithFrame(absl::string_view bytes) {
  std::string framed = EncodeSnapshot(raft::LogIndex(1), {}).substr(0, 20);
  framed.append(bytes.data(), bytes.size());
  AppendLittleEndian(Crc32c(framed), &framed);
  return framed;
}

}  // namespace

void FuzzRestore(absl::string_view bytes) {
  Restore(bytes);
  Restore(WithFrame(bytes));
}

}  // namespace jaco::fsm

// The entry point that libFuzzer looks for.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jaco::fsm::FuzzRestore(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}

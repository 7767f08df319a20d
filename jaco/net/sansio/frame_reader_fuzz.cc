// Input: a peer's stream; its first byte sets the size of the pieces in which
// it arrives.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/net/sansio/frame_reader.h"

namespace jaco::net {
namespace {

void Run(absl::string_view input) {
  const size_t piece =
      input.empty() ? 1 : 1 + static_cast<uint8_t>(input.front());
  FrameReader reader;
  size_t returned = 0;
  const size_t total = input.size();
  while (!input.empty()) {
    const absl::Span<char> space = reader.Space();
    JACO_CHECK(!space.empty());
    const size_t size = std::min({piece, input.size(), space.size()});
    input.copy(space.data(), size);
    input.remove_prefix(size);
    reader.Commit(size);
    while (true) {
      const auto frame = reader.Next();
      if (!frame.ok()) return;
      if (!frame->has_value()) break;
      JACO_CHECK(reader.hello()->sender != 0);
      returned += (*frame)->size();
    }
  }
  JACO_CHECK(returned <= total);
}

}  // namespace
}  // namespace jaco::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jaco::net::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}

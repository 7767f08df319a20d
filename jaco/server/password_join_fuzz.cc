// Input: what a peer answers, whoever that is. The costs that it may ask for
// are out of reach: deriving keys is libsodium's, and slow.

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/server/password_join.h"

namespace jaco::server {
namespace {

class NoEntropy final : public env::Entropy {
 public:
  void Fill(absl::Span<uint8_t>) override {}
};

void Run(absl::string_view input) {
  NoEntropy entropy;
  PasswordJoin join({.user = "u",
                     .password = "p",
                     .node_name = "n",
                     .cost_min = {.passes = UINT32_MAX}},
                    entropy);
  JACO_CHECK(!join.Begin("connection").empty());
  (void)join.Answer(input);
  JACO_CHECK(!join.Finish(input).ok());
  JACO_CHECK(join.verdict().join_token().empty());
}

}  // namespace
}  // namespace jaco::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jaco::server::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}

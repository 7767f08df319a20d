#include "jaco/storage/damage.h"

#include "absl/strings/cord.h"

namespace jaco::storage {
namespace {

constexpr absl::string_view kDamageUrl = "jaco/damage";

}  // namespace

absl::Status DamageError(absl::string_view message) {
  absl::Status status = absl::DataLossError(message);
  status.SetPayload(kDamageUrl, absl::Cord());
  return status;
}

bool IsDamage(const absl::Status& status) {
  return status.GetPayload(kDamageUrl).has_value();
}

}  // namespace jaco::storage

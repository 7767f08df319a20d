// Damage that was found in bytes that could be read. A disk that refuses to
// read is kDataLoss too (env/file_system.h), and another matter: damage stays
// and can be repaired, and a server whose disk fails has to stop. (But for one
// copy of the promise, which the other stands for.)

#ifndef JACO_STORAGE_DAMAGE_H_
#define JACO_STORAGE_DAMAGE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace jaco::storage {

// kDataLoss; `message` names the file.
absl::Status DamageError(absl::string_view message);
bool IsDamage(const absl::Status& status);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_DAMAGE_H_

// Secrets that operators carry, and ids. A token is 64 hex characters (32
// random bytes); what is stored is the SHA-256 of its text.

#ifndef JACO_SERVER_SECURITY_TOKEN_H_
#define JACO_SERVER_SECURITY_TOKEN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "jaco/env/entropy.h"

namespace jaco::server {

std::string NewToken(env::Entropy& entropy);

// Lower-case hex SHA-256 of the token's text.
std::string HashToken(absl::string_view token);

// Takes a time that does not depend on where they differ.
bool EqualInConstantTime(absl::string_view a, absl::string_view b);

// A random (version 4) UUID, as "7d4f0c1e-....".
std::string NewUuid(env::Entropy& entropy);

// Random and not 0.
uint64_t NewNodeId(env::Entropy& entropy);

}  // namespace jaco::server

#endif  // JACO_SERVER_SECURITY_TOKEN_H_

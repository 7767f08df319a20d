// The first line of what is secret on disk: its name and format version, as in
// "jaco-keys 1\n".

#ifndef JACO_SERVER_SECURITY_FORMAT_LINE_H_
#define JACO_SERVER_SECURITY_FORMAT_LINE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace jaco::server {

std::string FormatLine(absl::string_view name, uint32_t version);

// Takes it off the front of `bytes`. data_loss when there is no such line;
// kFailedPrecondition for one of another version, naming both.
absl::Status ConsumeFormatLine(absl::string_view name, uint32_t version,
                               absl::string_view* bytes);

// The latter error.
absl::Status OtherVersion(uint32_t found, uint32_t known);

}  // namespace jaco::server

#endif  // JACO_SERVER_SECURITY_FORMAT_LINE_H_

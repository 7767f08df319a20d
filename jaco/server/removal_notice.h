// The whole of a frame by which a member tells a server that it was removed. It
// goes to one whose own frames are refused: only its members can dial it, and
// it knows them. Layout: docs/formats.md.

#ifndef JACO_SERVER_REMOVAL_NOTICE_H_
#define JACO_SERVER_REMOVAL_NOTICE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace jaco::server {

// Told from other frames by the first byte.
bool IsRemovalNotice(absl::string_view frame);

std::string EncodeRemovalNotice();
// kInvalidArgument for anything that EncodeRemovalNotice does not make.
absl::Status DecodeRemovalNotice(absl::string_view frame);

}  // namespace jaco::server

#endif  // JACO_SERVER_REMOVAL_NOTICE_H_

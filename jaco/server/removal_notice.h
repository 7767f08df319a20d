// The whole of a frame by which a member tells a server that it was removed. It
// goes to one whose own frames are refused: only its members can dial it, and
// it knows them.

#ifndef JACO_SERVER_REMOVAL_NOTICE_H_
#define JACO_SERVER_REMOVAL_NOTICE_H_

#include "absl/strings/string_view.h"

namespace jaco::server {

// Told from other frames by the first byte.
inline constexpr absl::string_view kRemovalNotice("\x52\x01", 2);

}  // namespace jaco::server

#endif  // JACO_SERVER_REMOVAL_NOTICE_H_

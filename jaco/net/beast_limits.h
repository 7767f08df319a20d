// What a parser of Beast 1.81 has to be spared, whose bytes are a stranger's.

#ifndef JACO_NET_BEAST_LIMITS_H_
#define JACO_NET_BEAST_LIMITS_H_

#include <cstddef>

namespace jaco::net {

// So much of a chunked body has to be there before it is parsed on: that the
// last chunk, `0 CR LF CR LF`, comes byte by byte fails an assertion (mended by
// boostorg/beast #2861). In front of the end as many always follow.
constexpr size_t kLastChunkBytes = 5;

// So much may wait for what follows: a field of 64 KiB behind a chunked body,
// where no other limit holds, is thrown at us (mended by boostorg/beast #2920).
constexpr size_t kUnparsedBytesMax = 32 << 10;

}  // namespace jaco::net

#endif  // JACO_NET_BEAST_LIMITS_H_

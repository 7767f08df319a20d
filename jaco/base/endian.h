// Little-endian fixed-width integers: how every format of ours, on disk and on
// the wire, writes numbers.

#ifndef JACO_BASE_ENDIAN_H_
#define JACO_BASE_ENDIAN_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace jaco {

// Compilers leave the byte-wise loops as loops, and these run for every field
// of every record: little-endian machines copy the value as it is.

// `out` has room for sizeof(Int) bytes.
template <typename Int>
void StoreLittleEndian(Int value, char* out) {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(out, &value, sizeof(Int));
  } else {
    for (size_t i = 0; i < sizeof(Int); ++i) {
      out[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
    }
  }
}

template <typename Int>
void AppendLittleEndian(Int value, std::string* out) {
  char bytes[sizeof(Int)];
  StoreLittleEndian(value, bytes);
  out->append(bytes, sizeof(Int));
}

// Its size, u32, and `bytes`.
inline void AppendSized(absl::string_view bytes, std::string* out) {
  AppendLittleEndian(static_cast<uint32_t>(bytes.size()), out);
  out->append(bytes.data(), bytes.size());
}

// `data` holds at least sizeof(Int) bytes.
template <typename Int>
Int LoadLittleEndian(const char* data) {
  if constexpr (std::endian::native == std::endian::little) {
    Int value;
    std::memcpy(&value, data, sizeof(Int));
    return value;
  } else {
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(Int); ++i) {
      value |= static_cast<uint64_t>(static_cast<uint8_t>(data[i])) << (8 * i);
    }
    return static_cast<Int>(value);
  }
}

// Reads fields off the front of a buffer that may be hostile: once a read goes
// past the end, ok() is false for good and every value is zero or empty.
class ByteReader {
 public:
  explicit ByteReader(absl::string_view data) : data_(data) {}

  template <typename Int>
  Int Read() {
    const absl::string_view bytes = ReadBytes(sizeof(Int));
    return ok_ ? LoadLittleEndian<Int>(bytes.data()) : Int{};
  }
  absl::string_view ReadBytes(size_t size) {
    if (size > data_.size()) ok_ = false;
    if (!ok_) return {};
    const absl::string_view bytes = data_.substr(0, size);
    data_.remove_prefix(size);
    return bytes;
  }

  // What AppendSized has written.
  absl::string_view ReadSized() { return ReadBytes(Read<uint32_t>()); }

  bool ok() const { return ok_; }
  size_t remaining() const { return data_.size(); }
  // Everything was read, and nothing too much.
  bool AtEnd() const { return ok_ && data_.empty(); }

 private:
  absl::string_view data_;
  bool ok_ = true;
};

}  // namespace jaco

#endif  // JACO_BASE_ENDIAN_H_

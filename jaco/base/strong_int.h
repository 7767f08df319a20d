// An integer with a name of its own: a Term cannot be passed where a LogIndex
// is wanted, and adding two of them does not compile.

#ifndef JACO_BASE_STRONG_INT_H_
#define JACO_BASE_STRONG_INT_H_

#include <compare>
#include <cstdint>
#include <utility>

namespace jaco {

// `Tag` is an empty struct that makes the type unique. The default value is 0.
template <typename Tag>
class StrongInt {
 public:
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(uint64_t value) : value_(value) {}

  constexpr uint64_t value() const { return value_; }

  friend constexpr auto operator<=>(StrongInt, StrongInt) = default;

  // Distances are plain integers; the caller guarantees `a >= b`.
  friend constexpr uint64_t operator-(StrongInt a, StrongInt b) {
    return a.value_ - b.value_;
  }
  friend constexpr StrongInt operator+(StrongInt a, uint64_t n) {
    return StrongInt(a.value_ + n);
  }
  friend constexpr StrongInt operator-(StrongInt a, uint64_t n) {
    return StrongInt(a.value_ - n);
  }
  constexpr StrongInt& operator++() {
    ++value_;
    return *this;
  }

  constexpr StrongInt Next() const { return StrongInt(value_ + 1); }
  // The caller guarantees that the value is not 0.
  constexpr StrongInt Previous() const { return StrongInt(value_ - 1); }

  template <typename H>
  friend H AbslHashValue(H h, StrongInt v) {
    return H::combine(std::move(h), v.value_);
  }

 private:
  uint64_t value_ = 0;
};

}  // namespace jaco

#endif  // JACO_BASE_STRONG_INT_H_

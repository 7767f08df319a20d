// Time as the servers see it: whole nanoseconds, no floats, no clock behind it.
//
// Instant is a point on a server's monotonic clock (origin unspecified, never
// compared between servers); Duration is a difference of two. Wall time, for
// people and certificates, is absl::Time and stays out of the protocol.

#ifndef JACO_BASE_TIME_H_
#define JACO_BASE_TIME_H_

#include <compare>
#include <cstdint>
#include <limits>

namespace jaco {

class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration FromNanoseconds(int64_t ns) { return Duration(ns); }

  constexpr int64_t nanoseconds() const { return ns_; }
  constexpr int64_t microseconds() const { return ns_ / 1'000; }
  constexpr int64_t milliseconds() const { return ns_ / 1'000'000; }

  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) {
    return Duration(a.ns_ + b.ns_);
  }
  friend constexpr Duration operator-(Duration a, Duration b) {
    return Duration(a.ns_ - b.ns_);
  }
  friend constexpr Duration operator*(Duration a, int64_t n) {
    return Duration(a.ns_ * n);
  }
  friend constexpr Duration operator/(Duration a, int64_t n) {
    return Duration(a.ns_ / n);
  }

 private:
  explicit constexpr Duration(int64_t ns) : ns_(ns) {}
  int64_t ns_ = 0;
};

constexpr Duration Nanoseconds(int64_t n) {
  return Duration::FromNanoseconds(n);
}
constexpr Duration Microseconds(int64_t n) { return Nanoseconds(n * 1'000); }
constexpr Duration Milliseconds(int64_t n) {
  return Nanoseconds(n * 1'000'000);
}
constexpr Duration Seconds(int64_t n) { return Nanoseconds(n * 1'000'000'000); }

class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant FromNanoseconds(int64_t ns) { return Instant(ns); }
  // Later than every instant that a clock returns: "no deadline".
  static constexpr Instant Never() {
    return Instant(std::numeric_limits<int64_t>::max());
  }

  constexpr int64_t nanoseconds() const { return ns_; }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant t, Duration d) {
    return Instant(t.ns_ + d.nanoseconds());
  }
  friend constexpr Instant operator-(Instant t, Duration d) {
    return Instant(t.ns_ - d.nanoseconds());
  }
  friend constexpr Duration operator-(Instant a, Instant b) {
    return Nanoseconds(a.ns_ - b.ns_);
  }

 private:
  explicit constexpr Instant(int64_t ns) : ns_(ns) {}
  int64_t ns_ = 0;
};

}  // namespace jaco

#endif  // JACO_BASE_TIME_H_

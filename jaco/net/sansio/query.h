// The part of a request's target behind the '?'.

#ifndef JACO_NET_SANSIO_QUERY_H_
#define JACO_NET_SANSIO_QUERY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::net {

class Query {
 public:
  // Of a whole target. validation_failed when an escape is broken.
  static absl::StatusOr<Query> Of(absl::string_view target);

  // All values, in order; empty when there is none. `key` alone has the value
  // "".
  const std::vector<std::string>& All(const std::string& key) const;
  // The first; nullopt when there is none.
  std::optional<std::string> First(const std::string& key) const;
  // As Nomad reads flags: present and without a value is true, else one of Go's
  // words. validation_failed for others.
  absl::StatusOr<bool> Flag(const std::string& key) const;
  // nullopt when absent; validation_failed when it is no number.
  absl::StatusOr<std::optional<uint64_t>> Number(const std::string& key) const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

// The text that `text` percent-encodes; validation_failed when an escape is
// broken.
absl::StatusOr<std::string> PercentDecode(absl::string_view text);
// The inverse, for any bytes.
std::string PercentEncode(absl::string_view text);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_QUERY_H_

#include "jaco/net/sansio/host_port.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace jaco::net {
namespace {

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
}
bool IsIpv6Character(char c) {
  return absl::ascii_isxdigit(c) || c == ':' || c == '.' || c == '%' ||
         absl::ascii_isalnum(c);
}

bool IsHost(absl::string_view host, bool bracketed) {
  constexpr size_t kHostBytesMax = 255;
  return !host.empty() && host.size() <= kHostBytesMax &&
         std::all_of(host.begin(), host.end(),
                     bracketed ? IsIpv6Character : IsHostCharacter);
}

// Digits only: SimpleAtoi would take signs and spaces.
bool ParsePort(absl::string_view text, uint16_t* port) {
  uint32_t number = 0;
  if (text.empty() || text.size() > 5 ||
      !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &number) || number > 65535) {
    return false;
  }
  *port = static_cast<uint16_t>(number);
  return true;
}

// For the example in a message.
constexpr uint16_t kPeerPort = 7001;

absl::Status NotHostPort(absl::string_view text, uint16_t port) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", absl::CHexEscape(text), "\" is not host:port, as 10.0.0.5:", port));
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(absl::string_view text) {
  HostPort result;
  const size_t colon = text.rfind(':');
  if (colon != absl::string_view::npos) {
    absl::string_view host = text.substr(0, colon);
    const bool bracketed =
        absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
    result.host = std::string(host);
    if (IsHost(host, bracketed) &&
        ParsePort(text.substr(colon + 1), &result.port)) {
      return result;
    }
  }
  return NotHostPort(text, kPeerPort);
}

absl::StatusOr<std::string> ApiAddress(absl::string_view text) {
  absl::string_view address = text;
  if (absl::ConsumePrefix(&address, "https://")) {
    absl::ConsumeSuffix(&address, "/");
  }
  if (ParseHostPort(address).ok()) return std::string(address);
  std::string completed = absl::StrCat(address, ":", kApiPort);
  if (ParseHostPort(completed).ok()) return completed;
  return NotHostPort(text, kApiPort);
}

std::string JoinHostPort(absl::string_view host, uint16_t port) {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

}  // namespace jaco::net

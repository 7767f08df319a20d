#include "jaco/sim/sim_pki.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "jaco/base/error.h"
#include "jaco/base/hash.h"

namespace jaco::sim {
namespace {

// A line: kind|public key|issuer's public key|from|to|cluster|id|name|hosts|sig
constexpr size_t kFields = 10;
constexpr absl::string_view kAuthorityKind = "ca";
constexpr absl::string_view kNodeKind = "node";
constexpr absl::string_view kRequestKind = "request";

struct Line {
  std::string kind, key, issuer;
  absl::Time from, to;
  env::NodeNames names;
};

std::string HashOf(absl::string_view text) {
  const Hash128 hash = Murmur3(text);
  return absl::StrCat(absl::Hex(hash.high, absl::kZeroPad16),
                      absl::Hex(hash.low, absl::kZeroPad16));
}

std::string PublicOf(absl::string_view key) {
  return HashOf(absl::StrCat("public ", key));
}

std::string Sign(const Line& line) {
  const std::string text = absl::StrJoin(
      {line.kind, line.key, line.issuer,
       absl::StrCat(absl::ToUnixSeconds(line.from)),
       absl::StrCat(absl::ToUnixSeconds(line.to)), line.names.cluster_id,
       absl::StrCat(line.names.node_id), line.names.node_name,
       absl::StrJoin(line.names.hosts, ",")},
      "|");
  return absl::StrCat(text, "|", HashOf(text), "\n");
}

std::optional<Line> Parse(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '|');
  int64_t from = 0, to = 0;
  Line line;
  if (parts.size() != kFields || !absl::SimpleAtoi(parts[3], &from) ||
      !absl::SimpleAtoi(parts[4], &to) ||
      !absl::SimpleAtoi(parts[6], &line.names.node_id)) {
    return std::nullopt;
  }
  line.kind = parts[0];
  line.key = parts[1];
  line.issuer = parts[2];
  line.from = absl::FromUnixSeconds(from);
  line.to = absl::FromUnixSeconds(to);
  line.names.cluster_id = parts[5];
  line.names.node_name = parts[7];
  if (!parts[8].empty()) line.names.hosts = absl::StrSplit(parts[8], ',');
  if (Sign(line) != absl::StrCat(text, "\n")) return std::nullopt;
  return line;
}

std::vector<Line> ParseAll(absl::string_view text) {
  std::vector<Line> lines;
  for (absl::string_view each : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (auto line = Parse(each)) lines.push_back(*std::move(line));
  }
  return lines;
}

bool IsValid(const Line& line, absl::Time now) {
  return line.from <= now && now <= line.to;
}

absl::Status Refuse(absl::string_view why) {
  return MakeError(ErrorCode::kValidationFailed, why);
}

absl::Status CheckAuthority(const env::Authority& authority) {
  const auto lines = ParseAll(authority.certificate);
  const bool fits = !lines.empty() && lines[0].kind == kAuthorityKind &&
                    lines[0].key == PublicOf(authority.key);
  return fits ? absl::OkStatus() : Refuse("not an authority with its key");
}

}  // namespace

std::string SimPki::NewKey() {
  uint8_t bytes[16];
  entropy_->Fill(absl::MakeSpan(bytes));
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
}

absl::StatusOr<env::Authority> SimPki::CreateAuthority(
    absl::string_view cluster_id, absl::Time now) {
  const std::string key = NewKey();
  return env::Authority{Sign({std::string(kAuthorityKind),
                              PublicOf(key),
                              PublicOf(key),
                              now - authority_backdating_,
                              now + kAuthorityLife,
                              {std::string(cluster_id), 0, "", {}}}),
                        key};
}

absl::StatusOr<std::string> SimPki::CrossSign(
    const env::Authority& old_authority, absl::string_view certificate,
    absl::Time now) {
  if (absl::Status status = CheckAuthority(old_authority); !status.ok()) {
    return status;
  }
  auto lines = ParseAll(certificate);
  if (lines.empty()) return Refuse("not a certificate");
  lines[0].issuer = PublicOf(old_authority.key);
  lines[0].from = now - authority_backdating_;
  lines[0].to = ParseAll(old_authority.certificate)[0].to;
  return Sign(lines[0]);
}

absl::StatusOr<env::KeyAndRequest> SimPki::CreateRequest(
    const env::NodeNames& names) {
  const std::string key = NewKey();
  return env::KeyAndRequest{
      key, Sign({std::string(kRequestKind), PublicOf(key), PublicOf(key),
                 absl::UnixEpoch(), absl::UnixEpoch(), names})};
}

absl::StatusOr<env::NodeNames> SimPki::ReadRequest(absl::string_view request) {
  const auto lines = ParseAll(request);
  if (lines.size() != 1 || lines[0].kind != kRequestKind) {
    return Refuse("not a certificate request");
  }
  return lines[0].names;
}

absl::StatusOr<std::string> SimPki::Issue(const env::Authority& authority,
                                          absl::string_view request,
                                          const env::NodeNames& names,
                                          absl::Time now) {
  if (absl::Status status = CheckAuthority(authority); !status.ok()) {
    return status;
  }
  const auto asked = ReadRequest(request);
  if (!asked.ok()) return asked.status();
  return Sign({std::string(kNodeKind), ParseAll(request)[0].key,
               PublicOf(authority.key), now - kBackdating,
               std::min(now + kNodeLife, ParseAll(authority.certificate)[0].to),
               names});
}

absl::StatusOr<env::CertificateInfo> SimPki::VerifyNode(
    absl::string_view certificates, absl::string_view bundle, absl::Time now) {
  const auto shown = ParseAll(certificates);
  if (shown.empty() || shown[0].kind != kNodeKind || !IsValid(shown[0], now)) {
    return MakeError(ErrorCode::kPeerUntrusted, "the certificate is not valid");
  }
  const auto trusted = ParseAll(bundle);
  const auto is_trusted = [&trusted, now](const std::string& key) {
    return std::any_of(trusted.begin(), trusted.end(),
                       [&key, now](const Line& line) {
                         return line.key == key && IsValid(line, now);
                       });
  };
  bool vouched = is_trusted(shown[0].issuer);
  for (size_t i = 1; i < shown.size() && !vouched; ++i) {
    vouched = shown[i].kind == kAuthorityKind && IsValid(shown[i], now) &&
              shown[i].key == shown[0].issuer && is_trusted(shown[i].issuer);
  }
  if (!vouched) {
    return MakeError(ErrorCode::kPeerUntrusted, "nobody known vouches for it");
  }
  return env::CertificateInfo{shown[0].names, shown[0].from, shown[0].to};
}

absl::StatusOr<env::Validity> SimPki::ValidityOf(
    absl::string_view certificate) {
  const auto lines = ParseAll(certificate);
  if (lines.empty()) return Refuse("no certificate");
  return env::Validity{lines[0].from, lines[0].to};
}

absl::StatusOr<std::string> SimPki::Fingerprint(absl::string_view certificate) {
  const auto lines = ParseAll(certificate);
  if (lines.empty()) return Refuse("no certificate");
  const std::string hash = HashOf(Sign(lines[0]));
  return absl::StrCat(hash, hash);
}

}  // namespace jaco::sim

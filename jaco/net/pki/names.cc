#include "jaco/net/pki/names.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include <string>
#include <utility>

#include "jaco/base/error.h"
#include "jaco/net/pki/node_uri.h"

namespace jaco::net {
namespace {

absl::Status Refuse(absl::string_view why) {
  return MakeError(ErrorCode::kValidationFailed, why);
}

void PushString(GENERAL_NAMES* names, int type, const std::string& text) {
  GENERAL_NAME* const name = GENERAL_NAME_new();
  ASN1_IA5STRING* const value = ASN1_IA5STRING_new();
  ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
  GENERAL_NAME_set0_value(name, type, value);
  sk_GENERAL_NAME_push(names, name);
}

// Not OpenSSL's parser, which takes more for an address than AddressOf spells.
void PushHost(GENERAL_NAMES* names, const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)] = {};
  int size = 0;
  if (inet_pton(AF_INET, host.c_str(), bytes) == 1) {
    size = sizeof(in_addr);
  } else if (inet_pton(AF_INET6, host.c_str(), bytes) == 1) {
    size = sizeof(in6_addr);
  } else {
    return PushString(names, GEN_DNS, host);
  }
  ASN1_OCTET_STRING* const address = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(address, bytes, size);
  GENERAL_NAME* const name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, GEN_IPADD, address);
  sk_GENERAL_NAME_push(names, name);
}

std::string TextOf(const ASN1_STRING* text) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

// Empty for bytes that are no address.
std::string AddressOf(const ASN1_STRING* bytes) {
  const std::string raw = TextOf(bytes);
  if (raw.size() != sizeof(in_addr) && raw.size() != sizeof(in6_addr)) {
    return "";
  }
  const int family = raw.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  char text[INET6_ADDRSTRLEN] = {};
  return inet_ntop(family, raw.data(), text, sizeof(text)) == nullptr ? ""
                                                                      : text;
}

}  // namespace

GeneralNamesPtr ToGeneralNames(const env::NodeNames& names) {
  GeneralNamesPtr result(GENERAL_NAMES_new());
  PushString(result.get(), GEN_URI, FormatNodeUri(names));
  for (const std::string& host : names.hosts) PushHost(result.get(), host);
  return result;
}

absl::StatusOr<env::NodeNames> FromGeneralNames(const GENERAL_NAMES* names) {
  env::NodeNames result;
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names);
  for (int i = 0; i < count; ++i) {
    int type = 0;
    const void* const value =
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    const auto* const text = static_cast<const ASN1_STRING*>(value);
    if (type == GEN_DNS) {
      result.hosts.push_back(TextOf(text));
    } else if (type == GEN_IPADD) {
      result.hosts.push_back(AddressOf(text));
    } else if (type == GEN_URI && result.node_id == 0) {
      auto parsed = ParseNodeUri(TextOf(text));
      if (!parsed.ok()) return parsed.status();
      parsed->hosts = std::move(result.hosts);
      result = *std::move(parsed);
    } else {
      return Refuse("there are names of a kind that no node has");
    }
  }
  if (result.node_id == 0) return Refuse("it names no node");
  const absl::Status status = CheckNodeNames(result);
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<env::NodeNames> NamesOf(const X509* certificate) {
  const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  return FromGeneralNames(names.get());
}

}  // namespace jaco::net

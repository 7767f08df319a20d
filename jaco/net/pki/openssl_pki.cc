#include "jaco/net/pki/openssl_pki.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/net/pki/names.h"
#include "jaco/net/pki/node_uri.h"
#include "jaco/net/pki/openssl_handles.h"

namespace jaco::net {
namespace {

constexpr absl::string_view kAuthorityName = "jaco CA";
constexpr size_t kCommonNameBytesMax = 64;  // RFC 5280, ub-common-name
constexpr int kX509Version3 = 2;

absl::Status Refuse(absl::string_view what, absl::string_view why) {
  return MakeError(ErrorCode::kValidationFailed, absl::StrCat(what, ": ", why));
}
absl::Status Untrusted(absl::string_view why) {
  return MakeError(ErrorCode::kPeerUntrusted, why);
}

KeyPtr NewKey(env::Entropy& entropy) {
  std::array<uint8_t, 32> seed;
  entropy.Fill(absl::MakeSpan(seed));
  KeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                          seed.data(), seed.size()));
  sodium_memzero(seed.data(), seed.size());
  JACO_CHECK(key != nullptr);
  return key;
}

std::string KeyToPem(EVP_PKEY* key) {
  const BioPtr out(BIO_new(BIO_s_secmem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr,
                                nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);  // NOLINT
  return std::string(data, static_cast<size_t>(size));
}

std::string RequestToPem(X509_REQ* request) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(out.get(), request);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);  // NOLINT
  return std::string(data, static_cast<size_t>(size));
}

void AddName(X509_NAME* name, const char* field, absl::string_view value) {
  X509_NAME_add_entry_by_txt(
      name, field, MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(value.data()),
      static_cast<int>(value.size()), -1, 0);
}

void FillSubject(X509_NAME* subject, absl::string_view cluster_id,
                 absl::string_view common_name) {
  AddName(subject, "O", cluster_id);
  AddName(subject, "CN", common_name.substr(0, kCommonNameBytesMax));
}

// Positive and of 127 random bits, so that its encoding stays within 20 bytes.
void SetSerial(X509* certificate, env::Entropy& entropy) {
  std::array<uint8_t, 16> bytes;
  entropy.Fill(absl::MakeSpan(bytes));
  bytes[0] = static_cast<uint8_t>((bytes[0] & 0x7f) | 0x40);
  BIGNUM* const number = BN_bin2bn(bytes.data(), bytes.size(), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
}

void SetValidity(X509* certificate, absl::Time from, absl::Time to) {
  ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(from));
  ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(to));
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

// `value` is ours: OpenSSL's little language for extensions is not for names
// from outside.
void AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  JACO_CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void AddAuthorityExtensions(X509* certificate, X509* issuer) {
  AddExtension(certificate, issuer, NID_basic_constraints,
               "critical,CA:TRUE,pathlen:1");
  AddExtension(certificate, issuer, NID_key_usage,
               "critical,keyCertSign,cRLSign");
  AddExtension(certificate, issuer, NID_subject_key_identifier, "hash");
  AddExtension(certificate, issuer, NID_authority_key_identifier, "keyid");
}

void AddNodeExtensions(X509* certificate, X509* issuer,
                       const env::NodeNames& names) {
  AddExtension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
  AddExtension(certificate, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  AddExtension(certificate, issuer, NID_subject_key_identifier, "hash");
  AddExtension(certificate, issuer, NID_authority_key_identifier, "keyid");
  X509_add1_ext_i2d(certificate, NID_subject_alt_name,
                    ToGeneralNames(names).get(), 0, X509V3_ADD_DEFAULT);
}

// An authority with its certificate and key unpacked.
struct Signer {
  CertificatePtr certificate;
  KeyPtr key;
};

absl::StatusOr<Signer> OpenAuthority(const env::Authority& authority) {
  auto certificates = ParseCertificates(authority.certificate);
  if (!certificates.ok()) return certificates.status();
  auto key = ParseKey(authority.key);
  if (!key.ok()) return key.status();
  Signer signer{std::move(certificates->front()), *std::move(key)};
  if (X509_check_private_key(signer.certificate.get(), signer.key.get()) != 1) {
    ERR_clear_error();
    return Refuse("authority", "its key belongs to another certificate");
  }
  if (X509_check_ca(signer.certificate.get()) != 1) {
    return Refuse("authority", "its certificate is none of an authority");
  }
  return signer;
}

absl::StatusOr<RequestPtr> OpenRequest(absl::string_view pem) {
  if (pem.size() > kPemBytesMax) {
    return Refuse("certificate request", "too large");
  }
  const BioPtr reader(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  RequestPtr request(
      PEM_read_bio_X509_REQ(reader.get(), nullptr, nullptr, nullptr));
  if (request == nullptr) {
    return Refuse("not a certificate request in PEM format",
                  TakeOpenSslError());
  }
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || EVP_PKEY_id(key) != EVP_PKEY_ED25519) {
    ERR_clear_error();
    return Refuse("certificate request", "its key is not an Ed25519 key");
  }
  if (X509_REQ_verify(request.get(), key) != 1) {
    ERR_clear_error();
    return Refuse("certificate request", "its signature is wrong");
  }
  return request;
}

struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * extensions) const {
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  }
};

absl::StatusOr<env::NodeNames> NamesIn(X509_REQ* request) {
  const std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions> extensions(
      X509_REQ_get_extensions(request));
  const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(X509V3_get_d2i(
      extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  return FromGeneralNames(names.get());
}

void AddNamesTo(X509_REQ* request, const env::NodeNames& names) {
  STACK_OF(X509_EXTENSION)* extensions = nullptr;
  X509V3_add1_i2d(&extensions, NID_subject_alt_name,
                  ToGeneralNames(names).get(), 0, X509V3_ADD_DEFAULT);
  X509_REQ_add_extensions(request, extensions);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

// Verifies `certificates`, the first of them, against `bundle`.
absl::Status VerifyChain(const std::vector<CertificatePtr>& certificates,
                         const std::vector<CertificatePtr>& bundle,
                         absl::Time now) {
  const StorePtr store(X509_STORE_new());
  for (const auto& trusted : bundle) {
    X509_STORE_add_cert(store.get(), trusted.get());
  }
  STACK_OF(X509)* const others = sk_X509_new_null();
  for (const auto& other : certificates) sk_X509_push(others, other.get());
  const StoreContextPtr owner(X509_STORE_CTX_new());
  X509_STORE_CTX* const context = owner.get();
  X509_STORE_CTX_init(context, store.get(), certificates.front().get(), others);
  X509_VERIFY_PARAM* const rules = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_time(rules, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT);
  const bool trusted = X509_verify_cert(context) == 1;
  const int error = X509_STORE_CTX_get_error(context);
  sk_X509_free(others);
  ERR_clear_error();
  return trusted
             ? absl::OkStatus()
             : Untrusted(absl::StrCat("the certificate is not valid: ",
                                      X509_verify_cert_error_string(error)));
}

// A certificate without extensions and signature.
CertificatePtr NewCertificate(env::Entropy& entropy, const X509_NAME* subject,
                              const X509_NAME* issuer, EVP_PKEY* key,
                              const env::CertificateInfo& info) {
  CertificatePtr certificate(X509_new());
  X509_set_version(certificate.get(), kX509Version3);
  SetSerial(certificate.get(), entropy);
  SetValidity(certificate.get(), info.not_before, info.not_after);
  X509_set_subject_name(certificate.get(), subject);
  X509_set_issuer_name(certificate.get(), issuer);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

absl::StatusOr<std::string> Signed(CertificatePtr certificate, EVP_PKEY* key) {
  // Ed25519 hashes by itself.
  if (X509_sign(certificate.get(), key, nullptr) == 0) {
    return absl::InternalError(
        absl::StrCat("cannot sign a certificate: ", TakeOpenSslError()));
  }
  return ToPem(certificate.get());
}

}  // namespace

absl::StatusOr<env::Authority> OpenSslPki::CreateAuthority(
    absl::string_view cluster_id, absl::Time now) {
  const absl::Status status =
      CheckNodeNames({std::string(cluster_id), 1, "any", {}});
  if (!status.ok()) return status;
  const KeyPtr key = NewKey(*entropy_);
  X509_NAME* const name = X509_NAME_new();
  FillSubject(name, cluster_id, kAuthorityName);
  CertificatePtr certificate = NewCertificate(
      *entropy_, name, name, key.get(),
      {{}, now - options_.authority_backdating, now + options_.authority_life});
  X509_NAME_free(name);
  AddAuthorityExtensions(certificate.get(), certificate.get());
  auto pem = Signed(std::move(certificate), key.get());
  if (!pem.ok()) return pem.status();
  return env::Authority{*std::move(pem), KeyToPem(key.get())};
}

absl::StatusOr<std::string> OpenSslPki::CrossSign(
    const env::Authority& old_authority, absl::string_view certificate,
    absl::Time now) {
  const auto signer = OpenAuthority(old_authority);
  if (!signer.ok()) return signer.status();
  const auto subject = ParseCertificates(certificate);
  if (!subject.ok()) return subject.status();
  X509* const old = signer->certificate.get();
  X509* const successor = subject->front().get();
  CertificatePtr crossed =
      NewCertificate(*entropy_, X509_get_subject_name(successor),
                     X509_get_subject_name(old), X509_get0_pubkey(successor),
                     {{},
                      now - options_.authority_backdating,
                      ToTime(X509_get0_notAfter(old))});
  AddAuthorityExtensions(crossed.get(), old);
  return Signed(std::move(crossed), signer->key.get());
}

absl::StatusOr<env::KeyAndRequest> OpenSslPki::CreateRequest(
    const env::NodeNames& names) {
  const absl::Status status = CheckNodeNames(names);
  if (!status.ok()) return status;
  const KeyPtr key = NewKey(*entropy_);
  const RequestPtr request(X509_REQ_new());
  FillSubject(X509_REQ_get_subject_name(request.get()), names.cluster_id,
              names.node_name);
  X509_REQ_set_pubkey(request.get(), key.get());
  AddNamesTo(request.get(), names);
  if (X509_REQ_sign(request.get(), key.get(), nullptr) == 0) {
    return absl::InternalError(absl::StrCat(
        "cannot sign a certificate request: ", TakeOpenSslError()));
  }
  return env::KeyAndRequest{KeyToPem(key.get()), RequestToPem(request.get())};
}

absl::StatusOr<env::NodeNames> OpenSslPki::ReadRequest(
    absl::string_view request) {
  const auto opened = OpenRequest(request);
  if (!opened.ok()) return opened.status();
  return NamesIn(opened->get());
}

absl::StatusOr<std::string> OpenSslPki::Issue(const env::Authority& authority,
                                              absl::string_view request,
                                              const env::NodeNames& names,
                                              absl::Time now) {
  const absl::Status status = CheckNodeNames(names);
  if (!status.ok()) return status;
  const auto signer = OpenAuthority(authority);
  if (!signer.ok()) return signer.status();
  const auto opened = OpenRequest(request);
  if (!opened.ok()) return opened.status();
  X509* const issuer = signer->certificate.get();
  X509_NAME* const subject = X509_NAME_new();
  FillSubject(subject, names.cluster_id, names.node_name);
  // No certificate outlives the one that vouches for it.
  const absl::Time end =
      std::min(now + options_.node_life, ToTime(X509_get0_notAfter(issuer)));
  CertificatePtr certificate =
      NewCertificate(*entropy_, subject, X509_get_subject_name(issuer),
                     X509_REQ_get0_pubkey(opened->get()),
                     {{}, now - options_.backdating, end});
  X509_NAME_free(subject);
  AddNodeExtensions(certificate.get(), issuer, names);
  return Signed(std::move(certificate), signer->key.get());
}

absl::StatusOr<env::CertificateInfo> OpenSslPki::VerifyNode(
    absl::string_view certificates, absl::string_view bundle, absl::Time now) {
  const auto presented = ParseCertificates(certificates);
  if (!presented.ok()) return Untrusted(presented.status().message());
  const auto trusted = ParseCertificates(bundle);
  if (!trusted.ok()) return Untrusted(trusted.status().message());
  const absl::Status status = VerifyChain(*presented, *trusted, now);
  if (!status.ok()) return status;
  X509* const certificate = presented->front().get();
  auto names = NamesOf(certificate);
  if (!names.ok()) return Untrusted(names.status().message());
  return env::CertificateInfo{*std::move(names),
                              ToTime(X509_get0_notBefore(certificate)),
                              ToTime(X509_get0_notAfter(certificate))};
}

absl::StatusOr<env::Validity> OpenSslPki::ValidityOf(
    absl::string_view certificate) {
  const auto parsed = ParseCertificates(certificate);
  if (!parsed.ok()) return parsed.status();
  const X509* const first = parsed->front().get();
  return env::Validity{ToTime(X509_get0_notBefore(first)),
                       ToTime(X509_get0_notAfter(first))};
}

absl::StatusOr<std::string> OpenSslPki::Fingerprint(
    absl::string_view certificate) {
  const auto parsed = ParseCertificates(certificate);
  if (!parsed.ok()) return parsed.status();
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  X509_digest(parsed->front().get(), EVP_sha256(), digest.data(), &size);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

}  // namespace jaco::net

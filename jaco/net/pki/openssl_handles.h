// OpenSSL's objects with owners, its errors as words. Internal to net.

#ifndef JACO_NET_PKI_OPENSSL_HANDLES_H_
#define JACO_NET_PKI_OPENSSL_HANDLES_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::net {

template <auto kFree>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, FreeWith<X509_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using GeneralNamesPtr =
    std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;
using StoreContextPtr =
    std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;

// Why the last call failed, as OpenSSL says it; forgets it, and everything
// before. Never empty, never holds a secret.
std::string TakeOpenSslError();

// More text than this, or more certificates in a bundle, is refused unread.
inline constexpr size_t kPemBytesMax = 64 << 10;
inline constexpr size_t kBundleMax = 16;

// The certificates of a PEM text, at least one; text between them is ignored.
// validation_failed.
absl::StatusOr<std::vector<CertificatePtr>> ParseCertificates(
    absl::string_view pem);
// An unencrypted private key. validation_failed, without a word of it.
absl::StatusOr<KeyPtr> ParseKey(absl::string_view pem);

std::string ToPem(X509* certificate);

}  // namespace jaco::net

#endif  // JACO_NET_PKI_OPENSSL_HANDLES_H_

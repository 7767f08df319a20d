#include "jaco/net/bootstrap_psk.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>

#include "jaco/base/check.h"
#include "jaco/net/pki/openssl_handles.h"

namespace jaco::net {
namespace {

// A pre-shared key belongs to one hash, hence to one cipher suite.
constexpr char kCipherSuite[] = "TLS_AES_256_GCM_SHA384";
constexpr unsigned char kCipherId[] = {0x13, 0x02};
constexpr char kHash[] = "SHA384";
constexpr size_t kSecretBytes = 48;
constexpr absl::string_view kInfo = "jaco bootstrap psk 1";
constexpr absl::string_view kIdentity = "jaco-bootstrap";

using KdfPtr = std::unique_ptr<EVP_KDF, FreeWith<EVP_KDF_free>>;
using KdfContextPtr = std::unique_ptr<EVP_KDF_CTX, FreeWith<EVP_KDF_CTX_free>>;

OSSL_PARAM Octets(const char* name, absl::string_view bytes) {
  return OSSL_PARAM_construct_octet_string(
      name, const_cast<char*>(bytes.data()), bytes.size());
}

// HKDF (RFC 5869).
std::string Derive(absl::string_view key) {
  const KdfPtr kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const KdfContextPtr context(EVP_KDF_CTX_new(kdf.get()));
  char hash[] = "SHA384";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
      Octets(OSSL_KDF_PARAM_KEY, key), Octets(OSSL_KDF_PARAM_INFO, kInfo),
      OSSL_PARAM_construct_end()};
  std::string secret(kSecretBytes, '\0');
  JACO_CHECK(EVP_KDF_derive(context.get(),
                            reinterpret_cast<unsigned char*>(secret.data()),
                            secret.size(), parameters) == 1);
  return secret;
}

void FreeSecret(void*, void* secret, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::string*>(secret);
}

int SecretIndex() {
  static const int index =
      SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeSecret);
  return index;
}

void SetSecret(SSL_CTX* context, const std::string& secret) {
  FreeSecret(nullptr, SSL_CTX_get_ex_data(context, SecretIndex()), nullptr, 0,
             0, nullptr);
  SSL_CTX_set_ex_data(context, SecretIndex(), new std::string(secret));
}

// As OpenSSL wants a pre-shared key to be wrapped.
SSL_SESSION* NewSession(SSL* connection) {
  const auto& secret = *static_cast<const std::string*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), SecretIndex()));
  SSL_SESSION* const session = SSL_SESSION_new();
  SSL_SESSION_set1_master_key(
      session, reinterpret_cast<const unsigned char*>(secret.data()),
      secret.size());
  SSL_SESSION_set_cipher(session, SSL_CIPHER_find(connection, kCipherId));
  SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION);
  return session;
}

int FindSession(SSL* connection, const unsigned char* identity, size_t size,
                SSL_SESSION** session) {
  const absl::string_view shown(reinterpret_cast<const char*>(identity), size);
  *session = shown == kIdentity ? NewSession(connection) : nullptr;
  return 1;
}

int UseSession(SSL* connection, const EVP_MD* hash, const unsigned char** id,
               size_t* size, SSL_SESSION** session) {
  *session = nullptr;
  if (hash != nullptr && !EVP_MD_is_a(hash, kHash)) return 1;
  *id = reinterpret_cast<const unsigned char*>(kIdentity.data());
  *size = kIdentity.size();
  *session = NewSession(connection);
  return 1;
}

}  // namespace

BootstrapPsk::BootstrapPsk(absl::string_view bootstrap_key)
    : secret_(Derive(bootstrap_key)) {}

void BootstrapPsk::AllowOn(SSL_CTX* context) const {
  SetSecret(context, secret_);
  SSL_CTX_set_psk_find_session_callback(context, FindSession);
}

void BootstrapPsk::OfferOn(SSL_CTX* context) const {
  SetSecret(context, secret_);
  SSL_CTX_set_ciphersuites(context, kCipherSuite);
  SSL_CTX_set_psk_use_session_callback(context, UseSession);
}

// Without resumption this is the only session that there can be.
bool BootstrapPsk::IsUsedBy(SSL* connection) {
  return SSL_session_reused(connection) == 1;
}

}  // namespace jaco::net

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <sodium.h>

#include <array>
#include <string>

#include "gtest/gtest.h"

namespace jaco {
namespace {

TEST(CryptoSmokeTest, OpenSslAndSodiumAgreeOnSha256) {
  const std::string text = "jaco";
  std::array<unsigned char, EVP_MAX_MD_SIZE> openssl = {};
  unsigned int size = 0;
  ASSERT_EQ(EVP_Digest(text.data(), text.size(), openssl.data(), &size,
                       EVP_sha256(), nullptr),
            1);
  ASSERT_EQ(size, crypto_hash_sha256_BYTES);

  ASSERT_GE(sodium_init(), 0);
  std::array<unsigned char, crypto_hash_sha256_BYTES> sodium = {};
  crypto_hash_sha256(sodium.data(),
                     reinterpret_cast<const unsigned char*>(text.data()),
                     text.size());
  EXPECT_EQ(sodium_memcmp(openssl.data(), sodium.data(), sodium.size()), 0);
}

TEST(CryptoSmokeTest, MakesATlsContext) {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  ASSERT_NE(context, nullptr);
  EXPECT_EQ(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION), 1);
  SSL_CTX_free(context);
}

}  // namespace
}  // namespace jaco

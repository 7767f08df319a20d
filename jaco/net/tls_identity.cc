#include "jaco/net/tls_identity.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/pki/names.h"
#include "jaco/net/pki/openssl_handles.h"

namespace jaco::net {
namespace {

namespace ssl = boost::asio::ssl;

constexpr int kChainDepth = 2;  // a cross-signed successor, and the root

absl::Status Refuse(absl::string_view why) {
  return MakeError(ErrorCode::kValidationFailed,
                   absl::StrCat("TLS credentials: ", why));
}

void Restrict(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // Most connections are idle most of the time.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_verify_depth(context, kChainDepth);
}

absl::Status UseCertificate(SSL_CTX* context,
                            const std::vector<CertificatePtr>& chain,
                            EVP_PKEY* key) {
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key) != 1) {
    return Refuse(TakeOpenSslError());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    SSL_CTX_add1_chain_cert(context, chain[i].get());
  }
  return absl::OkStatus();
}

}  // namespace

TlsSetup::TlsSetup() : peers_(ssl::context::tls), api_(ssl::context::tls) {}

absl::StatusOr<std::shared_ptr<TlsSetup>> TlsSetup::Create(
    const TlsCredentials& credentials) {
  std::shared_ptr<TlsSetup> setup(new TlsSetup);
  const absl::Status status = setup->Load(credentials);
  if (!status.ok()) return status;
  return setup;
}

absl::Status TlsSetup::Load(const TlsCredentials& credentials) {
  const auto chain = ParseCertificates(credentials.certificates);
  if (!chain.ok()) return chain.status();
  const auto trusted = ParseCertificates(credentials.bundle);
  if (!trusted.ok()) return trusted.status();
  const auto key = ParseKey(credentials.key);
  if (!key.ok()) return key.status();
  auto names = NamesOf(chain->front().get());
  if (!names.ok()) return Refuse(names.status().message());
  names_ = *std::move(names);
  for (ssl::context* context : {&peers_, &api_}) {
    SSL_CTX* const handle = context->native_handle();
    Restrict(handle);
    const absl::Status used = UseCertificate(handle, *chain, key->get());
    if (!used.ok()) return used;
  }
  for (const auto& authority : *trusted) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(peers_.native_handle()),
                        authority.get());
    SSL_CTX_add1_chain_cert(api_.native_handle(), authority.get());
  }
  SSL_CTX_set_verify(peers_.native_handle(),
                     SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  ERR_clear_error();
  return absl::OkStatus();
}

absl::Status TlsSetup::CheckPeer(SSL* connection) {
  const CertificatePtr certificate(SSL_get1_peer_certificate(connection));
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (certificate == nullptr || context == nullptr ||
      X509_STORE_CTX_init(
          context.get(), SSL_CTX_get_cert_store(peers_.native_handle()),
          certificate.get(), SSL_get_peer_cert_chain(connection)) != 1) {
    ERR_clear_error();
    return MakeError(ErrorCode::kPeerUntrusted, "it showed no certificate");
  }
  const bool trusted = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (trusted) return absl::OkStatus();
  return MakeError(
      ErrorCode::kPeerUntrusted,
      X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

absl::Status TlsIdentity::Update(const TlsCredentials& credentials) {
  auto setup = TlsSetup::Create(credentials);
  if (!setup.ok()) return setup.status();
  current_ = *std::move(setup);
  if (bootstrap_) bootstrap_->AllowOn(current_->api().native_handle());
  return absl::OkStatus();
}

absl::Status TlsIdentity::ShowMeanwhile(const TlsCredentials& provisional) {
  auto setup = TlsSetup::Create(provisional);
  if (!setup.ok()) return setup.status();
  meanwhile_ = std::shared_ptr<ssl::context>(*setup, &(*setup)->api());
  return absl::OkStatus();
}

void TlsIdentity::AllowBootstrap(BootstrapPsk psk) {
  bootstrap_ = std::move(psk);
  if (meanwhile_ == nullptr) {
    meanwhile_ = std::make_shared<ssl::context>(ssl::context::tls);
    Restrict(meanwhile_->native_handle());
  }
  bootstrap_->AllowOn(meanwhile_->native_handle());
  if (current_) bootstrap_->AllowOn(current_->api().native_handle());
}

std::shared_ptr<ssl::context> TlsIdentity::api() const {
  if (current_ == nullptr) return meanwhile_;
  return std::shared_ptr<ssl::context>(current_, &current_->api());
}

absl::StatusOr<env::NodeNames> PeerNames(SSL* connection,
                                         const std::string& cluster_id) {
  const CertificatePtr certificate(SSL_get1_peer_certificate(connection));
  if (certificate == nullptr ||
      SSL_get_verify_result(connection) != X509_V_OK) {
    return MakeError(ErrorCode::kPeerUntrusted, "it showed no certificate");
  }
  auto names = NamesOf(certificate.get());
  if (!names.ok()) {
    return MakeError(ErrorCode::kPeerUntrusted, names.status().message());
  }
  if (names->cluster_id != cluster_id) {
    return MakeError(
        ErrorCode::kPeerUntrusted,
        absl::StrCat("its certificate is of cluster ", names->cluster_id));
  }
  return names;
}

}  // namespace jaco::net

#ifndef JACO_NET_TLS_IDENTITY_H_
#define JACO_NET_TLS_IDENTITY_H_

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/pki.h"
#include "jaco/net/bootstrap_psk.h"

namespace jaco::net {

// PEM.
struct TlsCredentials {
  std::string key;           // secret
  std::string certificates;  // ours, then what links it to older authorities
  std::string bundle;        // the authorities whose node certificates we trust
};

// Credentials that are in force: what a connection is made with. TLS 1.3 only,
// without resumption: every connection shows its certificates.
class TlsSetup {
 public:
  // validation_failed when `credentials` do not belong together.
  static absl::StatusOr<std::shared_ptr<TlsSetup>> Create(
      const TlsCredentials& credentials);

  // Between servers, both ways: the other side must have a node certificate.
  boost::asio::ssl::context& peers() { return peers_; }
  // For operators. Sends the authorities too: some clients know but their
  // fingerprint.
  boost::asio::ssl::context& api() { return api_; }
  // Whether these credentials trust what the other side of a connection between
  // peers has shown, whatever that was made with. peer_untrusted.
  absl::Status CheckPeer(SSL* connection);
  // What our own certificate says.
  const env::NodeNames& names() const { return names_; }

 private:
  TlsSetup();
  absl::Status Load(const TlsCredentials& credentials);

  boost::asio::ssl::context peers_;
  boost::asio::ssl::context api_;
  env::NodeNames names_;
};

// The current setup of one server. Connections keep the one that they were made
// with; see PeerTransport::OnCredentials. Loop thread.
class TlsIdentity {
 public:
  // For connections from now on; after an error the old ones stay in force.
  absl::Status Update(const TlsCredentials& credentials);

  // Whoever has this key too may use the API, with or without credentials of
  // ours: as a bootstrap peer.
  void AllowBootstrap(BootstrapPsk psk);

  // Shown to clients of the API for as long as there are no credentials. The
  // bundle of `provisional` is shown, too; trusts nobody. Before
  // AllowBootstrap.
  absl::Status ShowMeanwhile(const TlsCredentials& provisional);

  // Null while there is none: connections are refused.
  const std::shared_ptr<TlsSetup>& current() const { return current_; }
  // For connections to the API; null as above.
  std::shared_ptr<boost::asio::ssl::context> api() const;

 private:
  std::shared_ptr<TlsSetup> current_;
  std::optional<BootstrapPsk> bootstrap_;
  // For as long as there are no credentials.
  std::shared_ptr<boost::asio::ssl::context> meanwhile_;
};

// The names in the certificate that the other side of an established connection
// between peers has shown. peer_untrusted when it is no node of `cluster_id`.
absl::StatusOr<env::NodeNames> PeerNames(SSL* connection,
                                         const std::string& cluster_id);

}  // namespace jaco::net

#endif  // JACO_NET_TLS_IDENTITY_H_

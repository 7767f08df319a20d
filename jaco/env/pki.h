// Keys and certificates of a cluster, without a word of X.509: what the server
// decides (who gets a certificate, for which names) is the same in both worlds.

#ifndef JACO_ENV_PKI_H_
#define JACO_ENV_PKI_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/env/network.h"

namespace jaco::env {

// What a node certificate vouches for.
struct NodeNames {
  std::string cluster_id;
  PeerId node_id = 0;
  std::string node_name;
  // Host names and numeric addresses under which clients may dial it.
  std::vector<std::string> hosts;

  friend bool operator==(const NodeNames&, const NodeNames&) = default;
};

// An issuer of a cluster's node certificates.
struct Authority {
  std::string certificate;  // PEM
  std::string key;          // PEM; secret
};

struct KeyAndRequest {
  std::string key;      // PEM; secret
  std::string request;  // PEM; proves that whoever made it has the key
};

struct CertificateInfo {
  NodeNames names;
  absl::Time not_before;
  absl::Time not_after;
};

struct Validity {
  absl::Time not_before;
  absl::Time not_after;
};

// Certificates are PEM; a bundle is any number of them in one string: several
// authorities are trusted at once while one takes the place of another.
// Implementations: net's OpenSslPki; a simulator brings its own. Errors never
// quote a key. Any thread.
class Pki {
 public:
  virtual ~Pki() = default;

  virtual absl::StatusOr<Authority> CreateAuthority(
      absl::string_view cluster_id, absl::Time now) = 0;

  // `certificate` of a new authority, signed by an old one: shown next to
  // certificates of the new one, it convinces those who know only the old.
  virtual absl::StatusOr<std::string> CrossSign(const Authority& old_authority,
                                                absl::string_view certificate,
                                                absl::Time now) = 0;

  // A new key and the request for its certificate. validation_failed for names
  // that no certificate can carry.
  virtual absl::StatusOr<KeyAndRequest> CreateRequest(
      const NodeNames& names) = 0;

  // What a request, which may come from anybody, asks for. validation_failed
  // when it is none, when its signature is wrong, or when its key or names are
  // not as they must be.
  virtual absl::StatusOr<NodeNames> ReadRequest(absl::string_view request) = 0;

  // A certificate for the key of `request` and for `names`, whatever names the
  // request has: the caller decides. validation_failed as above.
  virtual absl::StatusOr<std::string> Issue(const Authority& authority,
                                            absl::string_view request,
                                            const NodeNames& names,
                                            absl::Time now) = 0;

  // peer_untrusted, saying why, unless the first of `certificates` is a node
  // certificate that is valid now and that an authority of `bundle` has issued,
  // directly or by way of the others.
  virtual absl::StatusOr<CertificateInfo> VerifyNode(
      absl::string_view certificates, absl::string_view bundle,
      absl::Time now) = 0;

  // Lower-case hex SHA-256 of the first certificate. validation_failed when
  // there is none.
  virtual absl::StatusOr<std::string> Fingerprint(
      absl::string_view certificate) = 0;

  // From when and until when the first certificate is valid. validation_failed
  // when there is none.
  virtual absl::StatusOr<Validity> ValidityOf(
      absl::string_view certificate) = 0;
};

}  // namespace jaco::env

#endif  // JACO_ENV_PKI_H_

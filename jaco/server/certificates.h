// This server's certificate and the authorities it trusts: made with the
// cluster, kept on disk, renewed before they expire, and following the
// replicated list of authorities.

#ifndef JACO_SERVER_CERTIFICATES_H_
#define JACO_SERVER_CERTIFICATES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/server/api.h"
#include "jaco/server/node.h"
#include "jaco/server/security/secrets.h"

namespace jaco::server {

// Does nothing in a world without a Pki. Loop thread.
class Certificates {
 public:
  using Changed = absl::AnyInvocable<void(const Credentials&)>;

  // How often it is looked whether something is to be done.
  static constexpr Duration kReviewEvery = Seconds(60);
  static constexpr Duration kReviewSoon = Seconds(1);

  explicit Certificates(Node* node);

  // `changed` runs with the credentials that are in force and, later, with
  // every new ones.
  void Watch(Changed changed);

  // Reads what is on disk (again). After an error what was in force stays so.
  void Load(absl::AnyInvocable<void(absl::Status)> done);
  // Once the server runs: what was loaded is in force if it is a member, and is
  // left over from a founding that did not happen if it is not.
  void Start();

  // What a new cluster begins with.
  struct NewCluster {
    Secrets secrets;
    fsm::Authority authority;
  };
  absl::StatusOr<NewCluster> Create(const std::string& cluster_id,
                                    raft::NodeId self) const;
  // What a server has in a cluster that a backup brings back: a certificate
  // from the authority that signs, whose key `keyring` opens. data_loss when it
  // does not; conflict in a cluster without authorities.
  absl::StatusOr<Secrets> CreateFor(const fsm::Cluster& cluster,
                                    Keyring keyring, raft::NodeId self) const;
  // The cluster's; null while there is none.
  const Keyring* keyring() const {
    return secrets_ ? &secrets_->keyring : nullptr;
  }
  // A new authority signs from now on, the earlier ones stay trusted. conflict
  // when this server's clock, which dates it, is not the leader's.
  using Done = absl::AnyInvocable<void(absl::Status)>;
  void Rotate(const Caller& caller, Done done);
  // Those that do not sign are not trusted any more. conflict while this server
  // itself has a certificate of one of them (so, too, while the new one is not
  // valid yet by its clock) or, without `force`, another node
  // has, or has not said.
  void Retire(const Caller& caller, bool force, Done done);
  // Empty, or when the authority ends, which is within a year, and what to do.
  std::string AuthorityEnd() const;
  // Of the authority that issued the certificate in force, as lower-case hex
  // SHA-256; empty when that is not known.
  std::string IssuerFingerprint();

  SecretFiles Encode(const Secrets& secrets) const;
  // The authority that signs, with its key open: the last that is valid by this
  // server's clock. conflict in a cluster that has none; as of a server that is
  // no member.
  absl::StatusOr<env::Authority> SigningAuthority() const;
  // Those that are trusted, as PEM; empty while there is no cluster.
  std::string Bundle() const;
  // For a node with this certificate, which SigningAuthority has issued.
  AdmitResponse Welcome(std::string certificate) const;
  // `secrets` are on disk now.
  void Adopt(Secrets secrets);

 private:
  // Compares what there is with what should be, now and then again and again:
  // takes over the replicated authorities, and renews the certificate after two
  // thirds of its life or when another authority than the signing one issued
  // it.
  void Review();
  absl::Status ReviewOnce();
  void WarnOfEnd();
  // Does so soon if the cluster has changed since: what an operator does to the
  // authorities is not to wait for the next time.
  void ReviewChange();
  // What should be in force, given what is.
  absl::StatusOr<Credentials> WantedCredentials(
      const fsm::Cluster& cluster) const;
  const fsm::Authority* SignerOf(const fsm::Cluster& cluster) const;
  void Propose(const Caller& caller, fsm::Command command, Done done);
  env::NodeNames OurNames(const std::string& cluster_id,
                          raft::NodeId self) const;
  // Whether the certificate in force will do.
  bool IsCurrent(const env::Authority& signer) const;
  absl::StatusOr<Credentials> NewCredentials(const env::Authority& signer,
                                             const env::NodeNames& names) const;
  void Store(Credentials credentials);
  absl::Status CheckRenewed(const env::Authority& signing) const;
  void Report(const absl::Status& status);

  Node* const node_;
  std::optional<Secrets> secrets_;
  Changed changed_;
  bool started_ = false;
  bool writing_ = false;
  bool review_posted_ = false;
  uint64_t reviewed_ = 0;  // the modify index of the cluster
  std::string reported_;   // the last problem, said once
  Instant next_warning_;
  // Whose fingerprint IssuerFingerprint found last, and what it is.
  std::pair<std::string, uint64_t> issuer_of_;
  std::string issuer_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_CERTIFICATES_H_

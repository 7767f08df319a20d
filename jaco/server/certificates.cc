#include "jaco/server/certificates.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/server/authorities.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSubsystem = "certificates";
// Of what nobody looks into for months.
constexpr Duration kWarnEvery = Seconds(24 * 3600);

}  // namespace

Certificates::Certificates(Node* node) : node_(node) {
  node_->WatchState([this] { ReviewChange(); });
}

void Certificates::Watch(Changed changed) {
  changed_ = std::move(changed);
  if (started_ && secrets_) changed_(secrets_->credentials);
}

void Certificates::Start() {
  started_ = true;
  if (node_->raft() == nullptr) secrets_.reset();
  if (secrets_ && changed_ != nullptr) changed_(secrets_->credentials);
  if (node_->env().pki != nullptr) Review();
}

void Certificates::Load(absl::AnyInvocable<void(absl::Status)> done) {
  if (node_->env().pki == nullptr) return done(absl::OkStatus());
  auto loaded = std::make_shared<std::optional<Secrets>>();
  node_->env().disk->Submit(
      env::Lane::kLog,
      [loaded, path = node_->options().data_dir,
       seal_key = node_->options().seal_key](env::FileSystem& fs) {
        auto secrets = LoadSecrets(fs, path, seal_key.get());
        if (!secrets.ok()) return secrets.status();
        *loaded = *std::move(secrets);
        return absl::OkStatus();
      },
      [this, loaded, done = std::move(done)](absl::Status status) mutable {
        // What is there without a member is left over, as in Start.
        const bool leftover = started_ && node_->raft() == nullptr;
        if (status.ok() && *loaded && !leftover) Adopt(**std::move(loaded));
        done(std::move(status));
      });
}

void Certificates::Adopt(Secrets secrets) {
  const bool same = secrets_ && secrets_->credentials == secrets.credentials;
  secrets_ = std::move(secrets);
  if (started_ && !same && changed_ != nullptr) changed_(secrets_->credentials);
}

SecretFiles Certificates::Encode(const Secrets& secrets) const {
  return EncodeSecrets(secrets, node_->options().seal_key.get(),
                       *node_->env().entropy);
}

env::NodeNames Certificates::OurNames(const std::string& cluster_id,
                                      raft::NodeId self) const {
  return {cluster_id, self.value(), node_->name(),
          node_->options().certificate_hosts};
}

absl::StatusOr<Certificates::NewCluster> Certificates::Create(
    const std::string& cluster_id, raft::NodeId self) const {
  const env::Environment& env = node_->env();
  const auto authority =
      env.pki->CreateAuthority(cluster_id, env.clock->WallNow());
  if (!authority.ok()) return authority.status();
  auto credentials = NewCredentials(*authority, OurNames(cluster_id, self));
  if (!credentials.ok()) return credentials.status();
  credentials->bundle = authority->certificate;
  NewCluster created{
      .secrets = {.keyring = Keyring::Create(*env.entropy),
                  .credentials = *std::move(credentials),
                  .sealed = node_->options().seal_key != nullptr}};
  created.authority.set_certificate(authority->certificate);
  created.authority.set_sealed_key(
      SealAuthorityKey(created.secrets.keyring, *env.entropy, authority->key));
  return created;
}

absl::StatusOr<Credentials> Certificates::NewCredentials(
    const env::Authority& signer, const env::NodeNames& names) const {
  const env::Environment& env = node_->env();
  const auto made = env.pki->CreateRequest(names);
  if (!made.ok()) return made.status();
  auto certificate =
      env.pki->Issue(signer, made->request, names, env.clock->WallNow());
  if (!certificate.ok()) return certificate.status();
  return Credentials{.key = made->key, .certificates = *std::move(certificate)};
}

void Certificates::Review() {
  Report(ReviewOnce());
  WarnOfEnd();
  // A member that has applied nothing yet will soon know its cluster.
  const bool waiting =
      node_->raft() != nullptr && !node_->state().cluster().has_value();
  node_->env().loop->After(waiting ? kReviewSoon : kReviewEvery,
                           [this] { Review(); });
}

void Certificates::Report(const absl::Status& status) {
  const std::string problem = status.ok() ? "" : std::string(status.message());
  if (problem == reported_) return;
  reported_ = problem;
  if (problem.empty()) return;
  node_->env().logger->Write(LogLevel::kError, kSubsystem, problem);
}

void Certificates::WarnOfEnd() {
  const std::string end = AuthorityEnd();
  const Instant now = node_->env().clock->Now();
  if (end.empty() || now < next_warning_) return;
  next_warning_ = now + kWarnEvery;
  node_->env().logger->Write(
      LogLevel::kError, kSubsystem,
      absl::StrCat("the cluster's certificate authority ", end));
}

std::string Certificates::AuthorityEnd() const {
  const env::Environment& env = node_->env();
  if (env.pki == nullptr || node_->raft() == nullptr) return "";
  const auto& cluster = node_->state().cluster();
  return cluster ? EndOfAuthority(*cluster, *env.pki, env.clock->WallNow())
                 : "";
}

const fsm::Authority* Certificates::SignerOf(
    const fsm::Cluster& cluster) const {
  const env::Environment& env = node_->env();
  return SignerAt(cluster, *env.pki, env.clock->WallNow());
}

absl::Status Certificates::ReviewOnce() {
  if (writing_ || node_->raft() == nullptr) return absl::OkStatus();
  const auto& cluster = node_->state().cluster();
  // A cluster without authorities has no use for certificates.
  if (!cluster || cluster->authorities().empty()) return absl::OkStatus();
  reviewed_ = cluster->modify_index();
  if (!secrets_) {
    return MakeError(ErrorCode::kDataLoss,
                     absl::StrCat(node_->options().data_dir,
                                  "/node/secrets is missing: without a "
                                  "certificate this server has no peers"));
  }
  auto wanted = WantedCredentials(*cluster);
  if (!wanted.ok()) return wanted.status();
  const bool to_seal =
      node_->options().seal_key != nullptr && !secrets_->sealed;
  if (to_seal || *wanted != secrets_->credentials) Store(*std::move(wanted));
  const env::Environment& env = node_->env();
  if (IsValidAt(*SignerOf(*cluster), *env.pki, env.clock->WallNow())) {
    return absl::OkStatus();
  }
  return MakeError(ErrorCode::kConflict,
                   "no certificate authority of the cluster is valid by this "
                   "server's clock");
}

absl::StatusOr<Credentials> Certificates::WantedCredentials(
    const fsm::Cluster& cluster) const {
  const auto signing = SigningAuthority();
  if (!signing.ok()) return signing.status();
  const env::Environment& env = node_->env();
  const fsm::Authority& signer = *SignerOf(cluster);
  Credentials wanted = secrets_->credentials;
  // Nobody would take a certificate of an authority that is not valid; what is
  // there may be good where the clocks are right.
  if (!IsCurrent(*signing) &&
      IsValidAt(signer, *env.pki, env.clock->WallNow())) {
    auto renewed =
        NewCredentials(*signing, OurNames(cluster.id(), node_->raft()->id()));
    if (!renewed.ok()) return renewed.status();
    renewed->certificates += signer.cross_certificate();
    wanted = *std::move(renewed);
  }
  wanted.bundle = BundleOf(cluster);
  return wanted;
}

void Certificates::ReviewChange() {
  const auto& cluster = node_->state().cluster();
  if (!started_ || writing_ || review_posted_ || !cluster ||
      cluster->modify_index() == reviewed_ || node_->env().pki == nullptr) {
    return;
  }
  review_posted_ = true;
  node_->env().loop->Post([this] {
    review_posted_ = false;
    Report(ReviewOnce());
  });
}

void Certificates::Rotate(const Caller& caller, Done done) {
  const auto old = SigningAuthority();
  if (!old.ok()) return done(old.status());
  const env::Environment& env = node_->env();
  const fsm::Cluster& cluster = *node_->state().cluster();
  const absl::Time now = env.clock->WallNow();
  const auto fresh = env.pki->CreateAuthority(cluster.id(), now);
  if (!fresh.ok()) return done(fresh.status());
  auto crossed = env.pki->CrossSign(*old, fresh->certificate, now);
  if (!crossed.ok()) return done(crossed.status());
  fsm::Command command;
  // By whose clock the certificates are dated: the leader compares.
  command.set_time_unix_ms(absl::ToUnixMillis(now));
  fsm::AuthoritiesReplace& replace = *command.mutable_authorities_replace();
  replace.set_expected_modify_index(cluster.modify_index());
  *replace.mutable_authorities() = cluster.authorities();
  fsm::Authority& added = *replace.add_authorities();
  added.set_certificate(fresh->certificate);
  added.set_cross_certificate(*std::move(crossed));
  added.set_sealed_key(
      SealAuthorityKey(secrets_->keyring, *env.entropy, fresh->key));
  Propose(caller, std::move(command), std::move(done));
}

// What the other nodes say of themselves.
absl::Status Certificates::CheckRenewed(const env::Authority& signing) const {
  const auto wanted = node_->env().pki->Fingerprint(signing.certificate);
  if (!wanted.ok()) return wanted.status();
  for (const auto& [id, node] : node_->state().nodes()) {
    if (node.authority_fingerprint() == *wanted) continue;
    return MakeError(
        ErrorCode::kConflict,
        absl::StrCat("node \"", node.name(), "\" ",
                     node.authority_fingerprint().empty()
                         ? "has not said whose certificate it has"
                         : "still has a certificate of an earlier authority",
                     "; servers renew by themselves within seconds, those that "
                     "are gone have to be removed first"));
  }
  return absl::OkStatus();
}

std::string Certificates::IssuerFingerprint() {
  const auto& cluster = node_->state().cluster();
  if (!secrets_ || !cluster) return "";
  std::pair asked{secrets_->credentials.certificates, cluster->modify_index()};
  if (asked == issuer_of_) return issuer_;
  const env::Environment& env = node_->env();
  issuer_.clear();
  // The latest: through its cross certificate an earlier one vouches, too.
  for (const fsm::Authority& authority : cluster->authorities()) {
    const auto info = env.pki->VerifyNode(asked.first, authority.certificate(),
                                          env.clock->WallNow());
    if (info.ok()) {
      issuer_ = env.pki->Fingerprint(authority.certificate()).value_or("");
    }
  }
  // A clock that is wrong now may be right next time.
  if (issuer_.empty()) asked = {};
  issuer_of_ = std::move(asked);
  return issuer_;
}

void Certificates::Retire(const Caller& caller, bool force, Done done) {
  const auto signing = SigningAuthority();
  if (!signing.ok()) return done(signing.status());
  const fsm::Cluster& cluster = *node_->state().cluster();
  const fsm::Authority& newest = *NewestSigner(cluster);
  if (signing->certificate != newest.certificate()) {
    return done(MakeError(ErrorCode::kConflict,
                          "the new certificate authority is not valid yet by "
                          "this server's clock"));
  }
  if (!IsCurrent(*signing)) {
    return done(MakeError(ErrorCode::kConflict,
                          "this server's own certificate is not renewed yet"));
  }
  if (absl::Status renewed = CheckRenewed(*signing); !force && !renewed.ok()) {
    return done(std::move(renewed));
  }
  fsm::Command command;
  fsm::AuthoritiesReplace& replace = *command.mutable_authorities_replace();
  replace.set_expected_modify_index(cluster.modify_index());
  fsm::Authority& signer = *replace.add_authorities();
  signer = newest;
  signer.clear_cross_certificate();
  Propose(caller, std::move(command), std::move(done));
}

void Certificates::Propose(const Caller& caller, fsm::Command command,
                           Done done) {
  node_->Propose(
      caller, std::move(command),
      [this, done = std::move(done)](const absl::StatusOr<std::string>& reply,
                                     raft::LogIndex) mutable {
        if (reply.ok()) Report(ReviewOnce());
        done(reply.status());
      });
}

AdmitResponse Certificates::Welcome(std::string certificate) const {
  const fsm::Cluster& cluster = *node_->state().cluster();
  certificate += SignerOf(cluster)->cross_certificate();
  return {.cluster_id = cluster.id(),
          .certificates = std::move(certificate),
          .bundle = BundleOf(cluster),
          .keyring = secrets_->keyring.Encode()};
}

std::string Certificates::Bundle() const {
  const auto& cluster = node_->state().cluster();
  return cluster ? BundleOf(*cluster) : "";
}

absl::StatusOr<env::Authority> Certificates::SigningAuthority() const {
  if (absl::Status admitted = node_->Admit(); !admitted.ok()) return admitted;
  const auto& cluster = node_->state().cluster();
  if (!secrets_ || !cluster) return NoAuthority();
  return OpenAuthority(*cluster, SignerOf(*cluster), secrets_->keyring);
}

absl::StatusOr<Secrets> Certificates::CreateFor(const fsm::Cluster& cluster,
                                                Keyring keyring,
                                                raft::NodeId self) const {
  const auto signer = OpenAuthority(cluster, SignerOf(cluster), keyring);
  if (!signer.ok()) return signer.status();
  auto credentials = NewCredentials(*signer, OurNames(cluster.id(), self));
  if (!credentials.ok()) return credentials.status();
  credentials->certificates += SignerOf(cluster)->cross_certificate();
  credentials->bundle = BundleOf(cluster);
  return Secrets{.keyring = std::move(keyring),
                 .credentials = *std::move(credentials),
                 .sealed = node_->options().seal_key != nullptr};
}

bool Certificates::IsCurrent(const env::Authority& signer) const {
  const env::Environment& env = node_->env();
  const absl::Time now = env.clock->WallNow();
  const auto info = env.pki->VerifyNode(secrets_->credentials.certificates,
                                        signer.certificate, now);
  if (!info.ok()) return false;
  const absl::Duration life = info->not_after - info->not_before;
  return now < info->not_before + life * 2 / 3 &&
         info->names ==
             OurNames(node_->state().cluster()->id(), node_->raft()->id());
}

void Certificates::Store(Credentials credentials) {
  writing_ = true;
  auto secrets = std::make_shared<Secrets>(
      Secrets{.keyring = secrets_->keyring,
              .credentials = std::move(credentials),
              .sealed = node_->options().seal_key != nullptr});
  node_->env().disk->Submit(
      env::Lane::kLog,
      [path = node_->options().data_dir, files = Encode(*secrets)](
          env::FileSystem& fs) { return WriteSecretFiles(fs, path, files); },
      [this, secrets](const absl::Status& status) {
        writing_ = false;
        ReviewChange();
        if (!status.ok()) return Report(status);
        Adopt(*std::move(secrets));
        node_->env().logger->Write(LogLevel::kInfo, kSubsystem,
                                   "new credentials are in force");
      });
}

}  // namespace jaco::server

// For tests: what somebody could do who has stolen a data directory. Prints a
// node certificate of the cluster's authority and its key, as PEM.
//
//   issue_certificate DATA_DIR CLUSTER_ID NODE_ID NODE_NAME AGE_S LIFE_S
//
// DATA_DIR is of a server that does not run. The certificate was made AGE_S
// seconds ago, for LIFE_S seconds. CLUSTER_ID "-" is that of DATA_DIR.

#include <cstdint>
#include <iostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "jaco/base/error.h"
#include "jaco/env/posix/posix_entropy.h"
#include "jaco/env/posix/posix_file_system.h"
#include "jaco/net/pki/openssl_pki.h"
#include "jaco/server/offline.h"
#include "jaco/server/security/secrets.h"

namespace jaco::cmd {
namespace {

struct Stolen {
  std::string cluster_id;
  env::Authority authority;  // the one that signs
};

absl::StatusOr<Stolen> Steal(const std::string& data_dir) {
  env::PosixFileSystem files;
  const auto server = server::InspectOffline(files, data_dir);
  if (!server.ok()) return server.status();
  const auto secrets = server::LoadSecrets(files, data_dir, nullptr);
  if (!secrets.ok()) return secrets.status();
  const auto& cluster = server->state.cluster();
  if (!cluster.has_value() || !secrets->has_value()) {
    return absl::NotFoundError("no member of a cluster");
  }
  Stolen stolen{.cluster_id = cluster->id()};
  for (const auto& authority : cluster->authorities()) {
    if (authority.sealed_key().empty()) continue;
    auto key = (*secrets)->keyring.Open("ca key", authority.sealed_key());
    if (!key.ok()) return key.status();
    stolen.authority = {authority.certificate(), *std::move(key)};
  }
  return stolen;
}

absl::Status Run(char** arguments) {
  env::NodeNames names{.cluster_id = arguments[2],
                       .node_name = arguments[4],
                       .hosts = {"localhost", "127.0.0.1"}};
  int64_t age = 0, life = 0;
  if (!absl::SimpleAtoi(arguments[3], &names.node_id) ||
      !absl::SimpleAtoi(arguments[5], &age) ||
      !absl::SimpleAtoi(arguments[6], &life)) {
    return absl::InvalidArgumentError("a number is none");
  }
  const auto stolen = Steal(arguments[1]);
  if (!stolen.ok()) return stolen.status();
  if (names.cluster_id == "-") names.cluster_id = stolen->cluster_id;
  env::PosixEntropy entropy;
  net::OpenSslPki pki(&entropy, {.node_life = absl::Seconds(life)});
  const auto made = pki.CreateRequest(names);
  if (!made.ok()) return made.status();
  const auto certificate = pki.Issue(stolen->authority, made->request, names,
                                     absl::Now() - absl::Seconds(age));
  if (!certificate.ok()) return certificate.status();
  std::cout << *certificate << made->key;
  return absl::OkStatus();
}

}  // namespace
}  // namespace jaco::cmd

int main(int argc, char** argv) {
  const absl::Status status =
      argc == 7 ? jaco::cmd::Run(argv)
                : absl::InvalidArgumentError("six arguments are needed");
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/prng.h"
#include "jaco/server/bootstrap_record.h"
#include "jaco/server/security/keyring.h"
#include "jaco/server/security/secrets.h"
#include "jaco/sim/formats/testing/format.h"
#include "jaco/sim/sim_entropy.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/storage/identity.h"
#include "jaco/storage/snapshot_store.h"

namespace jaco::formats {
namespace {

using raft::LogIndex;
using raft::NodeId;
using raft::Term;

constexpr char kSecretsPath[] = "data/node/secrets";

sim::SimFileSystem NewFileSystem() {
  sim::SimFileSystem fs{Prng(1)};
  for (const char* path : {"data", "data/node", "data/snapshots"}) {
    JACO_CHECK(fs.CreateDirectory(path).ok());
  }
  return fs;
}

void Put(sim::SimFileSystem& fs, absl::string_view path,
         absl::string_view bytes) {
  auto file = fs.Open(path, env::OpenMode::kCreateTruncate);
  JACO_CHECK(file.ok() && (*file)->WriteAt(0, bytes).ok());
}

Format IdentityFormat() {
  const storage::Identity identity{.node_id = NodeId(7), .node_name = "node-7"};
  sim::SimFileSystem fs = NewFileSystem();
  JACO_CHECK(storage::StoreIdentity(fs, "data", identity).ok());
  return {.name = "identity",
          .bytes = fs.Contents("data/identity"),
          .read =
              [identity](absl::string_view bytes) {
                sim::SimFileSystem fs = NewFileSystem();
                Put(fs, "data/identity", bytes);
                const auto read = storage::LoadIdentity(fs, "data");
                if (!read.ok()) return read.status();
                return CheckEqual((*read)->node_id == identity.node_id &&
                                  (*read)->node_name == identity.node_name);
              },
          .make_newer = IncrementChecked(8),
          .version = 2};
}

server::Keyring SealKey() {
  return server::Keyring::FromText(std::string(64, 'a')).value();
}

Format BootstrapFormat(bool sealed) {
  server::BootstrapRecord record;
  record.set_server_id(7);
  record.mutable_vote()->mutable_promised()->set_round(2);
  record.mutable_vote()->mutable_promised()->set_server(9);
  record.mutable_vote()->mutable_founder()->set_server_id(7);
  record.set_join_token("token");
  record.add_addresses("10.0.0.1:7000");
  record.set_cluster_id("cluster");
  sim::SimEntropy entropy(1);
  const server::Keyring seal_key = SealKey();
  return {.name = sealed ? "bootstrap-sealed" : "bootstrap",
          .bytes = server::EncodeBootstrapRecord(server::SealJoinToken(
              record, sealed ? &seal_key : nullptr, entropy)),
          .read =
              [=](absl::string_view bytes) {
                auto read = server::DecodeBootstrapRecord(bytes);
                if (!read.ok()) return read.status();
                const bool was_sealed = read->join_token().empty();
                const absl::Status opened =
                    server::OpenJoinToken(&seal_key, &*read);
                if (!opened.ok()) return opened;
                return CheckEqual(was_sealed == sealed &&
                                  read->SerializeAsString() ==
                                      record.SerializeAsString());
              },
          .make_newer =
              [sealed](std::string* bytes) {
                for (int version = sealed ? 2 : 1; version < 3; ++version) {
                  IncrementChecked(8)(bytes);
                }
              },
          .version = 2};
}

Format SnapshotFormat() {
  const storage::SnapshotStore store("data/snapshots");
  const storage::Snapshot snapshot{
      .last = {Term(3), LogIndex(41)},
      .configuration = {.voters = {NodeId(1), NodeId(2)},
                        .addresses = {{NodeId(1), "a:1"}}},
      .state = "the machine's own bytes"};
  sim::SimFileSystem fs = NewFileSystem();
  JACO_CHECK(store.Write(fs, snapshot).ok());
  const std::string path =
      "data/snapshots/00000000000000000041-00000000000000000003.snapshot";
  return {.name = "snapshot",
          .bytes = fs.Contents(path),
          .read =
              [=](absl::string_view bytes) {
                sim::SimFileSystem fs = NewFileSystem();
                Put(fs, path, bytes);
                const auto read = store.Read(fs, snapshot.last);
                return read.ok() ? CheckEqual(*read == snapshot)
                                 : read.status();
              },
          .make_newer = IncrementChecked(8)};
}

Format SecretsFormat(bool sealed) {
  sim::SimEntropy entropy(1);
  const server::Secrets secrets{
      .keyring = server::Keyring::Create(entropy),
      .credentials = {"private key", "certificates", "authorities"}};
  const server::Keyring seal_key = SealKey();
  const auto files =
      server::EncodeSecrets(secrets, sealed ? &seal_key : nullptr, entropy);
  return {.name = sealed ? "secrets-sealed" : "secrets",
          .bytes = files[0].second,
          .read =
              [=](absl::string_view bytes) {
                sim::SimFileSystem fs = NewFileSystem();
                Put(fs, kSecretsPath, bytes);
                const auto read = server::LoadSecrets(fs, "data", &seal_key);
                if (!read.ok()) return read.status();
                return CheckEqual((*read)->credentials == secrets.credentials &&
                                  (*read)->keyring.Encode() ==
                                      secrets.keyring.Encode() &&
                                  (*read)->sealed == sealed);
              },
          .make_newer = IncrementChecked(std::string("jaco-secrets ").size())};
}

Format KeysFormat() {
  sim::SimEntropy entropy(1);
  server::Keyring keyring = server::Keyring::Create(entropy);
  keyring.AddKey(entropy);
  return {.name = "keys",
          .bytes = keyring.Encode(),
          .read =
              [keyring](absl::string_view bytes) {
                const auto read = server::Keyring::Decode(bytes);
                return read.ok()
                           ? CheckEqual(read->Encode() == keyring.Encode())
                           : read.status();
              },
          .make_newer = IncrementChecked(std::string("jaco-keys ").size())};
}

Format SealedFormat() {
  sim::SimEntropy entropy(1);
  return {.name = "sealed-bytes",
          .bytes = SealKey().Seal(entropy, "purpose", "secret"),
          .read =
              [](absl::string_view bytes) {
                const auto read = SealKey().Open("purpose", bytes);
                return read.ok() ? CheckEqual(*read == "secret")
                                 : read.status();
              },
          .make_newer = [](std::string* bytes) { ++(*bytes)[0]; }};
}

}  // namespace

std::function<void(std::string*)> IncrementChecked(size_t at) {
  return [at](std::string* bytes) {
    ++(*bytes)[at];
    const size_t covered = bytes->size() - sizeof(uint32_t);
    StoreLittleEndian(Crc32c(absl::string_view(*bytes).substr(0, covered)),
                      bytes->data() + covered);
  };
}

std::vector<Format> FileFormats() {
  return {IdentityFormat(), BootstrapFormat(false), BootstrapFormat(true),
          SnapshotFormat(), SecretsFormat(false),   SecretsFormat(true),
          KeysFormat(),     SealedFormat()};
}

}  // namespace jaco::formats

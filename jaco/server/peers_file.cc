#include "jaco/server/peers_file.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/peers_json.h"
#include "jaco/raft/codec.h"
#include "jaco/storage/damage.h"

namespace jaco::server {
namespace {

constexpr uint64_t kFileBytesMax = uint64_t{1} << 20;

constexpr absl::string_view kInfo =
    "A peers.json in this directory replaces the members of the cluster when\n"
    "jacod starts, and is removed then. It is for a cluster that has lost its\n"
    "quorum for good, and can lose data: read \"Recover from a lost quorum\" "
    "in\n"
    "docs/operations.md first. Every surviving server gets the same file "
    "while\n"
    "all of them are stopped:\n"
    "\n"
    "[\n"
    "  {\"id\": \"1234\", \"address\": \"10.0.0.5:7001\", \"non_voter\": "
    "false}\n"
    "]\n"
    "\n"
    "`jaco operator raft info` shows the ids. Without this peers.info a\n"
    "peers.json is removed and not applied.\n";

std::string DirectoryOf(const std::string& path) {
  return absl::StrCat(path, "/raft");
}
std::string JsonPath(const std::string& path) {
  return absl::StrCat(path, "/raft/peers.json");
}
std::string InfoPath(const std::string& path) {
  return absl::StrCat(path, "/raft/peers.info");
}

absl::Status InFile(const std::string& path, ErrorCode code,
                    absl::string_view message) {
  return MakeError(code, absl::StrCat(JsonPath(path), ": ", message));
}

absl::Status WriteInfo(env::FileSystem& fs, const std::string& path) {
  const auto file = fs.Open(InfoPath(path), env::OpenMode::kCreateTruncate);
  if (!file.ok()) return file.status();
  const absl::Status written = (*file)->WriteAt(0, kInfo);
  return written.ok() ? (*file)->Sync() : written;
}

absl::Status RemoveFile(env::FileSystem& fs, const std::string& path) {
  absl::Status status = fs.Remove(JsonPath(path));
  if (status.ok()) status = fs.SyncDirectory(DirectoryOf(path));
  return status;
}

absl::StatusOr<std::string> ReadFile(env::FileSystem& fs,
                                     const std::string& path) {
  const auto file = fs.Open(JsonPath(path), env::OpenMode::kRead);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size > kFileBytesMax) {
    return InFile(
        path, ErrorCode::kTooLarge,
        absl::StrCat("has ", *size, " bytes, the limit is ", kFileBytesMax));
  }
  std::string text(*size, '\0');
  const auto got = (*file)->ReadAt(0, text.size(), text.data());
  if (!got.ok()) return got.status();
  text.resize(*got);
  return text;
}

// The last configuration in the log; nullopt for a log that has none.
absl::StatusOr<std::optional<raft::Configuration>> LatestOf(
    const storage::RecoveredLog& log) {
  for (auto it = log.entries.rbegin(); it != log.entries.rend(); ++it) {
    if ((*it)->kind != raft::EntryKind::kConfiguration) continue;
    auto latest = raft::DecodeConfiguration((*it)->data);
    if (!latest.ok()) return latest.status();
    return std::optional(*std::move(latest));
  }
  if (log.log_start.index.value() == 0) {
    return std::optional<raft::Configuration>();
  }
  return std::optional(log.configuration);
}

absl::StatusOr<raft::NodeId> IdOf(const std::string& path,
                                  const net::PeersJsonMember& member,
                                  const raft::Configuration& latest) {
  if (member.id != 0) return raft::NodeId(member.id);
  raft::NodeId found = raft::kNoNode;
  for (const auto& [id, address] : latest.addresses) {
    if (address != member.address) continue;
    if (found != raft::kNoNode) {
      return InFile(path, ErrorCode::kValidationFailed,
                    absl::StrCat("members ", found.value(), " and ", id.value(),
                                 " had the address ", address,
                                 "; name the one that you mean with its id"));
    }
    found = id;
  }
  if (found != raft::kNoNode) return found;
  return InFile(path, ErrorCode::kValidationFailed,
                absl::StrCat("no member had the address ", member.address,
                             "; name it with its id"));
}

absl::StatusOr<raft::Configuration> ConfigurationOf(
    const std::string& path, const std::vector<net::PeersJsonMember>& members,
    raft::NodeId self, const raft::Configuration& latest) {
  raft::Configuration result;
  for (const net::PeersJsonMember& member : members) {
    const auto id = IdOf(path, member, latest);
    if (!id.ok()) return id.status();
    (member.non_voter ? result.learners : result.voters).push_back(*id);
    result.addresses.emplace_back(*id, member.address);
  }
  std::sort(result.voters.begin(), result.voters.end());
  std::sort(result.learners.begin(), result.learners.end());
  std::sort(result.addresses.begin(), result.addresses.end());
  if (const absl::string_view defect = raft::DefectOf(result);
      !defect.empty()) {
    return InFile(path, ErrorCode::kValidationFailed,
                  absl::StrCat("members with ", defect));
  }
  if (!result.Contains(self)) {
    return InFile(path, ErrorCode::kValidationFailed,
                  absl::StrCat("this server, id ", self.value(),
                               ", is not among the members"));
  }
  return result;
}

absl::StatusOr<raft::Configuration> NewConfiguration(
    env::FileSystem& fs, const std::string& path, raft::NodeId self,
    const std::optional<raft::Configuration>& latest) {
  const absl::StatusOr<std::string> text = ReadFile(fs, path);
  if (!text.ok()) return text.status();
  const auto members = net::DecodePeersJson(*text);
  if (!members.ok()) {
    return InFile(path, CodeOf(members.status()), members.status().message());
  }
  if (!latest.has_value()) {
    return InFile(path, ErrorCode::kValidationFailed,
                  "this server has never heard from a cluster: there is "
                  "nothing to recover");
  }
  return ConfigurationOf(path, *members, self, *latest);
}

std::string AddressIn(const raft::Configuration& configuration,
                      raft::NodeId node) {
  for (const auto& [id, address] : configuration.addresses) {
    if (id == node) return address;
  }
  return "";
}

// What the cluster knew when the operator wrote the file is what he overrules;
// an address that it never heard of is news, and the server's to tell. What was
// remembered already (`own_address` was looked at then) is so after a start
// that was cut off, and after an earlier recovery.
std::optional<storage::Placement> PlacementOf(
    const storage::Identity& identity, const std::string& own_address,
    const raft::Configuration& before, const raft::Configuration& after) {
  const std::string placed = AddressIn(after, identity.node_id);
  const bool known = identity.placement.has_value() ||
                     AddressIn(before, identity.node_id) == own_address;
  if (!known || placed == own_address) return std::nullopt;
  return storage::Placement{.address = placed, .instead_of = own_address};
}

// Followers take the configuration from the snapshot that they are sent.
// Damaged ones are never sent; one that the disk refuses to read now may be
// later. What was received and never installed is of a history that ends here:
// no entry of the log leads to it, and none of those that will come.
absl::Status ReplaceInSnapshots(env::FileSystem& fs,
                                const storage::SnapshotStore& snapshots,
                                const storage::RecoveredLog& log,
                                const raft::Configuration& configuration) {
  const auto found = snapshots.List(fs);
  if (!found.ok()) return found.status();
  for (const raft::EntryId& last : *found) {
    absl::Status status;
    if (last.index >= log.log_start.index && !storage::Holds(log, last)) {
      status = snapshots.Remove(fs, last);
    } else if (auto snapshot = snapshots.Read(fs, last); snapshot.ok()) {
      snapshot->configuration = configuration;
      status = snapshots.Write(fs, *snapshot);
    } else if (!storage::IsDamage(snapshot.status())) {
      status = snapshot.status();
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Nobody would be left to repair the log from.
absl::Status CheckNotAlone(const std::string& path, raft::NodeId self,
                           const raft::Configuration& configuration,
                           const storage::RecoveredLog& log) {
  if (log.repair_above == raft::Term()) return absl::OkStatus();
  if (configuration.voters != std::vector{self}) return absl::OkStatus();
  return InFile(path, ErrorCode::kDataLoss,
                absl::StrCat("this server is to vote alone, but its own log is "
                             "damaged (",
                             log.damage,
                             "): name a sound one, too, or restore a backup"));
}

}  // namespace

absl::Status PreparePeersFile(env::FileSystem& fs, const std::string& path) {
  const absl::StatusOr<bool> known = fs.Exists(InfoPath(path));
  if (!known.ok() || *known) return known.status();
  const absl::StatusOr<bool> stray = fs.Exists(JsonPath(path));
  if (!stray.ok()) return stray.status();
  if (*stray) {
    const absl::Status removed = RemoveFile(fs, path);
    if (!removed.ok()) return removed;
  }
  const absl::Status written = WriteInfo(fs, path);
  return written.ok() ? fs.SyncDirectory(DirectoryOf(path)) : written;
}

absl::Status CheckNoPeersFile(env::FileSystem& fs, const std::string& path) {
  for (const std::string& name : {InfoPath(path), JsonPath(path)}) {
    const absl::StatusOr<bool> exists = fs.Exists(name);
    if (!exists.ok() || !*exists) return exists.status();
  }
  return InFile(path, ErrorCode::kClusterUninitialized,
                "this server belongs to no cluster: there is nothing to "
                "recover. Remove the file");
}

absl::StatusOr<bool> ApplyPeersFile(env::FileSystem& fs,
                                    const std::string& path,
                                    const std::string& own_address,
                                    storage::Identity& identity,
                                    storage::RaftLog& log,
                                    storage::RecoveredLog& recovered,
                                    const storage::SnapshotStore& snapshots) {
  absl::Status prepared = PreparePeersFile(fs, path);
  if (!prepared.ok()) return prepared;
  const absl::StatusOr<bool> exists = fs.Exists(JsonPath(path));
  if (!exists.ok() || !*exists) return exists;

  const auto latest = LatestOf(recovered);
  if (!latest.ok()) return latest.status();
  const auto configuration =
      NewConfiguration(fs, path, identity.node_id, *latest);
  if (!configuration.ok()) return configuration.status();
  absl::Status status =
      CheckNotAlone(path, identity.node_id, *configuration, recovered);
  if (!status.ok()) return status;
  status = ReplaceInSnapshots(fs, snapshots, recovered, *configuration);
  if (!status.ok()) return status;
  // Before the log: afterwards it cannot be told any more.
  const storage::Identity old = identity;
  identity.placement =
      PlacementOf(identity, own_address, **latest, *configuration);
  if (identity != old) status = storage::StoreIdentity(fs, path, identity);
  if (!status.ok()) return status;
  const auto state = log.ReplaceConfiguration(*configuration);
  if (!state.ok()) return state.status();
  // Nobody led, and nobody voted, in any of the terms from here on.
  recovered.hard_state = *state;
  storage::ReplaceConfiguration(*configuration, &recovered);
  status = RemoveFile(fs, path);
  if (!status.ok()) return status;
  return true;
}

}  // namespace jaco::server

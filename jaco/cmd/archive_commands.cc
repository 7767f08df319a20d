#include "jaco/cmd/archive_commands.h"

#include <optional>
#include <ostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "jaco/base/error.h"
#include "jaco/cmd/cli_output.h"
#include "jaco/cmd/offline_restore.h"
#include "jaco/env/posix/posix_entropy.h"
#include "jaco/env/posix/posix_file_system.h"
#include "jaco/net/sansio/archive_meta.h"
#include "jaco/server/backup_format.h"
#include "jaco/server/security/archive.h"
#include "jaco/server/security/sealed_file.h"
#include "jaco/server/security/token.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::cmd {
namespace {

constexpr absl::Duration kArchiveTimeout = absl::Minutes(5);
constexpr char kPassphraseVariable[] = "JACO_BACKUP_PASSPHRASE";
// Sealing adds little.
constexpr size_t kFileBytesMax = server::kArchiveBytesMax + (size_t{4} << 20);

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return MakeError(CodeOf(status), absl::StrCat(path, ": ", status.message()));
}

absl::StatusOr<std::string> ReadArchive(const std::string& path) {
  env::PosixFileSystem files;
  const auto size = files.FileSize(path);
  if (!size.ok()) return size.status();
  if (*size > kFileBytesMax) {
    return MakeError(ErrorCode::kTooLarge,
                     absl::StrCat(path, " has ", *size, " bytes, the limit is ",
                                  kFileBytesMax));
  }
  return storage::ReadFile(files, path);
}

// Durable, mode 0600, there whole or not at all.
absl::Status WriteArchive(const std::string& path, absl::string_view bytes) {
  const size_t slash = path.rfind('/');
  std::string directory = ".";
  if (slash != std::string::npos) {
    directory = slash == 0 ? "/" : path.substr(0, slash);
  }
  const std::string name =
      slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty()) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat(path, " names no file"));
  }
  env::PosixFileSystem files;
  return storage::ReplaceFile(files, directory, name, bytes);
}

// What the operator has given; nullopt for nothing.
absl::StatusOr<std::optional<std::string>> FindPassphrase(
    const ArchiveOptions& options, const CliWorld& world) {
  std::optional<std::string> passphrase;
  if (!options.passphrase_file.empty()) {
    env::PosixFileSystem files;
    auto text = storage::ReadFile(files, options.passphrase_file);
    if (!text.ok()) return text.status();
    passphrase = *std::move(text);
  } else if (options.prompt) {
    auto text = world.prompt("Passphrase of the backup: ");
    if (!text.ok()) return text.status();
    passphrase = *std::move(text);
  } else {
    passphrase = world.environment(kPassphraseVariable);
  }
  if (passphrase && absl::StripAsciiWhitespace(*passphrase).empty()) {
    return MakeError(ErrorCode::kValidationFailed, "the passphrase is empty");
  }
  return passphrase;
}

absl::Status CheckDigest(const CliSession::Outcome& outcome) {
  const std::string expected = absl::StrCat(
      "sha-256=", absl::Base64Escape(server::Sha256(outcome.body)));
  if (outcome.digest == expected) return absl::OkStatus();
  return MakeError(ErrorCode::kDataLoss,
                   "the archive was damaged on its way here: its checksum is "
                   "not what the server says");
}

absl::StatusOr<std::string> SealOrNew(const ArchiveOptions& options,
                                      const CliWorld& world,
                                      absl::string_view archive,
                                      std::string* new_key) {
  const auto passphrase = FindPassphrase(options, world);
  if (!passphrase.ok()) return passphrase.status();
  env::PosixEntropy entropy;
  if (!passphrase->has_value()) {
    *new_key = server::NewToken(entropy);
    return server::SealWithKey(entropy, *new_key, archive);
  }
  if (options.prompt) {
    const auto again = world.prompt("Once more: ");
    if (!again.ok()) return again.status();
    if (*again != **passphrase) {
      return MakeError(ErrorCode::kValidationFailed,
                       "these are two different passphrases");
    }
  }
  return server::SealWithPassphrase(entropy, **passphrase, {}, archive);
}

// The archive in `file`, which may be sealed.
absl::StatusOr<std::string> OpenArchive(const ArchiveOptions& options,
                                        const CliWorld& world) {
  auto bytes = ReadArchive(options.file);
  if (!bytes.ok() || !server::IsSealedFile(*bytes)) return bytes;
  auto secret = FindPassphrase(options, world);
  if (!secret.ok()) return secret.status();
  if (!secret->has_value()) {
    auto asked = world.prompt("Passphrase or key of the backup: ");
    if (!asked.ok()) {
      return MakeError(
          ErrorCode::kValidationFailed,
          absl::StrCat(options.file, " is sealed; give --passphrase-file or ",
                       kPassphraseVariable));
    }
    *secret = *std::move(asked);
  }
  auto archive = server::OpenSealedFile(*bytes, **secret);
  if (!archive.ok()) return InFile(options.file, archive.status());
  return archive;
}

void PrintRestored(const server::RestoreResponse& response,
                   const CliWorld& world) {
  *world.out << absl::StrCat(
      "Cluster restored.\n  cluster_id:   ", response.cluster_id,
      "\n  taken_at:     ",
      absl::FormatTime(absl::RFC3339_sec, response.taken_at,
                       absl::UTCTimeZone()),
      "\n  backup_index: ", response.backup_index,
      "\n  raft_index:   ", response.index,
      "\n\nThe operator tokens are those of the backup. This server is alone: "
      "wipe the\nother servers and let them join.\n");
}

int RestoreOffline(const ArchiveOptions& options, CliSession& session,
                   std::string archive) {
  const auto restored =
      RestoreOffline(options, session.world().environment, std::move(archive));
  if (!restored.ok()) return session.Fail(restored.status());
  PrintRestored(*restored, session.world());
  *session.world().out << "Start jacod here.\n";
  return 0;
}

}  // namespace

int RunBackup(const ArchiveOptions& options, CliSession& session) {
  const auto outcome =
      session.CallLeader({"GET", "/v1/cluster/backup", "", kArchiveTimeout});
  if (outcome.error) return session.Fail(*outcome.error);
  absl::Status status = CheckDigest(outcome);
  if (!status.ok()) return session.Fail(status);
  std::string new_key;
  const auto sealed =
      SealOrNew(options, session.world(), outcome.body, &new_key);
  if (!sealed.ok()) return session.Fail(sealed.status());
  status = WriteArchive(options.file, *sealed);
  if (!status.ok()) return session.Fail(status);
  *session.world().out << absl::StrCat("Wrote ", sealed->size(), " bytes to ",
                                       options.file, "\n");
  if (!new_key.empty()) {
    *session.world().out << absl::StrCat(
        "  backup_key: ", new_key,
        "\n\nSave the backup key now — it cannot be recovered, and the backup "
        "does not open\nwithout it.\n");
  }
  return 0;
}

int RunRestore(const ArchiveOptions& options, CliSession& session) {
  const bool remote = !session.client().remote_address().empty();
  if (remote && (!options.data_dir.empty() || !options.config.empty())) {
    return session.Fail(
        MakeError(ErrorCode::kValidationFailed,
                  "--data-dir and --config are for this host, --server names "
                  "another one"));
  }
  auto archive = OpenArchive(options, session.world());
  if (!archive.ok()) return session.Fail(archive.status());
  // Before anybody is asked to do something with it.
  const auto content = server::DecodeBackup(*archive);
  if (!content.ok())
    return session.Fail(InFile(options.file, content.status()));
  if (!options.data_dir.empty()) {
    return RestoreOffline(options, session, *std::move(archive));
  }
  const auto status = session.Call({"GET", "/v1/cluster/status", ""});
  // Never here when another host was meant.
  if (status.error && status.unreachable && !remote) {
    return RestoreOffline(options, session, *std::move(archive));
  }
  if (status.error) return session.Fail(*status.error);
  const auto server = net::DecodeStatusResponse(status.body);
  if (!server.ok()) return session.Fail(server.status());
  if (!options.name.empty() && server->node_name != options.name) {
    return session.Fail(NameMismatch(options.name, server->node_name));
  }
  const auto outcome = session.Call(
      {"POST", "/v1/cluster/restore", *std::move(archive), kArchiveTimeout});
  if (outcome.error) return session.Fail(*outcome.error);
  const auto restored = net::DecodeRestoreResponse(outcome.body);
  if (!restored.ok()) return session.Fail(restored.status());
  PrintRestored(*restored, session.world());
  return 0;
}

int RunSnapshotSave(const ArchiveOptions& options, CliSession& session) {
  std::string file = options.file;
  if (file.empty()) {
    file = absl::StrCat(
        "jaco-state-",
        absl::FormatTime("%Y%m%d-%H%M%S", absl::Now(), absl::UTCTimeZone()),
        ".snap");
  }
  const auto outcome =
      session.CallLeader({"GET", "/v1/operator/snapshot", "", kArchiveTimeout});
  if (outcome.error) return session.Fail(*outcome.error);
  absl::Status status = CheckDigest(outcome);
  if (status.ok()) status = WriteArchive(file, outcome.body);
  if (!status.ok()) return session.Fail(status);
  *session.world().out << absl::StrCat("State file written to ", file, "\n");
  return 0;
}

int RunSnapshotRestore(const ArchiveOptions& options, CliSession& session) {
  auto archive = OpenArchive(options, session.world());
  if (!archive.ok()) return session.Fail(archive.status());
  const auto outcome = session.CallLeader(
      {"PUT", "/v1/operator/snapshot", *std::move(archive), kArchiveTimeout});
  if (outcome.error) return session.Fail(*outcome.error);
  *session.world().out << "Snapshot Restored\n";
  return 0;
}

int RunSnapshotInspect(const ArchiveOptions& options, CliSession& session) {
  const auto archive = OpenArchive(options, session.world());
  if (!archive.ok()) return session.Fail(archive.status());
  const auto content = server::DecodeBackup(*archive);
  if (!content.ok())
    return session.Fail(InFile(options.file, content.status()));
  const net::ArchiveMeta& meta = content->meta;
  const std::string json = net::EncodeArchiveMeta(meta);
  if (options.output != "table") {
    *session.world().out << (options.output == "json" ? FormatJson(json)
                                                      : FormatYaml(json));
    return 0;
  }
  *session.world().out << absl::StrCat(
      "ID       ", net::ArchiveIdOf(meta), "\nSize     ", meta.size,
      "\nIndex    ", meta.index, "\nTerm     ", meta.term,
      "\nVersion  1\nCreated  ",
      absl::FormatTime(absl::RFC3339_sec, meta.taken_at, absl::UTCTimeZone()),
      "\nCluster  ", absl::CHexEscape(meta.cluster_id), " (",
      absl::CHexEscape(meta.cluster_name), ")\nNode     ",
      absl::CHexEscape(meta.node_name), "\nKind     ",
      content->keyring ? "backup" : "snapshot", "\n");
  return 0;
}

}  // namespace jaco::cmd

#include "jaco/cmd/archive_commands.h"

#include <errno.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <ostream>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "jaco/base/error.h"
#include "jaco/cmd/cli_output.h"
#include "jaco/cmd/config.h"
#include "jaco/cmd/input_file.h"
#include "jaco/cmd/offline_restore.h"
#include "jaco/env/posix/errno_status.h"
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

std::string DirectoryOf(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path().string() : ".";
}

// What can be known before an archive is taken, which is written down.
absl::Status CheckOutput(const std::string& path) {
  const std::filesystem::path file(path);
  std::error_code ignored;
  if (!file.has_filename() || std::filesystem::is_directory(file, ignored)) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat(path, " names no file"));
  }
  const std::string directory = DirectoryOf(file);
  if (access(directory.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
  return env::ErrnoStatus("write into", directory, errno);
}

// Durable, mode 0600, there whole or not at all.
absl::Status WriteArchive(const std::string& path, absl::string_view bytes) {
  env::PosixFileSystem files;
  const std::filesystem::path file(path);
  return storage::ReplaceFile(files, DirectoryOf(file),
                              file.filename().string(), bytes);
}

// What the operator has given; nullopt for nothing.
absl::StatusOr<std::optional<std::string>> FindPassphrase(
    const ArchiveOptions& options, const CliWorld& world) {
  std::optional<std::string> passphrase;
  if (!options.passphrase_file.empty()) {
    auto text = ReadInput(options.passphrase_file, kSecretBytesMax, world.in);
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

// For an archive that is to be sealed; nullopt: with a new key.
absl::StatusOr<std::optional<std::string>> ChoosePassphrase(
    const ArchiveOptions& options, const CliWorld& world) {
  auto passphrase = FindPassphrase(options, world);
  if (!passphrase.ok() || !options.prompt) return passphrase;
  const auto again = world.prompt("Once more: ");
  if (!again.ok()) return again.status();
  if (*again != **passphrase) {
    return MakeError(ErrorCode::kValidationFailed,
                     "these are two different passphrases");
  }
  return passphrase;
}

absl::StatusOr<std::string> SealOrNew(
    const std::optional<std::string>& passphrase, absl::string_view archive,
    std::string* new_key) {
  env::PosixEntropy entropy;
  if (passphrase.has_value()) {
    return server::SealWithPassphrase(entropy, *passphrase, {}, archive);
  }
  *new_key = server::NewToken(entropy);
  return server::SealWithKey(entropy, *new_key, archive);
}

// The archive in `file`, which may be sealed.
absl::StatusOr<std::string> OpenArchive(const ArchiveOptions& options,
                                        const CliWorld& world) {
  auto bytes = ReadInput(options.file, kFileBytesMax, world.in);
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

// A jacod answers. It may be another than the one whose file --config names.
absl::Status CheckSocket(const ArchiveOptions& options,
                         const CliSession& session) {
  if (options.config.empty()) return absl::OkStatus();
  ConfigFlags flags;
  flags.config = options.config;
  const auto config = LoadConfig(flags, session.world().environment);
  if (!config.ok()) return config.status();
  if (config->unix_socket == session.client().name()) return absl::OkStatus();
  return MakeError(
      ErrorCode::kConflict,
      absl::StrCat("a jacod answers at ", session.client().name(), ", and ",
                   options.config, " says ", config->unix_socket,
                   ": leave --config out, or name its server with "
                   "--socket ",
                   config->unix_socket));
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
  absl::Status status = CheckOutput(options.file);
  if (!status.ok()) return session.Fail(status);
  const auto passphrase = ChoosePassphrase(options, session.world());
  if (!passphrase.ok()) return session.Fail(passphrase.status());
  const auto outcome =
      session.CallLeader({"GET", "/v1/cluster/backup", "", kArchiveTimeout});
  if (outcome.error) return session.Fail(*outcome.error);
  status = CheckDigest(outcome);
  if (!status.ok()) return session.Fail(status);
  std::string new_key;
  const auto sealed = SealOrNew(*passphrase, outcome.body, &new_key);
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
  if (!session.client().remote_address().empty()) {
    return session.Fail(
        MakeError(ErrorCode::kValidationFailed,
                  "a backup is restored on the host of the server that begins "
                  "anew, --server names another one"));
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
  if (status.error && status.unreachable) {
    return RestoreOffline(options, session, *std::move(archive));
  }
  if (status.error) return session.Fail(*status.error);
  const absl::Status meant = CheckSocket(options, session);
  if (!meant.ok()) return session.Fail(meant);
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
  absl::Status status = CheckOutput(file);
  if (!status.ok()) return session.Fail(status);
  const auto outcome =
      session.CallLeader({"GET", "/v1/operator/snapshot", "", kArchiveTimeout});
  if (outcome.error) return session.Fail(*outcome.error);
  status = CheckDigest(outcome);
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

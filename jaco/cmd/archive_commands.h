// `jaco backup`, `jaco restore` and `jaco operator snapshot`.

#ifndef JACO_CMD_ARCHIVE_COMMANDS_H_
#define JACO_CMD_ARCHIVE_COMMANDS_H_

#include <string>

#include "jaco/cmd/cli_session.h"

namespace jaco::cmd {

struct ArchiveOptions {
  std::string file;
  std::string passphrase_file;
  bool prompt = false;   // ask for the passphrase
  std::string name;      // of the node that is restored; empty: any
  std::string data_dir;  // not empty: without jacod
  std::string config;    // of jacod; empty: as jacod finds it
  std::string output = "table";
};

// Each prints to the session's world and returns the exit code.
int RunBackup(const ArchiveOptions& options, CliSession& session);
int RunRestore(const ArchiveOptions& options, CliSession& session);
int RunSnapshotSave(const ArchiveOptions& options, CliSession& session);
int RunSnapshotRestore(const ArchiveOptions& options, CliSession& session);
// Calls nobody.
int RunSnapshotInspect(const ArchiveOptions& options, CliSession& session);

}  // namespace jaco::cmd

#endif  // JACO_CMD_ARCHIVE_COMMANDS_H_

// The tree of names of a simulated file system: what is seen, and what a crash
// may leave of it. A part of SimFileSystem; others use that.

#ifndef JACO_SIM_SIM_NAMES_H_
#define JACO_SIM_SIM_NAMES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "jaco/base/prng.h"
#include "jaco/sim/sim_file.h"

namespace jaco::sim {

struct FileNode {
  SimFile file;
  bool linked = true;      // has a name; one without takes no room
  uint64_t locked_by = 0;  // the incarnation that holds its lock; 0: none
};

struct DirectoryNode;
using Node =
    std::variant<std::shared_ptr<FileNode>, std::shared_ptr<DirectoryNode>>;
using Names = std::map<std::string, Node, std::less<>>;

// One name set, or removed (nullopt). The two halves of a rename share a
// sequence number, so that a crash keeps both or none.
struct NameChange {
  uint64_t sequence;
  std::string name;
  std::optional<Node> node;
};

struct DirectoryNode {
  Names names;
  Names durable;
  std::vector<NameChange> unsynced;  // makes `durable` into `names`

  void Set(uint64_t sequence, absl::string_view name, std::optional<Node> node);
  void Sync();
};

// Calls `visit` with the path and node of every file below `directory`, by
// path.
void ForEachFile(
    DirectoryNode& directory,
    absl::FunctionRef<void(const std::string& path, FileNode& file)> visit,
    const std::string& path = "");

// A power loss: names changed since their directory was synced are kept up to a
// drawn one, in the order of their sequence, as a journaling file system does.
void CrashNames(DirectoryNode& root, Prng& prng);

// A deep copy, without locks.
std::shared_ptr<DirectoryNode> CloneTree(const DirectoryNode& root);

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_NAMES_H_

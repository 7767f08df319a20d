#include "jaco/sim/sim_names.h"

#include <iterator>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace jaco::sim {
namespace {

void SetName(Names& names, const std::string& name,
             const std::optional<Node>& node) {
  if (node.has_value()) {
    names.insert_or_assign(name, *node);
  } else {
    names.erase(name);
  }
}

// The sequence numbers of all unsynced changes below `directory`, also in
// directories that are seen only, or durable only.
void CollectSequences(const DirectoryNode& directory, std::set<uint64_t>* out) {
  for (const NameChange& change : directory.unsynced) {
    out->insert(change.sequence);
  }
  for (const Names* names : {&directory.names, &directory.durable}) {
    for (const auto& [name, node] : *names) {
      if (const auto* child =
              std::get_if<std::shared_ptr<DirectoryNode>>(&node)) {
        CollectSequences(**child, out);
      }
    }
  }
}

uint64_t DrawLastKept(const DirectoryNode& root, Prng& prng) {
  const CrashMood mood = DrawMood(prng);
  if (mood == CrashMood::kKeepAll) return std::numeric_limits<uint64_t>::max();
  if (mood == CrashMood::kDropAll) return 0;
  std::set<uint64_t> sequences = {0};
  CollectSequences(root, &sequences);
  return *std::next(sequences.begin(),
                    static_cast<int64_t>(prng.Below(sequences.size())));
}

void KeepUpTo(uint64_t last, DirectoryNode& directory) {
  for (const NameChange& change : directory.unsynced) {
    if (change.sequence > last) break;
    SetName(directory.durable, change.name, change.node);
  }
  directory.unsynced.clear();
  directory.names = directory.durable;
  for (auto& [name, node] : directory.names) {
    if (auto* child = std::get_if<std::shared_ptr<DirectoryNode>>(&node)) {
      KeepUpTo(last, **child);
    } else {
      // It may have been removed, and that be undone by the crash.
      std::get<std::shared_ptr<FileNode>>(node)->linked = true;
    }
  }
}

// Copies nodes, each once however often it is named. The maps are only looked
// things up in: the order of pointers reaches nothing.
class Cloner {
 public:
  Node operator()(const std::shared_ptr<FileNode>& node) {
    std::shared_ptr<FileNode>& copy = files_[node.get()];
    if (copy == nullptr) {
      copy = std::make_shared<FileNode>(*node);
      copy->locked_by = 0;
    }
    return copy;
  }

  Node operator()(const std::shared_ptr<DirectoryNode>& node) {
    std::shared_ptr<DirectoryNode>& copy = directories_[node.get()];
    if (copy == nullptr) {
      copy = std::make_shared<DirectoryNode>();
      Fill(*node, *copy);
    }
    return copy;
  }

  void Fill(const DirectoryNode& from, DirectoryNode& to) {
    to.names = Copy(from.names);
    to.durable = Copy(from.durable);
    to.unsynced = from.unsynced;
    for (NameChange& change : to.unsynced) {
      if (change.node.has_value())
        change.node = std::visit(*this, *change.node);
    }
  }

 private:
  Names Copy(const Names& names) {
    Names copy;
    for (const auto& [name, node] : names) {
      copy.emplace_hint(copy.end(), name, std::visit(*this, node));
    }
    return copy;
  }

  std::map<const FileNode*, std::shared_ptr<FileNode>> files_;
  std::map<const DirectoryNode*, std::shared_ptr<DirectoryNode>> directories_;
};

}  // namespace

void DirectoryNode::Set(uint64_t sequence, absl::string_view name,
                        std::optional<Node> node) {
  SetName(names, std::string(name), node);
  unsynced.push_back({sequence, std::string(name), std::move(node)});
}

void DirectoryNode::Sync() {
  for (const NameChange& change : unsynced) {
    SetName(durable, change.name, change.node);
  }
  unsynced.clear();
}

void ForEachFile(
    DirectoryNode& directory,
    absl::FunctionRef<void(const std::string& path, FileNode& file)> visit,
    const std::string& path) {
  for (auto& [name, node] : directory.names) {
    const std::string child_path = absl::StrCat(path, "/", name);
    if (auto* child = std::get_if<std::shared_ptr<DirectoryNode>>(&node)) {
      ForEachFile(**child, visit, child_path);
    } else {
      visit(child_path, *std::get<std::shared_ptr<FileNode>>(node));
    }
  }
}

void CrashNames(DirectoryNode& root, Prng& prng) {
  KeepUpTo(DrawLastKept(root, prng), root);
}

std::shared_ptr<DirectoryNode> CloneTree(const DirectoryNode& root) {
  auto copy = std::make_shared<DirectoryNode>();
  Cloner().Fill(root, *copy);
  return copy;
}

}  // namespace jaco::sim

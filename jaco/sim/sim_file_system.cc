#include "jaco/sim/sim_file_system.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "jaco/base/check.h"
#include "jaco/base/crc32c.h"

namespace jaco::sim {
namespace {

// No file grows beyond this: the content is in memory.
constexpr uint64_t kFileBytesMax = uint64_t{4} << 30;

absl::Status NotFound(absl::string_view operation, absl::string_view path) {
  return absl::NotFoundError(absl::StrCat(operation, " ", path, ": not found"));
}

absl::Status NoRoom(absl::string_view operation, absl::string_view path) {
  return absl::ResourceExhaustedError(
      absl::StrCat(operation, " ", path, ": no space left"));
}

absl::Status Refused(absl::string_view operation, absl::string_view path,
                     absl::string_view reason) {
  return absl::InternalError(absl::StrCat(operation, " ", path, ": ", reason));
}

std::vector<absl::string_view> PartsOf(absl::string_view path) {
  return absl::StrSplit(path, '/', [](absl::string_view part) {
    return !part.empty() && part != ".";
  });
}

template <typename T>
std::shared_ptr<T> Find(const DirectoryNode& directory,
                        absl::string_view name) {
  const auto it = directory.names.find(name);
  if (it == directory.names.end()) return nullptr;
  const auto* node = std::get_if<std::shared_ptr<T>>(&it->second);
  return node == nullptr ? nullptr : *node;
}

}  // namespace

class SimFileSystem::Handle final : public env::File {
 public:
  Handle(SimFileSystem* fs, std::shared_ptr<FileNode> node,
         absl::string_view path, bool writable)
      : fs_(fs),
        node_(std::move(node)),
        path_(path),
        writable_(writable),
        incarnation_(fs->incarnation_) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, size_t size,
                                char* out) override {
    const Start start = Begin("ReadAt", size);
    if (!start.status.ok()) return start.status;
    if (!node_->file.CanRead(offset, size)) {
      return fs_->FailUnreadable("ReadAt", path_);
    }
    return node_->file.Read(offset, size, out);
  }

  absl::Status WriteAt(uint64_t offset, absl::string_view data) override {
    Start start = BeginWrite("WriteAt", data.size());
    if (start.effect == Effect::kNone) return start.status;
    if (start.effect == Effect::kPartial) {
      data = data.substr(0, fs_->prng_.Between(0, data.size()));
    }
    const uint64_t size_max = fs_->SizeMax(*node_);
    if (offset > size_max || data.size() > size_max - offset) {
      // As much as fits is written, as a real file system does.
      data = data.substr(0, offset > size_max ? 0 : size_max - offset);
      if (start.status.ok()) start.status = NoRoom("WriteAt", path_);
    }
    if (data.empty()) return start.status;
    if (!node_->file.CanWrite(offset, data.size())) {
      return fs_->FailUnreadable("WriteAt", path_);
    }
    const uint64_t before = node_->file.size();
    node_->file.Write(offset, data);
    fs_->Resized(*node_, before);
    return start.status;
  }

  absl::Status Sync() override {
    const Start start = Begin("Sync", 0);
    if (start.status.ok()) node_->file.Sync();
    // After a power loss during it Crash draws what had become durable.
    if (start.effect == Effect::kPartial) node_->file.FailSync(fs_->prng_);
    return start.status;
  }

  absl::Status Truncate(uint64_t size) override {
    const Start start = BeginWrite("Truncate", size);
    if (start.effect != Effect::kFull) return start.status;
    if (size > fs_->SizeMax(*node_)) return NoRoom("Truncate", path_);
    const uint64_t before = node_->file.size();
    node_->file.Truncate(size);
    fs_->Resized(*node_, before);
    return start.status;
  }

  absl::Status Preallocate(uint64_t size) override {
    const Start start = BeginWrite("Preallocate", size);
    if (start.effect != Effect::kFull) return start.status;
    if (size > fs_->SizeMax(*node_)) return NoRoom("Preallocate", path_);
    const uint64_t before = node_->file.size();
    node_->file.Preallocate(size);
    fs_->Resized(*node_, before);
    return start.status;
  }

  absl::StatusOr<uint64_t> Size() override {
    const Start start = Begin("Size", 0);
    if (!start.status.ok()) return start.status;
    return node_->file.size();
  }

 private:
  Start Begin(const char* operation, uint64_t size) {
    if (incarnation_ != fs_->incarnation_) {
      return {Refused(operation, path_, "opened before a crash"),
              Effect::kNone};
    }
    return fs_->Begin(operation, path_, size);
  }

  Start BeginWrite(const char* operation, uint64_t size) {
    if (!writable_) {
      return {absl::PermissionDeniedError(
                  absl::StrCat(operation, " ", path_, ": open for reading")),
              Effect::kNone};
    }
    return Begin(operation, size);
  }

  SimFileSystem* fs_;
  std::shared_ptr<FileNode> node_;
  std::string path_;
  bool writable_;
  uint64_t incarnation_;
};

class SimFileSystem::HeldLock final : public env::FileLock {
 public:
  explicit HeldLock(std::shared_ptr<FileNode> node) : node_(std::move(node)) {
    holder_ = node_->locked_by;
  }
  // A later incarnation may hold it by now.
  ~HeldLock() override {
    if (node_->locked_by == holder_) node_->locked_by = 0;
  }

 private:
  std::shared_ptr<FileNode> node_;
  uint64_t holder_;
};

SimFileSystem::SimFileSystem(Prng prng) : prng_(prng) {}

std::unique_ptr<SimFileSystem> SimFileSystem::Clone() const {
  auto clone = std::make_unique<SimFileSystem>(prng_);
  clone->root_ = CloneTree(*root_);
  clone->operations_ = operations_;
  clone->crashed_ = crashed_;
  clone->incarnation_ = incarnation_;
  clone->name_sequence_ = name_sequence_;
  clone->capacity_bytes_ = capacity_bytes_;
  clone->used_bytes_ = used_bytes_;
  return clone;
}

absl::StatusOr<std::unique_ptr<env::File>> SimFileSystem::Open(
    absl::string_view path, env::OpenMode mode) {
  const Start start = Begin("Open", path, 0);
  if (start.effect != Effect::kFull) return start.status;
  absl::StatusOr<std::shared_ptr<FileNode>> node = OpenNode(path, mode);
  if (!start.status.ok()) return start.status;
  if (!node.ok()) return node.status();
  return std::make_unique<Handle>(this, *std::move(node), path,
                                  mode != env::OpenMode::kRead);
}

absl::StatusOr<std::shared_ptr<FileNode>> SimFileSystem::OpenNode(
    absl::string_view path, env::OpenMode mode) {
  const Place place = FindPlace(path);
  if (place.directory == nullptr) return NotFound("Open", path);
  const auto it = place.directory->names.find(place.name);
  if (it == place.directory->names.end()) {
    if (mode == env::OpenMode::kRead || mode == env::OpenMode::kReadWrite) {
      return NotFound("Open", path);
    }
    return CreateNode(place);
  }
  if (mode == env::OpenMode::kCreate) {
    return absl::AlreadyExistsError(absl::StrCat("Open ", path, ": exists"));
  }
  const auto* found = std::get_if<std::shared_ptr<FileNode>>(&it->second);
  if (found == nullptr) return Refused("Open", path, "is a directory");
  if (mode == env::OpenMode::kCreateTruncate && (*found)->file.size() > 0) {
    const uint64_t before = (*found)->file.size();
    (*found)->file.Truncate(0);
    Resized(**found, before);
  }
  return *found;
}

std::shared_ptr<FileNode> SimFileSystem::CreateNode(const Place& place) {
  auto node = std::make_shared<FileNode>();
  place.directory->Set(++name_sequence_, place.name, node);
  return node;
}

template <typename Change>
absl::Status SimFileSystem::ChangeNames(const char* operation,
                                        absl::string_view path, Change change) {
  const Start start = Begin(operation, path, 0);
  if (start.effect != Effect::kFull) return start.status;
  const absl::Status status = change();
  return start.status.ok() ? status : start.status;
}

absl::Status SimFileSystem::Rename(absl::string_view from,
                                   absl::string_view to) {
  return ChangeNames("Rename", from, [&] { return DoRename(from, to); });
}

absl::Status SimFileSystem::DoRename(absl::string_view from,
                                     absl::string_view to) {
  const Place source = FindPlace(from);
  const Place target = FindPlace(to);
  if (source.directory == nullptr || target.directory == nullptr) {
    return NotFound("Rename", from);
  }
  const auto it = source.directory->names.find(source.name);
  if (it == source.directory->names.end()) return NotFound("Rename", from);
  if (Find<DirectoryNode>(*target.directory, target.name) != nullptr) {
    return Refused("Rename", to, "is a directory");
  }
  const Node node = it->second;
  const auto replaced = Find<FileNode>(*target.directory, target.name);
  if (replaced != nullptr) {
    if (source.directory == target.directory && source.name == target.name) {
      return absl::OkStatus();
    }
    Unlink(*replaced);
  }
  const uint64_t sequence = ++name_sequence_;
  source.directory->Set(sequence, source.name, std::nullopt);
  target.directory->Set(sequence, target.name, node);
  return absl::OkStatus();
}

absl::Status SimFileSystem::Remove(absl::string_view path) {
  return ChangeNames("Remove", path, [&] { return DoRemove(path); });
}

absl::Status SimFileSystem::DoRemove(absl::string_view path) {
  const Place place = FindPlace(path);
  const auto node = place.directory == nullptr
                        ? nullptr
                        : Find<FileNode>(*place.directory, place.name);
  if (node == nullptr) return NotFound("Remove", path);
  Unlink(*node);
  place.directory->Set(++name_sequence_, place.name, std::nullopt);
  return absl::OkStatus();
}

absl::StatusOr<bool> SimFileSystem::Exists(absl::string_view path) {
  const Start start = Begin("Exists", path, 0);
  if (!start.status.ok()) return start.status;
  return FindDirectory(path) != nullptr || FindFile(path) != nullptr;
}

absl::StatusOr<uint64_t> SimFileSystem::FileSize(absl::string_view path) {
  const Start start = Begin("FileSize", path, 0);
  if (!start.status.ok()) return start.status;
  const auto node = FindFile(path);
  if (node == nullptr) return NotFound("FileSize", path);
  return node->file.size();
}

absl::Status SimFileSystem::CreateDirectory(absl::string_view path) {
  return ChangeNames("CreateDirectory", path,
                     [&] { return DoCreateDirectory(path); });
}

absl::Status SimFileSystem::DoCreateDirectory(absl::string_view path) {
  if (FindDirectory(path) != nullptr) return absl::OkStatus();
  const Place place = FindPlace(path);
  if (place.directory == nullptr) return NotFound("CreateDirectory", path);
  if (place.directory->names.contains(place.name)) {
    return absl::AlreadyExistsError(
        absl::StrCat("CreateDirectory ", path, ": is a file"));
  }
  place.directory->Set(++name_sequence_, place.name,
                       std::make_shared<DirectoryNode>());
  return absl::OkStatus();
}

absl::Status SimFileSystem::RemoveDirectory(absl::string_view path) {
  return ChangeNames("RemoveDirectory", path,
                     [&] { return DoRemoveDirectory(path); });
}

absl::Status SimFileSystem::DoRemoveDirectory(absl::string_view path) {
  const Place place = FindPlace(path);
  const auto node = place.directory == nullptr
                        ? nullptr
                        : Find<DirectoryNode>(*place.directory, place.name);
  if (node == nullptr) return NotFound("RemoveDirectory", path);
  if (!node->names.empty()) {
    return Refused("RemoveDirectory", path, "not empty");
  }
  place.directory->Set(++name_sequence_, place.name, std::nullopt);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SimFileSystem::List(
    absl::string_view directory) {
  const Start start = Begin("List", directory, 0);
  if (!start.status.ok()) return start.status;
  const auto node = FindDirectory(directory);
  if (node == nullptr) return NotFound("List", directory);
  std::vector<std::string> names;
  names.reserve(node->names.size());
  for (const auto& [name, child] : node->names) names.push_back(name);
  return names;
}

absl::Status SimFileSystem::SyncDirectory(absl::string_view directory) {
  const Start start = Begin("SyncDirectory", directory, 0);
  if (!start.status.ok()) return start.status;
  const auto node = FindDirectory(directory);
  if (node == nullptr) return NotFound("SyncDirectory", directory);
  node->Sync();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<env::FileLock>> SimFileSystem::Lock(
    absl::string_view path) {
  const Start start = Begin("Lock", path, 0);
  if (!start.status.ok()) return start.status;
  const Place place = FindPlace(path);
  if (place.directory == nullptr) return NotFound("Lock", path);
  auto node = Find<FileNode>(*place.directory, place.name);
  if (node == nullptr) node = CreateNode(place);
  if (node->locked_by != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("Lock ", path, ": held by another"));
  }
  node->locked_by = incarnation_;
  return std::make_unique<HeldLock>(std::move(node));
}

void SimFileSystem::Crash(Prng& prng) {
  CrashNames(*root_, prng);
  // A stream a file: what happens to one does not depend on which others there
  // are.
  const uint64_t key = prng.Next();
  ForEachFile(*root_, [key](const std::string& path, FileNode& node) {
    Prng file_prng(key ^ Crc32c(path));
    node.file.Crash(file_prng);
  });
  StartIncarnation();
}

void SimFileSystem::Restart() { StartIncarnation(); }

void SimFileSystem::Replace() {
  root_ = std::make_shared<DirectoryNode>();
  StartIncarnation();
}

void SimFileSystem::StartIncarnation() {
  ++incarnation_;
  crashed_ = false;
  fail_at_ = 0;
  used_bytes_ = 0;
  ForEachFile(*root_, [this](const std::string&, FileNode& node) {
    node.locked_by = 0;
    used_bytes_ += node.file.size();
  });
}

void SimFileSystem::FailAt(uint64_t operation, Fault fault) {
  fail_at_ = operation;
  fault_ = fault;
}

SimFileSystem::Start SimFileSystem::Begin(const char* operation,
                                          absl::string_view path,
                                          uint64_t size) {
  ++operations_;
  if (observer_) observer_(operation, path, size);
  if (crashed_ || operations_ == fail_at_) return BeginFaulty(operation, path);
  return {absl::OkStatus(), Effect::kFull};
}

SimFileSystem::Start SimFileSystem::BeginFaulty(const char* operation,
                                                absl::string_view path) {
  if (crashed_) return {Refused(operation, path, "crashed"), Effect::kNone};
  switch (fault_) {
    case Fault::kIoError:
      return {absl::DataLossError(
                  absl::StrCat(operation, " ", path, ": I/O error")),
              Effect::kPartial};
    case Fault::kNoSpace:
      return {NoRoom(operation, path), Effect::kPartial};
    case Fault::kCrash:
      break;
  }
  crashed_ = true;
  return {Refused(operation, path, "crashed"), Effect::kFull};
}

std::shared_ptr<DirectoryNode> SimFileSystem::FindDirectory(
    absl::string_view path) const {
  std::shared_ptr<DirectoryNode> directory = root_;
  for (const absl::string_view part : PartsOf(path)) {
    directory = Find<DirectoryNode>(*directory, part);
    if (directory == nullptr) break;
  }
  return directory;
}

SimFileSystem::Place SimFileSystem::FindPlace(absl::string_view path) const {
  const std::vector<absl::string_view> parts = PartsOf(path);
  if (parts.empty()) return {nullptr, ""};
  std::shared_ptr<DirectoryNode> directory = root_;
  for (size_t i = 0; i + 1 < parts.size() && directory != nullptr; ++i) {
    directory = Find<DirectoryNode>(*directory, parts[i]);
  }
  return {std::move(directory), std::string(parts.back())};
}

std::shared_ptr<FileNode> SimFileSystem::FindFile(
    absl::string_view path) const {
  const Place place = FindPlace(path);
  return place.directory == nullptr
             ? nullptr
             : Find<FileNode>(*place.directory, place.name);
}

uint64_t SimFileSystem::SizeMax(const FileNode& node) const {
  if (!node.linked) return kFileBytesMax;
  const uint64_t room =
      capacity_bytes_ - std::min(capacity_bytes_, used_bytes_);
  return std::min(kFileBytesMax, node.file.size() + room);
}

void SimFileSystem::Resized(const FileNode& node, uint64_t before) {
  if (node.linked) used_bytes_ += node.file.size() - before;
}

void SimFileSystem::Unlink(FileNode& node) {
  node.linked = false;
  used_bytes_ -= node.file.size();
}

}  // namespace jaco::sim

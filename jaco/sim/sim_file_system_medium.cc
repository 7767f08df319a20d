// What is seen of files and happens to them other than by operations.

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/sim/sim_file_system.h"

namespace jaco::sim {

std::string SimFileSystem::Contents(absl::string_view path) const {
  const auto node = FindFile(path);
  JACO_CHECK_MSG(node != nullptr, path);
  std::string contents(node->file.size(), '\0');
  node->file.Read(0, contents.size(), contents.data());
  return contents;
}

uint64_t SimFileSystem::CountFiles() const {
  uint64_t count = 0;
  ForEachFile(*root_, [&count](const std::string&, FileNode&) { ++count; });
  return count;
}

void SimFileSystem::OverwriteByte(absl::string_view path, uint64_t offset,
                                  uint8_t value) {
  const auto node = FindFile(path);
  JACO_CHECK_MSG(node != nullptr, path);
  char old = 0;
  node->file.Read(offset, 1, &old);
  node->file.XorByte(offset, static_cast<uint8_t>(old) ^ value);
}

void SimFileSystem::FlipBit(absl::string_view path, uint64_t offset, int bit) {
  const auto node = FindFile(path);
  JACO_CHECK_MSG(node != nullptr, path);
  node->file.XorByte(offset, static_cast<uint8_t>(1 << bit));
}

void SimFileSystem::MakeUnreadable(absl::string_view path, uint64_t offset,
                                   uint64_t size) {
  const auto node = FindFile(path);
  JACO_CHECK_MSG(node != nullptr, path);
  node->file.LoseSectors(offset, size);
}

std::vector<std::string> SimFileSystem::Unreadable() const {
  std::vector<std::string> paths;
  ForEachFile(*root_, [&paths](const std::string& path, FileNode& node) {
    if (node.file.has_lost_sectors()) paths.push_back(path);
  });
  return paths;
}

void SimFileSystem::ZeroUnreadable() {
  ForEachFile(*root_, [](const std::string&, FileNode& node) {
    node.file.ZeroLostSectors();
  });
}

void SimFileSystem::RereadUnreadable() {
  ForEachFile(*root_, [](const std::string&, FileNode& node) {
    node.file.FindLostSectors();
  });
}

absl::Status SimFileSystem::FailUnreadable(const char* operation,
                                           absl::string_view path) {
  ++unreadable_hits_;
  return absl::DataLossError(
      absl::StrCat(operation, " ", path, ": I/O error on the medium"));
}

}  // namespace jaco::sim

#include "jaco/server/backup_format.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/server/security/archive.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kMetaName = "meta.json";
constexpr absl::string_view kStateName = "state.bin";
constexpr absl::string_view kKeyringName = "keyring.bin";

absl::Status Damaged(absl::string_view what) {
  return MakeError(ErrorCode::kDataLoss, absl::StrCat("the archive ", what));
}

}  // namespace

absl::StatusOr<std::string> EncodeBackup(BackupContent content) {
  content.meta.size = content.state.size();
  std::vector<ArchiveMember> members;
  members.push_back(
      {std::string(kMetaName), net::EncodeArchiveMeta(content.meta)});
  members.push_back({std::string(kStateName), std::move(content.state)});
  if (content.keyring) {
    members.push_back({std::string(kKeyringName), *std::move(content.keyring)});
  }
  return EncodeArchive(members);
}

absl::StatusOr<BackupContent> DecodeBackup(absl::string_view archive) {
  auto members = DecodeArchive(archive);
  if (!members.ok()) return members.status();
  BackupContent content;
  bool has_meta = false;
  bool has_state = false;
  for (ArchiveMember& member : *members) {
    if (member.name == kMetaName) {
      auto meta = net::DecodeArchiveMeta(member.bytes);
      if (!meta.ok()) return meta.status();
      content.meta = *std::move(meta);
      has_meta = true;
    } else if (member.name == kStateName) {
      content.state = std::move(member.bytes);
      has_state = true;
    } else if (member.name == kKeyringName) {
      content.keyring = std::move(member.bytes);
    } else {
      return Damaged(
          absl::StrCat("has a member that nobody knows, ", member.name));
    }
  }
  if (!has_meta || !has_state) return Damaged("lacks meta.json or state.bin");
  if (content.meta.size != content.state.size()) {
    return Damaged("says another size of state.bin than it has");
  }
  return content;
}

}  // namespace jaco::server

#include "jaco/server/bootstrap_record.h"

#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kMagic = "jaco-bs\n";
constexpr uint32_t kVersion = 1;
// With a sealed join token. Who knows version 1 only would see no token.
constexpr uint32_t kSealedVersion = 2;
constexpr absl::string_view kTokenPurpose = "join token";

uint32_t VersionOf(const BootstrapRecord& record) {
  return record.sealed_join_token().empty() ? kVersion : kSealedVersion;
}

absl::StatusOr<std::optional<BootstrapRecord>> LoadFrom(
    env::FileSystem& fs, const std::string& directory, absl::string_view name) {
  const auto bytes = storage::ReadReplaced(fs, directory, name);
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return std::optional<BootstrapRecord>();
  auto record = DecodeBootstrapRecord(**bytes);
  if (record.ok()) return *std::move(record);
  return MakeError(
      ErrorCode::kDataLoss,
      absl::StrCat(directory, "/", name, ": ", record.status().message()));
}

absl::StatusOr<std::optional<BootstrapRecord>> LoadOpen(
    env::FileSystem& fs, const std::string& directory, absl::string_view name,
    const Keyring* seal_key) {
  auto record = LoadFrom(fs, directory, name);
  if (!record.ok() || !record->has_value()) return record;
  const absl::Status opened = OpenJoinToken(seal_key, &**record);
  if (opened.ok()) return record;
  return MakeError(CodeOf(opened),
                   absl::StrCat(directory, "/", name, ": ", opened.message()));
}

absl::Status RemoveFrom(env::FileSystem& fs, const std::string& directory,
                        absl::string_view name) {
  const absl::Status removed = fs.Remove(absl::StrCat(directory, "/", name));
  if (absl::IsNotFound(removed)) return absl::OkStatus();
  return removed.ok() ? fs.SyncDirectory(directory) : removed;
}

absl::Status Invalid(absl::string_view why) {
  return MakeError(ErrorCode::kValidationFailed, absl::StrCat("hello: ", why));
}

}  // namespace

bool operator<(const Ballot& a, const Ballot& b) {
  return std::make_tuple(a.round(), a.server()) <
         std::make_tuple(b.round(), b.server());
}

bool Promise(const Ballot& ballot, FounderVote* vote) {
  if (ballot < vote->promised()) return false;
  *vote->mutable_promised() = ballot;
  return true;
}

bool Accept(const Ballot& ballot, const Founder& founder, FounderVote* vote) {
  if (!Promise(ballot, vote)) return false;
  *vote->mutable_accepted() = ballot;
  *vote->mutable_founder() = founder;
  return true;
}

absl::Status CheckMayFound(const FounderVote& vote) {
  if (vote.founder().server_id() == 0) return absl::OkStatus();
  return MakeError(
      ErrorCode::kConflict,
      absl::StrCat("this server has agreed that ", vote.founder().node_name(),
                   " founds the cluster; see `jaco cluster status`"));
}

absl::Status ValidateHello(const HelloRequest& request) {
  if (request.server_id() == 0) return Invalid("no server");
  absl::Status status = fsm::ValidateName("node name", request.node_name());
  if (status.ok()) status = fsm::ValidateAddress(request.address());
  if (!status.ok()) return status;
  if (request.addresses_size() > static_cast<int>(kBootstrapAddressesMax)) {
    return Invalid("too many addresses");
  }
  for (const std::string& address : request.addresses()) {
    status = fsm::ValidateAddress(address);
    if (!status.ok()) return status;
  }
  const bool votes = request.ask() == HelloRequest::PROMISE ||
                     request.ask() == HelloRequest::ACCEPT;
  if (votes && (request.ballot().round() == 0 ||
                request.ballot().round() > kBallotRoundMax ||
                request.ballot().server() != request.server_id())) {
    return Invalid("no ballot of the sender's");
  }
  if (request.ask() == HelloRequest::ACCEPT &&
      (request.founder().server_id() == 0 ||
       !fsm::ValidateName("founder", request.founder().node_name()).ok())) {
    return Invalid("no founder");
  }
  return absl::OkStatus();
}

BootstrapRecord SealJoinToken(BootstrapRecord record, const Keyring* seal_key,
                              env::Entropy& entropy) {
  if (seal_key == nullptr || record.join_token().empty()) return record;
  record.set_sealed_join_token(
      seal_key->Seal(entropy, kTokenPurpose, record.join_token()));
  record.clear_join_token();
  return record;
}

absl::Status OpenJoinToken(const Keyring* seal_key, BootstrapRecord* record) {
  if (record->sealed_join_token().empty()) return absl::OkStatus();
  if (seal_key == nullptr) {
    return MakeError(
        ErrorCode::kValidationFailed,
        "the join token is sealed; seal_key_file must name the key");
  }
  auto token = seal_key->Open(kTokenPurpose, record->sealed_join_token());
  if (absl::IsFailedPrecondition(token.status())) {
    return MakeError(ErrorCode::kDataLoss, token.status().message());
  }
  if (!token.ok()) {
    return MakeError(
        ErrorCode::kPermissionDenied,
        "the join token does not open with the key of seal_key_file");
  }
  record->set_join_token(*std::move(token));
  record->clear_sealed_join_token();
  return absl::OkStatus();
}

std::string EncodeBootstrapRecord(const BootstrapRecord& record) {
  std::string bytes(kMagic);
  AppendLittleEndian(VersionOf(record), &bytes);
  absl::StrAppend(&bytes, record.SerializeAsString());
  AppendLittleEndian(Crc32c(bytes), &bytes);
  return bytes;
}

absl::StatusOr<BootstrapRecord> DecodeBootstrapRecord(absl::string_view bytes) {
  const absl::Status damaged =
      MakeError(ErrorCode::kDataLoss, "the file is damaged");
  constexpr size_t kFrame = kMagic.size() + 2 * sizeof(uint32_t);
  if (bytes.size() < kFrame) return damaged;
  const absl::string_view body = bytes.substr(0, bytes.size() - 4);
  if (LoadLittleEndian<uint32_t>(bytes.data() + body.size()) != Crc32c(body)) {
    return damaged;
  }
  ByteReader reader(body);
  if (reader.ReadBytes(kMagic.size()) != kMagic) return damaged;
  const auto version = reader.Read<uint32_t>();
  if (version != kVersion && version != kSealedVersion) {
    return MakeError(
        ErrorCode::kDataLoss,
        absl::StrCat("format version ", version,
                     "; this build knows versions up to ", kSealedVersion));
  }
  const absl::string_view text = reader.ReadBytes(reader.remaining());
  BootstrapRecord record;
  if (!record.ParseFromArray(text.data(), static_cast<int>(text.size())) ||
      record.server_id() == 0 || version != VersionOf(record)) {
    return damaged;
  }
  return record;
}

absl::StatusOr<std::optional<BootstrapRecord>> LoadBootstrapRecord(
    env::FileSystem& fs, const std::string& data_dir, const Keyring* seal_key,
    absl::string_view name) {
  return LoadOpen(fs, data_dir, name, seal_key);
}

absl::StatusOr<FounderVote> LoadFounderVote(env::FileSystem& fs,
                                            const std::string& data_dir) {
  auto record = LoadFrom(fs, data_dir, kBootstrapFile);
  if (!record.ok()) return record.status();
  return record->has_value() ? (*record)->vote() : FounderVote();
}

absl::Status StoreBootstrapRecord(env::FileSystem& fs,
                                  const std::string& data_dir,
                                  absl::string_view bytes,
                                  absl::string_view name) {
  return storage::ReplaceFile(fs, data_dir, name, bytes);
}

absl::Status RemoveBootstrapRecord(env::FileSystem& fs,
                                   const std::string& data_dir,
                                   absl::string_view name) {
  return RemoveFrom(fs, data_dir, name);
}

absl::StatusOr<std::optional<BootstrapRecord>> LoadJoinRecord(
    env::FileSystem& fs, const std::string& data_dir, const Keyring* seal_key) {
  return LoadOpen(fs, absl::StrCat(data_dir, "/node"), kJoinRecordName,
                  seal_key);
}

absl::Status RemoveJoinRecord(env::FileSystem& fs,
                              const std::string& data_dir) {
  return RemoveFrom(fs, absl::StrCat(data_dir, "/node"), kJoinRecordName);
}

}  // namespace jaco::server

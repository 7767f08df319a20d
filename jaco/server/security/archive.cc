#include "jaco/server/security/archive.h"

#include <sodium.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSumsName = "SHA256SUMS";
constexpr size_t kNameBytesMax = 64;
constexpr size_t kBlockBytes = 512;
constexpr int kGzip = 15 + 16;  // zlib's window bits, and its gzip header
// More than what tar and the sums add to kArchiveBytesMax of members.
constexpr size_t kOverheadBytes = size_t{64} << 10;

absl::Status Damaged(absl::string_view what) {
  return MakeError(ErrorCode::kDataLoss,
                   absl::StrCat("the archive is damaged: ", what));
}
absl::Status TooLarge() {
  return MakeError(
      ErrorCode::kTooLarge,
      absl::StrCat("the archive holds more than ", kArchiveBytesMax, " bytes"));
}

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

Bytef* Input(absl::string_view bytes) {
  // zlib does not write there; its interface is older than const.
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

// POSIX.1-1988 ustar; all but name and size is always the same.
std::string TarHeader(absl::string_view name, size_t size) {
  std::string header(kBlockBytes, '\0');
  const auto put = [&header](size_t at, absl::string_view text) {
    header.replace(at, text.size(), text.data(), text.size());
  };
  put(0, name);
  put(100, "0000600");  // mode
  put(108, "0000000");  // owner
  put(116, "0000000");  // group
  put(124, absl::StrFormat("%011o", size));
  put(136, "00000000000");  // changed at
  put(148, "        ");     // the checksum, while it is computed
  put(156, "0");            // a regular file
  put(257, absl::string_view("ustar\00000", 8));
  uint32_t sum = 0;
  for (const char c : header) sum += static_cast<uint8_t>(c);
  put(148, absl::StrFormat("%06o", sum));
  header[154] = '\0';
  return header;
}

void AppendMember(absl::string_view name, absl::string_view bytes,
                  std::string* tar) {
  absl::StrAppend(tar, TarHeader(name, bytes.size()), bytes);
  tar->append((kBlockBytes - bytes.size() % kBlockBytes) % kBlockBytes, '\0');
}

std::string SumsOf(const std::vector<ArchiveMember>& members) {
  std::string sums;
  for (const ArchiveMember& member : members) {
    absl::StrAppend(&sums, absl::BytesToHexString(Sha256(member.bytes)), "  ",
                    member.name, "\n");
  }
  return sums;
}

// Cuts one member off `tar`.
absl::StatusOr<ArchiveMember> TakeMember(absl::string_view* tar) {
  if (tar->size() < kBlockBytes) return Damaged("it is cut short");
  const absl::string_view header = tar->substr(0, kBlockBytes);
  ArchiveMember member;
  member.name = std::string(header.substr(0, header.find('\0')));
  if (!IsName(member.name)) return Damaged("a member has no name");
  uint64_t size = 0;
  for (const char c : header.substr(124, 11)) {
    if (c < '0' || c > '7') return Damaged("a member has no size");
    size = size * 8 + static_cast<uint64_t>(c - '0');
  }
  if (header != TarHeader(member.name, size)) {
    return Damaged("the head of a member is not as it was written");
  }
  tar->remove_prefix(kBlockBytes);
  const uint64_t padding = (kBlockBytes - size % kBlockBytes) % kBlockBytes;
  if (size > tar->size() || padding > tar->size() - size) {
    return Damaged("it is cut short");
  }
  member.bytes = std::string(tar->substr(0, size));
  const absl::string_view rest = tar->substr(size, padding);
  if (rest.find_first_not_of('\0') != absl::string_view::npos) {
    return Damaged("a gap is not empty");
  }
  tar->remove_prefix(size + padding);
  return member;
}

absl::StatusOr<std::string> Compress(absl::string_view bytes) {
  z_stream stream = {};
  JACO_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip,
                          /*memLevel=*/8, Z_DEFAULT_STRATEGY) == Z_OK);
  const absl::Cleanup end = [&stream] { deflateEnd(&stream); };
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = Input(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  JACO_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  if (out.size() > kArchiveBytesMax) return TooLarge();
  return out;
}

absl::StatusOr<std::string> Decompress(absl::string_view bytes) {
  constexpr size_t kStepBytes = size_t{64} << 10;
  z_stream stream = {};
  JACO_CHECK(inflateInit2(&stream, kGzip) == Z_OK);
  const absl::Cleanup end = [&stream] { inflateEnd(&stream); };
  std::string out;
  stream.next_in = Input(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  int result = Z_OK;
  while (result == Z_OK) {
    const size_t have = out.size();
    if (have > kArchiveBytesMax + kOverheadBytes) return TooLarge();
    out.resize(have + kStepBytes);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    stream.avail_out = kStepBytes;
    result = inflate(&stream, Z_NO_FLUSH);
    out.resize(have + kStepBytes - stream.avail_out);
  }
  if (result != Z_STREAM_END) {
    return Damaged("it does not decompress, or is cut short");
  }
  if (stream.avail_in > 0) return Damaged("bytes follow its end");
  return out;
}

}  // namespace

std::string Sha256(absl::string_view bytes) {
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<uint8_t*>(hash.data()),
                     reinterpret_cast<const uint8_t*>(bytes.data()),
                     bytes.size());
  return hash;
}

absl::StatusOr<std::string> EncodeArchive(
    const std::vector<ArchiveMember>& members) {
  JACO_CHECK(members.size() <= kArchiveMembersMax);
  size_t size = 0;
  for (const ArchiveMember& member : members) {
    JACO_CHECK(IsName(member.name) && member.name != kSumsName);
    size += member.bytes.size();
  }
  if (size > kArchiveBytesMax) return TooLarge();
  std::string tar;
  tar.reserve(size + kOverheadBytes);
  for (const ArchiveMember& member : members) {
    AppendMember(member.name, member.bytes, &tar);
  }
  AppendMember(kSumsName, SumsOf(members), &tar);
  tar.append(2 * kBlockBytes, '\0');
  return Compress(tar);
}

absl::StatusOr<std::vector<ArchiveMember>> DecodeArchive(
    absl::string_view bytes) {
  if (bytes.size() > kArchiveBytesMax) return TooLarge();
  const auto unpacked = Decompress(bytes);
  if (!unpacked.ok()) return unpacked.status();
  absl::string_view tar = *unpacked;
  std::vector<ArchiveMember> members;
  std::set<std::string> names;
  while (true) {
    auto member = TakeMember(&tar);
    if (!member.ok()) return member.status();
    if (member->name == kSumsName) {
      if (member->bytes != SumsOf(members)) {
        return Damaged("the checksums do not fit");
      }
      break;
    }
    if (members.size() == kArchiveMembersMax ||
        !names.insert(member->name).second) {
      return Damaged("it has too many members, or one twice");
    }
    members.push_back(*std::move(member));
  }
  if (tar.size() != 2 * kBlockBytes ||
      tar.find_first_not_of('\0') != absl::string_view::npos) {
    return Damaged("something follows the checksums");
  }
  return members;
}

}  // namespace jaco::server

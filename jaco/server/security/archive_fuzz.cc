// Input: an archive; what is in one, uncompressed; a sealed file; and changes
// to good ones: three bytes each, position and value.

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/server/security/archive.h"
#include "jaco/server/security/sealed_file.h"

namespace jaco::server {
namespace {

class ZeroEntropy final : public env::Entropy {
 public:
  void Fill(absl::Span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = 0;
  }
};

std::string Gzip(absl::string_view bytes) {
  z_stream stream = {};
  JACO_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8,
                          Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  std::string in(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  JACO_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Gunzip(std::string bytes) {
  z_stream stream = {};
  JACO_CHECK(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string out(size_t{64} << 10, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  JACO_CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

const std::vector<ArchiveMember>& Members() {
  static const auto& members = *new std::vector<ArchiveMember>{
      {"meta.json", "{}"}, {"state.bin", std::string(600, 'x')}};
  return members;
}

std::string Edit(std::string bytes, absl::string_view edits) {
  for (size_t i = 0; i + 3 <= edits.size(); i += 3) {
    const size_t at = static_cast<uint8_t>(edits[i]) * size_t{256} +
                      static_cast<uint8_t>(edits[i + 1]);
    bytes[at % bytes.size()] = edits[i + 2];
  }
  return bytes;
}

// What is taken, is what was written.
void CheckArchive(absl::string_view bytes) {
  const auto members = DecodeArchive(bytes);
  if (!members.ok()) return;
  const auto again = DecodeArchive(*EncodeArchive(*members));
  JACO_CHECK(again.ok() && *again == *members);
}

void CheckEdited(absl::string_view edits) {
  static const auto& archive = *new std::string(*EncodeArchive(Members()));
  static const auto& tar = *new std::string(Gunzip(archive));
  const auto members = DecodeArchive(Edit(archive, edits));
  JACO_CHECK(!members.ok() || *members == Members());
  // The sums are in the tar, too: edits may change both, but not fittingly.
  const auto edited = DecodeArchive(Gzip(Edit(tar, edits)));
  JACO_CHECK(!edited.ok() || *edited == Members());
}

void CheckSealed(absl::string_view bytes) {
  static constexpr absl::string_view kPlain = "what nobody may read";
  static const auto& key = *new std::string(64, 'a');
  static const auto& sealed = *new std::string([] {
    ZeroEntropy entropy;
    return *SealWithKey(entropy, key, kPlain);
  }());
  JACO_CHECK(!OpenSealedFile(bytes, key).ok());
  const auto plain = OpenSealedFile(Edit(sealed, bytes), key);
  JACO_CHECK(!plain.ok() || *plain == kPlain);
}

}  // namespace
}  // namespace jaco::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  jaco::server::CheckArchive(bytes);
  jaco::server::CheckArchive(jaco::server::Gzip(bytes));
  jaco::server::CheckEdited(bytes);
  jaco::server::CheckSealed(bytes);
  return 0;
}

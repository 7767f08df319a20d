#include "jaco/raft/codec.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/endian.h"
#include "jaco/raft/codec_internal.h"

namespace jaco::raft {

using internal::kEntryHeaderBytes;

namespace internal {

absl::StatusOr<EntryPtr> ReadEntry(ByteReader& reader) {
  const Term term(reader.Read<uint64_t>());
  const LogIndex index(reader.Read<uint64_t>());
  const auto kind = reader.Read<uint8_t>();
  const absl::string_view data = reader.ReadBytes(reader.Read<uint32_t>());
  if (!reader.ok()) return absl::InvalidArgumentError("entry is cut short");
  if (index == LogIndex(0)) {
    return absl::InvalidArgumentError("entry has index 0");
  }
  if (kind > static_cast<uint8_t>(EntryKind::kConfiguration)) {
    return absl::InvalidArgumentError(
        absl::StrCat("entry ", index.value(), " has unknown kind ", kind));
  }
  if (kind == static_cast<uint8_t>(EntryKind::kConfiguration)) {
    // Whoever gets the entry may rely on its configuration.
    absl::StatusOr<Configuration> configuration = DecodeConfiguration(data);
    if (!configuration.ok()) return configuration.status();
  }
  return std::make_shared<const Entry>(
      Entry{{term, index}, static_cast<EntryKind>(kind), std::string(data)});
}

}  // namespace internal

namespace {

constexpr uint8_t kConfigurationVersion = 1;

absl::Status TrailingBytes(absl::string_view what, size_t count) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is followed by ", count, " surplus bytes"));
}

void AppendNodes(const std::vector<NodeId>& nodes, std::string* out) {
  AppendLittleEndian(static_cast<uint32_t>(nodes.size()), out);
  for (const NodeId node : nodes) AppendLittleEndian(node.value(), out);
}

// A count of elements that take at least `element_bytes` each; 0 and a reader
// that is not ok when what remains cannot hold so many.
uint32_t ReadCount(ByteReader& reader, size_t element_bytes) {
  const auto count = reader.Read<uint32_t>();
  if (count <= reader.remaining() / element_bytes) return count;
  reader.ReadBytes(reader.remaining() + 1);
  return 0;
}

std::vector<NodeId> ReadNodes(ByteReader& reader) {
  std::vector<NodeId> nodes(ReadCount(reader, sizeof(uint64_t)));
  for (NodeId& node : nodes) node = NodeId(reader.Read<uint64_t>());
  return nodes;
}

std::vector<std::pair<NodeId, std::string>> ReadAddresses(ByteReader& reader) {
  std::vector<std::pair<NodeId, std::string>> addresses(
      ReadCount(reader, sizeof(uint64_t) + sizeof(uint32_t)));
  for (auto& [node, address] : addresses) {
    node = NodeId(reader.Read<uint64_t>());
    address = std::string(reader.ReadBytes(reader.Read<uint32_t>()));
  }
  return addresses;
}

bool Ascending(const std::vector<NodeId>& nodes) {
  return std::adjacent_find(nodes.begin(), nodes.end(),
                            std::greater_equal<>()) == nodes.end() &&
         (nodes.empty() || nodes.front() != kNoNode);
}

bool AddressesAscending(const Configuration& configuration) {
  std::vector<NodeId> nodes;
  nodes.reserve(configuration.addresses.size());
  for (const auto& [node, address] : configuration.addresses) {
    nodes.push_back(node);
  }
  return Ascending(nodes);
}

}  // namespace

absl::string_view DefectOf(const Configuration& configuration) {
  if (configuration.voters.empty()) return "no voters";
  if (!Ascending(configuration.voters)) return "voters out of order";
  if (!Ascending(configuration.outgoing)) return "outgoing voters out of order";
  if (!Ascending(configuration.learners)) return "learners out of order";
  if (!AddressesAscending(configuration)) return "addresses out of order";
  for (const NodeId node : configuration.learners) {
    if (std::binary_search(configuration.voters.begin(),
                           configuration.voters.end(), node)) {
      return "a learner that is a voter";
    }
  }
  return "";
}

size_t EncodedEntrySize(const Entry& entry) {
  return kEntryHeaderBytes + entry.data.size();
}

void AppendEntry(const Entry& entry, std::string* out) {
  JACO_CHECK_MSG(entry.data.size() <= std::numeric_limits<uint32_t>::max(),
                 "entry ", entry.id.index.value(), " has ", entry.data.size(),
                 " bytes");
  char header[kEntryHeaderBytes];
  StoreLittleEndian(entry.id.term.value(), header);
  StoreLittleEndian(entry.id.index.value(), header + 8);
  StoreLittleEndian(static_cast<uint8_t>(entry.kind), header + 16);
  StoreLittleEndian(static_cast<uint32_t>(entry.data.size()), header + 17);
  out->append(header, sizeof(header));
  out->append(entry.data);
}

absl::StatusOr<EntryPtr> DecodeEntry(absl::string_view data) {
  ByteReader reader(data);
  absl::StatusOr<EntryPtr> entry = internal::ReadEntry(reader);
  if (entry.ok() && !reader.AtEnd()) {
    return TrailingBytes("entry", reader.remaining());
  }
  return entry;
}

std::string EncodeHardState(const HardState& state) {
  std::string out;
  out.reserve(16);
  AppendLittleEndian(state.term.value(), &out);
  AppendLittleEndian(state.voted_for.value(), &out);
  return out;
}

absl::StatusOr<HardState> DecodeHardState(absl::string_view data) {
  ByteReader reader(data);
  HardState state;
  state.term = Term(reader.Read<uint64_t>());
  state.voted_for = NodeId(reader.Read<uint64_t>());
  if (!reader.ok())
    return absl::InvalidArgumentError("hard state is cut short");
  if (!reader.AtEnd()) return TrailingBytes("hard state", reader.remaining());
  return state;
}

std::string EncodeConfiguration(const Configuration& configuration) {
  const absl::string_view defect = DefectOf(configuration);
  JACO_CHECK_MSG(defect.empty(), "configuration with ", defect);
  std::string out;
  size_t size = 1 + 4 * sizeof(uint32_t) +
                sizeof(uint64_t) * (configuration.voters.size() +
                                    configuration.outgoing.size() +
                                    configuration.learners.size());
  for (const auto& [node, address] : configuration.addresses) {
    size += sizeof(uint64_t) + sizeof(uint32_t) + address.size();
  }
  out.reserve(size);
  out.push_back(kConfigurationVersion);
  AppendNodes(configuration.voters, &out);
  AppendNodes(configuration.outgoing, &out);
  AppendNodes(configuration.learners, &out);
  AppendLittleEndian(static_cast<uint32_t>(configuration.addresses.size()),
                     &out);
  for (const auto& [node, address] : configuration.addresses) {
    AppendLittleEndian(node.value(), &out);
    AppendLittleEndian(static_cast<uint32_t>(address.size()), &out);
    out.append(address);
  }
  return out;
}

absl::StatusOr<Configuration> DecodeConfiguration(absl::string_view data) {
  ByteReader reader(data);
  const auto version = reader.Read<uint8_t>();
  if (reader.ok() && version != kConfigurationVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("configuration has unknown version ", version,
                     "; this build knows ", kConfigurationVersion));
  }
  Configuration configuration;
  configuration.voters = ReadNodes(reader);
  configuration.outgoing = ReadNodes(reader);
  configuration.learners = ReadNodes(reader);
  configuration.addresses = ReadAddresses(reader);
  if (!reader.ok()) {
    return absl::InvalidArgumentError("configuration is cut short");
  }
  if (!reader.AtEnd()) {
    return TrailingBytes("configuration", reader.remaining());
  }
  const absl::string_view defect = DefectOf(configuration);
  if (!defect.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("configuration with ", defect));
  }
  return configuration;
}

}  // namespace jaco::raft

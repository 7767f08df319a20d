// What a server that waits for a cluster remembers, and how it votes on who
// founds it: one acceptor of single-decree Paxos.

#ifndef JACO_SERVER_BOOTSTRAP_RECORD_H_
#define JACO_SERVER_BOOTSTRAP_RECORD_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/entropy.h"
#include "jaco/env/file_system.h"
#include "jaco/server/bootstrap.pb.h"
#include "jaco/server/security/keyring.h"

namespace jaco::server {

// How many servers may be waited for, and addresses known.
inline constexpr uint32_t kBootstrapExpectMax = 63;
inline constexpr size_t kBootstrapAddressesMax = 64;
// No honest agreement takes as many; the next one must always exist.
inline constexpr uint64_t kBallotRoundMax = uint64_t{1} << 48;

// By round, then by server.
bool operator<(const Ballot& a, const Ballot& b);
inline bool operator<=(const Ballot& a, const Ballot& b) { return !(b < a); }

// Each says whether it may be; only then is `vote` changed, and the change must
// be durable before anybody hears of it.
bool Promise(const Ballot& ballot, FounderVote* vote);
bool Accept(const Ballot& ballot, const Founder& founder, FounderVote* vote);

// conflict once a founder was accepted: whoever has said so brings no cluster
// into being by another door, new or restored.
absl::Status CheckMayFound(const FounderVote& vote);

// validation_failed for what no server of ours says.
absl::Status ValidateHello(const HelloRequest& request);

// `record` as it lies on disk: `seal_key`, the operator's, seals the join
// token. There may be none.
BootstrapRecord SealJoinToken(BootstrapRecord record, const Keyring* seal_key,
                              env::Entropy& entropy);
// The other way round. A token that is not sealed stays as it is.
// validation_failed when it is sealed and there is no seal key;
// permission_denied when that is another one; data_loss for a sealed token of
// another format version. Then `record` stays as it is.
absl::Status OpenJoinToken(const Keyring* seal_key, BootstrapRecord* record);

std::string EncodeBootstrapRecord(const BootstrapRecord& record);
// data_loss for anything that EncodeBootstrapRecord does not make.
absl::StatusOr<BootstrapRecord> DecodeBootstrapRecord(absl::string_view bytes);

// <data_dir>/bootstrap, and the same for a join by password:
// <data_dir>/joining, of which only the join token counts.
inline constexpr absl::string_view kBootstrapFile = "bootstrap";
inline constexpr absl::string_view kJoiningFile = "joining";

// Blocking: for a job on a disk lane.
// nullopt when there is none; data_loss for a damaged one; what OpenJoinToken
// says of a sealed join token, which comes open.
absl::StatusOr<std::optional<BootstrapRecord>> LoadBootstrapRecord(
    env::FileSystem& fs, const std::string& data_dir, const Keyring* seal_key,
    absl::string_view name = kBootstrapFile);
// What is in <data_dir>/bootstrap and no secret. data_loss.
absl::StatusOr<FounderVote> LoadFounderVote(env::FileSystem& fs,
                                            const std::string& data_dir);
// `bytes` are those of EncodeBootstrapRecord.
absl::Status StoreBootstrapRecord(env::FileSystem& fs,
                                  const std::string& data_dir,
                                  absl::string_view bytes,
                                  absl::string_view name = kBootstrapFile);
absl::Status RemoveBootstrapRecord(env::FileSystem& fs,
                                   const std::string& data_dir,
                                   absl::string_view name = kBootstrapFile);

// <data_dir>/node/joining: how a server was admitted that has heard from no
// leader yet. A BootstrapRecord with its node id, the token, and the address of
// the member.
inline constexpr char kJoinRecordName[] = "joining";
absl::StatusOr<std::optional<BootstrapRecord>> LoadJoinRecord(
    env::FileSystem& fs, const std::string& data_dir, const Keyring* seal_key);
absl::Status RemoveJoinRecord(env::FileSystem& fs, const std::string& data_dir);

}  // namespace jaco::server

#endif  // JACO_SERVER_BOOTSTRAP_RECORD_H_

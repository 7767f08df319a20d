#ifndef JACO_CMD_SERVER_OPTIONS_H_
#define JACO_CMD_SERVER_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "jaco/cmd/config.h"
#include "jaco/env/file_system.h"
#include "jaco/env/pki.h"
#include "jaco/net/tls_identity.h"
#include "jaco/server/server.h"

namespace jaco::cmd {

// What `config` means for the server on this host, whose peers reach it at
// `peer_port`: names and addresses are looked up, the seal key is read. It
// founds nothing and joins nobody by itself.
// validation_failed, naming the setting; and as of files.
absl::StatusOr<server::ServerOptions> ServerOptionsOf(const Config& config,
                                                      uint16_t peer_port,
                                                      env::FileSystem& files);

// How the server of `config` finds others to found a cluster with; without
// `peer`.
server::BootstrapOptions BootstrapOptionsOf(const Config& config);

// Wherever `config` has it; empty when there is none. validation_failed, naming
// the setting; and as of files.
absl::StatusOr<std::string> ReadBootstrapKey(const Config& config,
                                             env::FileSystem& files);

// What a server without a cluster shows to clients: a certificate for its host
// names, of an authority that is forgotten at once.
absl::StatusOr<net::TlsCredentials> ProvisionalCredentials(const Config& config,
                                                           env::Pki& pki,
                                                           absl::Time now);

}  // namespace jaco::cmd

#endif  // JACO_CMD_SERVER_OPTIONS_H_

// The daemon.

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/cmd/cli_output.h"
#include "jaco/cmd/config.h"
#include "jaco/cmd/daemon.h"

namespace jaco::cmd {
namespace {

std::optional<std::string> Environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || value[0] == '\0') return std::nullopt;
  return value;
}

int Fail(const absl::Status& status) {
  std::cerr << FormatError(ErrorCodeName(CodeOf(status)), status.message());
  return 1;
}

int Run(int argc, char** argv) {
  ConfigFlags flags;
  bool dev = false;
  CLI::App app("The jaco cluster daemon.", "jacod");
  app.set_version_flag("--version", std::string(kVersion));
  app.add_option("--config", flags.config,
                 "Configuration file ($JACO_CONFIG, /etc/jaco/jacod.yaml)");
  app.add_option("--data-dir", flags.data_dir,
                 "Where the server keeps its data ($JACO_DATA_DIR)");
  app.add_option("--socket", flags.socket, "The API's socket ($JACO_SOCKET)");
  app.add_option("--log-level", flags.log_level,
                 "debug, info, warn or error ($JACO_LOG)");
  app.add_flag(
      "--dev", dev,
      "One server on loopback, initialized, for trying out; leaves nothing");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::cerr << FormatUsageError(error.what());
    return 1;
  }
  auto config = LoadConfig(flags, Environment);
  if (!config.ok()) return Fail(config.status());
  const absl::Status status = RunDaemon(
      *std::move(config), dev ? DaemonMode::kDev : DaemonMode::kNormal,
      [&flags] { return LoadConfig(flags, Environment); });
  return status.ok() ? 0 : Fail(status);
}

}  // namespace
}  // namespace jaco::cmd

int main(int argc, char** argv) { return jaco::cmd::Run(argc, argv); }

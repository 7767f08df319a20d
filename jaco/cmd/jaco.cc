// The operator's command line.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jaco/cmd/cli.h"
#include "jaco/cmd/secret_argument.h"
#include "jaco/cmd/terminal.h"

namespace {

std::optional<std::string> Variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr || value[0] == '\0') return std::nullopt;
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  jaco::cmd::CliWorld world;
  world.out = &std::cout;
  world.err = &std::cerr;
  world.in = &std::cin;
  world.socket = Variable("JACO_SOCKET");
  world.token = Variable("JACO_TOKEN");
  world.ca_cert = Variable("JACO_CA_CERT");
  world.join_token = Variable("JACO_JOIN_TOKEN");
  world.data_dir = Variable("JACO_DATA_DIR").value_or(world.data_dir);
  world.environment = Variable;
  world.prompt = jaco::cmd::AskAtTerminal;
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  jaco::cmd::HideSecrets(argc, argv);
  const int code = jaco::cmd::RunCli(std::move(arguments), world);
  // An answer that nobody got is no success: a token is shown only once.
  std::cout.flush();
  return std::cout.good() ? code : 1;
}

// The operator's command line.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "jaco/cmd/cli.h"

int main(int argc, char** argv) {
  jaco::cmd::CliWorld world;
  world.out = &std::cout;
  world.err = &std::cerr;
  const char* socket = std::getenv("JACO_SOCKET");
  if (socket != nullptr && socket[0] != '\0') world.socket = socket;
  const char* data_dir = std::getenv("JACO_DATA_DIR");
  if (data_dir != nullptr && data_dir[0] != '\0') world.data_dir = data_dir;
  const int code = jaco::cmd::RunCli(
      std::vector<std::string>(argv + std::min(argc, 1), argv + argc), world);
  // An answer that nobody got is no success: a token is shown only once.
  std::cout.flush();
  return std::cout.good() ? code : 1;
}

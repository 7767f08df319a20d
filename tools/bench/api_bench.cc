// Issues tokens over the socket of a running jacod, one connection a request as
// the command line does, and prints how long that takes:
//
//   bazel run --config=opt //tools/bench:api_bench -- SOCKET [CLIENTS
//   [SECONDS]]
//
// Point it at a server whose data nobody needs.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "jaco/net/http_client.h"

namespace jaco {
namespace {

struct Client {
  std::vector<absl::Duration> latencies;
  std::string error;
};

void Issue(const std::string& socket, int number, absl::Time end,
           Client* client) {
  for (int i = 0; absl::Now() < end; ++i) {
    const std::string body = absl::StrCat(R"({"identity":"bench-)", getpid(),
                                          "-", number, "-", i, R"("})");
    const absl::Time begun = absl::Now();
    const auto answer = net::CallUnixSocket(socket, "POST", "/v1/token", body,
                                            absl::Seconds(15));
    if (!answer.ok() || answer->status != 200) {
      client->error =
          answer.ok() ? answer->body : std::string(answer.status().message());
      return;
    }
    client->latencies.push_back(absl::Now() - begun);
  }
}

int Run(const std::string& socket, int clients, absl::Duration time) {
  std::vector<Client> results(static_cast<size_t>(clients));
  std::vector<std::thread> threads;
  const absl::Time begun = absl::Now();
  for (int i = 0; i < clients; ++i) {
    threads.emplace_back(Issue, socket, i, begun + time,
                         &results[static_cast<size_t>(i)]);
  }
  for (std::thread& thread : threads) thread.join();
  const absl::Duration took = absl::Now() - begun;
  std::vector<absl::Duration> all;
  for (const Client& client : results) {
    if (!client.error.empty()) {
      std::fprintf(stderr, "api_bench: %s\n", client.error.c_str());
      return 1;
    }
    all.insert(all.end(), client.latencies.begin(), client.latencies.end());
  }
  if (all.empty()) return 1;
  std::sort(all.begin(), all.end());
  const auto at = [&all](size_t percent) {
    return absl::ToDoubleMicroseconds(all[(all.size() - 1) * percent / 100]);
  };
  std::printf("%d clients: %zu tokens, %.0f /s, p50 %.0f us, p99 %.0f us\n",
              clients, all.size(),
              static_cast<double>(all.size()) / absl::ToDoubleSeconds(took),
              at(50), at(99));
  return 0;
}

}  // namespace
}  // namespace jaco

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: api_bench SOCKET [CLIENTS [SECONDS]]\n");
    return 1;
  }
  return jaco::Run(argv[1], argc > 2 ? std::atoi(argv[2]) : 1,
                   absl::Seconds(argc > 3 ? std::atoi(argv[3]) : 5));
}

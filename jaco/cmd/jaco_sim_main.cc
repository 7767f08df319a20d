// jaco-sim: finds, and shows again, what breaks a cluster. docs: jaco/sim.

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/cmd/history_file.h"
#include "jaco/cmd/hunt.h"
#include "jaco/sim/simulation.h"
#include "jaco/sim/swarm_options.h"

namespace jaco::sim {
namespace {

enum ExitCode { kOk = 0, kUsage = 1, kCrash = 2, kSafety = 3, kLiveness = 4 };

ExitCode ExitCodeOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return kOk;
    case Outcome::kCrash:
      return kCrash;
    case Outcome::kSafety:
      return kSafety;
    case Outcome::kLiveness:
      return kLiveness;
  }
  return kCrash;
}

// ---- What the command line may say over what the seed drew.

struct Overrides {
  std::optional<int> servers;
  std::optional<bool> rocksdb;
  std::optional<int64_t> seconds;
  std::optional<int> clients;
  std::optional<uint64_t> lying_disk;
  bool walk = false;
};

void AddOverrides(CLI::App& app, Overrides& overrides) {
  auto* servers = app.add_option("--servers", overrides.servers,
                                 "How many, not 3 or 5 by seed")
                      ->check(CLI::Range(1, kNodesMax));
  app.add_option("--rocksdb", overrides.rocksdb,
                 "Keep state in RocksDB (true) or in memory (false)");
  app.add_option("--seconds", overrides.seconds,
                 "Simulated seconds with faults (30)")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--clients", overrides.clients, "How many, not 1 to 5")
      ->check(CLI::Range(1, 1000));
  app.add_flag("--walk", overrides.walk,
               "Servers join by tokens up to nine, and are removed again")
      ->excludes(servers);
  app.add_option("--lying-disk", overrides.lying_disk,
                 "Plant a bug: one sync in so many is a lie")
      ->check(CLI::PositiveNumber);
}

SwarmOptions OptionsOf(uint64_t seed, const Overrides& overrides) {
  SwarmOptions options = DrawSwarmOptions(seed);
  if (overrides.walk) MakeWalk(seed, options);
  options.servers = overrides.servers.value_or(options.servers);
  options.spares = std::min(options.spares, kNodesMax - options.servers);
  options.rocksdb = overrides.rocksdb.value_or(options.rocksdb);
  options.clients = overrides.clients.value_or(options.clients);
  options.lying_disk_one_in = overrides.lying_disk.value_or(0);
  if (overrides.seconds.has_value()) {
    options.fault_time = Seconds(*overrides.seconds);
  }
  return options;
}

std::string TextOf(const Overrides& overrides) {
  std::string text;
  const auto add = [&text](const char* flag, const auto& value) {
    if (value.has_value()) absl::StrAppend(&text, " ", flag, " ", *value);
  };
  add("--servers", overrides.servers);
  if (overrides.rocksdb.has_value()) {
    absl::StrAppend(&text, " --rocksdb ",
                    *overrides.rocksdb ? "true" : "false");
  }
  add("--seconds", overrides.seconds);
  add("--clients", overrides.clients);
  add("--lying-disk", overrides.lying_disk);
  if (overrides.walk) absl::StrAppend(&text, " --walk");
  return text;
}

std::string Reproduction(uint64_t seed, const Overrides& overrides) {
  return absl::StrCat("jaco-sim run --seed ", seed, TextOf(overrides));
}

// ---- Output.

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return json + "\"";
}

// Nanoseconds as seconds with three decimals.
std::string SecondsText(int64_t ns) {
  const int64_t ms = ns / 1'000'000;
  char text[32];
  std::snprintf(text, sizeof(text), "%lld.%03lld",
                static_cast<long long>(ms / 1000),
                static_cast<long long>(ms % 1000));
  return text;
}

std::string FailureJson(const SeedReport& report, const Overrides& overrides) {
  return absl::StrCat(
      "{\"seed\":", report.seed,
      ",\"outcome\":", JsonString(OutcomeName(report.outcome)),
      ",\"invariant\":", JsonString(report.invariant),
      ",\"event\":", report.events,
      ",\"simulated_seconds\":", SecondsText(report.simulated_ns),
      ",\"detail\":", JsonString(report.detail),
      ",\"reproduce\":", JsonString(Reproduction(report.seed, overrides)), "}");
}

std::string ResultJson(const HuntResult& result, const Overrides& overrides) {
  std::string failures;
  for (const SeedReport& report : result.failures) {
    absl::StrAppend(&failures, failures.empty() ? "" : ",",
                    FailureJson(report, overrides));
  }
  return absl::StrCat(
      "{\"seeds\":", result.seeds, ",\"events\":", result.events,
      ",\"simulated_seconds\":", SecondsText(result.simulated_ns),
      ",\"wall_seconds\":", SecondsText(result.wall_ns), ",\"failures\":[",
      failures, "]}");
}

void PrintFailure(const SeedReport& report, const Overrides& overrides) {
  std::printf("FAILED seed %llu: %s: %s at event %llu, %s s\n  %s\n  %s\n",
              static_cast<unsigned long long>(report.seed),
              std::string(OutcomeName(report.outcome)).c_str(),
              report.invariant.c_str(),
              static_cast<unsigned long long>(report.events),
              SecondsText(report.simulated_ns).c_str(), report.detail.c_str(),
              Reproduction(report.seed, overrides).c_str());
  std::fflush(stdout);
}

long long PerSecond(uint64_t count, int64_t ns) {
  const auto wall = static_cast<__int128>(ns > 0 ? ns : 1);
  return static_cast<long long>(static_cast<__int128>(count) * 1'000'000'000 /
                                wall);
}

void PrintRates(const HuntResult& result, std::FILE* out) {
  std::fprintf(
      out,
      "%llu seeds in %s s: %lld seeds/s, %lld events/s, "
      "simulated:wall %lld:1, %llu operations, %llu crashes, %llu snapshots, "
      "%llu repairs, %s%zu failed\n",
      static_cast<unsigned long long>(result.seeds),
      SecondsText(result.wall_ns).c_str(),
      PerSecond(result.seeds, result.wall_ns),
      PerSecond(result.events, result.wall_ns),
      static_cast<long long>(result.simulated_ns /
                             (result.wall_ns > 0 ? result.wall_ns : 1)),
      static_cast<unsigned long long>(result.operations),
      static_cast<unsigned long long>(result.crashes),
      static_cast<unsigned long long>(result.installs),
      static_cast<unsigned long long>(result.repairs),
      result.steps == 0 ? ""
                        : absl::StrCat(result.steps, " steps, ", result.walks,
                                       " whole walks, ")
                              .c_str(),
      result.failures.size());
}

// ---- run

// What a signal handler may print: made before anything can go wrong.
char last_words[512];

void OnFatalSignal(int signal_number) {
  const ssize_t ignored =
      write(STDERR_FILENO, last_words, std::strlen(last_words));
  static_cast<void>(ignored);
  static_cast<void>(signal_number);
  _exit(kCrash);
}

void InstallLastWords(const std::string& reproduction) {
  std::snprintf(last_words, sizeof(last_words), "FAILED: crash\n  %s\n",
                reproduction.c_str());
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    signal(number, OnFatalSignal);
  }
}

struct RunCommand {
  std::string seed_text;
  bool trace = false;
  std::string format = "text";
  Overrides overrides;

  int Run() const;
};

int RunCommand::Run() const {
  uint64_t seed = 0;
  if (!absl::SimpleAtoi(seed_text, &seed)) {
    std::fprintf(stderr,
                 "Error: validation_failed: --seed %s: not a number from 0 to "
                 "2^64 - 1\n",
                 seed_text.c_str());
    return kUsage;
  }
  const SwarmOptions options = OptionsOf(seed, overrides);
  const bool json = format == "json";
  std::FILE* out = json ? stderr : stdout;
  std::fprintf(out, "seed %llu version %s\noptions %s\n",
               static_cast<unsigned long long>(seed),
               std::string(kVersion).c_str(), Describe(options).c_str());
  std::fflush(out);
  InstallLastWords(Reproduction(seed, overrides));
  const auto start = std::chrono::steady_clock::now();
  const RunResult result = jaco::sim::Run(seed, options, trace ? out : nullptr);
  const std::chrono::nanoseconds wall =
      std::chrono::steady_clock::now() - start;
  const SeedReport report = MakeReport(seed, result);
  if (json) {
    HuntResult one{.seeds = 1,
                   .events = report.events,
                   .simulated_ns = report.simulated_ns,
                   .wall_ns = wall.count()};
    if (report.outcome != Outcome::kPassed) one.failures.push_back(report);
    std::printf("%s\n", ResultJson(one, overrides).c_str());
    return ExitCodeOf(report.outcome);
  }
  std::printf(
      "events %llu simulated %s s hash %016llx calls %llu operations %llu "
      "committed %llu leaders %llu crashes %llu snapshots %llu "
      "damages %llu wipes %llu repairs %llu steps %llu\n",
      static_cast<unsigned long long>(result.events),
      SecondsText(result.simulated.nanoseconds()).c_str(),
      static_cast<unsigned long long>(result.hash),
      static_cast<unsigned long long>(result.calls),
      static_cast<unsigned long long>(result.operations),
      static_cast<unsigned long long>(result.committed),
      static_cast<unsigned long long>(result.leaders),
      static_cast<unsigned long long>(result.crashes),
      static_cast<unsigned long long>(result.installs),
      static_cast<unsigned long long>(result.damages),
      static_cast<unsigned long long>(result.wipes),
      static_cast<unsigned long long>(result.repairs),
      static_cast<unsigned long long>(result.steps));
  if (report.outcome == Outcome::kPassed) {
    std::printf("passed\n");
  } else {
    PrintFailure(report, overrides);
  }
  return ExitCodeOf(report.outcome);
}

// ---- hunt

struct HuntCommand {
  std::string seeds;
  int jobs = 1;
  bool keep_going = false;
  std::string format = "text";
  Overrides overrides;

  int Run() const;
};

// "A..B", both included.
std::optional<std::pair<uint64_t, uint64_t>> ParseRange(
    const std::string& text) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits("..", 1));
  uint64_t first = 0;
  uint64_t last = 0;
  if (!absl::SimpleAtoi(parts.first, &first)) return std::nullopt;
  if (!absl::SimpleAtoi(parts.second, &last)) return std::nullopt;
  // The last seed of all would make a loop over seeds endless.
  if (first > last || last > ~uint64_t{0} / 2) return std::nullopt;
  return std::make_pair(first, last);
}

int HuntCommand::Run() const {
  const auto range = ParseRange(seeds);
  if (!range.has_value()) {
    std::fprintf(stderr,
                 "Error: validation_failed: --seeds %s: not a range A..B with "
                 "A <= B < 2^63\n",
                 seeds.c_str());
    return kUsage;
  }
  const bool json = format == "json";
  std::fprintf(
      json ? stderr : stdout, "seeds %s version %s options%s\n", seeds.c_str(),
      std::string(kVersion).c_str(),
      TextOf(overrides).empty() ? " by seed" : TextOf(overrides).c_str());
  HuntOptions options;
  options.first = range->first;
  options.last = range->second;
  options.jobs = jobs;
  options.keep_going = keep_going;
  options.options_of = [this](uint64_t seed) {
    return OptionsOf(seed, overrides);
  };
  // In a file it is for whoever wonders whether it is still alive.
  const int64_t show_every_ns =
      int64_t{isatty(STDERR_FILENO) != 0 ? 1 : 60} * 1'000'000'000;
  int64_t shown_ns = 0;
  size_t printed = 0;
  const HuntResult result = Hunt(options, [&](const HuntResult& so_far) {
    // At once: a long hunt may be cut short.
    for (; !json && printed < so_far.failures.size(); ++printed) {
      PrintFailure(so_far.failures[printed], overrides);
    }
    if (so_far.wall_ns - shown_ns < show_every_ns) return;
    shown_ns = so_far.wall_ns;
    PrintRates(so_far, stderr);
  });
  if (json) {
    std::printf("%s\n", ResultJson(result, overrides).c_str());
  } else {
    PrintRates(result, stdout);
  }
  return result.failures.empty() ? kOk
                                 : ExitCodeOf(result.failures.front().outcome);
}

// ---- check-history

int CheckHistoryFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    std::fprintf(stderr, "Error: not_found: %s: cannot be read\n",
                 path.c_str());
    return kUsage;
  }
  const auto history = ParseHistory(text);
  if (!history.ok()) {
    std::fprintf(stderr, "Error: %s: %s: %s\n",
                 std::string(ErrorCodeName(CodeOf(history.status()))).c_str(),
                 path.c_str(), std::string(history.status().message()).c_str());
    return kUsage;
  }
  const auto violation = CheckHistory(*history);
  if (!violation.has_value()) {
    std::printf("%zu operations, no violation\n", history->size());
    return kOk;
  }
  std::printf("VIOLATION: %s: %s\n", violation->invariant.c_str(),
              violation->detail.c_str());
  constexpr size_t kOffendersMax = 20;
  constexpr size_t kLineBytesMax = 160;  // lists are longer
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  for (const Operation* offender :
       Offenders(*history, *violation, kOffendersMax)) {
    const absl::string_view line = lines[offender->line - 1];
    std::printf("  line %zu: %s%s\n", offender->line,
                std::string(line.substr(0, kLineBytesMax)).c_str(),
                line.size() > kLineBytesMax ? " ..." : "");
  }
  return kSafety;
}

int Main(int argc, char** argv) {
  CLI::App app("Deterministic simulation of jaco clusters");
  app.require_subcommand(1);
  const auto formats = CLI::IsMember({"text", "json"});

  RunCommand run;
  CLI::App* run_app = app.add_subcommand("run", "Run one seed");
  run_app->add_option("--seed", run.seed_text, "Which")->required();
  run_app->add_flag("--trace", run.trace, "Print a line an event");
  run_app->add_option("-o,--output", run.format, "text or json")
      ->check(formats);
  AddOverrides(*run_app, run.overrides);

  HuntCommand hunt;
  CLI::App* hunt_app = app.add_subcommand("hunt", "Run many seeds");
  hunt_app->add_option("--seeds", hunt.seeds, "A..B, both included")
      ->required();
  hunt_app->add_option("--jobs", hunt.jobs, "Processes at a time")
      ->check(CLI::Range(1, 1024));
  hunt_app->add_flag("--keep-going", hunt.keep_going, "After a failure");
  hunt_app->add_option("-o,--output", hunt.format, "text or json")
      ->check(formats);
  AddOverrides(*hunt_app, hunt.overrides);

  std::string history;
  CLI::App* check_app = app.add_subcommand(
      "check-history", "Check what clients of real servers wrote down");
  check_app->add_option("file", history, "As tools/torture writes it")
      ->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::fprintf(stderr, "Error: validation_failed: %s\n", error.what());
    return kUsage;
  }
  if (check_app->parsed()) return CheckHistoryFile(history);
  return run_app->parsed() ? run.Run() : hunt.Run();
}

}  // namespace
}  // namespace jaco::sim

int main(int argc, char** argv) { return jaco::sim::Main(argc, argv); }

#include "jaco/cmd/hunt.h"

#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "jaco/base/check.h"

namespace jaco::sim {
namespace {

// One line a seed on the pipe from worker to hunter.
std::string Encode(const SeedReport& report) {
  return absl::StrCat(report.seed, "\t", static_cast<int>(report.outcome), "\t",
                      report.events, "\t", report.simulated_ns, "\t",
                      report.hash, "\t", report.operations, "\t",
                      report.crashes, "\t", report.installs, "\t",
                      report.repairs, "\t", report.steps, "\t", report.walks,
                      "\t", report.invariant, "\t", report.detail, "\n");
}

SeedReport Decode(absl::string_view line) {
  const std::vector<std::string> fields =
      absl::StrSplit(line, absl::MaxSplits('\t', 12));
  JACO_CHECK(fields.size() == 13);
  return {.seed = std::stoull(fields[0]),
          .outcome = static_cast<Outcome>(std::stoi(fields[1])),
          .invariant = fields[11],
          .detail = fields[12],
          .events = std::stoull(fields[2]),
          .simulated_ns = std::stoll(fields[3]),
          .hash = std::stoull(fields[4]),
          .operations = std::stoull(fields[5]),
          .crashes = std::stoull(fields[6]),
          .installs = std::stoull(fields[7]),
          .repairs = std::stoull(fields[8]),
          .steps = std::stoull(fields[9]),
          .walks = std::stoull(fields[10])};
}

void WriteAll(int fd, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t written = write(fd, data.data(), data.size());
    if (written < 0) _exit(1);  // the hunter is gone
    data.remove_prefix(static_cast<size_t>(written));
  }
}

// A process that runs the seeds `next`, `next + stride`, ... up to `last`.
struct Worker {
  uint64_t next = 0;  // not reported yet
  pid_t pid = 0;
  int fd = -1;
  std::string unread;
};

class Hunter {
 public:
  Hunter(const HuntOptions& options,
         const std::function<void(const HuntResult&)>& progress)
      : options_(options), progress_(progress), workers_(Jobs(options)) {}

  HuntResult Run();

 private:
  static size_t Jobs(const HuntOptions& options) {
    const uint64_t seeds = options.last - options.first + 1;
    return static_cast<size_t>(
        std::min<uint64_t>(static_cast<uint64_t>(options.jobs), seeds));
  }
  bool Done(const Worker& worker) const { return worker.next > options_.last; }
  void Spawn(Worker& worker);
  [[noreturn]] void Work(const Worker& worker, int fd);
  void Poll();
  void Read(Worker& worker);
  void OnGone(Worker& worker);
  void Take(Worker& worker, const SeedReport& report);
  void Kill(Worker& worker);

  const HuntOptions& options_;
  const std::function<void(const HuntResult&)>& progress_;
  std::vector<Worker> workers_;
  bool stopping_ = false;
  HuntResult result_;
};

HuntResult Hunter::Run() {
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [start] {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now() - start)
        .count();
  };
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i].next = options_.first + i;
    Spawn(workers_[i]);
  }
  const auto running = [this] {
    return std::any_of(workers_.begin(), workers_.end(),
                       [](const Worker& worker) { return worker.fd >= 0; });
  };
  while (!stopping_ && running()) {
    Poll();
    result_.wall_ns = elapsed();
    progress_(result_);
  }
  for (Worker& worker : workers_) Kill(worker);
  result_.wall_ns = elapsed();
  std::sort(
      result_.failures.begin(), result_.failures.end(),
      [](const SeedReport& a, const SeedReport& b) { return a.seed < b.seed; });
  return std::move(result_);
}

void Hunter::Spawn(Worker& worker) {
  int ends[2];
  JACO_CHECK(pipe(ends) == 0);
  std::fflush(nullptr);
  const pid_t pid = fork();
  JACO_CHECK(pid >= 0);
  if (pid == 0) {
    close(ends[0]);
    Work(worker, ends[1]);
  }
  close(ends[1]);
  worker.pid = pid;
  worker.fd = ends[0];
  worker.unread.clear();
}

void Hunter::Work(const Worker& worker, int fd) {
  for (uint64_t seed = worker.next; seed <= options_.last;
       seed += workers_.size()) {
    // Of CPU time: the machine may have more to do. And should it wait for
    // something that never comes.
    alarm(kSeedSecondsMax * 10);
    const itimerval limit = {.it_interval = {},
                             .it_value = {.tv_sec = kSeedSecondsMax}};
    setitimer(ITIMER_PROF, &limit, nullptr);
    const RunResult result = jaco::sim::Run(seed, options_.options_of(seed),
                                            /*trace=*/nullptr);
    WriteAll(fd, Encode(MakeReport(seed, result)));
  }
  _exit(0);
}

void Hunter::Poll() {
  std::vector<pollfd> polled;
  for (const Worker& worker : workers_) {
    polled.push_back({.fd = worker.fd, .events = POLLIN, .revents = 0});
  }
  if (poll(polled.data(), polled.size(), /*timeout=*/1000) < 0) {
    JACO_CHECK(errno == EINTR);
    return;
  }
  for (size_t i = 0; i < workers_.size() && !stopping_; ++i) {
    if (polled[i].revents != 0) Read(workers_[i]);
  }
}

void Hunter::Read(Worker& worker) {
  char buffer[1 << 16];
  const ssize_t size = read(worker.fd, buffer, sizeof(buffer));
  if (size <= 0) return OnGone(worker);
  worker.unread.append(buffer, static_cast<size_t>(size));
  size_t begin = 0;
  for (size_t end = worker.unread.find('\n'); end != std::string::npos;
       end = worker.unread.find('\n', begin)) {
    Take(worker,
         Decode(absl::string_view(worker.unread).substr(begin, end - begin)));
    begin = end + 1;
  }
  worker.unread.erase(0, begin);
}

void Hunter::OnGone(Worker& worker) {
  int status = 0;
  JACO_CHECK(waitpid(worker.pid, &status, 0) == worker.pid);
  close(std::exchange(worker.fd, -1));
  worker.pid = 0;
  if (Done(worker)) return;
  SeedReport report;
  report.seed = worker.next;
  report.outcome = Outcome::kCrash;
  report.invariant = "crash";
  report.detail = WIFSIGNALED(status)
                      ? absl::StrCat("killed by ", strsignal(WTERMSIG(status)))
                      : absl::StrCat("exit code ", WEXITSTATUS(status));
  Take(worker, report);
  if (!Done(worker) && !stopping_) Spawn(worker);
}

void Hunter::Take(Worker& worker, const SeedReport& report) {
  JACO_CHECK(report.seed == worker.next);
  worker.next += workers_.size();
  ++result_.seeds;
  result_.events += report.events;
  result_.operations += report.operations;
  result_.crashes += report.crashes;
  result_.installs += report.installs;
  result_.repairs += report.repairs;
  result_.steps += report.steps;
  result_.walks += report.walks;
  result_.simulated_ns += report.simulated_ns;
  if (report.outcome == Outcome::kPassed) return;
  result_.failures.push_back(report);
  if (!options_.keep_going) stopping_ = true;
}

void Hunter::Kill(Worker& worker) {
  if (worker.fd < 0) return;
  kill(worker.pid, SIGKILL);
  waitpid(worker.pid, nullptr, 0);
  close(std::exchange(worker.fd, -1));
}

}  // namespace

absl::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return "passed";
    case Outcome::kCrash:
      return "crash";
    case Outcome::kSafety:
      return "safety";
    case Outcome::kLiveness:
      return "liveness";
  }
  return "?";
}

SeedReport MakeReport(uint64_t seed, const RunResult& result) {
  SeedReport report;
  report.seed = seed;
  report.events = result.events;
  report.simulated_ns = result.simulated.nanoseconds();
  report.hash = result.hash;
  report.operations = result.operations;
  report.crashes = result.crashes;
  report.installs = result.installs;
  report.repairs = result.repairs;
  report.steps = result.steps;
  report.walks = result.walked ? 1 : 0;
  if (!result.violation.has_value()) return report;
  report.outcome = result.liveness ? Outcome::kLiveness : Outcome::kSafety;
  report.invariant = result.violation->invariant;
  report.detail = result.violation->detail;
  std::replace(report.detail.begin(), report.detail.end(), '\n', ' ');
  return report;
}

HuntResult Hunt(const HuntOptions& options,
                const std::function<void(const HuntResult&)>& progress) {
  JACO_CHECK(options.first <= options.last && options.jobs > 0);
  return Hunter(options, progress).Run();
}

}  // namespace jaco::sim

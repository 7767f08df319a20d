#include "jaco/cmd/cli_monitor.h"

#include "absl/strings/str_cat.h"
#include "jaco/cmd/cli_follow.h"
#include "jaco/cmd/interruption.h"
#include "jaco/cmd/printable.h"
#include "jaco/net/sansio/log_tail.h"

namespace jaco::cmd {
namespace {

std::string Target(const MonitorOptions& options, uint64_t after,
                   uint64_t limit) {
  return absl::StrCat("/v1/agent/monitor?log_level=", options.log_level,
                      "&after=", after, "&limit=", limit);
}

std::string Shown(const net::LogPage& page) {
  std::string text;
  for (const net::LogLine& line : page.lines) {
    absl::StrAppend(&text, Printable(line.text), "\n");
  }
  return text;
}

int Monitor(CliSession& session, const MonitorOptions& options) {
  Follower follower(&session);
  std::string run;
  uint64_t after = 0;
  uint64_t limit = options.lines;
  while (true) {
    const auto body = follower.Ask(Target(options, after, limit));
    if (!body) return 1;
    const auto page = net::DecodeLogPage(*body);
    if (!page.ok()) return session.Fail(page.status());
    limit = net::kLogLinesMax;
    if (!run.empty() && page->run != run) {
      WriteWhole(*session.world().err, "jacod was started anew\n");
      run = page->run;
      after = 1;
      continue;
    }
    run = page->run;
    if (page->lost > 0) {
      WriteWhole(*session.world().err,
                 absl::StrCat("gap: ", page->lost, " lines are lost\n"));
    }
    if (!WriteWhole(*session.world().out, Shown(*page))) return 1;
    after = page->next;
    if (!page->more) follower.Pause();
  }
}

}  // namespace

void AddMonitorCommand(CLI::App* app, MonitorOptions* options,
                       const ChooseCommand& choose) {
  CLI::App* monitor = app->add_subcommand(
      "monitor", "Show the log of this server as it is written");
  monitor
      ->add_option("--log-level", options->log_level,
                   "The least level: debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  monitor
      ->add_option("-n,--lines", options->lines,
                   "So many lines of before, at most")
      ->check(CLI::Range(uint64_t{1}, uint64_t{net::kLogLinesMax}));
  monitor->callback([=] {
    choose([=](CliSession& session) { return Monitor(session, *options); });
  });
}

}  // namespace jaco::cmd

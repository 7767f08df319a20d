#include "jaco/cmd/cli_audit.h"

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "jaco/cmd/cli_follow.h"
#include "jaco/cmd/interruption.h"
#include "jaco/cmd/printable.h"
#include "jaco/net/sansio/audit_json.h"
#include "jaco/net/sansio/query.h"
#include "jaco/server/audit_api.h"

namespace jaco::cmd {
namespace {

using server::AuditEventInfo;
using server::ListAuditResponse;

constexpr absl::string_view kHeader =
    "TYPE                TS                   IDENTITY             PAYLOAD\n";

std::string FormatEvent(const AuditEventInfo& event) {
  const std::string payload = absl::StrJoin(
      event.payload, " ", [](std::string* out, const auto& detail) {
        absl::StrAppend(out, detail.first, "=", detail.second);
      });
  return absl::StrFormat(
      "%-19s %s %-20s %s\n", Printable(event.type),
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", event.time, absl::UTCTimeZone()),
      Printable(event.identity), Printable(payload));
}

class AuditCommand {
 public:
  // All are borrowed.
  AuditCommand(CliSession* session, const AuditOptions& options,
               const std::string& output)
      : session_(session),
        options_(options),
        output_(output),
        since_(options.since) {}

  // What there is when it begins. More may come meanwhile: there is an end.
  int List() {
    std::vector<AuditEventInfo> events;
    uint64_t until = 0;
    bool more = true;
    while (more) {
      const auto outcome = session_->CallLeader({"GET", Target()});
      if (outcome.error) return session_->Fail(*outcome.error);
      auto page = net::DecodeAudit(outcome.body);
      if (!page.ok()) return session_->Fail(page.status());
      if (page->gap) SayGap(*page);
      events.insert(events.end(), page->events.begin(), page->events.end());
      if (until == 0) until = page->index;
      after_ = page->next;
      more = page->more && after_ < until;
    }
    std::string text = output_ == "table" ? std::string(kHeader) : "";
    absl::StrAppend(&text, FormatAll(events));
    *session_->world().out << text;
    return 0;
  }

  int Follow() {
    Follower follower(session_);
    bool header = output_ == "table";
    while (true) {
      const auto body = follower.Ask(Target());
      if (!body) return 1;
      const auto page = net::DecodeAudit(*body);
      if (!page.ok()) return session_->Fail(page.status());
      if (!options_.stale && page->index < after_) {
        BeginAnew(*page);
        continue;
      }
      if (std::exchange(header, false)) Print(kHeader);
      if (page->gap) PrintGap(*page);
      if (!Print(FormatEach(page->events))) return 1;
      after_ = page->next;
      if (page->more) continue;
      // From here on it goes by the index, whatever clocks say.
      since_.clear();
      follower.Pause();
    }
  }

 private:
  std::string Target() const {
    std::string target = absl::StrCat("/v1/audit?limit=", server::kAuditPageMax,
                                      "&after=", after_);
    if (!since_.empty()) {
      absl::StrAppend(&target, "&since=", net::PercentEncode(since_));
    }
    for (const std::string& type : options_.types) {
      absl::StrAppend(&target, "&type=", net::PercentEncode(type));
    }
    if (options_.stale) target.append("&stale");
    return target;
  }

  // As one document.
  std::string FormatAll(const std::vector<AuditEventInfo>& events) const {
    if (output_ == "table") return FormatEach(events);
    const std::string json = net::EncodeAuditEvents(events);
    return output_ == "json" ? FormatJson(json) : FormatYaml(json);
  }

  // So that others may be appended.
  std::string FormatEach(const std::vector<AuditEventInfo>& events) const {
    if (output_ == "yaml" && !events.empty()) return FormatAll(events);
    std::string text;
    for (const AuditEventInfo& event : events) {
      if (output_ == "table") text += FormatEvent(event);
      if (output_ == "json") text += Line(net::EncodeAuditEvent(event));
    }
    return text;
  }

  static std::string Line(absl::string_view json) {
    return absl::StrCat(EscapeControls(json), "\n");
  }

  bool Print(absl::string_view text) {
    return WriteWhole(*session_->world().out, text);
  }

  void SayGap(const ListAuditResponse& page) {
    WriteWhole(*session_->world().err,
               absl::StrCat("gap: events after index ", after_,
                            " and before index ", page.oldest,
                            " may be gone: the cluster keeps the newest\n"));
  }

  // Programs read one of the two only.
  void PrintGap(const ListAuditResponse& page) {
    SayGap(page);
    const std::string json = absl::StrCat(R"({"type":"gap","after":)", after_,
                                          R"(,"before":)", page.oldest, "}");
    if (output_ == "json") Print(Line(json));
    if (output_ == "yaml") Print(FormatYaml(absl::StrCat("[", json, "]")));
  }

  // The indexes of a cluster only rise.
  void BeginAnew(const ListAuditResponse& page) {
    WriteWhole(*session_->world().err,
               absl::StrCat("the server is at index ", page.index,
                            ", which is less than ", after_,
                            ": it is of another cluster now; from its first "
                            "event on\n"));
    after_ = 0;
  }

  CliSession* const session_;
  const AuditOptions& options_;
  const std::string& output_;
  std::string since_;
  uint64_t after_ = 0;
};

}  // namespace

void AddAuditCommand(CLI::App* app, AuditOptions* options, std::string* output,
                     const ChooseCommand& choose) {
  CLI::App* audit = app->add_subcommand(
      "audit", "Show who has done what to the cluster, oldest first");
  audit->add_option("--since", options->since,
                    "Events of the last 1h30m, or since 2026-01-02T15:04:05Z");
  audit
      ->add_option("--type", options->types,
                   "Only these types, as token_issue,token_revoke")
      ->delimiter(',')
      ->allow_extra_args(false);
  audit->add_flag("-f,--follow", options->follow,
                  "Go on with events as they happen, until interrupted");
  audit->add_flag("--stale", options->stale,
                  "Ask this server only, also when there is no leader");
  audit->add_option("-o,--output", *output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}));
  audit->callback([=] {
    choose([=](CliSession& session) {
      AuditCommand command(&session, *options, *output);
      return options->follow ? command.Follow() : command.List();
    });
  });
}

}  // namespace jaco::cmd

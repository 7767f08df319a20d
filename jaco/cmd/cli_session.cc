#include "jaco/cmd/cli_session.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "jaco/base/error.h"

namespace jaco::cmd {
namespace {

// Of refusals before anything was done. Elections that take longer than usual
// look like a lost quorum for a while.
bool IsLeaderless(const std::optional<net::ApiError>& error) {
  return error && (error->code == ErrorCodeName(ErrorCode::kNoLeader) ||
                   error->code == ErrorCodeName(ErrorCode::kQuorumLost));
}

// Health says so with a status of its own: the body is an answer.
constexpr int kUnhealthy = 429;

std::string CodeNameOf(const absl::Status& status) {
  return std::string(ErrorCodeName(CodeOf(status)));
}

}  // namespace

CliSession::Outcome CliSession::Call(const Request& request) {
  const auto answer = client_.Call(request.method, request.target, request.body,
                                   request.timeout);
  if (!answer.ok()) {
    const bool unreachable = absl::IsUnavailable(answer.status());
    return {"",
            net::ApiError{unreachable ? "" : CodeNameOf(answer.status()),
                          std::string(answer.status().message())},
            "", unreachable};
  }
  if (answer->status / 100 == 2) {
    return {answer->body, std::nullopt, answer->digest};
  }
  const auto error = net::DecodeError(answer->body);
  if (error.ok()) return {"", *error};
  if (answer->status == kUnhealthy) return {answer->body, std::nullopt};
  return {"", net::ApiError{
                  "", absl::StrCat(client_.name(), " answers with HTTP status ",
                                   answer->status)}};
}

CliSession::Outcome CliSession::CallLeader(const Request& request) {
  const absl::Time give_up = absl::Now() + world_.retry_for;
  bool told = false;
  while (true) {
    Outcome outcome = Call(request);
    if (!IsLeaderless(outcome.error)) return outcome;
    if (!std::exchange(told, true)) *world_.err << "no leader, retrying\n";
    if (absl::Now() + world_.retry_every >= give_up) {
      const std::string said = std::move(outcome.error->message);
      outcome.error->message = absl::StrCat(
          "no leader after ", absl::ToInt64Seconds(world_.retry_for), " s",
          said.empty() ? "" : "\n  last answer: ", said);
      return outcome;
    }
    absl::SleepFor(world_.retry_every);
  }
}

int CliSession::ShowPart(
    const Outcome& outcome,
    absl::StatusOr<std::string> (*pick)(absl::string_view)) {
  if (outcome.error) return Fail(*outcome.error);
  const auto part = pick(outcome.body);
  return part.ok() ? PrintBody(*part) : Fail(part.status());
}

int CliSession::PrintBody(absl::string_view json) {
  *world_.out << (output_ == "json" ? FormatJson(json) : FormatYaml(json));
  return 0;
}

int CliSession::Fail(const net::ApiError& error) {
  *world_.err << FormatError(error.code, error.message);
  return 1;
}

int CliSession::Fail(const absl::Status& status) {
  return Fail({CodeNameOf(status), std::string(status.message())});
}

}  // namespace jaco::cmd

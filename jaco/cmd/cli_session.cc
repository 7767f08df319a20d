#include "jaco/cmd/cli_session.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "jaco/base/error.h"

namespace jaco::cmd {
namespace {

constexpr absl::string_view kNoLeader = "no_leader";
// Health says so with a status of its own: the body is an answer.
constexpr int kUnhealthy = 429;

}  // namespace

CliSession::Outcome CliSession::Call(const Request& request) {
  const auto answer = client_.Call(request.method, request.target, request.body,
                                   request.timeout);
  if (!answer.ok()) {
    const bool untrusted = CodeOf(answer.status()) == ErrorCode::kPeerUntrusted;
    return {
        "",
        net::ApiError{
            untrusted ? std::string(ErrorCodeName(ErrorCode::kPeerUntrusted))
                      : "",
            std::string(answer.status().message())},
        "", absl::IsUnavailable(answer.status())};
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
    if (!outcome.error || outcome.error->code != kNoLeader) return outcome;
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

int CliSession::Fail(const net::ApiError& error) {
  *world_.err << FormatError(error.code, error.message);
  return 1;
}

int CliSession::FailUntyped(const absl::Status& status) {
  return Fail({"", std::string(status.message())});
}

}  // namespace jaco::cmd

#include "jaco/cmd/history_file.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/sim/checkers/token_history.h"

namespace jaco::sim {
namespace {

constexpr absl::string_view kHeader = "jaco-history 1";
constexpr size_t kShownMax = 40;

absl::Status Refuse(absl::string_view word, absl::string_view why) {
  return MakeError(
      ErrorCode::kParseFailed,
      absl::StrCat("\"", absl::CHexEscape(word.substr(0, kShownMax)),
                   "\": ", why));
}

absl::StatusOr<uint64_t> ParseNumber(absl::string_view word) {
  uint64_t number = 0;
  const bool digits = !word.empty() && std::all_of(word.begin(), word.end(),
                                                   absl::ascii_isdigit);
  // The highest of all stands for never.
  if (!digits || !absl::SimpleAtoi(word, &number) || number == ~uint64_t{0}) {
    return Refuse(word, "not a number from 0 to 2^64 - 2");
  }
  return number;
}

// The words of a line, one after the other. After the first error everything
// is empty.
class LineReader {
 public:
  explicit LineReader(absl::string_view line)
      : words_(absl::StrSplit(line, ' ')) {}

  bool done() const { return next_ == words_.size() || !status_.ok(); }
  const absl::Status& status() const { return status_; }
  void Fail(absl::Status status) { status_.Update(std::move(status)); }

  absl::string_view Word() {
    if (!status_.ok()) return {};
    if (next_ < words_.size()) return words_[next_++];
    Fail(Refuse(words_.back(), "the line ends here"));
    return {};
  }
  uint64_t Number() { return Number(Word()); }
  uint64_t Number(absl::string_view word) {
    if (!status_.ok()) return 0;
    const auto number = ParseNumber(word);
    if (number.ok()) return *number;
    Fail(number.status());
    return 0;
  }
  std::string Name() { return Name(Word()); }
  std::string Name(absl::string_view word) {
    if (status_.ok() && !fsm::ValidateName("", word).ok()) {
      Fail(Refuse(word, "not a name"));
    }
    return std::string(word);
  }

 private:
  std::vector<absl::string_view> words_;
  size_t next_ = 0;
  absl::Status status_;
};

// NAME=CREATED or NAME=CREATED/REVOKED, both indices.
server::TokenInfo ReadToken(LineReader& in) {
  const absl::string_view word = in.Word();
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(word, absl::MaxSplits('=', 1));
  const std::pair<absl::string_view, absl::string_view> indices =
      absl::StrSplit(parts.second, absl::MaxSplits('/', 1));
  server::TokenInfo token{.identity = in.Name(parts.first)};
  token.create_index = token.modify_index = in.Number(indices.first);
  if (indices.first.size() != parts.second.size()) {
    token.modify_index = in.Number(indices.second);
    token.revoked_at = absl::UnixEpoch();  // when does not matter
  }
  return token;
}

void ReadList(LineReader& in, server::ListTokensResponse& list) {
  while (!in.done()) list.tokens.push_back(ReadToken(in));
  const auto identity = [](const auto& token) -> const std::string& {
    return token.identity;
  };
  std::ranges::sort(list.tokens, {}, identity);
  const auto twice = std::ranges::adjacent_find(
      list.tokens, std::ranges::equal_to{}, identity);
  if (twice != list.tokens.end()) {
    in.Fail(Refuse(twice->identity, "is listed twice"));
  }
}

void ReadKind(LineReader& in, Operation& operation) {
  const absl::string_view word = in.Word();
  if (word == "list") {
    operation.kind = OperationKind::kList;
    return;
  }
  if (word != "issue" && word != "revoke") {
    return in.Fail(Refuse(word, "is not issue, revoke or list"));
  }
  operation.kind =
      word == "issue" ? OperationKind::kIssue : OperationKind::kRevoke;
  operation.identity = in.Name();
}

void ReadOutcome(LineReader& in, Operation& operation) {
  const absl::string_view word = in.Word();
  if (word == "ok") {
    operation.outcome = OperationOutcome::kOk;
    operation.index = in.Number();
    operation.list.index = operation.index;
    if (operation.kind == OperationKind::kList) ReadList(in, operation.list);
  } else if (word == "exists" && operation.kind == OperationKind::kIssue) {
    operation.outcome = OperationOutcome::kExists;
  } else if (word == "missing" && operation.kind == OperationKind::kRevoke) {
    operation.outcome = OperationOutcome::kMissing;
  } else if (word == "refused" || word == "unknown") {
    operation.outcome = word == "refused" ? OperationOutcome::kRefused
                                          : OperationOutcome::kUnknown;
    in.Name();  // why
  } else {
    in.Fail(Refuse(word, "is no outcome of this operation"));
  }
}

absl::StatusOr<Operation> ParseLine(absl::string_view line) {
  LineReader in(line);
  Operation operation;
  in.Name();  // who called
  operation.called = in.Number();
  const absl::string_view returned = in.Word();
  const bool answered = returned != "-";
  if (answered) operation.returned = in.Number(returned);
  in.Name();  // which member
  ReadKind(in, operation);
  ReadOutcome(in, operation);
  if (!in.status().ok()) return in.status();
  if (!in.done()) return Refuse(in.Word(), "does not belong here");
  if (answered && operation.returned < operation.called) {
    return Refuse(returned, "returned before it was called");
  }
  if (!answered && operation.outcome != OperationOutcome::kUnknown) {
    return Refuse(returned, "an operation with this outcome has returned");
  }
  return operation;
}

// Tells a TokenHistory of calls and answers in the order of time.
class Replay {
 public:
  explicit Replay(const std::vector<Operation>& history) : history_(history) {}

  std::optional<Violation> Run() {
    // What happens at one moment is concurrent: calls first.
    enum { kCall, kReturn };
    std::vector<std::tuple<uint64_t, int, const Operation*>> events;
    for (const Operation& operation : history_) {
      events.emplace_back(operation.called, kCall, &operation);
      if (operation.outcome != OperationOutcome::kUnknown) {
        events.emplace_back(operation.returned, kReturn, &operation);
      }
    }
    std::ranges::sort(events, {}, [](const auto& event) {
      const auto& [time, type, operation] = event;
      return std::tuple(time, type, operation->line);
    });
    for (const auto& [time, type, operation] : events) {
      type == kCall ? OnCall(*operation) : OnReturn(*operation);
      if (findings_.first().has_value()) break;
    }
    return findings_.first();
  }

 private:
  TokenHistory::Identity IdentityOf(const Operation& operation) {
    const auto [it, added] = identities_.try_emplace(operation.identity);
    if (added) it->second = tokens_.NewIdentity(operation.identity);
    return it->second;
  }

  // A refused call is none: so its effect is one that nobody asked for.
  void OnCall(const Operation& operation) {
    if (operation.kind == OperationKind::kList) return;
    const auto identity = IdentityOf(operation);
    if (operation.outcome == OperationOutcome::kRefused) return;
    if (operation.kind == OperationKind::kIssue) {
      tokens_.OnIssueCall(identity);
    } else {
      tokens_.OnRevokeCall(identity);
    }
  }

  void OnReturn(const Operation& operation) {
    switch (operation.outcome) {
      case OperationOutcome::kOk:
        return OnOk(operation);
      case OperationOutcome::kExists:
        return tokens_.OnTokenExists(IdentityOf(operation), operation.returned,
                                     findings_);
      case OperationOutcome::kMissing:
        return tokens_.OnTokenNotFound(IdentityOf(operation), operation.called,
                                       findings_);
      case OperationOutcome::kRefused:
      case OperationOutcome::kUnknown:
        return;
    }
  }

  void OnOk(const Operation& operation) {
    switch (operation.kind) {
      case OperationKind::kIssue:
        return tokens_.OnIssued(IdentityOf(operation), operation.index,
                                operation.called, operation.returned,
                                findings_);
      case OperationKind::kRevoke:
        return tokens_.OnRevoked(IdentityOf(operation), operation.index,
                                 operation.called, operation.returned,
                                 findings_);
      case OperationKind::kList:
        return tokens_.OnListed(operation.list, operation.called,
                                operation.returned, findings_);
    }
  }

  const std::vector<Operation>& history_;
  std::map<std::string, TokenHistory::Identity> identities_;
  TokenHistory tokens_;
  Findings findings_;
};

}  // namespace

absl::StatusOr<std::vector<Operation>> ParseHistory(absl::string_view text) {
  std::vector<Operation> history;
  size_t number = 0;
  absl::ConsumeSuffix(&text, "\n");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    absl::Status status;
    if (number == 1) {
      if (line != kHeader) {
        status = Refuse(line, absl::StrCat("is not \"", kHeader, "\""));
      }
    } else if (!line.empty() && line.front() != '#') {
      auto operation = ParseLine(line);
      status = operation.status();
      if (operation.ok()) {
        operation->line = number;
        history.push_back(*std::move(operation));
      }
    }
    if (!status.ok()) {
      return MakeError(ErrorCode::kParseFailed,
                       absl::StrCat("line ", number, ": ", status.message()));
    }
  }
  return history;
}

std::optional<Violation> CheckHistory(const std::vector<Operation>& history) {
  return Replay(history).Run();
}

std::vector<const Operation*> Offenders(const std::vector<Operation>& history,
                                        const Violation& violation,
                                        size_t count_max) {
  // Names and times stand in the text between these.
  const std::set<std::string> words =
      absl::StrSplit(violation.detail, absl::ByAnyChar(" ,;"));
  std::vector<const Operation*> offenders;
  for (const Operation& operation : history) {
    const bool named = words.contains(operation.identity) ||
                       words.contains(absl::StrCat(operation.called)) ||
                       words.contains(absl::StrCat(operation.returned));
    if (!named) continue;
    offenders.push_back(&operation);
    if (offenders.size() == count_max) break;
  }
  return offenders;
}

}  // namespace jaco::sim

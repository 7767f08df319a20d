#include "jaco/sim/checkers/token_history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace jaco::sim {
namespace {

constexpr absl::string_view kLinearizability = "linearizability";
constexpr absl::string_view kAcknowledged = "acknowledged_durable";

bool IsRevoked(const server::TokenInfo& info) {
  return info.revoked_at != absl::InfiniteFuture();
}

}  // namespace

TokenHistory::Identity TokenHistory::NewIdentity(std::string name) {
  const auto identity = static_cast<Identity>(tokens_.size());
  by_name_.emplace(name, identity);
  tokens_.push_back({.name = std::move(name)});
  return identity;
}

void TokenHistory::OnIssueCall(Identity identity) {
  Token& token = tokens_[identity];
  revocations_ -= token.Revocations();
  ++token.issue.calls;
  revocations_ += token.Revocations();
}

void TokenHistory::OnRevokeCall(Identity identity) {
  Token& token = tokens_[identity];
  revocations_ -= token.Revocations();
  if (++token.revocation.calls == 1) token.revoked_before = known_revoked_;
  revocations_ += token.Revocations();
}

void TokenHistory::LearnRevoked(Token& token, Moment now) {
  if (token.revocation.since == kNever) ++known_revoked_;
  token.revocation.since = std::min(token.revocation.since, now);
}

void TokenHistory::OnIssued(Identity identity, uint64_t index, Moment called,
                            Moment now, Findings& findings) {
  Token& token = tokens_[identity];
  if (MayBeAnew(token)) return CheckIndex(index, called, now, findings);
  if (token.issued || token.issue.since < called) {
    findings.Report(
        kLinearizability,
        absl::StrCat("token ", token.name,
                     " was issued a second time, at index ", index));
  }
  token.issued = true;
  Learn(token, token.issue, index, now, findings);
  CheckIndex(index, called, now, findings);
}

void TokenHistory::OnTokenExists(Identity identity, Moment now,
                                 Findings& findings) {
  // The call that is answered did not issue it; some other has to.
  Token& token = tokens_[identity];
  token.issue.since = std::min(token.issue.since, now);
  if (token.issue.calls > 1) return;
  findings.Report(
      kLinearizability,
      absl::StrCat("token ", token.name, " exists before it was issued"));
}

void TokenHistory::OnRevoked(Identity identity, uint64_t index, Moment called,
                             Moment now, Findings& findings) {
  Token& token = tokens_[identity];
  if (token.issue.calls == 0) {
    findings.Report(kLinearizability,
                    absl::StrCat("token ", token.name,
                                 " was revoked before it was issued"));
  }
  token.issue.since = std::min(token.issue.since, now);
  LearnRevoked(token, now);
  token.revocation.by_index = std::min(token.revocation.by_index, index);
  // Revoking again changes nothing, so `index` is not that of the change.
  CheckIndex(index, called, now, findings);
}

void TokenHistory::OnTokenNotFound(Identity identity, Moment called,
                                   Findings& findings) {
  const Token& token = tokens_[identity];
  if (token.issue.since >= called || MayBeForgotten(token)) return;
  findings.Report(kLinearizability,
                  absl::StrCat("token ", token.name, " existed at event ",
                               token.issue.since, "; a call made at event ",
                               called, " did not find it"));
}

void TokenHistory::OnListed(const server::ListTokensResponse& list,
                            Moment called, Moment now, Findings& findings) {
  CheckIndex(list.index, called, now, findings);
  Memory memory;
  for (const server::TokenInfo& info : list.tokens) {
    if (IsRevoked(info)) memory.Add(info.modify_index);
  }
  CheckMemory(memory, findings);
  auto shown = list.tokens.begin();
  for (const auto& [name, identity] : by_name_) {
    // Both are in the order of names. What is not ours is the founding's.
    while (shown != list.tokens.end() && shown->identity < name) ++shown;
    Token& token = tokens_[identity];
    if (shown != list.tokens.end() && shown->identity == name) {
      CheckListed(token, *shown, list.index, called, now, findings);
    } else {
      CheckMissing(token, memory, list.index, called, findings);
    }
  }
}

void TokenHistory::CheckListed(Token& token, const server::TokenInfo& info,
                               uint64_t list_index, Moment called, Moment now,
                               Findings& findings) {
  if (MayBeAnew(token)) return;
  Learn(token, token.issue, info.create_index, now, findings);
  if (IsRevoked(info)) {
    LearnRevoked(token, now);
    Learn(token, token.revocation, info.modify_index, now, findings);
  }
  const bool must_be_revoked =
      token.revocation.since < called ||
      (token.revocation.index != 0 && token.revocation.index <= list_index);
  if ((must_be_revoked && !IsRevoked(info)) ||
      std::max(info.create_index, info.modify_index) > list_index) {
    findings.Report(
        kLinearizability,
        absl::StrCat("the list of index ", list_index, ", called at event ",
                     called, ", shows token ", token.name, " as of index ",
                     info.modify_index, IsRevoked(info) ? "" : ", active"));
  }
}

void TokenHistory::CheckMissing(const Token& token, const Memory& memory,
                                uint64_t list_index, Moment called,
                                Findings& findings) const {
  const bool must_be_there =
      token.issue.since < called ||
      (token.issue.index != 0 && token.issue.index <= list_index);
  if (!must_be_there || MayBeForgotten(token, memory)) return;
  findings.Report(
      kLinearizability,
      absl::StrCat("the list of index ", list_index, ", called at event ",
                   called, ", lacks token ", token.name, ", issued at index ",
                   token.issue.index, " and seen at event ",
                   token.issue.since));
}

void TokenHistory::Learn(const Token& token, Change& change, uint64_t index,
                         Moment now, Findings& findings) {
  change.since = std::min(change.since, now);
  change.by_index = std::min(change.by_index, index);
  if (change.index == 0) change.index = index;
  if (change.calls > 0 && change.index == index) return;
  findings.Report(kLinearizability,
                  absl::StrCat("token ", token.name, " was ", change.verb,
                               " at index ", change.index, " and at ", index,
                               " by ", change.calls, " calls"));
}

void TokenHistory::CheckIndex(uint64_t index, Moment called, Moment now,
                              Findings& findings) {
  const auto after = std::lower_bound(
      marks_.begin(), marks_.end(), called,
      [](const Mark& mark, Moment moment) { return mark.at < moment; });
  if (after != marks_.begin() && std::prev(after)->index > index) {
    findings.Report(
        kLinearizability,
        absl::StrCat("a call made at event ", called,
                     " was answered from index ", index, " after index ",
                     std::prev(after)->index, " had been seen at event ",
                     std::prev(after)->at));
  }
  if (marks_.empty() || index > marks_.back().index) {
    marks_.push_back({now, index});
  }
}

void TokenHistory::OnShown(Identity identity, Shown shown, Moment called,
                           Moment now, Findings& findings) {
  Judge(identity, shown, tokens_[identity].revocation.since < called, called,
        now, findings);
}

void TokenHistory::OnAcceptedUnconfirmed(Identity identity, uint64_t applied,
                                         Moment called, Moment now,
                                         Findings& findings) {
  Judge(identity, Shown::kAccepted,
        tokens_[identity].revocation.by_index <= applied, called, now,
        findings);
}

// `too_late`: it must not be accepted any more.
void TokenHistory::Judge(Identity identity, Shown shown, bool too_late,
                         Moment called, Moment now, Findings& findings) {
  Token& token = tokens_[identity];
  if (shown != Shown::kUnknown) {
    token.issue.since = std::min(token.issue.since, now);
  }
  const Moment revoked_since = token.revocation.since;
  if (shown == Shown::kRevoked) LearnRevoked(token, now);
  const bool wrong =
      (shown == Shown::kAccepted && too_late && !MayBeAnew(token)) ||
      (shown == Shown::kRevoked && token.revocation.calls == 0) ||
      (shown == Shown::kUnknown && token.issue.since < called &&
       !MayBeForgotten(token));
  if (!wrong) return;
  static constexpr absl::string_view kSaid[] = {"accepted", "revoked",
                                                "not known"};
  findings.Report(
      "token_shown",
      absl::StrCat("token ", token.name, ", seen at event ", token.issue.since,
                   " and revoked at event ", revoked_since, ", shown at event ",
                   called, ", was ", kSaid[static_cast<size_t>(shown)]));
}

void TokenHistory::CheckMemory(const Memory& memory, Findings& findings) const {
  if (memory.tokens <= remembered_) return;
  findings.Report(
      "tokens_bounded",
      absl::StrCat(memory.tokens, " revoked tokens are remembered, ",
                   "the limit is ", remembered_));
}

bool TokenHistory::MayBeForgotten(const Token& token,
                                  const Memory& memory) const {
  const uint64_t revoked = token.revocation.index;  // 0: not known
  return token.revocation.calls > 0 && memory.tokens >= remembered_ &&
         revoked < memory.first;
}

bool TokenHistory::MayBeForgotten(const Token& token) const {
  // All but its own, and those that came before.
  return token.Revocations() > 0 &&
         revocations_ - 1 - token.revoked_before >= remembered_;
}

bool TokenHistory::MayBeAnew(const Token& token) const {
  return token.issue.calls > 1 && MayBeForgotten(token);
}

void TokenHistory::CheckFinal(const fsm::ClusterState& state,
                              Findings& findings) const {
  Memory memory;
  for (const auto& [name, token] : state.tokens()) {
    if (token.revoked_at_unix_ms() != 0) memory.Add(token.modify_index());
  }
  CheckMemory(memory, findings);
  for (const Token& token : tokens_) {
    const auto it = state.tokens().find(token.name);
    const bool exists = it != state.tokens().end();
    const bool revoked = exists && it->second.revoked_at_unix_ms() != 0;
    const bool forgotten = !exists && MayBeForgotten(token, memory);
    if (token.issue.since != kNever && !exists && !forgotten) {
      findings.Report(kAcknowledged,
                      absl::StrCat("token ", token.name, ", seen at event ",
                                   token.issue.since, ", is gone"));
    }
    if (token.revocation.since != kNever && !revoked && !forgotten &&
        !MayBeAnew(token)) {
      findings.Report(kAcknowledged, absl::StrCat("the revocation of token ",
                                                  token.name, " is gone"));
    }
    if ((exists && token.issue.calls == 0) ||
        (revoked && token.revocation.calls == 0)) {
      findings.Report(kLinearizability,
                      absl::StrCat("token ", token.name,
                                   " changed without being asked to"));
    }
  }
}

}  // namespace jaco::sim

// What clients saw of operator tokens, and whether a single copy of the state
// could have answered so (linearizability), with nothing lost that was
// acknowledged.
//
// An identity goes from absent to active to revoked, and every answer carries
// the index of the state that gave it. So no search is needed:
// answers are linearizable if (1) the indices are in the order of real time: an
// answer's index is not below that of any answer given before its call; (2) one
// identity changes at one index each time, in whatever answer it is seen; (3) a
// list shows exactly what changed up to its index, as far as that is known; and
// (4) no answer shows the effect of a call that had not been made.
//
// Of revoked tokens the state remembers the newest so many. One is missing
// rightly only from a state that remembers that many, all revoked after it; it
// is then absent, and never accepted again. If more than one call asked for it
// to be issued, the second may have taken effect then, and the two lives of the
// identity are not told apart any more.

#ifndef JACO_SIM_CHECKERS_TOKEN_HISTORY_H_
#define JACO_SIM_CHECKERS_TOKEN_HISTORY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "jaco/fsm/cluster_state.h"
#include "jaco/server/api.h"
#include "jaco/sim/checkers/findings.h"

namespace jaco::sim {

// When something happened, as the number of the event in which it did: finer
// than simulated time.
using Moment = uint64_t;

class TokenHistory {
 public:
  // `remembered`: how many revoked tokens the state keeps.
  explicit TokenHistory(
      size_t remembered = fsm::ClusterState::Limits().revoked_tokens)
      : remembered_(remembered) {}

  // Identities of tokens; calls name them by position.
  using Identity = uint32_t;
  Identity NewIdentity(std::string name);
  const std::string& name(Identity identity) const {
    return tokens_[identity].name;
  }
  size_t identities() const { return tokens_.size(); }

  // The call was made, and may take effect from now on.
  void OnIssueCall(Identity identity);
  void OnRevokeCall(Identity identity);

  // Answers to the call made at `called`; calls without a definite answer may
  // have taken effect, or may yet.
  void OnIssued(Identity identity, uint64_t index, Moment called, Moment now,
                Findings& findings);
  void OnTokenExists(Identity identity, Moment now, Findings& findings);
  void OnRevoked(Identity identity, uint64_t index, Moment called, Moment now,
                 Findings& findings);
  void OnTokenNotFound(Identity identity, Moment called, Findings& findings);
  void OnListed(const server::ListTokensResponse& list, Moment called,
                Moment now, Findings& findings);

  // What a server said of the token itself when somebody showed it.
  enum class Shown { kAccepted, kRevoked, kUnknown };
  void OnShown(Identity identity, Shown shown, Moment called, Moment now,
               Findings& findings);
  // Somebody was accepted by one that could not ask the others, and judged by
  // its own state, which had everything up to `applied` when it was called: it
  // may not have heard of the revocation.
  void OnAcceptedUnconfirmed(Identity identity, uint64_t applied, Moment called,
                             Moment now, Findings& findings);

  // `state` is what is left in the end: it has everything that was
  // acknowledged.
  void CheckFinal(const fsm::ClusterState& state, Findings& findings) const;

 private:
  static constexpr Moment kNever = ~Moment{0};

  // What can happen to a token once.
  struct Change {
    const char* verb;
    uint32_t calls = 0;          // that asked for it
    uint64_t index = 0;          // 0: not known
    uint64_t by_index = kNever;  // it has happened when this is applied
    Moment since = kNever;       // the first answer that proved it
  };
  struct Token {
    std::string name;
    bool issued = false;  // some call was answered so
    Change issue{"issued"};
    Change revocation{"revoked"};
    // How many others were known to be revoked before anybody asked for that
    // of this one.
    uint64_t revoked_before = 0;

    // How often it may have been revoked: it has to be issued in between.
    uint64_t Revocations() const {
      return std::min(issue.calls, revocation.calls);
    }
  };
  // What a state has of revoked tokens.
  struct Memory {
    size_t tokens = 0;
    uint64_t first = kNever;  // index of the oldest revocation

    void Add(uint64_t index) {
      ++tokens;
      first = std::min(first, index);
    }
  };
  struct Mark {
    Moment at;
    uint64_t index;  // the highest in any answer so far
  };

  void CheckIndex(uint64_t index, Moment called, Moment now,
                  Findings& findings);
  void Judge(Identity identity, Shown shown, bool too_late, Moment called,
             Moment now, Findings& findings);
  static void Learn(const Token& token, Change& change, uint64_t index,
                    Moment now, Findings& findings);
  void LearnRevoked(Token& token, Moment now);
  void CheckListed(Token& token, const server::TokenInfo& info,
                   uint64_t list_index, Moment called, Moment now,
                   Findings& findings);
  void CheckMissing(const Token& token, const Memory& memory,
                    uint64_t list_index, Moment called,
                    Findings& findings) const;
  void CheckMemory(const Memory& memory, Findings& findings) const;
  // Whether a state with this memory may have forgotten the token; whether some
  // state may, as far as the calls tell.
  bool MayBeForgotten(const Token& token, const Memory& memory) const;
  bool MayBeForgotten(const Token& token) const;
  // Whether it may have been issued again after that.
  bool MayBeAnew(const Token& token) const;

  size_t remembered_;
  uint64_t revocations_ = 0;    // that there may have been, of all tokens
  uint64_t known_revoked_ = 0;  // tokens that surely were
  std::vector<Token> tokens_;
  std::map<std::string, Identity> by_name_;
  std::vector<Mark> marks_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_TOKEN_HISTORY_H_

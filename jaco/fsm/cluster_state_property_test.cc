// Random commands against a naive model of the tokens, with a restart from rows
// or a snapshot thrown in anywhere.

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/testing.h"

namespace jaco::fsm {
namespace {

enum class Op { kIssue, kRevoke, kReload, kSnapshot };

struct Step {
  Op op;
  int identity;
  int hash;
};

class TokenModel {
 public:
  std::optional<ErrorCode> Issue(const std::string& identity, int hash) {
    if (tokens_.contains(identity)) return ErrorCode::kTokenExists;
    for (const auto& [other, token] : tokens_) {
      if (token.hash == hash) return ErrorCode::kValidationFailed;
    }
    tokens_[identity] = {.hash = hash, .revoked = false};
    return std::nullopt;
  }

  std::optional<ErrorCode> Revoke(const std::string& identity) {
    if (!tokens_.contains(identity)) return ErrorCode::kTokenNotFound;
    tokens_[identity].revoked = true;
    return std::nullopt;
  }

  void CheckSameAs(const ClusterState& state) const {
    RC_ASSERT(state.tokens().size() == tokens_.size());
    for (const auto& [identity, expected] : tokens_) {
      const Token* found = state.FindTokenByHash(testing::Hash(expected.hash));
      RC_ASSERT(found != nullptr);
      RC_ASSERT(found->identity() == identity);
      RC_ASSERT((found->revoked_at_unix_ms() != 0) == expected.revoked);
    }
  }

 private:
  struct ModelToken {
    int hash = 0;
    bool revoked = false;
  };
  std::map<std::string, ModelToken> tokens_;
};

std::optional<ErrorCode> Outcome(ClusterState& state, const Command& command) {
  const ApplyResult result = testing::ApplyNext(state, command);
  if (result.status.ok()) return std::nullopt;
  return CodeOf(result.status);
}

// A new machine in the same state.
ClusterState Restart(const ClusterState& state, const testing::RowStore& store,
                     Op how) {
  ClusterState next;
  if (how == Op::kReload) {
    RC_ASSERT(next.Load(store.Rows(), state.applied()).ok());
  } else {
    RC_ASSERT(next.RestoreSnapshot(state.TakeSnapshot()()).ok());
    next.TakeRowEdits();  // the store has these rows
  }
  RC_ASSERT(next.digest() == state.digest());
  RC_ASSERT(next.applied() == state.applied());
  return next;
}

rc::Gen<Step> AnyStep() {
  return rc::gen::construct<Step>(
      rc::gen::weightedElement<Op>({{6, Op::kIssue},
                                    {4, Op::kRevoke},
                                    {1, Op::kReload},
                                    {1, Op::kSnapshot}}),
      rc::gen::inRange(0, 12), rc::gen::inRange(0, 40));
}

RC_GTEST_PROP(ClusterStateProperty, TokensAreAsInTheModel, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(AnyStep());
  ClusterState state;
  testing::RowStore store;
  TokenModel model;
  for (const Step& step : steps) {
    const std::string identity = absl::StrCat("id", step.identity);
    if (step.op == Op::kIssue) {
      RC_ASSERT(Outcome(state, testing::Issue(identity, step.hash)) ==
                model.Issue(identity, step.hash));
    } else if (step.op == Op::kRevoke) {
      RC_ASSERT(Outcome(state, testing::Revoke(identity)) ==
                model.Revoke(identity));
    } else {
      state = Restart(state, store, step.op);
    }
    store.Take(state);
    model.CheckSameAs(state);
  }
}

}  // namespace
}  // namespace jaco::fsm

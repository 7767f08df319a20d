#include "jaco/sim/bearer.h"

#include <string>

#include "absl/status/statusor.h"
#include "jaco/base/error.h"
#include "jaco/sim/stream.h"

namespace jaco::sim {
namespace {

using Shown = TokenHistory::Shown;

// Half of the time one of the last so many: what is about to be revoked, or
// was just.
constexpr uint64_t kRecent = 8;

}  // namespace

Bearer::Bearer(World& world, Workload& workload, uint64_t seed)
    : world_(world),
      workload_(workload),
      owner_(world.queue().NewOwner()),
      prng_(MakeStream(seed, Stream::kBearer)) {
  Rest();
}

void Bearer::Stop() { world_.queue().CancelAll(owner_); }

void Bearer::Rest() {
  const Duration pause = prng_.Tail(world_.options().client_pause);
  world_.queue().Schedule(world_.now() + pause, owner_,
                          {EventKind::kClient, kWorld}, [this] { Begin(); });
}

void Bearer::Begin() {
  Rest();
  const uint64_t known = workload_.secrets().size();
  if (known == 0) return;
  uint64_t secret = prng_.Below(known);
  if (prng_.Chance(1, 2) && known > kRecent) {
    secret = known - 1 - prng_.Below(kRecent);
  }
  const auto server =
      static_cast<NodeNumber>(prng_.Between(1, world_.servers()));
  // An event of the server's: a paused one does not take calls.
  world_.queue().Schedule(world_.now(), owner_, {EventKind::kClient, server},
                          [this, secret, server, stale = prng_.Chance(1, 3)] {
                            Show(secret, server, stale);
                          });
}

void Bearer::Show(size_t secret, NodeNumber server, bool stale) {
  if (!world_.node(server).up()) return;
  const uint32_t number = ++shows_;
  const Moment called = world_.trace().events();
  const Workload::Secret& shown = workload_.secrets()[secret];
  world_.trace().Note({EventKind::kCall, server, kWorld, number},
                      stale ? "show stale" : "show");
  server::Server& shown_to = *world_.node(server).server();
  const uint64_t applied = shown_to.state().applied().value();
  shown_to.Authenticate(
      shown.token, stale,
      [this, identity = shown.identity, number, server, stale, applied,
       called](const absl::StatusOr<server::Caller>& caller) {
        const absl::string_view said =
            caller.ok() ? "ok" : ErrorCodeName(CodeOf(caller.status()));
        world_.trace().Note({EventKind::kReply, server, kWorld, number}, said);
        Shown result = Shown::kAccepted;
        if (said == ErrorCodeName(ErrorCode::kTokenRevoked)) {
          result = Shown::kRevoked;
        } else if (said == ErrorCodeName(ErrorCode::kTokenInvalid)) {
          result = Shown::kUnknown;
        } else if (!caller.ok()) {
          return;
        }
        ++answers_;
        const Moment now = world_.trace().events();
        // Only what is answered locally may be asked for by those.
        if (stale && caller.ok() && caller->unconfirmed) {
          workload_.history().OnAcceptedUnconfirmed(identity, applied, called,
                                                    now, world_.findings());
        } else {
          workload_.history().OnShown(identity, result, called, now,
                                      world_.findings());
        }
      });
}

}  // namespace jaco::sim

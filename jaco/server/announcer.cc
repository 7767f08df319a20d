#include "jaco/server/announcer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSubsystem = "announce";
constexpr absl::string_view kSystem = "system";  // the identity of its commands

}  // namespace

void Announcer::Start() { Review(); }

void Announcer::Review() {
  node_->env().loop->After(kReviewEvery, [this] { Review(); });
  const raft::Raft* raft = node_->raft();
  if (node_->lifecycle() != Lifecycle::kMember || raft == nullptr) return;
  const bool moved = HasMoved();
  if (raft->leader() == raft::kNoNode) {
    // Nobody who still has the old address can reach this server; and a server
    // whose log ends in its removal asks for no votes, so nobody would tell it
    // that it was removed.
    if (moved || !raft->configuration().Contains(raft->id())) {
      node_->SayAddress();
    }
    return;
  }
  if (announcing_ || !node_->state().nodes().contains(raft->id().value())) {
    return;
  }
  fsm::NodeAnnounce present = Present();
  const bool known = IsKnown(present);
  if (known && !moved) {
    repeat_ = kReviewEvery;
    next_ = Instant();
    return;
  }
  const Instant now = node_->env().clock->Now();
  if (now < next_) return;
  next_ = now + repeat_;
  repeat_ = std::min(repeat_ * 2, kRepeatMax);
  Announce(std::move(present));
}

fsm::NodeAnnounce Announcer::Present() const {
  const ServerOptions& options = node_->options();
  fsm::NodeAnnounce present;
  present.set_id(node_->raft()->id().value());
  present.set_address(node_->address());
  present.set_version(options.version);
  present.set_feature_level(options.feature_level);
  present.set_authority_fingerprint(certificates_->IssuerFingerprint());
  return present;
}

bool Announcer::IsKnown(const fsm::NodeAnnounce& present) const {
  const fsm::Node& node = node_->state().nodes().at(present.id());
  return node.address() == present.address() &&
         node.version() == present.version() &&
         node.feature_level() == present.feature_level() &&
         node.authority_fingerprint() == present.authority_fingerprint();
}

bool Announcer::HasMoved() const {
  const raft::Raft& raft = *node_->raft();
  for (const auto& [id, address] : raft.configuration().addresses) {
    if (id == raft.id()) return address != node_->address();
  }
  return false;
}

void Announcer::Announce(fsm::NodeAnnounce present) {
  fsm::Command command;
  *command.mutable_node_announce() = std::move(present);
  announcing_ = true;
  node_->Propose(
      {.identity = std::string(kSystem)}, std::move(command),
      [this](const auto& result, raft::LogIndex) {
        announcing_ = false;
        if (result.ok()) return node_->NotifyWatcher();
        node_->env().logger->Write(
            LogLevel::kWarning, kSubsystem,
            absl::StrCat("not announced: ", result.status().message()));
      });
}

}  // namespace jaco::server

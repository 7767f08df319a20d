#include "jaco/server/bootstrap_contacts.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/server/bootstrap_record.h"

namespace jaco::server {

bool BootstrapContacts::Learn(const std::string& address, Instant now) {
  if (address == self_.address || contacts_.contains(address) ||
      contacts_.size() >= kBootstrapAddressesMax ||
      !fsm::ValidateAddress(address).ok()) {
    return false;
  }
  contacts_[address].next = now;
  return true;
}

bool BootstrapContacts::Met(const std::string& address, bool member,
                            Instant now) {
  if (Learn(address, now)) return true;
  const auto it = contacts_.find(address);
  if (it == contacts_.end()) return false;
  if (it->second.reachable && !member) return false;
  it->second.next = now;
  it->second.pause = Duration();
  return true;
}

void BootstrapContacts::Recall(const std::string& address, uint64_t id,
                               Instant now) {
  Learn(address, now);
  const auto it = contacts_.find(address);
  if (it == contacts_.end()) return;
  it->second.heard.set_server_id(id);
  it->second.heard.set_expect(self_.expect);
}

void BootstrapContacts::Heard(const std::string& address,
                              const HelloResponse& answer, Instant now) {
  Contact& contact = contacts_[address];
  contact.next = now;
  contact.pause = Duration();
  contact.reachable = true;
  contact.heard = answer;
  contact.failure.clear();
  highest_round_ =
      std::max(highest_round_,
               std::min(answer.vote().promised().round(), kBallotRoundMax - 1));
}

void BootstrapContacts::Missed(const std::string& address,
                               const absl::Status& why, Instant now) {
  Contact& contact = contacts_[address];
  contact.pause = std::clamp(contact.pause * 2, retry_, retry_max_);
  contact.next = now + contact.pause;
  contact.reachable = false;
  contact.failure = absl::StrCat(address, ": ", ErrorCodeName(CodeOf(why)),
                                 ": ", why.message());
}

std::vector<std::string> BootstrapContacts::Due(Instant now) const {
  std::vector<std::string> due;
  for (const auto& [address, contact] : contacts_) {
    if (contact.next <= now) due.push_back(address);
  }
  return due;
}

std::vector<std::string> BootstrapContacts::All() const {
  std::vector<std::string> all;
  for (const auto& [address, contact] : contacts_) all.push_back(address);
  return all;
}

std::map<uint64_t, std::string> BootstrapContacts::Fresh() const {
  std::map<uint64_t, std::string> fresh;
  for (const auto& [address, contact] : contacts_) {
    if (contact.reachable && IsOther(contact) && !contact.heard.member() &&
        contact.heard.expect() == self_.expect) {
      fresh.emplace(contact.heard.server_id(), address);
    }
  }
  return fresh;
}

std::vector<std::string> BootstrapContacts::Members() const {
  std::vector<std::string> members;
  for (const auto& [address, contact] : contacts_) {
    if (contact.reachable && contact.heard.member()) members.push_back(address);
  }
  return members;
}

bool BootstrapContacts::KnowsAMember() const {
  return std::any_of(contacts_.begin(), contacts_.end(), [](const auto& known) {
    return known.second.heard.member();
  });
}

absl::Status BootstrapContacts::Problem() const {
  if (self_.expect == 0) return absl::OkStatus();
  std::map<std::string, uint64_t> names = {{self_.node_name, self_.id}};
  for (const auto& [address, contact] : contacts_) {
    const HelloResponse& heard = contact.heard;
    if (!contact.reachable || heard.member() || heard.expect() == 0) continue;
    if (heard.expect() != self_.expect) {
      return MakeError(
          ErrorCode::kConfigMismatch,
          absl::StrCat(heard.node_name(), " at ", address,
                       " has bootstrap_expect ", heard.expect(), ", ",
                       self_.node_name, " has ", self_.expect));
    }
    const auto [it, first] =
        names.emplace(heard.node_name(), heard.server_id());
    if (!first && it->second != heard.server_id()) {
      return MakeError(
          ErrorCode::kConflict,
          absl::StrCat("two servers have the node_name ", heard.node_name(),
                       ", one of them at ", address));
    }
    if (!IsOther(contact) && heard.node_name() != self_.node_name) {
      return MakeError(ErrorCode::kConflict,
                       absl::StrCat(heard.node_name(), " at ", address,
                                    " has a copy of this server's data_dir"));
    }
  }
  return absl::OkStatus();
}

Founder BootstrapContacts::Accepted(const FounderVote& own) const {
  const FounderVote* highest = &own;
  for (const auto& [address, contact] : contacts_) {
    const FounderVote& vote = contact.heard.vote();
    if (contact.reachable && !contact.heard.member() &&
        highest->accepted() < vote.accepted()) {
      highest = &vote;
    }
  }
  return highest->founder();
}

std::map<std::string, uint64_t> BootstrapContacts::KnownByAddress() const {
  std::map<std::string, uint64_t> known;
  for (const auto& [address, contact] : contacts_) {
    const HelloResponse& heard = contact.heard;
    if (heard.server_id() != 0 && !heard.member() &&
        heard.expect() == self_.expect) {
      known[address] = heard.server_id();
    }
  }
  return known;
}

size_t BootstrapContacts::known() const {
  std::set<uint64_t> ids = {self_.id};
  for (const auto& [address, id] : KnownByAddress()) ids.insert(id);
  return ids.size();
}

std::string BootstrapContacts::LastFailure() const {
  std::string failure;
  for (const auto& [address, contact] : contacts_) {
    if (!contact.failure.empty()) failure = contact.failure;
  }
  return failure;
}

}  // namespace jaco::server

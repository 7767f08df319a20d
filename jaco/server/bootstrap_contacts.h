// The servers that a waiting server knows of: where they may be, which of them
// answer, and what follows from what they say.

#ifndef JACO_SERVER_BOOTSTRAP_CONTACTS_H_
#define JACO_SERVER_BOOTSTRAP_CONTACTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/base/time.h"
#include "jaco/server/bootstrap.pb.h"

namespace jaco::server {

class BootstrapContacts {
 public:
  // This server, as the others see it.
  struct Self {
    uint64_t id = 0;
    std::string node_name;
    std::string address;
    uint32_t expect = 0;
  };
  // An address that does not answer is tried again after `retry`, then after
  // ever longer times up to `retry_max`.
  BootstrapContacts(Duration retry, Duration retry_max)
      : retry_(retry), retry_max_(retry_max) {}

  void SetSelf(Self self) { self_ = std::move(self); }
  const Self& self() const { return self_; }

  // Whether there is something to ask at `address` now that was not to be asked
  // soon anyway. Forgets what is no address, our own, and those beyond
  // kBootstrapAddressesMax.
  bool Learn(const std::string& address, Instant now);
  // The same of a server that has just spoken to us, and perhaps said that it
  // is a member now.
  bool Met(const std::string& address, bool member, Instant now);
  void Heard(const std::string& address, const HelloResponse& answer,
             Instant now);
  void Missed(const std::string& address, const absl::Status& why, Instant now);

  // What an earlier start of this server knew: counts in `known` only.
  void Recall(const std::string& address, uint64_t id, Instant now);

  std::vector<std::string> Due(Instant now) const;
  std::vector<std::string> All() const;

  // The following look at servers that answered when they were last asked.

  // Of those that wait for as many servers as we do, others than ourselves: the
  // addresses by id.
  std::map<uint64_t, std::string> Fresh() const;
  std::vector<std::string> Members() const;
  // Whether there is a cluster, even if no member of it answers now.
  bool KnowsAMember() const;
  // Of the member at `address`.
  std::string ClusterOf(const std::string& address) const {
    return contacts_.at(address).heard.cluster_id();
  }
  // Why no cluster may be founded: config_mismatch, conflict.
  absl::Status Problem() const;
  // Who founds: whoever was accepted in the highest ballot, by `own` or by one
  // of the fresh servers; else nobody (0).
  Founder Accepted(const FounderVote& own) const;

  // The servers that wait for as many as we do, those that are silent now
  // included: the last one heard at each address.
  std::map<std::string, uint64_t> KnownByAddress() const;
  // How many these are, with this one.
  size_t known() const;
  // No ballot that anybody has told us of is of a higher round.
  uint64_t highest_round() const { return highest_round_; }
  // What the last address that does not answer said; empty when all do.
  std::string LastFailure() const;

 private:
  struct Contact {
    Instant next;
    Duration pause;
    bool reachable = false;
    HelloResponse heard;  // server_id 0: nothing yet
    std::string failure;
  };

  bool IsOther(const Contact& contact) const {
    return contact.heard.server_id() != self_.id;
  }

  const Duration retry_;
  const Duration retry_max_;
  Self self_;
  std::map<std::string, Contact> contacts_;  // by address
  uint64_t highest_round_ = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_BOOTSTRAP_CONTACTS_H_

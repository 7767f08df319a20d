// Values of the protocol as short lines of text, for people: conversations,
// traces, reports. The form is fixed; nothing parses it.

#ifndef JACO_RAFT_DESCRIBE_H_
#define JACO_RAFT_DESCRIBE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "jaco/raft/message.h"
#include "jaco/raft/ready.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

// "term:index".
std::string Describe(const EntryId& id);
// "1 2 3", with " from 1 4 5" in joint consensus, with " learners 6".
std::string Describe(const Configuration& configuration);
// "2:5", "2:5/noop", "2:5/configuration(1 2 3)" or "2:5/<command>".
std::string Describe(const Entry& entry);
// Separated by spaces.
std::string Describe(const std::vector<EntryPtr>& entries);
// "Append term=2 prev=1:4 commit=3 [2:5/x]".
std::string Describe(const Message& message);
// "writes #3 term=2 vote=1 [2:5/x]".
std::string Describe(const Persist& write);
// "is follower term=2 of 1".
std::string Describe(const RoleChange& change);
// "answers read 7: index 5" or "refuses read 7: no leader is known".
std::string Describe(const ReadResult& read);
absl::string_view RoleName(Role role);

}  // namespace jaco::raft

#endif  // JACO_RAFT_DESCRIBE_H_

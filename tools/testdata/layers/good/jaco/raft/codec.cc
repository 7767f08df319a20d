#include "jaco/raft/raft.pb.h"

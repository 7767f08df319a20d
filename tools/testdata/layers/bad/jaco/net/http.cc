#include "jaco/raft/raft.h"
#include "jaco/sim/world.h"

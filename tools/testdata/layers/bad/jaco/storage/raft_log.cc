#include <unistd.h>

#include "jaco/env/posix/file_system.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/raft.h"
#include "jaco/raft/types.h"

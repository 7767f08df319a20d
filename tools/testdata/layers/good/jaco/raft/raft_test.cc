#include "jaco/raft/raft.h"

#include <chrono>

#include "gtest/gtest.h"

#include <chrono>

#include "jaco/sim/world.h"

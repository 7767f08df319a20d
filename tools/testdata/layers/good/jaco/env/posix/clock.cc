#include "jaco/env/clock.h"

#include <unistd.h>

#include <chrono>

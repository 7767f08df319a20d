#include "jaco/env/posix/clock.h"

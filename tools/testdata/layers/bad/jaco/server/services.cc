#include <boost/asio.hpp>

#include "jaco/net/http.h"

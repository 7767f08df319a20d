#ifndef JACO_NET_TCP_LISTEN_H_
#define JACO_NET_TCP_LISTEN_H_

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::net {

using TcpAcceptor =
    boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                       boost::asio::io_context::executor_type>;

// Where `host_port` is, whose host is numeric; kInvalidArgument.
absl::StatusOr<boost::asio::ip::tcp::endpoint> ParseListener(
    absl::string_view host_port);

// Opens `acceptor` there. Returns the port, which is another one when 0 was
// asked for. Each error names `host_port`: kFailedPrecondition when somebody
// else has it, kPermissionDenied, kInvalidArgument when no interface of this
// host has that address, and kInternal.
absl::StatusOr<uint16_t> Listen(absl::string_view host_port,
                                TcpAcceptor& acceptor);

}  // namespace jaco::net

#endif  // JACO_NET_TCP_LISTEN_H_

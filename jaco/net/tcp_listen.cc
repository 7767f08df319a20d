#include "jaco/net/tcp_listen.h"

#include "absl/strings/str_cat.h"
#include "jaco/net/sansio/host_port.h"

namespace jaco::net {
namespace {

using boost::system::error_code;
using Tcp = boost::asio::ip::tcp;

absl::StatusCode CodeOfError(const error_code& error) {
  if (error == boost::asio::error::address_in_use) {
    return absl::StatusCode::kFailedPrecondition;
  }
  if (error == boost::asio::error::access_denied) {
    return absl::StatusCode::kPermissionDenied;
  }
  if (error == boost::system::errc::address_not_available ||
      error == boost::asio::error::invalid_argument) {
    return absl::StatusCode::kInvalidArgument;
  }
  return absl::StatusCode::kInternal;
}

absl::Status Refuse(absl::string_view host_port, const error_code& error) {
  return absl::Status(
      CodeOfError(error),
      absl::StrCat("cannot listen on ", host_port, ": ", error.message()));
}

}  // namespace

absl::StatusOr<Tcp::endpoint> ParseListener(absl::string_view host_port) {
  const auto target = ParseHostPort(host_port);
  if (!target.ok()) return target.status();
  error_code error;
  const auto ip = boost::asio::ip::make_address(target->host, error);
  if (error) return Refuse(host_port, error);
  return Tcp::endpoint(ip, target->port);
}

absl::StatusOr<uint16_t> Listen(absl::string_view host_port,
                                TcpAcceptor& acceptor) {
  const auto endpoint = ParseListener(host_port);
  if (!endpoint.ok()) return endpoint.status();
  error_code error;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(TcpAcceptor::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(TcpAcceptor::max_listen_connections, error);
  uint16_t port = 0;
  if (!error) port = acceptor.local_endpoint(error).port();
  if (error) return Refuse(host_port, error);
  return port;
}

}  // namespace jaco::net

// The stream that peers talk over. Connections use nothing of it but
// async_read_some, async_write, lowest_layer() and close: a TLS stream takes
// this place by changing the alias and by a handshake before OnConnected (out)
// and before the first read (in).

#ifndef JACO_NET_PEER_STREAM_H_
#define JACO_NET_PEER_STREAM_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace jaco::net {

using LoopExecutor = boost::asio::io_context::executor_type;
using PeerStream =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, LoopExecutor>;

// No delay, keep-alive, and an end to waiting for a host that is gone. Best
// effort: a socket that refuses an option still works.
void ConfigurePeerSocket(PeerStream& stream);

}  // namespace jaco::net

#endif  // JACO_NET_PEER_STREAM_H_

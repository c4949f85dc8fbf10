//! Connecting, from an address that may be chosen.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, ipproto, sockopt};

/// A socket without a peer yet, that does not block.
pub(crate) struct Dial(TcpStream);

impl Dial {
    /// A socket that can reach this address.
    pub(crate) fn new(addr: SocketAddr) -> io::Result<Self> {
        let family = if addr.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        Ok(Self(socket.into()))
    }

    /// Calls from this address of the machine; `None`: from the one that the system chooses.
    pub(crate) fn bind(self, from: Option<IpAddr>) -> io::Result<Self> {
        if let Some(from) = from {
            bind(&self.0, &SocketAddr::new(from, 0))?;
        }
        Ok(self)
    }

    /// Takes in no more than about so many bytes that nobody reads.
    pub(crate) fn receive_buffer(self, bytes: usize) -> io::Result<Self> {
        sockopt::set_socket_recv_buffer_size(&self.0, bytes)?;
        Ok(self)
    }

    /// Begins to connect. The socket is writable once it is connected.
    pub(crate) fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        match connect(&self.0, &addr) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(self.0),
            Err(error) => Err(error.into()),
        }
    }

    /// Connects, and waits for it; the socket blocks from then on.
    pub(crate) fn connect_and_wait(self, addr: SocketAddr) -> io::Result<TcpStream> {
        self.0.set_nonblocking(false)?;
        connect(&self.0, &addr)?;
        Ok(self.0)
    }
}

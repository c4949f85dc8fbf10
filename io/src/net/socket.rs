//! Sockets and their system calls, none of which waits.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketFlags};
use socket2::SockRef;

/// Bytes of output that the kernel holds for a WebSocket; it reserves twice as much memory for them. The fewer
/// these are, the more wake-ups a busy room takes: see bench/performance.md.
pub(crate) const WEBSOCKET_SEND_BYTES: usize = 512 * 1024;
/// Bytes of input that the kernel holds for a client that is known to read what it is answered, and twice as much
/// memory: one segment of loopback. With less, long pipelines of posts cost a sixth more.
const PROVEN_RECEIVE_BYTES: usize = 64 * 1024;
/// The kernel may take what it has room for, however much of it is unsent: its default.
const UNSENT_UNBOUNDED: u32 = 0;

/// A connected socket. It closes when it is dropped.
pub(crate) struct Socket(OwnedFd);

impl Socket {
    pub(crate) const fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.0
    }

    /// Bounds what the kernel holds by its memory in place of what is unsent, as suits a WebSocket.
    pub(crate) fn become_websocket(&self) -> io::Result<()> {
        let socket = SockRef::from(self);
        self.take_more_input()?;
        socket.set_send_buffer_size(WEBSOCKET_SEND_BYTES)?;
        socket.set_tcp_notsent_lowat(UNSENT_UNBOUNDED)
    }

    /// Lets the kernel hold as much input as of a client that is known to read.
    pub(crate) fn take_more_input(&self) -> io::Result<()> {
        SockRef::from(self).set_recv_buffer_size(PROVEN_RECEIVE_BYTES)
    }

    /// The kernel drops what it holds as soon as the socket is closed, and tells the peer that it was reset.
    pub(crate) fn reset_when_closed(&self) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_socket_linger(
            self,
            Some(Duration::ZERO),
        )?)
    }

    /// Reads what is there. `None`: nothing yet; `Some(0)`: the end.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        attempt(|| rustix::net::recv(self, &mut *buffer, RecvFlags::DONTWAIT).map(|(read, _)| read))
    }

    /// Sends with one system call as much as it can without waiting. `None`: nothing.
    pub(crate) fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        attempt(|| match slices {
            // The usual case, and a good deal cheaper for the kernel.
            [one] => rustix::net::send(self, one, flags),
            several => {
                let control = &mut SendAncillaryBuffer::default();
                rustix::net::sendmsg(self, several, control, flags)
            }
        })
    }

    /// Tells the peer that no more comes.
    pub(crate) fn finish_sending(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self, Shutdown::Write)?)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Accepts a connection, and says who its peer is. `None`: none is waiting.
pub(super) fn accept(listener: impl AsFd) -> io::Result<Option<(Socket, SocketAddr)>> {
    attempt(|| {
        let (fd, peer) = rustix::net::acceptfrom_with(&listener, SocketFlags::CLOEXEC)?;
        let peer = SocketAddr::try_from(peer.ok_or(Errno::CONNABORTED)?)?;
        Ok((Socket(fd), peer))
    })
}

/// Makes a system call that does not wait. `None`: it would have to.
fn attempt<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<Option<T>> {
    loop {
        return match call() {
            Ok(done) => Ok(Some(done)),
            Err(Errno::AGAIN) => Ok(None),
            Err(Errno::INTR) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

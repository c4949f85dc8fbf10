//! The one place where raw file descriptors are handled: sockets change hands here between owners that
//! know nothing of each other (socket2, glommio, rustix, another shard).

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use glommio::net::{TcpListener, TcpStream};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown};

/// A connected socket on this thread's executor. It closes when it is dropped.
pub(crate) struct Socket(TcpStream);

impl Socket {
    /// Takes a connected socket over into this thread's executor.
    pub(crate) fn adopt(fd: OwnedFd) -> Self {
        // SAFETY: the descriptor was owned, and its ownership ends with `into_raw_fd`; the stream is its
        // only owner from here on.
        Self(unsafe { TcpStream::from_raw_fd(fd.into_raw_fd()) })
    }

    /// The same socket behind a descriptor of its own, for another thread to adopt. glommio does not
    /// give back the descriptor that it was made with.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(self, 0)?)
    }

    pub(crate) fn peer(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr().map_err(io::Error::from)
    }

    pub(crate) fn send_at_once(&self) -> io::Result<()> {
        self.0.set_nodelay(true).map_err(io::Error::from)
    }

    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }

    /// Sends, or arranges for a wake-up when something can be sent.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    /// Sends with one system call as much as goes without waiting; `None` where nothing does.
    pub(crate) fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            let outcome = match slices {
                // The usual answer, and a good deal cheaper to describe to the kernel.
                [one] => rustix::net::send(self, one, flags),
                several => {
                    let control = &mut SendAncillaryBuffer::default();
                    rustix::net::sendmsg(self, several, control, flags)
                }
            };
            return match outcome {
                Ok(sent) => Ok(Some(sent)),
                Err(Errno::AGAIN) => Ok(None),
                Err(Errno::INTR) => continue,
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Tells the peer that no more comes.
    pub(crate) fn finish_sending(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self, Shutdown::Write)?)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the stream keeps its descriptor open for as long as it lives, and `self` borrows it.
        unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) }
    }
}

/// A listening socket on this thread's executor.
pub(crate) struct Acceptor(TcpListener);

impl Acceptor {
    /// Takes a listening socket over into this thread's executor.
    pub(crate) fn adopt(fd: OwnedFd) -> Self {
        // SAFETY: as in `Socket::adopt`.
        Self(unsafe { TcpListener::from_raw_fd(fd.into_raw_fd()) })
    }

    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        self.0.accept().await.map(Socket).map_err(io::Error::from)
    }
}

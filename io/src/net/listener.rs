//! Listening sockets: one for each shard on the same address, among which the kernel spreads new
//! connections.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

pub use rookery_engine::input::Entrance;
use rookery_engine::limits::Limit;
use rookery_engine::mesh::problem::Problem;
use socket2::{Domain, Protocol, SockFilter, Socket as RawSocket, Type};

use super::admission::{Admission, Permit, TURNED_AWAY_SECONDS};
use super::poller::Poller;
use super::socket::{self, Socket};
use crate::throttle::Throttle;

/// Connections that the kernel holds for one listener until they are accepted. The kernel caps it at
/// `net.core.somaxconn`.
pub(crate) const BACKLOG: i32 = 4096;

/// Bytes of a connection's output that the kernel takes before it has sent what it has: what it holds of a client that
/// stopped reading. It takes more in steps of half of this, so the less it is, the sooner a client that reads slowly is
/// seen to read.
const UNSENT_BYTES_MAX: u32 = 16 * 1024;
/// Bytes of output that the kernel holds at most for an HTTP connection, what is on its way to the client included; it
/// reserves twice as much memory for them. It would take 4 MiB (`net.ipv4.tcp_wmem`), where no limit of ours sees them.
/// The client gets so much in the time that an acknowledgement takes to come back.
const SEND_BYTES: usize = 64 * 1024;
/// Bytes of input that the kernel holds at most for a new connection that is not read, and twice as much memory. It
/// would take up to 32 MiB (`net.ipv4.tcp_rmem`).
const RECEIVE_BYTES: usize = 16 * 1024;

/// A filter on what comes to a listener (`SO_ATTACH_FILTER`, in the kernel's words for packets): of the segments whose
/// flags (RFC 9293, section 3.1) are SYN without ACK nothing is kept, and of others everything.
const PASS_OVER_NEW: [SockFilter; 5] = {
    const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
    const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const KEEP: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_OFFSET),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(KEEP, 0, 0, 0),
        SockFilter::new(KEEP, 0, 0, u32::MAX),
    ]
};

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "{0} is in use: stop the program that listens there, or choose another address with --listen"
    )]
    InUse(SocketAddr),
    #[error("{0} may not be used: choose a port above 1023, or grant CAP_NET_BIND_SERVICE")]
    Forbidden(SocketAddr),
    #[error("{0} is no address of this machine: choose one that is, or 0.0.0.0 for all")]
    NotHere(SocketAddr),
    #[error("can't listen on {address}: {source}")]
    Other {
        address: SocketAddr,
        source: io::Error,
    },
}

/// A listening socket with its address. It listens until all that share it are dropped.
pub struct Bound {
    socket: RawSocket,
    address: SocketAddr,
    entrance: Entrance,
}

/// Listens on an address for this many shards. Clients wait until they are accepted.
///
/// # Errors
/// If the address can't be bound, for example because another process, of any user, listens there.
pub fn bind(
    address: SocketAddr,
    entrance: Entrance,
    shards: usize,
) -> Result<Vec<Bound>, BindError> {
    // Sockets that share their port would share it with another server of the same user too.
    drop(open(address, false).map_err(|source| explain(address, source))?);
    let mut address = address;
    (0..shards)
        .map(|_| {
            let socket = open(address, true).map_err(|source| explain(address, source))?;
            socket
                .listen(BACKLOG)
                .map_err(|source| explain(address, source))?;
            // For port 0 the system chooses one, which all shards share.
            let bound = socket
                .local_addr()
                .map_err(|source| explain(address, source))?;
            address = bound.as_socket().unwrap_or(address);
            Ok(Bound {
                socket,
                address,
                entrance,
            })
        })
        .collect()
}

impl Bound {
    /// The address, with the port that the system chose if it was 0.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn entrance(&self) -> Entrance {
        self.entrance
    }

    /// The same socket once more.
    ///
    /// # Errors
    /// Where no descriptor is left.
    pub(crate) fn share(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            ..*self
        })
    }

    /// Accepts a connection, and says who its peer is. `None`: none is waiting.
    pub(crate) fn accept(&self) -> io::Result<Option<(Socket, SocketAddr)>> {
        socket::accept(&self.socket)
    }

    /// Has the kernel pass over who asks for a connection from now on, as if nothing had come: they ask again a second
    /// later. Those that it knows already can still be accepted. A socket that is closed resets who waits there, so
    /// this is what comes before.
    ///
    /// # Errors
    /// Where the kernel takes no filter.
    pub(crate) fn pass_over_new(&self) -> io::Result<()> {
        self.socket.attach_filter(&PASS_OVER_NEW)
    }
}

impl AsFd for Bound {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open(address: SocketAddr, shared: bool) -> io::Result<RawSocket> {
    let socket = RawSocket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait until the last run's connections are forgotten.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit these. The bounds of output hold until they become WebSockets.
    socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    socket.set_send_buffer_size(SEND_BYTES)?;
    socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    if !shared {
        socket.listen(1)?;
    }
    Ok(socket)
}

fn explain(address: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        io::ErrorKind::PermissionDenied => BindError::Forbidden(address),
        io::ErrorKind::AddrNotAvailable => BindError::NotHere(address),
        _ => BindError::Other { address, source },
    }
}

/// A connection that has been accepted.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) peer: SocketAddr,
    pub(crate) entrance: Entrance,
    pub(crate) permit: Permit,
}

impl Accepted {
    /// Counts it for the network of its peer.
    ///
    /// # Errors
    /// That has too many connections: this one is told so, and closed.
    pub(crate) fn admit(&mut self) -> Result<(), Problem> {
        if self.permit.count_for(self.peer.ip()) {
            return Ok(());
        }
        let limit = Limit::ConnectionsPerAddress;
        Err(Problem::over(limit, TURNED_AWAY_SECONDS))
    }
}

/// The listeners of one shard.
#[derive(Default)]
pub(crate) struct Listeners {
    all: Vec<Listening>,
    /// Those that are not watched, because there was no room or no descriptor for a connection.
    paused: Vec<usize>,
}

struct Listening {
    socket: RawSocket,
    entrance: Entrance,
    /// Lines of the log that say that no connection can be accepted.
    refusals: Throttle,
}

impl Listeners {
    /// Watches a listener from here on.
    pub(crate) fn add(&mut self, bound: Bound, poller: &Poller) -> io::Result<()> {
        poller.watch_listener(&bound.socket, self.all.len())?;
        self.all.push(Listening {
            socket: bound.socket,
            entrance: bound.entrance,
            refusals: Throttle::default(),
        });
        Ok(())
    }

    /// Accepts connections that are waiting at a listener, `at_most` of them. Pauses the listener where
    /// there is no room or no descriptor for another: they wait in its backlog.
    pub(super) fn accept(
        &mut self,
        index: usize,
        at_most: usize,
        admission: &Admission,
        poller: &Poller,
    ) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        let Some(listening) = self.all.get_mut(index) else {
            return accepted;
        };
        let mut pause = at_most == 0;
        while !pause && accepted.len() < at_most {
            let entrance = listening.entrance;
            let Some(permit) = admission.take(entrance) else {
                listening.refuse("as many clients are connected as may be");
                pause = true;
                break;
            };
            match socket::accept(&listening.socket) {
                Ok(Some((socket, peer))) => accepted.push(Accepted {
                    socket,
                    peer,
                    entrance,
                    permit,
                }),
                Ok(None) => break,
                // The peer left before its turn.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    listening.refuse(&error.to_string());
                    pause = true;
                }
            }
        }
        if pause {
            poller.forget(&listening.socket);
            self.paused.push(index);
        }
        accepted
    }

    /// Watches listeners that were paused again.
    pub(crate) fn resume(&mut self, poller: &Poller) {
        let all = &self.all;
        self.paused.retain(|&index| {
            all.get(index)
                .is_some_and(|listening| poller.watch_listener(&listening.socket, index).is_err())
        });
    }

    /// Where clients come in at each.
    pub(super) fn entrances(&self) -> impl Iterator<Item = Entrance> {
        self.all.iter().map(|listening| listening.entrance)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Accepts no more connections. The sockets go on to listen for as long as others share them.
    pub(crate) fn close(&mut self, poller: &Poller) {
        for listening in self.all.drain(..) {
            poller.forget(&listening.socket);
        }
        self.paused.clear();
    }
}

impl Listening {
    /// Logs that connections can't be accepted.
    fn refuse(&self, reason: &str) {
        if let Some(held_back) = self.refusals.pass(Instant::now()) {
            tracing::warn!(
                reason,
                held_back,
                "new connections have to wait; if files are short, raise ulimit -n"
            );
        }
    }
}

//! The rings between shards: one for each pair and direction, so that each has one sender and one
//! receiver.
//!
//! A ring that is full delays, and never drops: its sender keeps what did not fit, in order, and reads
//! no sockets until it is gone ([`MeshPort::is_stalled`]). Other shards and the lanes go on, or a circle
//! of full rings would never come free; so above a bound ([`MeshPort::crossing`]) it refuses changes,
//! which are what makes more to be sent.
//!
//! Beside it there is a ring for whispers, which is read behind it. What finds that one full is dropped, and counted.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use rookery_engine::effect::HandedOff;
use rookery_engine::mesh::{ShardMessage, Whisper};
use rookery_schema::ShardId;

use crate::mailbox::{Mailbox, Receiver, Sender};
use crate::net::admission::Permit;

/// Parcels in one ring. Each holds what one shard had to tell another in one round.
const RING_PARCELS: usize = 64;
/// Bytes of messages that may wait for room in all rings of a shard before it refuses changes.
const BACKLOG_BYTES_MAX: usize = 32 << 20;
/// Parcels in one ring of whispers.
const WHISPER_PARCELS: usize = 64;
/// Bytes of whispers in one parcel, unless the first alone has more.
const WHISPER_PARCEL_BYTES: usize = 2 << 10;
/// Parcels of whispers that a round takes from each shard at most: acknowledgements wait for no more of them.
const WHISPER_PARCELS_PER_ROUND: usize = 2;

/// What travels in a ring.
#[derive(Debug)]
pub enum Parcel {
    /// The messages of one round, or of several if the ring was full.
    Messages(Vec<ShardMessage>),
    /// A connection that moves to its user's home.
    Socket(Box<MovedSocket>),
}

impl Parcel {
    fn bytes(&self) -> usize {
        match self {
            Self::Messages(messages) => messages.iter().map(ShardMessage::bytes).sum(),
            // There are only as many as there are connections.
            Self::Socket(_) => 0,
        }
    }
}

/// A connection between two shards; it closes if it is dropped.
#[derive(Debug)]
pub struct MovedSocket {
    pub fd: OwnedFd,
    pub permit: Permit,
    pub state: HandedOff,
}

/// One shard's ends of its rings.
pub struct MeshPort {
    outgoing: Vec<Outgoing>,
    incoming: Vec<Incoming>,
    /// Whispers for which there was no room.
    whispers_dropped: u64,
    /// What [`Self::crossing`] told last.
    full: bool,
}

struct Incoming {
    ring: Receiver<Parcel>,
    whispers: Receiver<Vec<Whisper>>,
}

struct Outgoing {
    ring: Sender<Parcel>,
    whispers: Sender<Vec<Whisper>>,
    /// What did not fit, oldest first, with its bytes.
    backlog: VecDeque<(Parcel, usize)>,
    backlog_bytes: usize,
    /// How often that woke the other shard.
    wakeups: u64,
}

/// Connects all shards; the ports are in the order of the mailboxes.
pub fn connect(mailboxes: &[Mailbox]) -> Vec<MeshPort> {
    let mut ports: Vec<_> = mailboxes
        .iter()
        .map(|_| MeshPort {
            outgoing: Vec::with_capacity(mailboxes.len()),
            incoming: Vec::with_capacity(mailboxes.len()),
            whispers_dropped: 0,
            full: false,
        })
        .collect();
    for (to, mailbox) in mailboxes.iter().enumerate() {
        for from in 0..mailboxes.len() {
            let (ring, receiver) = mailbox.channel(RING_PARCELS);
            let (whispers, whisper_receiver) = mailbox.channel(WHISPER_PARCELS);
            ports[to].incoming.push(Incoming {
                ring: receiver,
                whispers: whisper_receiver,
            });
            ports[from].outgoing.push(Outgoing {
                ring,
                whispers,
                backlog: VecDeque::new(),
                backlog_bytes: 0,
                wakeups: 0,
            });
        }
    }
    ports
}

impl MeshPort {
    /// Sends messages behind all that was sent to this shard before.
    pub fn send(&mut self, to: ShardId, messages: Vec<ShardMessage>) {
        self.outgoing[to.index()].send(Parcel::Messages(messages));
    }

    /// Sends a connection behind all that was sent to this shard before.
    pub fn send_socket(&mut self, to: ShardId, socket: MovedSocket) {
        self.outgoing[to.index()].send(Parcel::Socket(Box::new(socket)));
    }

    /// Sends whispers, or drops those for which there is no room.
    pub fn whisper(&mut self, to: ShardId, mut whispers: Vec<Whisper>) {
        let out = &mut self.outgoing[to.index()];
        while !whispers.is_empty() {
            let rest = whispers.split_off(parcel_len(&whispers));
            let count = whispers.len() as u64;
            match out.whispers.try_send(whispers) {
                Ok(woke) => out.wakeups += u64::from(woke),
                Err(_) => self.whispers_dropped += count,
            }
            whispers = rest;
        }
    }

    /// How many whispers found no room.
    pub const fn whispers_dropped(&self) -> u64 {
        self.whispers_dropped
    }

    /// How often what was sent woke another shard.
    pub fn wakeups(&self) -> u64 {
        self.outgoing.iter().map(|out| out.wakeups).sum()
    }

    /// Tries again what did not fit.
    pub fn retry(&mut self) {
        self.outgoing.iter_mut().for_each(Outgoing::retry);
    }

    /// Whether something waits for room, so that no more work should be taken on.
    pub fn is_stalled(&self) -> bool {
        self.outgoing.iter().any(|out| !out.backlog.is_empty())
    }

    /// Whether more waits for room than should, where that has changed since it was last asked.
    pub fn crossing(&mut self) -> Option<bool> {
        let bytes: usize = self.outgoing.iter().map(|out| out.backlog_bytes).sum();
        let full = bytes > BACKLOG_BYTES_MAX;
        (std::mem::replace(&mut self.full, full) != full).then_some(full)
    }

    /// How many parcels wait for room.
    pub fn depth(&self) -> usize {
        self.outgoing.iter().map(|out| out.backlog.len()).sum()
    }

    /// Whether nothing waits in either direction, but for whispers.
    pub fn is_quiet(&self) -> bool {
        !self.is_stalled() && self.incoming.iter().all(|it| it.ring.is_empty())
    }

    /// Hands over what has arrived, at most one ring's worth from each shard.
    pub fn receive(&mut self, mut take: impl FnMut(ShardId, Parcel)) {
        for (from, incoming) in (0..).map(ShardId).zip(&mut self.incoming) {
            for _ in 0..RING_PARCELS {
                let Some(parcel) = incoming.ring.pop() else {
                    break;
                };
                take(from, parcel);
            }
        }
    }

    /// Hands over whispers that have arrived, a few from each shard.
    pub fn receive_whispers(&mut self, mut take: impl FnMut(Vec<Whisper>)) {
        for incoming in &mut self.incoming {
            for _ in 0..WHISPER_PARCELS_PER_ROUND {
                let Some(whispers) = incoming.whispers.pop() else {
                    break;
                };
                take(whispers);
            }
        }
    }

    /// Whether more has arrived by now.
    pub fn has_news(&self) -> bool {
        let mut incoming = self.incoming.iter();
        incoming.any(|it| !it.ring.is_empty() || !it.whispers.is_empty())
    }
}

/// How many whispers go in the next parcel.
fn parcel_len(whispers: &[Whisper]) -> usize {
    let mut bytes = 0;
    let fitting = whispers.iter().take_while(|whisper| {
        bytes += whisper.bytes();
        bytes <= WHISPER_PARCEL_BYTES
    });
    fitting.count().max(1)
}

impl Outgoing {
    fn send(&mut self, mut parcel: Parcel) {
        if self.backlog.is_empty() {
            match self.ring.try_send(parcel) {
                Ok(woke) => return self.wakeups += u64::from(woke),
                Err(back) => parcel = back,
            }
        }
        let bytes = parcel.bytes();
        self.backlog_bytes += bytes;
        match (self.backlog.back_mut(), parcel) {
            (Some((Parcel::Messages(waiting), known)), Parcel::Messages(more)) => {
                waiting.extend(more);
                *known += bytes;
            }
            (_, parcel) => self.backlog.push_back((parcel, bytes)),
        }
    }

    fn retry(&mut self) {
        while let Some((parcel, bytes)) = self.backlog.pop_front() {
            match self.ring.try_send(parcel) {
                Ok(woke) => self.wakeups += u64::from(woke),
                Err(parcel) => return self.backlog.push_front((parcel, bytes)),
            }
            self.backlog_bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use rookery_engine::mesh::EventBatch;
    use rookery_schema::{ChatId, Seq, Timestamp, UserId};
    use std::time::Duration;

    use rookery_engine::input::Entrance;

    use crate::net::admission::Admission;
    use rookery_engine::limits::Proxies;

    fn message(ticket: u64) -> Vec<ShardMessage> {
        vec![ShardMessage::StatsWanted {
            from: ShardId(0),
            ticket,
        }]
    }

    fn moved(ticket: u8) -> MovedSocket {
        let (fd, _) = std::os::unix::net::UnixStream::pair().unwrap();
        MovedSocket {
            fd: fd.into(),
            permit: Admission::of(1, 0, Proxies::default(), 1)
                .take(Entrance::Admin)
                .unwrap(),
            state: HandedOff {
                user_id: UserId::from_bytes([ticket; 16]),
                session: None,
                batch_protocol: false,
                will_resume: false,
                unread: bytes::BytesMut::new(),
            },
        }
    }

    /// The tickets of everything that has arrived at a port.
    fn drain(port: &mut MeshPort, tickets: &mut Vec<u64>) {
        port.receive(|_, parcel| match parcel {
            Parcel::Messages(messages) => tickets.extend(messages.iter().map(|m| match m {
                ShardMessage::StatsWanted { ticket, .. } => *ticket,
                other => panic!("{other:?}"),
            })),
            Parcel::Socket(socket) => {
                tickets.push(u64::from(socket.state.user_id.as_bytes()[0]));
            }
        });
    }

    #[test]
    fn a_full_ring_delays_and_keeps_the_order() {
        let mailboxes = [Mailbox::new(), Mailbox::new()];
        let [mut sender, mut receiver] = <[_; 2]>::try_from(connect(&mailboxes)).ok().unwrap();
        let sent = 200;
        for ticket in 0..sent {
            if ticket % 50 == 49 {
                sender.send_socket(ShardId(1), moved(ticket as u8));
            } else {
                sender.send(ShardId(1), message(ticket));
            }
        }
        assert!(sender.is_stalled());
        // Of the 136 that did not fit, messages were put together between three sockets.
        assert_eq!(sender.depth(), 6);
        let mut arrived = Vec::new();
        for _ in 0..3 {
            drain(&mut receiver, &mut arrived);
            sender.retry();
        }
        assert_eq!(arrived, (0..sent).collect::<Vec<_>>());
        assert!(!sender.is_stalled() && receiver.is_quiet());
    }

    fn events(bytes: usize) -> Vec<ShardMessage> {
        vec![ShardMessage::Events(EventBatch {
            chat_id: ChatId::from_bytes([1; 16]),
            from: ShardId(0),
            first: Seq(1),
            lines: vec![b'x'; bytes].into(),
            count: 1,
            accepted_at: Timestamp::from_millis(0),
            applied_micros: 0,
            leaver: None,
        })]
    }

    #[test]
    fn a_backlog_says_when_it_is_too_much_and_when_no_longer() {
        let mailboxes = [Mailbox::new(), Mailbox::new()];
        let [mut sender, mut receiver] = <[_; 2]>::try_from(connect(&mailboxes)).ok().unwrap();
        let half = BACKLOG_BYTES_MAX / 2;
        for _ in 0..RING_PARCELS {
            sender.send(ShardId(1), events(half));
        }
        assert_eq!(sender.crossing(), None, "all of it is in the ring");
        sender.send(ShardId(1), events(half));
        assert_eq!(sender.crossing(), None);
        sender.send_socket(ShardId(1), moved(0));
        sender.send(ShardId(1), events(half));
        assert_eq!(sender.crossing(), Some(true));
        assert_eq!(sender.crossing(), None, "it was told");
        sender.retry();
        assert_eq!(sender.crossing(), None, "there is no room yet");
        let mut taken = 0;
        receiver.receive(|_, _| taken += 1);
        sender.retry();
        assert_eq!((taken, sender.crossing()), (RING_PARCELS, Some(false)));
        receiver.receive(|_, _| taken += 1);
        assert_eq!(taken, RING_PARCELS + 3);
        assert_eq!(sender.outgoing[1].backlog_bytes, 0);
    }

    fn typing(number: u8) -> Whisper {
        Whisper::Typing {
            chat_id: ChatId::from_bytes([0; 16]),
            user_id: UserId::from_bytes([number; 16]),
        }
    }

    fn whispers_at(port: &mut MeshPort) -> Vec<Whisper> {
        let mut arrived = Vec::new();
        port.receive_whispers(|whispers| arrived.extend(whispers));
        arrived
    }

    #[test]
    fn a_full_ring_of_whispers_drops_and_delays_nothing_else() {
        let mut mailboxes = [Mailbox::new(), Mailbox::new()];
        let [mut sender, mut receiver] = <[_; 2]>::try_from(connect(&mailboxes)).ok().unwrap();
        for number in 0..WHISPER_PARCELS as u8 + 3 {
            sender.whisper(ShardId(1), vec![typing(number); 2]);
        }
        assert_eq!(sender.whispers_dropped(), 6);
        assert!(!sender.is_stalled() && receiver.is_quiet() && receiver.has_news());
        assert!(mailboxes[1].wait(Duration::ZERO));
        sender.send(ShardId(1), message(7));
        let mut tickets = Vec::new();
        drain(&mut receiver, &mut tickets);
        assert_eq!(tickets, [7]);
        // A round takes a few, the oldest first.
        let expected: Vec<Whisper> = (0..WHISPER_PARCELS_PER_ROUND as u8)
            .flat_map(|number| [typing(number), typing(number)])
            .collect();
        assert_eq!(whispers_at(&mut receiver), expected);
        sender.whisper(ShardId(1), vec![typing(99)]);
        assert_eq!(sender.whispers_dropped(), 6, "there is room again");
    }

    #[test]
    fn many_whispers_travel_in_several_parcels() {
        let mailboxes = [Mailbox::new(), Mailbox::new()];
        let [mut sender, mut receiver] = <[_; 2]>::try_from(connect(&mailboxes)).ok().unwrap();
        let sent: Vec<Whisper> = (0..200).map(typing).collect();
        sender.whisper(ShardId(1), sent.clone());
        let mut arrived = whispers_at(&mut receiver);
        let in_parcel = WHISPER_PARCEL_BYTES / typing(0).bytes();
        assert_eq!(arrived.len(), WHISPER_PARCELS_PER_ROUND * in_parcel);
        while receiver.has_news() {
            arrived.extend(whispers_at(&mut receiver));
        }
        assert_eq!((arrived, sender.whispers_dropped()), (sent, 0));
    }

    #[test]
    fn what_arrives_says_where_it_came_from_and_wakes_only_the_receiver() {
        let mut mailboxes = [Mailbox::new(), Mailbox::new(), Mailbox::new()];
        let mut ports = connect(&mailboxes);
        ports[2].send(ShardId(0), message(7));
        ports[0].send(ShardId(0), message(8));
        assert!(mailboxes[0].wait(Duration::ZERO));
        assert!(!mailboxes[1].wait(Duration::ZERO));
        let mut senders = Vec::new();
        ports[0].receive(|from, _| senders.push(from));
        assert_eq!(senders, [ShardId(0), ShardId(2)]);
    }

    #[test]
    fn a_shard_that_sleeps_is_woken_once_and_that_is_counted() {
        use std::task::{Context, Waker};

        let mut mailboxes = [Mailbox::new(), Mailbox::new()];
        let mut ports = connect(&mailboxes);
        ports[0].send(ShardId(1), message(1));
        assert_eq!(ports[0].wakeups(), 0, "it does not sleep yet");
        mailboxes[1].awake();
        let context = Context::from_waker(Waker::noop());
        assert!(mailboxes[1].poll_news(&context).is_pending());
        ports[0].send(ShardId(1), message(2));
        ports[0].whisper(ShardId(1), vec![typing(0)]);
        assert_eq!((ports[0].wakeups(), ports[1].wakeups()), (1, 0));
    }

    #[test]
    fn shards_on_threads_of_their_own_lose_nothing() {
        const TICKETS: u64 = 5_000;
        let mailboxes: Vec<_> = (0..3).map(|_| Mailbox::new()).collect();
        let ports = connect(&mailboxes);
        let threads: Vec<_> = ports
            .into_iter()
            .zip(mailboxes)
            .map(|(mut port, mut mailbox)| {
                std::thread::spawn(move || {
                    let (mut next, mut got) = (0, [0; 3]);
                    while next < TICKETS || got != [TICKETS; 3] || port.is_stalled() {
                        port.retry();
                        if next < TICKETS && !port.is_stalled() {
                            (0..3).for_each(|to| port.send(ShardId(to), message(next)));
                            next += 1;
                        } else {
                            mailbox.wait(Duration::from_millis(1));
                        }
                        port.receive(|from, parcel| {
                            let Parcel::Messages(messages) = parcel else {
                                panic!()
                            };
                            for message in messages {
                                let ShardMessage::StatsWanted { ticket, .. } = message else {
                                    panic!()
                                };
                                assert_eq!(ticket, got[from.index()]);
                                got[from.index()] += 1;
                            }
                        });
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    }
}

//! How WebSockets get the events that they missed.
//!
//! A socket has a backlog for each chat that it resumes: pages of events, which the chat's owner is asked for one after the
//! other, as fast as the client reads. A backlog ends at the first event that the socket was sent live. Or it goes on until it
//! reaches the newest event; the room passes the socket over meanwhile, and sends it all that follow.

use std::collections::VecDeque;

use rookery_schema::{ChatId, Seq, UserId};

use crate::context::{Context, MICROS_PER_SECOND};
use crate::home::rooms::Socket;
use crate::home::starts::FirstSince;
use crate::ids::ConnId;
use crate::map::{Map, Unanswered};
use crate::mesh::command::asker::Waiting;
use crate::mesh::command::deadlines::READ_SECONDS_MAX;
use crate::mesh::{Asker, ChatCommand, Command, EventsPage};

/// Chats in all backlogs of one socket that clients may ask for.
pub(crate) const CHATS_RESUMED_MAX: usize = 10_000;
/// Seconds for which what comes for a socket that will resume is held until it does.
pub(super) const HELD_SECONDS: u64 = 5;

/// Pages that a shard has asked for and not got.
const PAGES_ASKED_MAX: usize = 64;
/// Events of a page.
const PAGE_EVENTS: usize = 256;
/// Bytes of a page.
const PAGE_BYTES: usize = 128 << 10;
/// Bytes that may wait for a client before it gets another page.
pub(super) const AHEAD_BYTES_MAX: usize = 256 << 10;
/// Microseconds after which a page is asked for again that there was none of.
const RETRY_MICROS: u64 = MICROS_PER_SECOND;
/// Seconds in which a page must come that was asked for again and again.
const FAILING_SECONDS_MAX: u64 = 30;

/// Chats that a user has left, of which an open socket remembers what it was sent.
const LEFT_MAX: usize = 1000;

/// Without a bound: until its events come live.
pub(super) const UNTIL_LIVE: Seq = Seq(u64::MAX);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Resumes {
    /// Sockets that will resume, and have not.
    held: Map<ConnId, Held>,
    /// When each of these is held no longer, in microseconds; the first to come first.
    releases: VecDeque<(u64, ConnId)>,
    sockets: Map<ConnId, Resuming>,
    /// Those that may have a page next.
    turns: VecDeque<ConnId>,
    /// Those that can't have one before this time, in microseconds.
    waiting: Vec<(u64, ConnId)>,
    asked: Unanswered<Asked>,
    /// For each open socket, chats that its user has left since it became ready, and where what it was sent of them begins.
    left: Map<ConnId, VecDeque<(ChatId, FirstSince)>>,
}

/// A socket for which everything is held that comes since it is ready.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) user_id: UserId,
    pub(super) socket: Socket,
    /// Chats that the user has left since, and the first event of each that was held.
    pub(super) left: Vec<(ChatId, Seq)>,
}

/// A socket that gets what it missed.
#[derive(Debug)]
pub(super) struct Resuming {
    pub(super) user_id: UserId,
    /// Takes several events in one frame.
    pub(super) batches: bool,
    backlogs: VecDeque<Backlog>,
    /// By when a page must come, in microseconds, where there was none the last time.
    failing_until_micros: Option<u64>,
}

/// Events of one chat that a socket missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backlog {
    pub(super) chat_id: ChatId,
    /// What it gets begins behind this one.
    from: Seq,
    /// It has all from there up to this one.
    pub(super) after: Seq,
    /// Up to this one, or [`UNTIL_LIVE`].
    pub(super) until: Seq,
    /// The client asked for it, and is told when it has all.
    pub(super) is_asked_for: bool,
}

/// A chat that a socket resumes, of which its backlogs lack something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lacking {
    pub(super) chat_id: ChatId,
    /// The client has all up to this one.
    pub(super) after: Seq,
    /// Its backlogs begin behind this one, where there are any.
    pub(super) until: Option<Seq>,
}

#[derive(Debug)]
struct Asked {
    conn: ConnId,
    due_micros: u64,
}

impl Resumes {
    /// Holds what comes for a socket.
    pub(super) fn hold(&mut self, user_id: UserId, socket: Socket, cx: &Context<'_>) {
        let held = Held {
            user_id,
            socket,
            left: Vec::new(),
        };
        self.held.insert(socket.conn, held);
        let due = cx.micros_in(HELD_SECONDS);
        self.releases.push_back((due, socket.conn));
    }

    /// What was held for a socket is held no longer.
    pub(super) fn take_held(&mut self, conn: ConnId) -> Option<Held> {
        self.held.remove(&conn)
    }

    /// A socket that was held for long enough.
    pub(super) fn next_release(&mut self, now_micros: u64) -> Option<ConnId> {
        let next = self.releases.pop_front_if(|(due, _)| *due <= now_micros);
        next.map(|(_, conn)| conn)
    }

    /// The sockets of a user that are held.
    pub(super) fn held_of(&mut self, user_id: UserId) -> impl Iterator<Item = &mut Held> {
        self.held
            .values_mut()
            .filter(move |held| held.user_id == user_id)
    }

    /// A user has left a chat, of which an open socket was sent what begins there.
    pub(super) fn note_left(&mut self, conn: ConnId, chat_id: ChatId, first: FirstSince) {
        let left = self.left.entry(conn).or_default();
        // Of what was sent before they came back and left again, some may come twice; nothing in between is missing.
        left.retain(|(known, _)| *known != chat_id);
        if left.len() >= LEFT_MAX {
            left.pop_front();
        }
        left.push_back((chat_id, first));
    }

    /// Where what an open socket was sent of a chat begins that its user has left.
    pub(super) fn first_of_left(&self, conn: ConnId, chat_id: ChatId) -> FirstSince {
        let mut left = self.left.get(&conn).into_iter().flatten();
        let known = left.find(|(known, _)| *known == chat_id);
        known.map_or(FirstSince::Nothing, |(_, first)| *first)
    }

    /// Backlogs that the client of a socket asked for.
    pub(super) fn asked_for(&self, conn: ConnId) -> usize {
        let resuming = self.sockets.get(&conn);
        resuming.map_or(0, |it| {
            it.backlogs.iter().filter(|it| it.is_asked_for).count()
        })
    }

    /// The client of a socket wants what lies behind these events, of chats in order of their ids. A backlog that has not
    /// begun gives that, too. What is to be done besides.
    pub(super) fn begin_at(&mut self, conn: ConnId, chats: &[(ChatId, Seq)]) -> Vec<Lacking> {
        let lacking = chats.iter().map(|&(chat_id, after)| Lacking {
            chat_id,
            after,
            until: None,
        });
        let mut lacking: Vec<Lacking> = lacking.collect();
        let mut covered = vec![false; lacking.len()];
        let resuming = self.sockets.get_mut(&conn);
        let backlogs = resuming.map(|it| it.backlogs.iter_mut());
        for (index, backlog) in backlogs.into_iter().flatten().enumerate() {
            let found = lacking.binary_search_by_key(&backlog.chat_id, |it| it.chat_id);
            let Ok(found) = found else {
                continue;
            };
            let wanted = &mut lacking[found];
            // A page of the first may be on its way.
            if index > 0 && backlog.after == backlog.from {
                backlog.begin_behind(wanted.after);
            }
            covered[found] |= backlog.is_asked_for && backlog.from <= wanted.after;
            let until = wanted.until.map_or(backlog.from, |it| it.min(backlog.from));
            wanted.until = Some(until);
        }
        let mut covered = covered.into_iter();
        lacking.retain(|_| covered.next() == Some(false));
        lacking
    }

    /// Adds a backlog to those of a socket.
    pub(super) fn add(&mut self, user_id: UserId, socket: Socket, backlog: Backlog) {
        let conn = socket.conn;
        let resuming = self.sockets.entry(conn).or_insert_with(|| {
            self.turns.push_back(conn);
            Resuming {
                user_id,
                batches: socket.batches,
                backlogs: VecDeque::new(),
                failing_until_micros: None,
            }
        });
        resuming.backlogs.push_back(backlog);
    }

    /// Whether a socket is to hear a chat only when its backlog has come to its end.
    pub(super) fn is_behind(&self, conn: ConnId, chat_id: ChatId) -> bool {
        let resuming = self.sockets.get(&conn);
        resuming.is_some_and(|it| {
            let mut backlogs = it.backlogs.iter();
            backlogs.any(|it| it.chat_id == chat_id && it.until == UNTIL_LIVE)
        })
    }

    /// A socket has closed. The chats that it was to hear later.
    pub(super) fn remove(&mut self, conn: ConnId) -> impl Iterator<Item = ChatId> + use<> {
        self.held.remove(&conn);
        self.left.remove(&conn);
        let resuming = self.sockets.remove(&conn);
        let backlogs = resuming.map(|it| it.backlogs).unwrap_or_default();
        backlogs.into_iter().map(|it| it.chat_id)
    }

    /// Takes the socket whose turn it is.
    pub(super) fn next_turn(&mut self) -> Option<ConnId> {
        if self.asked.len() >= PAGES_ASKED_MAX {
            return None;
        }
        self.turns.pop_front()
    }

    /// Whether a socket has its turn before anything else comes.
    pub(super) fn has_more(&self) -> bool {
        self.asked.len() < PAGES_ASKED_MAX && !self.turns.is_empty()
    }

    /// Asks for the next page of a socket.
    pub(super) fn ask(&mut self, conn: ConnId, cx: &mut Context<'_>) {
        let Some(resuming) = self.sockets.get(&conn) else {
            return;
        };
        let Some(backlog) = resuming.backlogs.front() else {
            return cx.bug("a socket has a turn and nothing to resume");
        };
        let page = self.asked.add(Asked {
            conn,
            due_micros: cx.micros_in(READ_SECONDS_MAX),
        });
        let asker = Asker {
            shard: cx.id(),
            waiting: Waiting::Resume { page },
        };
        let command = ChatCommand::ShowEvents {
            caller: resuming.user_id,
            page: EventsPage {
                after: backlog.after,
                until: backlog.until,
                limit: PAGE_EVENTS,
                bytes_max: PAGE_BYTES,
            },
        };
        cx.ask(asker, Command::Chat(backlog.chat_id, command));
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Resuming> {
        self.sockets.get_mut(&conn)
    }

    /// A page was answered: the socket that it is for, where that is still there.
    pub(super) fn answered(&mut self, page: u64) -> Option<(ConnId, &mut Resuming)> {
        let conn = self.asked.take(page)?.conn;
        self.sockets.get_mut(&conn).map(|resuming| (conn, resuming))
    }

    /// A socket has got a page, or the end of a backlog: it waits for its next turn, if there is more.
    pub(super) fn go_on(&mut self, conn: ConnId) {
        let Some(resuming) = self.sockets.get_mut(&conn) else {
            return;
        };
        resuming.failing_until_micros = None;
        match resuming.backlogs.is_empty() {
            true => {
                self.sockets.remove(&conn);
            }
            false => self.turns.push_back(conn),
        }
    }

    /// Too much waits for a socket's client: it gets a turn later.
    pub(super) fn wait(&mut self, conn: ConnId) {
        self.waiting.push((0, conn));
    }

    /// There was no page for a socket, which asks again after a pause; false where that has gone on for too long.
    pub(super) fn fail(&mut self, conn: ConnId, cx: &Context<'_>) -> bool {
        let Some(resuming) = self.sockets.get_mut(&conn) else {
            return true;
        };
        let until = cx.micros_in(FAILING_SECONDS_MAX);
        let until = *resuming.failing_until_micros.get_or_insert(until);
        self.waiting.push((cx.now.micros + RETRY_MICROS, conn));
        until > cx.now.micros
    }

    pub(super) fn tick(&mut self, cx: &Context<'_>) {
        let now = cx.now.micros;
        let overdue = self.asked.take_if(|asked| asked.due_micros <= now);
        self.waiting.extend(overdue.iter().map(|it| (now, it.conn)));
        let ready = self.waiting.extract_if(.., |(due, _)| *due <= now);
        self.turns.extend(ready.map(|(_, conn)| conn));
    }
}

impl Backlog {
    /// The client wants what lies behind an event, up to another or [`UNTIL_LIVE`].
    pub(super) const fn asked_for(chat_id: ChatId, after: Seq, until: Seq) -> Self {
        Self {
            chat_id,
            from: after,
            after,
            until,
            is_asked_for: true,
        }
    }

    /// A socket gets an event, and all that follow, which it was not sent when they came.
    pub(super) const fn held_since(chat_id: ChatId, first: Seq) -> Self {
        let after = first.before();
        Self {
            chat_id,
            from: after,
            after,
            until: UNTIL_LIVE,
            is_asked_for: false,
        }
    }

    /// It has not begun, and the client wants what lies behind an event.
    fn begin_behind(&mut self, after: Seq) {
        self.from = match self.is_asked_for {
            true => self.from.min(after),
            false => after,
        };
        self.after = self.from;
        self.is_asked_for = true;
    }
}

impl Resuming {
    /// The backlog that is being got.
    pub(super) fn backlog(&self) -> Option<Backlog> {
        self.backlogs.front().copied()
    }

    /// It has all up to an event.
    pub(super) fn advance(&mut self, through: Seq) {
        if let Some(backlog) = self.backlogs.front_mut() {
            backlog.after = backlog.after.max(through);
        }
    }

    /// There is nothing more to get of its backlog.
    pub(super) fn end_backlog(&mut self) {
        self.backlogs.pop_front();
    }
}

//! Replies of an HTTP connection: framed for their requests, and in the order of the requests, however long each one
//! takes.

use std::borrow::Cow;
use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::api::{Reply, ReplyTo};
use crate::auth::origins::Cors;
use crate::context::Context;
use crate::http::{ResponseHead, Version, write_head, write_response};
use crate::outbox::OUTBOX_BYTES_MAX;

/// Fields of a reply that take no allocation of their own: more than most replies have.
const EXTRA_FIELDS: usize = 8;

/// Bytes for which there is room at first for each reply that an empty outbox is to take: those of an acknowledgement.
const USUAL_REPLY_BYTES: usize = 320;

/// From now on, for two years, browsers reach this host by TLS alone (RFC 6797).
const STRICT_TRANSPORT: (&str, &str) = ("Strict-Transport-Security", "max-age=63072000");

/// Requests that are not answered yet, oldest first.
#[derive(Default)]
pub(super) struct Replies {
    waiting: VecDeque<WaitingReply>,
    /// The ticket of the oldest of them.
    first_ticket: u64,
}

/// How a reply is framed, and the reply where it is there before those that come first. Long pipelines have many of
/// these, so they are small.
struct WaitingReply {
    framing: Framing,
    to: ReplyTo,
    /// Another part or shard answers it, by then at the latest, in microseconds.
    due_micros: Option<u64>,
    /// Whether the request may have changed something even if it is not answered.
    changes: bool,
    reply: Option<Box<Reply>>,
}

/// What a request says about its reply.
#[derive(Clone, Copy)]
pub(super) struct Framing {
    pub(super) version: Version,
    pub(super) head_only: bool,
    pub(super) keep_alive: bool,
    /// What the browser of a page that was served elsewhere is told.
    pub(super) cors: Option<Cors>,
}

/// What has become of replies that were to be written.
pub(super) struct Written {
    /// The connection ends behind the last.
    pub(super) ends: bool,
    /// The body of the last, which is sent behind what was written.
    pub(super) shared: Option<&'static [u8]>,
}

impl Replies {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a request, and returns its ticket.
    pub(super) fn expect(&mut self, framing: Framing) -> u64 {
        let ticket = self.first_ticket + self.waiting.len() as u64;
        self.waiting.push_back(WaitingReply {
            framing,
            to: ReplyTo::Plain,
            due_micros: None,
            changes: false,
            reply: None,
        });
        ticket
    }

    /// A request that is not answered yet.
    fn unanswered(&mut self, ticket: u64) -> Option<&mut WaitingReply> {
        let index = ticket.checked_sub(self.first_ticket)?;
        let waiting = self.waiting.get_mut(index as usize)?;
        waiting.reply.is_none().then_some(waiting)
    }

    /// Another part or shard answers a request, by a deadline.
    pub(super) fn defer(&mut self, ticket: u64, to: ReplyTo, due_micros: u64, changes: bool) {
        if let Some(waiting) = self.unanswered(ticket) {
            waiting.to = to;
            waiting.due_micros = Some(due_micros);
            waiting.changes = changes;
        }
    }

    /// Takes what a request's reply depends on; `None` where it was answered, as of an overdue one.
    pub(super) fn take_reply_to(&mut self, ticket: u64) -> Option<ReplyTo> {
        let waiting = self.unanswered(ticket)?;
        Some(std::mem::replace(&mut waiting.to, ReplyTo::Plain))
    }

    /// What the replies depend on of requests that are not answered.
    pub(super) fn unanswered_to(&self) -> impl Iterator<Item = &ReplyTo> {
        let unanswered = self.waiting.iter().filter(|it| it.reply.is_none());
        unanswered.map(|it| &it.to)
    }

    /// Takes a reply: gives it back where it is the next to be written, and keeps it for its turn otherwise.
    pub(super) fn take_turn(&mut self, ticket: u64, reply: Reply) -> Option<Reply> {
        let is_next = ticket == self.first_ticket;
        let waiting = self.unanswered(ticket)?;
        if is_next {
            return Some(reply);
        }
        waiting.reply = Some(Box::new(reply));
        None
    }

    /// The connection ends behind the newest request; false where there is none.
    pub(super) fn end_behind_last(&mut self) -> bool {
        let last = self.waiting.back_mut();
        last.map(|last| last.framing.keep_alive = false).is_some()
    }

    /// When the first unanswered request is overdue, in microseconds.
    pub(super) fn due_micros(&self) -> Option<u64> {
        let unanswered = self.waiting.iter().find(|waiting| waiting.reply.is_none());
        unanswered.and_then(|waiting| waiting.due_micros)
    }

    /// The tickets of the requests that are overdue, and whether they may have changed something.
    pub(super) fn overdue(&self, now_micros: u64) -> Vec<(u64, bool)> {
        let is_over = |it: &WaitingReply| {
            it.reply.is_none() && it.due_micros.is_some_and(|due| due <= now_micros)
        };
        let tickets = (self.first_ticket..).zip(&self.waiting);
        let overdue = tickets.filter(|(_, waiting)| is_over(waiting));
        overdue.map(|(ticket, it)| (ticket, it.changes)).collect()
    }

    /// Writes the reply that is next in order, and those behind it that are there, up to one with a shared body.
    pub(super) fn write(&mut self, reply: Reply, out: &mut Vec<u8>, cx: &Context<'_>) -> Written {
        if out.is_empty() {
            out.reserve((self.waiting.len() * USUAL_REPLY_BYTES).min(OUTBOX_BYTES_MAX));
        }
        let mut written = Written {
            ends: false,
            shared: None,
        };
        let mut next = self.waiting.pop_front().map(|first| (first.framing, reply));
        while let Some((framing, reply)) = next {
            self.first_ticket += 1;
            written.ends = !framing.keep_alive;
            written.shared = write_reply(out, framing, &reply, cx);
            if written.shared.is_some() {
                return written;
            }
            next = self.pop_ready();
        }
        written
    }

    /// Takes the oldest request off, if its reply is there.
    fn pop_ready(&mut self) -> Option<(Framing, Reply)> {
        let ready = self.take_ready()?;
        let framing = self.waiting.pop_front()?.framing;
        Some((framing, ready))
    }

    /// Takes the reply that is next in order, if it is there.
    pub(super) fn take_ready(&mut self) -> Option<Reply> {
        let ready = self.waiting.front_mut()?.reply.take()?;
        Some(*ready)
    }
}

/// Writes a reply, but for a shared body, which it returns.
fn write_reply(
    out: &mut Vec<u8>,
    framing: Framing,
    reply: &Reply,
    cx: &Context<'_>,
) -> Option<&'static [u8]> {
    let mut extra = SmallVec::<[(&'static str, &str); EXTRA_FIELDS]>::new();
    extra.extend(reply.fields());
    if cx.config.is_secure() && !reply.guards.is_empty() {
        extra.push(STRICT_TRANSPORT);
    }
    if let Some(cors) = framing.cors.filter(|_| !reply.is_for_own_pages()) {
        extra.extend(cors.fields(&cx.config.allowed_origins));
    }
    let head = ResponseHead {
        status: reply.status,
        version: framing.version,
        keep_alive: framing.keep_alive,
        head_only: framing.head_only,
        content_type: reply.content_type,
        extra: &extra,
        date: cx.date,
    };
    match reply.body {
        Cow::Owned(ref body) => {
            write_response(out, &head, body);
            None
        }
        Cow::Borrowed(body) => {
            write_head(out, &head, body.len());
            (!framing.head_only).then_some(body)
        }
    }
}

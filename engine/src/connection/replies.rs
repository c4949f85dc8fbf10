//! Replies of an HTTP connection: framed as their requests want it, and in the order of those, however
//! long each one takes.

use crate::api::{Api, Reply, ReplyTo};
use crate::auth::Caller;
use crate::connection::http::HttpConnection;
use crate::connection::{Connections, Protocol};
use crate::context::Context;
use crate::effect::{ConnEffect, HandedOff};
use crate::http::{CONTINUE, HttpDate, Refusal, ResponseHead, Version, write_response};
use crate::input::ConnId;
use crate::mesh::Outcome;
use crate::problem::Problem;
use crate::ws::{Accepted, write_switching_protocols};

/// Bytes of frames that a client may send before its handshake is answered.
const EARLY_FRAMES_BYTES_MAX: usize = 8 * 1024;

/// How a reply is framed, and the reply once it is there.
pub(super) struct WaitingReply {
    pub(super) version: Version,
    pub(super) head_only: bool,
    pub(super) keep_alive: bool,
    pub(super) to: ReplyTo,
    pub(super) reply: Option<Reply>,
}

impl Connections {
    /// A command of this connection was answered.
    pub(crate) fn http_answered(
        &mut self,
        id: ConnId,
        ticket: u64,
        outcome: Outcome,
        api: &mut Api,
        cx: &mut Context<'_>,
    ) {
        let Some(http) = self.http(id) else { return };
        let index = ticket.wrapping_sub(http.first_ticket) as usize;
        let Some(waiting) = http.waiting.get(index) else {
            return;
        };
        let reply = match (&waiting.to, outcome) {
            (ReplyTo::Upgrade, Outcome::Done) => {
                if let Some(upgrade) = http.upgrade.take() {
                    self.upgrade(id, ticket, &upgrade.accepted, upgrade.caller, cx);
                }
                return;
            }
            (to, outcome) => {
                http.upgrade = None;
                api.reply_to(to, outcome, cx)
            }
        };
        self.reply(id, ticket, reply, cx);
        self.go_on(id, api, cx);
    }

    /// A reply that did not come by a command.
    pub(crate) fn http_replied(
        &mut self,
        id: ConnId,
        ticket: u64,
        reply: Reply,
        api: &mut Api,
        cx: &mut Context<'_>,
    ) {
        self.reply(id, ticket, reply, cx);
        self.go_on(id, api, cx);
    }

    pub(super) fn reply(&mut self, id: ConnId, ticket: u64, reply: Reply, cx: &mut Context<'_>) {
        if let Some(code) = reply.refusal {
            cx.stats.count_refusal(code);
        }
        let Some(http) = self.http(id) else { return };
        let index = ticket.wrapping_sub(http.first_ticket) as usize;
        if let Some(waiting) = http.waiting.get_mut(index) {
            waiting.reply = Some(reply);
            if index == 0 {
                self.write_replies(id, cx);
            }
        }
    }

    /// Writes the replies that are next in order.
    fn write_replies(&mut self, id: ConnId, cx: &mut Context<'_>) {
        let Some(connection) = self.get_mut(id) else {
            return;
        };
        let Protocol::Http(http) = &mut connection.protocol else {
            return;
        };
        let was_empty = connection.outbox.is_empty();
        let mut ends = false;
        while let Some(next) = http.waiting.pop_front_if(|next| next.reply.is_some()) {
            http.first_ticket += 1;
            ends = !next.keep_alive;
            if let Some(reply) = &next.reply {
                write_reply(connection.outbox.buffer(), &next, reply, cx.date);
            }
        }
        if was_empty && !connection.outbox.is_empty() {
            cx.effects.connections.push((id, ConnEffect::Flush));
        }
        if ends {
            self.end(id, cx);
        }
        self.continue_if_due(id, cx);
    }

    /// Gives a client leave to send its body, once all replies before that are written.
    pub(super) fn continue_if_due(&mut self, id: ConnId, cx: &mut Context<'_>) {
        let is_due = |http: &mut HttpConnection| {
            http.waiting.is_empty() && std::mem::take(&mut http.continue_due)
        };
        if self.http(id).is_some_and(is_due)
            && let Some(connection) = self.get_mut(id)
        {
            connection.write(cx, |out| out.extend_from_slice(CONTINUE));
        }
    }

    /// Refuses what the connection is used for, behind all that is waiting, and closes it.
    pub(super) fn refuse_and_close(&mut self, id: ConnId, refusal: &Refusal, cx: &mut Context<'_>) {
        let Some(http) = self.http(id) else { return };
        http.last_request_read = true;
        http.request_began_seconds = None;
        let ticket = http.first_ticket + http.waiting.len() as u64;
        http.waiting.push_back(WaitingReply {
            version: Version::Http11,
            head_only: http.reader.is_head(&http.input),
            keep_alive: false,
            to: ReplyTo::Plain,
            reply: None,
        });
        self.reply(id, ticket, Reply::refusal(refusal), cx);
    }

    /// Accepts a WebSocket and sends it to its user's home.
    pub(super) fn upgrade(
        &mut self,
        id: ConnId,
        ticket: u64,
        accepted: &Accepted,
        caller: Caller,
        cx: &mut Context<'_>,
    ) {
        let Some(connection) = self.get_mut(id) else {
            return;
        };
        let Protocol::Http(http) = &mut connection.protocol else {
            return;
        };
        debug_assert_eq!(
            http.first_ticket, ticket,
            "an upgrade waits for all replies before it"
        );
        if http.input.len() > EARLY_FRAMES_BYTES_MAX {
            http.last_request_read = true;
            if let Some(waiting) = http.waiting.front_mut() {
                waiting.keep_alive = false;
            }
            return self.reply(id, ticket, Reply::problem(&Problem::TOO_EARLY), cx);
        }
        let unread = std::mem::take(&mut http.input);
        connection.write(cx, |out| write_switching_protocols(out, accepted));
        self.begin_to_close(id, cx.now);
        let socket = Box::new(HandedOff {
            user_id: caller.user_id,
            session: caller.session,
            batch_protocol: accepted.protocol.is_some(),
            unread,
        });
        let to = cx.topology().home(caller.user_id);
        cx.effects
            .connections
            .push((id, ConnEffect::HandOff { to, socket }));
    }
}

fn write_reply(out: &mut Vec<u8>, waiting: &WaitingReply, reply: &Reply, date: &HttpDate) {
    let extra: smallvec::SmallVec<[(&'static str, &str); 4]> = reply
        .extra
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let head = ResponseHead {
        status: reply.status,
        version: waiting.version,
        keep_alive: waiting.keep_alive,
        head_only: waiting.head_only,
        content_type: reply.content_type,
        extra: &extra,
        date,
    };
    write_response(out, &head, &reply.body);
}

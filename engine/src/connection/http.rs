//! One HTTP connection: requests in, replies out in the same order, however long each one takes.

use std::collections::VecDeque;
use std::net::IpAddr;

use bytes::BytesMut;

use crate::api::{Action, Api, Reply, ReplyTo};
use crate::auth::{Caller, Ticket};
use crate::connection::{Connections, Protocol};
use crate::context::{Context, Reader};
use crate::effect::{ConnEffect, HandedOff};
use crate::http::{
    CONTINUE, HttpDate, Method, Progress, Refusal, Request, RequestReader, ResponseHead, Version,
    write_response,
};
use crate::input::{ConnId, Listener, Now};
use crate::mesh::{Asker, Command, Outcome, ShardMessage, Waiting};
use crate::problem::Problem;
use crate::ws::{Accepted, write_switching_protocols};

/// Requests of one connection that may wait for their replies.
pub(crate) const PIPELINE_MAX: usize = 256;
/// Seconds that a request may take to arrive, once it has begun.
const REQUEST_SECONDS_MAX: u64 = 10;
/// Seconds that a connection may stay open without a request.
const IDLE_SECONDS_MAX: u64 = 75;
/// An input buffer above this many bytes is given back when it is empty.
const KEPT_INPUT_BYTES_MAX: usize = 8192;

/// See the module.
pub(crate) struct HttpConnection {
    pub(crate) peer: IpAddr,
    pub(crate) listener: Listener,
    reader: RequestReader,
    input: BytesMut,
    /// Requests that are not answered yet, oldest first.
    waiting: VecDeque<WaitingReply>,
    /// The ticket of the oldest of them.
    first_ticket: u64,
    /// A request that must see the effects of those before it.
    held: Option<Request>,
    /// The credentials that were seen last, and whom they stand for.
    known: Option<(Vec<u8>, Caller)>,
    /// No further request is read.
    last_request_read: bool,
    /// A WebSocket handshake whose ticket is being spent.
    upgrade: Option<Box<Upgrade>>,
    active_seconds: u64,
    /// When the request that is arriving began.
    request_began_seconds: Option<u64>,
}

/// How a reply is framed, and the reply once it is there.
struct WaitingReply {
    version: Version,
    head_only: bool,
    keep_alive: bool,
    to: ReplyTo,
    reply: Option<Reply>,
}

struct Upgrade {
    accepted: Accepted,
    caller: Caller,
}

impl HttpConnection {
    pub(super) fn new(peer: IpAddr, listener: Listener, now: Now) -> Self {
        Self {
            peer,
            listener,
            reader: RequestReader::default(),
            input: BytesMut::new(),
            waiting: VecDeque::new(),
            first_ticket: 0,
            held: None,
            known: None,
            last_request_read: false,
            upgrade: None,
            active_seconds: now.micros / 1_000_000,
            request_began_seconds: None,
        }
    }

    /// Whom the request's credentials stand for, checked anew only when they change or expire.
    pub(crate) fn caller(
        &mut self,
        request: &Request,
        api: &Api,
        cx: &Context<'_>,
    ) -> Option<Caller> {
        let credentials = api.credentials(request)?;
        if let Some((known, caller)) = &self.known
            && known == credentials
            && api.is_current(caller, cx.now.wall)
        {
            return Some(*caller);
        }
        let caller = api.authenticate(credentials, cx)?;
        self.known = Some((credentials.to_vec(), caller));
        Some(caller)
    }

    pub(super) fn due_seconds(&self, now: Now) -> u64 {
        match self.request_began_seconds {
            Some(began) => began + REQUEST_SECONDS_MAX,
            None if self.waiting.is_empty() => self.active_seconds + IDLE_SECONDS_MAX,
            None => now.micros / 1_000_000 + IDLE_SECONDS_MAX,
        }
    }

    fn wants_input(&self) -> bool {
        !self.last_request_read
            && self.held.is_none()
            && self.upgrade.is_none()
            && self.waiting.len() < PIPELINE_MAX
    }
}

impl Connections {
    /// Bytes came in on an HTTP connection.
    pub(crate) fn http_received(
        &mut self,
        id: ConnId,
        bytes: &[u8],
        api: &mut Api,
        cx: &mut Context<'_>,
    ) {
        if let Some(http) = self.http(id) {
            http.input.extend_from_slice(bytes);
            http.active_seconds = cx.now.micros / 1_000_000;
            self.read_requests(id, api, cx);
        }
    }

    fn http(&mut self, id: ConnId) -> Option<&mut HttpConnection> {
        match &mut self.get_mut(id)?.protocol {
            Protocol::Http(http) => Some(http),
            Protocol::WebSocket(_) => None,
        }
    }

    /// Takes the requests that have arrived, as far as they may be begun now.
    fn read_requests(&mut self, id: ConnId, api: &mut Api, cx: &mut Context<'_>) {
        loop {
            if self
                .get(id)
                .is_some_and(|connection| connection.outbox.is_full())
            {
                self.halted.push(id);
                break;
            }
            let Some(http) = self.http(id).filter(|http| http.wants_input()) else {
                break;
            };
            match http.reader.next(&mut http.input) {
                Progress::Partial => break,
                Progress::Continue => {
                    // Interim replies keep the order of replies too.
                    if http.waiting.is_empty()
                        && let Some(connection) = self.get_mut(id)
                    {
                        connection.write(cx, |out| out.extend_from_slice(CONTINUE));
                    }
                }
                Progress::Request(request) => self.begin_request(id, request, api, cx),
                Progress::Refused(refusal) => self.refuse_framing(id, refusal, cx),
            }
        }
        self.note_arrival(id, cx);
    }

    /// Notes since when a request has been arriving, for its deadline.
    fn note_arrival(&mut self, id: ConnId, cx: &Context<'_>) {
        let Some(http) = self.http(id) else { return };
        let arriving = http.wants_input() && http.reader.in_request(&http.input);
        if http.input.is_empty() && http.input.capacity() > KEPT_INPUT_BYTES_MAX {
            http.input = BytesMut::new();
        }
        let began = arriving.then(|| {
            http.request_began_seconds
                .unwrap_or(cx.now.micros / 1_000_000)
        });
        let is_new = began.is_some() && http.request_began_seconds.is_none();
        http.request_began_seconds = began;
        if is_new {
            self.reschedule(id, cx.now);
        }
    }

    fn begin_request(&mut self, id: ConnId, request: Request, api: &mut Api, cx: &mut Context<'_>) {
        let Some(http) = self.http(id) else { return };
        http.request_began_seconds = None;
        if !http.waiting.is_empty() && !api.is_concurrent(&request) {
            http.held = Some(request);
            return;
        }
        cx.stats.http_requests += 1;
        let keep_alive = request.keep_alive && !api.is_draining();
        http.last_request_read = !keep_alive;
        let ticket = http.first_ticket + http.waiting.len() as u64;
        http.waiting.push_back(WaitingReply {
            version: request.version,
            head_only: request.method == Method::Head,
            keep_alive,
            to: ReplyTo::Plain,
            reply: None,
        });
        let action = api
            .handle(&request, http, cx)
            .unwrap_or_else(|problem| Action::Reply(Reply::problem(&problem)));
        self.act(id, ticket, action, cx);
    }

    fn act(&mut self, id: ConnId, ticket: u64, action: Action, cx: &mut Context<'_>) {
        match action {
            Action::Reply(reply) => self.reply(id, ticket, reply, cx),
            Action::Ask {
                to,
                command,
                reply_to,
            } => {
                self.expect(id, ticket, reply_to);
                let waiting = Waiting::Connection { conn: id, ticket };
                let asker = Asker {
                    shard: cx.id(),
                    waiting,
                };
                cx.send(to, ShardMessage::Ask { asker, command });
            }
            Action::ReadUsers { read, list } => {
                cx.read(
                    read,
                    Reader::Users {
                        conn: id,
                        ticket,
                        list,
                    },
                );
            }
            Action::Upgrade {
                accepted,
                caller,
                ticket: None,
            } => {
                self.upgrade(id, ticket, &accepted, caller, cx);
            }
            Action::Upgrade {
                accepted,
                caller,
                ticket: Some(presented),
            } => {
                self.spend_ticket(id, ticket, accepted, caller, presented, cx);
            }
        }
    }

    fn expect(&mut self, id: ConnId, ticket: u64, to: ReplyTo) {
        let Some(http) = self.http(id) else { return };
        let index = ticket.wrapping_sub(http.first_ticket) as usize;
        if let Some(waiting) = http.waiting.get_mut(index) {
            waiting.to = to;
        }
    }

    fn spend_ticket(
        &mut self,
        id: ConnId,
        ticket: u64,
        accepted: Accepted,
        caller: Caller,
        presented: Ticket,
        cx: &mut Context<'_>,
    ) {
        let Some(http) = self.http(id) else { return };
        http.upgrade = Some(Box::new(Upgrade { accepted, caller }));
        let Ticket {
            ticket_id,
            user_id,
            expires_at,
            ..
        } = presented;
        let command = Command::SpendTicket {
            ticket_id,
            user_id,
            expires_at,
        };
        let to = cx.topology().home(user_id);
        self.act(
            id,
            ticket,
            Action::Ask {
                to,
                command,
                reply_to: ReplyTo::Upgrade,
            },
            cx,
        );
    }

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

    fn reply(&mut self, id: ConnId, ticket: u64, reply: Reply, cx: &mut Context<'_>) {
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
    }

    /// Goes on with requests that had to wait for a reply.
    pub(super) fn go_on(&mut self, id: ConnId, api: &mut Api, cx: &mut Context<'_>) {
        let Some(http) = self.http(id) else { return };
        if http.held.is_some()
            && http.waiting.is_empty()
            && let Some(request) = http.held.take()
        {
            self.begin_request(id, request, api, cx);
        }
        if self.http(id).is_some_and(|http| !http.input.is_empty()) {
            self.read_requests(id, api, cx);
        }
        self.resume_if_wanted(id, cx);
    }

    /// Says that a connection may be read again, where it was not read for a while.
    pub(crate) fn resume_if_wanted(&mut self, id: ConnId, cx: &mut Context<'_>) {
        if self.get(id).is_some_and(|connection| connection.paused)
            && self.would_read(id)
            && let Some(connection) = self.get_mut(id)
        {
            connection.paused = false;
            cx.effects.connections.push((id, ConnEffect::Resume));
        }
    }

    /// Whether a connection's socket should be read, noting a no so that a yes is told later.
    pub(crate) fn wants_input(&mut self, id: ConnId) -> bool {
        let wants = self.would_read(id);
        if let Some(connection) = self.get_mut(id) {
            connection.paused = !wants;
        }
        wants
    }

    fn would_read(&self, id: ConnId) -> bool {
        self.get(id)
            .is_some_and(|connection| match &connection.protocol {
                _ if connection.is_closing() => false,
                Protocol::Http(http) => http.wants_input() && !connection.outbox.is_full(),
                Protocol::WebSocket(ws) => ws.wants_input(),
            })
    }

    fn refuse_framing(&mut self, id: ConnId, refusal: Refusal, cx: &mut Context<'_>) {
        let reply = Reply::refusal(&refusal);
        self.refuse_and_close(id, reply, cx);
    }

    /// Replies behind all that is waiting, and closes.
    fn refuse_and_close(&mut self, id: ConnId, reply: Reply, cx: &mut Context<'_>) {
        let Some(http) = self.http(id) else { return };
        http.last_request_read = true;
        http.request_began_seconds = None;
        let ticket = http.first_ticket + http.waiting.len() as u64;
        http.waiting.push_back(WaitingReply {
            version: Version::Http11,
            head_only: false,
            keep_alive: false,
            to: ReplyTo::Plain,
            reply: None,
        });
        self.reply(id, ticket, reply, cx);
    }

    /// Accepts a WebSocket and sends it to its user's home.
    fn upgrade(
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
        let unread = std::mem::take(&mut http.input);
        connection.closing = true;
        connection.write(cx, |out| write_switching_protocols(out, accepted));
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

    /// Ends what is overdue on an HTTP connection.
    pub(super) fn tick_http(&mut self, id: ConnId, cx: &mut Context<'_>) {
        let seconds = cx.now.micros / 1_000_000;
        let Some(http) = self.http(id) else { return };
        let overdue = |began: u64| began + REQUEST_SECONDS_MAX <= seconds;
        if http.request_began_seconds.is_some_and(overdue) {
            self.refuse_and_close(id, Reply::problem(&Problem::TIMEOUT), cx);
        } else if http.waiting.is_empty() && http.active_seconds + IDLE_SECONDS_MAX <= seconds {
            self.end(id, cx);
        }
    }

    /// Closes a connection that waits for nothing, as the process stops.
    pub(crate) fn drain_http(&mut self, id: ConnId, cx: &mut Context<'_>) {
        let Some(http) = self.http(id) else { return };
        http.last_request_read = true;
        match http.waiting.back_mut() {
            Some(last) => last.keep_alive = false,
            None => self.end(id, cx),
        }
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

//! One HTTP connection, and the requests that come in on it.

use std::net::IpAddr;

use bytes::BytesMut;

use crate::api::{Action, Api, Door, Reply, ReplyTo};
use crate::auth::tokens::Ticket;
use crate::connection::link::Link;
use crate::connection::replies::{Framing, Replies};
use crate::context::{Context, MICROS_PER_SECOND};
use crate::edge::effect::{ConnEffect, HandedOff};
use crate::edge::input::Entrance;
use crate::edge::port::{Found, Part, StoreFault, Token};
use crate::http::{
    CONTINUE, Method, Preface, Progress, Refusal, Request, RequestReader, Version, take_preface,
};
use crate::ids::Caller;
use crate::mesh::command::{READ_SECONDS_MAX, Waiting};
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, HomeCommand, NameCommand, Outcome, ShardMessage};
use crate::ws::limits::EARLY_FRAMES_BYTES_MAX;
use crate::ws::{Accepted, write_switching_protocols};

/// Requests of one connection that may wait for their replies.
const PIPELINE_MAX: usize = 256;
/// Microseconds that a request may take to arrive, once it has begun.
const REQUEST_MICROS_MAX: u64 = 10 * MICROS_PER_SECOND;
/// Microseconds that a connection may stay open without a request.
const IDLE_MICROS_MAX: u64 = 75 * MICROS_PER_SECOND;
/// An input buffer above this many bytes is given back when it is empty.
const KEPT_INPUT_BYTES_MAX: usize = 8192;

/// See the module.
pub(crate) struct Http {
    door: Door,
    /// A trusted proxy may still say whom the connection is relayed for.
    preface_due: bool,
    reader: RequestReader,
    input: BytesMut,
    replies: Replies,
    /// Whether what is under way may have other posts beside it.
    is_concurrent: bool,
    /// A request that must see the effects of those before it.
    held: Option<Request>,
    /// The credentials that were seen last, and their caller.
    known: Option<(Vec<u8>, Caller)>,
    /// The client waits for `100 Continue` before it sends a body.
    continue_due: bool,
    /// No further request is begun.
    last_request_read: bool,
    /// The client sends no more.
    is_finished: bool,
    /// Requests are paused by a full outbox.
    halted: bool,
    /// A WebSocket handshake whose ticket is being spent.
    upgrade: Option<Box<Upgrade>>,
    /// When the client sent something last, in microseconds.
    active_micros: u64,
    /// When the request that is arriving began, in microseconds.
    request_began_micros: Option<u64>,
}

struct Upgrade {
    accepted: Accepted,
    caller: Caller,
}

impl Http {
    pub(super) fn new(peer: IpAddr, entrance: Entrance, cx: &Context<'_>) -> Self {
        Self {
            door: Door { peer, entrance },
            preface_due: cx.config.proxies.is_trusted(peer),
            reader: RequestReader::default(),
            input: BytesMut::new(),
            replies: Replies::default(),
            is_concurrent: false,
            held: None,
            known: None,
            continue_due: false,
            last_request_read: false,
            is_finished: false,
            halted: false,
            upgrade: None,
            active_micros: cx.now.micros,
            request_began_micros: None,
        }
    }

    /// When its deadlines must be looked at, in microseconds.
    pub(super) fn due_micros(&self, link: &Link, cx: &Context<'_>) -> u64 {
        let due = match self.request_began_micros {
            Some(began) => began + REQUEST_MICROS_MAX,
            None if self.replies.is_empty() => self.idle_since_micros(link) + IDLE_MICROS_MAX,
            None => cx.now.micros + IDLE_MICROS_MAX,
        };
        let stuck = link.stuck_micros(cx);
        let others = self.replies.due_micros().into_iter().chain(stuck);
        others.fold(due, u64::min)
    }

    /// When the client sent or took something last, in microseconds.
    fn idle_since_micros(&self, link: &Link) -> u64 {
        self.active_micros.max(link.taken_micros())
    }

    /// Whether more may be read.
    pub(super) fn wants_input(&self) -> bool {
        !self.is_finished && self.wants_request()
    }

    /// Whether requests are paused by a full outbox.
    pub(super) const fn is_halted(&self) -> bool {
        self.halted
    }

    /// Whether another request may be begun.
    fn wants_request(&self) -> bool {
        !self.last_request_read
            && self.held.is_none()
            && self.upgrade.is_none()
            && self.replies.len() < PIPELINE_MAX
    }

    /// Bytes came in.
    pub(super) fn received(
        &mut self,
        link: &mut Link,
        bytes: &[u8],
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        self.input.extend_from_slice(bytes);
        self.active_micros = cx.now.micros;
        if self.preface_due {
            self.read_preface(link, cx);
        }
        self.read_requests(link, api, cx);
    }

    /// Reads whom a proxy relays the connection for, before the first request.
    fn read_preface(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        let preface = take_preface(&mut self.input);
        self.preface_due = preface == Preface::Partial;
        match preface {
            Preface::Partial | Preface::Peer => {}
            Preface::Client(address) => self.door.peer = address,
            Preface::Malformed => self.refuse_and_close(link, &Refusal::MALFORMED_PREFACE, cx),
        }
    }

    /// The client sends no more. What it has sent is answered before the connection ends.
    pub(super) fn finished(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        self.is_finished = true;
        self.request_began_micros = None;
        self.end_if_answered(link, cx);
    }

    /// Ends the connection if its client sends no more and has been answered.
    fn end_if_answered(&self, link: &mut Link, cx: &mut Context<'_>) {
        let answered = self.replies.is_empty() && self.held.is_none() && !self.halted;
        if self.is_finished && answered {
            link.end(cx);
        }
    }

    /// Takes the requests that have arrived, as far as they may be begun now.
    fn read_requests(&mut self, link: &mut Link, api: Api<'_>, cx: &mut Context<'_>) {
        while !link.is_closing() && !self.preface_due {
            self.halted = link.is_full() && !self.input.is_empty();
            if link.is_full() || !self.wants_request() {
                break;
            }
            match self.reader.next(&mut self.input) {
                Progress::Partial => break,
                Progress::Continue => {
                    self.continue_due = true;
                    self.continue_if_due(link, cx);
                }
                Progress::Request(request) => self.begin_request(link, request, api, cx),
                Progress::Refused(refusal) => self.refuse_and_close(link, &refusal, cx),
            }
        }
        if !link.is_closing() {
            self.note_arrival(cx);
            self.end_if_answered(link, cx);
        }
    }

    /// Notes since when a request has been arriving, for its deadline.
    fn note_arrival(&mut self, cx: &Context<'_>) {
        let arriving = self.wants_input() && self.reader.in_request(&self.input);
        if self.input.is_empty() && self.input.capacity() > KEPT_INPUT_BYTES_MAX {
            self.input = BytesMut::new();
        }
        let began = self.request_began_micros.unwrap_or(cx.now.micros);
        self.request_began_micros = arriving.then_some(began);
    }

    fn begin_request(
        &mut self,
        link: &mut Link,
        request: Request,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        self.request_began_micros = None;
        self.continue_due = false;
        let is_concurrent = api.is_concurrent(&request);
        let may_begin = self.replies.is_empty() || is_concurrent && self.is_concurrent;
        if !may_begin {
            self.held = Some(request);
            return;
        }
        self.is_concurrent = is_concurrent;
        cx.stats.http_requests += 1;
        let keep_alive = request.keep_alive && !cx.readiness.is_draining();
        self.last_request_read = !keep_alive;
        let ticket = self.replies.expect(Framing {
            version: request.version,
            head_only: request.method == Method::Head,
            keep_alive,
            cors: api.gate().origins().cors(&request),
        });
        let (door, known) = (self.door, &mut self.known);
        let caller = |cx: &Context<'_>| api.gate().caller(&request, known, cx.now.latest_wall);
        let action = api.handle(&request, door, caller, cx);
        let action = action.unwrap_or_else(|problem| Action::Reply(Reply::problem(&problem)));
        self.act(link, ticket, action, cx);
    }

    fn act(&mut self, link: &mut Link, ticket: u64, action: Action, cx: &mut Context<'_>) {
        match action {
            Action::Reply(reply) => self.reply(link, ticket, reply, cx),
            Action::Ask { command, reply_to } => {
                let due = cx.micros_in(command.seconds_max());
                self.replies.defer(ticket, reply_to, due, command.changes());
                cx.ask(asker(link, ticket, cx), command);
            }
            Action::Read { read, reply_to } => {
                let due = cx.micros_in(READ_SECONDS_MAX);
                self.replies.defer(ticket, reply_to, due, false);
                let part = Part::Connection(link.id());
                let number = ticket;
                cx.read(Token { part, number }, read);
            }
            Action::Scrape => {
                let due = cx.micros_in(READ_SECONDS_MAX);
                self.replies.defer(ticket, ReplyTo::Plain, due, false);
                let asker = asker(link, ticket, cx);
                cx.send(cx.id(), ShardMessage::Scrape { asker });
            }
            Action::Upgrade {
                accepted,
                caller,
                ticket: None,
            } => self.upgrade(link, ticket, &accepted, caller, cx),
            Action::Upgrade {
                accepted,
                caller,
                ticket: Some(presented),
            } => {
                self.upgrade = Some(Box::new(Upgrade { accepted, caller }));
                self.act(link, ticket, spend(presented), cx);
            }
        }
    }

    /// A request was answered by the shard that it was for.
    pub(super) fn answered(
        &mut self,
        link: &mut Link,
        ticket: u64,
        outcome: Outcome,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        // It may have been overdue, and answered.
        let Some(to) = self.replies.take_reply_to(ticket) else {
            return;
        };
        if let Some(upgrade) = self.upgrade.take() {
            match outcome {
                Outcome::Done => {
                    return self.upgrade(link, ticket, &upgrade.accepted, upgrade.caller, cx);
                }
                Outcome::Refused(_) | Outcome::Elsewhere => {}
                Outcome::NotAdmitted(_)
                | Outcome::Posted { .. }
                | Outcome::Json { .. }
                | Outcome::Page { .. }
                | Outcome::Activity(_)
                | Outcome::Summary(_)
                | Outcome::InviteSpent { .. }
                | Outcome::LoggedIn { .. }
                | Outcome::NotLoggedIn { .. }
                | Outcome::Metrics(_) => cx.bug("a ticket was spent, and something else answered"),
            }
        }
        if let Outcome::InviteSpent {
            username,
            password_hash,
        } = outcome
        {
            let command = NameCommand::RegisterInvited { password_hash };
            let command = Command::Name(username, command);
            let reply_to = to;
            return self.act(link, ticket, Action::Ask { command, reply_to }, cx);
        }
        let reply = api.reply_to(to, outcome, cx);
        self.reply(link, ticket, reply, cx);
        self.go_on(link, api, cx);
    }

    /// A request was answered by the store.
    pub(super) fn store_read(
        &mut self,
        link: &mut Link,
        ticket: u64,
        outcome: Result<Found, StoreFault>,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        // It may have been overdue, and answered.
        if let Some(to) = self.replies.take_reply_to(ticket) {
            let reply = api.reply_to_read(to, outcome, cx);
            self.reply(link, ticket, reply, cx);
            self.go_on(link, api, cx);
        }
    }

    fn reply(&mut self, link: &mut Link, ticket: u64, reply: Reply, cx: &mut Context<'_>) {
        if let Some(code) = reply.refusal {
            cx.stats.count_refusal(code, reply.limit);
        }
        if self.replies.set(ticket, reply) {
            self.write_replies(link, cx);
        }
    }

    /// Writes the replies that are next in order.
    fn write_replies(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        let replies = &mut self.replies;
        let ends = link.write(cx, |out, cx| replies.write(out, cx));
        if ends {
            return link.end(cx);
        }
        self.continue_if_due(link, cx);
    }

    /// Sends `100 Continue`, once all earlier replies are written.
    fn continue_if_due(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        if self.replies.is_empty() && std::mem::take(&mut self.continue_due) {
            link.write(cx, |out, _| out.extend_from_slice(CONTINUE));
        }
    }

    /// Refuses what the connection is used for, behind all that is waiting, and closes it.
    fn refuse_and_close(&mut self, link: &mut Link, refusal: &Refusal, cx: &mut Context<'_>) {
        self.last_request_read = true;
        self.request_began_micros = None;
        let ticket = self.replies.expect(Framing {
            version: Version::Http11,
            head_only: self.reader.is_head(&self.input),
            keep_alive: false,
            cors: None,
        });
        self.reply(link, ticket, Reply::refusal(refusal), cx);
    }

    /// Accepts a WebSocket and sends it to its user's home.
    fn upgrade(
        &mut self,
        link: &mut Link,
        ticket: u64,
        accepted: &Accepted,
        caller: Caller,
        cx: &mut Context<'_>,
    ) {
        if self.replies.len() > 1 {
            cx.bug("an upgrade does not wait for all replies before it");
        }
        if self.input.len() > EARLY_FRAMES_BYTES_MAX {
            self.last_request_read = true;
            self.replies.end_behind_last();
            return self.reply(link, ticket, Reply::problem(&Problem::TOO_EARLY), cx);
        }
        link.write(cx, |out, _| write_switching_protocols(out, accepted));
        link.begin_to_close(cx);
        let socket = Box::new(HandedOff {
            user_id: caller.user_id,
            session: caller.session,
            batch_protocol: accepted.protocol.is_some(),
            unread: std::mem::take(&mut self.input),
        });
        let to = cx.routing.home(caller.user_id);
        let effect = ConnEffect::HandOff { to, socket };
        cx.effects.connections.push((link.id(), effect));
    }

    /// Resumes requests that had to wait for a reply, or were paused by a full outbox.
    pub(super) fn go_on(&mut self, link: &mut Link, api: Api<'_>, cx: &mut Context<'_>) {
        if link.is_closing() {
            return;
        }
        if self.replies.is_empty()
            && let Some(request) = self.held.take()
        {
            self.begin_request(link, request, api, cx);
        }
        if link.is_closing() {
            return;
        }
        if self.input.is_empty() {
            self.end_if_answered(link, cx);
        } else {
            self.read_requests(link, api, cx);
        }
        link.resume_if(self.wants_input(), cx);
    }

    /// Ends what is overdue.
    pub(super) fn tick(&mut self, link: &mut Link, api: Api<'_>, cx: &mut Context<'_>) {
        let now = cx.now.micros;
        if link.is_stuck(cx) {
            return link.cut_off(cx);
        }
        if link.is_full() && self.request_began_micros.is_some() {
            // It is not read while its outbox is full, so its time starts then.
            self.request_began_micros = Some(now);
        }
        self.refuse_overdue(link, api, cx);
        if link.is_closing() {
            return;
        }
        let began = self.request_began_micros;
        if began.is_some_and(|began| began + REQUEST_MICROS_MAX <= now) {
            self.refuse_and_close(link, &Refusal::REQUEST_TIMEOUT, cx);
        } else if self.replies.is_empty() && self.idle_since_micros(link) + IDLE_MICROS_MAX <= now {
            link.end(cx);
        }
    }

    /// Refuses the requests that were not answered by their deadlines.
    fn refuse_overdue(&mut self, link: &mut Link, api: Api<'_>, cx: &mut Context<'_>) {
        let overdue = self.replies.overdue(cx.now.micros);
        for &(ticket, changes) in &overdue {
            cx.stats.overdue_requests += 1;
            self.upgrade = None;
            let problem = Problem::overdue(changes);
            self.reply(link, ticket, Reply::problem(&problem), cx);
        }
        if !overdue.is_empty() {
            self.go_on(link, api, cx);
        }
    }

    /// The credentials of the next request are checked, whatever was known of them.
    pub(super) fn forget_caller(&mut self) {
        self.known = None;
    }

    /// The process stops: closes the connection if it is idle.
    pub(super) fn drain(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        self.last_request_read = true;
        if !self.replies.end_behind_last() {
            link.end(cx);
        }
    }
}

fn asker(link: &Link, ticket: u64, cx: &Context<'_>) -> Asker {
    let conn = link.id();
    Asker {
        shard: cx.id(),
        waiting: Waiting::Connection { conn, ticket },
    }
}

/// Spends a ticket at its user's home.
const fn spend(ticket: Ticket) -> Action {
    let command = HomeCommand::SpendTicket {
        ticket_id: ticket.ticket_id,
        expires_at: ticket.expires_at,
    };
    Action::Ask {
        command: Command::Home(ticket.user_id, command),
        reply_to: ReplyTo::Plain,
    }
}

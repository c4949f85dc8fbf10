//! One HTTP connection, and the requests that come in on it.

use std::collections::VecDeque;
use std::net::IpAddr;

use bytes::BytesMut;

use crate::api::{Action, Api, Reply, ReplyTo};
use crate::auth::{Caller, Ticket};
use crate::connection::replies::WaitingReply;
use crate::connection::{Connections, Protocol};
use crate::context::{Context, Reader};
use crate::http::{Method, Progress, Refusal, Request, RequestReader};
use crate::input::{ConnId, Listener, Now};
use crate::mesh::{Asker, Command, ShardMessage, Waiting};
use crate::ws::Accepted;

/// Requests of one connection that may wait for their replies.
pub(crate) const PIPELINE_MAX: usize = 256;
/// Seconds that a request may take to arrive, once it has begun.
const REQUEST_SECONDS_MAX: u64 = 10;
/// Seconds that a connection may stay open without a request.
const IDLE_SECONDS_MAX: u64 = 75;
/// Seconds in which a client that sends no more must have taken its replies.
const FINISHED_SECONDS_MAX: u64 = 30;
/// An input buffer above this many bytes is given back when it is empty.
const KEPT_INPUT_BYTES_MAX: usize = 8192;

/// See the module.
pub(crate) struct HttpConnection {
    pub(crate) peer: IpAddr,
    pub(crate) listener: Listener,
    pub(super) reader: RequestReader,
    pub(super) input: BytesMut,
    /// Requests that are not answered yet, oldest first.
    pub(super) waiting: VecDeque<WaitingReply>,
    /// The ticket of the oldest of them.
    pub(super) first_ticket: u64,
    /// A request that must see the effects of those before it.
    held: Option<Request>,
    /// The credentials that were seen last, and whom they stand for.
    known: Option<(Vec<u8>, Caller)>,
    /// A client waits for leave to send a body.
    pub(super) continue_due: bool,
    /// No further request is begun.
    pub(super) last_request_read: bool,
    /// Since when the client sends no more.
    finished_seconds: Option<u64>,
    /// Requests at hand wait for output to be taken.
    pub(super) halted: bool,
    /// A WebSocket handshake whose ticket is being spent.
    pub(super) upgrade: Option<Box<Upgrade>>,
    active_seconds: u64,
    /// When the request that is arriving began.
    pub(super) request_began_seconds: Option<u64>,
}

pub(super) struct Upgrade {
    pub(super) accepted: Accepted,
    pub(super) caller: Caller,
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
            continue_due: false,
            last_request_read: false,
            finished_seconds: None,
            halted: false,
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
        match (self.finished_seconds, self.request_began_seconds) {
            (Some(finished), _) => finished + FINISHED_SECONDS_MAX,
            (None, Some(began)) => began + REQUEST_SECONDS_MAX,
            _ if self.waiting.is_empty() => self.active_seconds + IDLE_SECONDS_MAX,
            _ => now.micros / 1_000_000 + IDLE_SECONDS_MAX,
        }
    }

    /// Whether more may be read.
    pub(super) fn wants_input(&self) -> bool {
        self.finished_seconds.is_none() && self.wants_request()
    }

    /// Whether another request may be begun.
    fn wants_request(&self) -> bool {
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

    /// The client sends no more. What it has sent is answered before the connection ends.
    pub(super) fn http_finished(&mut self, id: ConnId, cx: &mut Context<'_>) {
        if let Some(http) = self.http(id) {
            http.finished_seconds = Some(cx.now.micros / 1_000_000);
            http.request_began_seconds = None;
            self.end_if_answered(id, cx);
            self.reschedule(id, cx.now);
        }
    }

    /// Ends a connection whose client sends no more and has been answered.
    fn end_if_answered(&mut self, id: ConnId, cx: &mut Context<'_>) {
        let Some(http) = self.http(id) else { return };
        let answered = http.waiting.is_empty() && http.held.is_none() && !http.halted;
        if http.finished_seconds.is_some() && answered {
            self.end(id, cx);
        }
    }

    /// An HTTP connection that is not on its way out.
    pub(super) fn http(&mut self, id: ConnId) -> Option<&mut HttpConnection> {
        match &mut self.get_mut(id).filter(|it| !it.closing)?.protocol {
            Protocol::Http(http) => Some(http),
            Protocol::WebSocket(_) => None,
        }
    }

    /// Takes the requests that have arrived, as far as they may be begun now.
    fn read_requests(&mut self, id: ConnId, api: &mut Api, cx: &mut Context<'_>) {
        loop {
            let is_full = self.get(id).is_some_and(|it| it.outbox.is_full());
            let Some(http) = self.http(id) else { break };
            http.halted = is_full && !http.input.is_empty();
            if is_full || !http.wants_request() {
                break;
            }
            match http.reader.next(&mut http.input) {
                Progress::Partial => break,
                Progress::Continue => {
                    http.continue_due = true;
                    self.continue_if_due(id, cx);
                }
                Progress::Request(request) => self.begin_request(id, request, api, cx),
                Progress::Refused(refusal) => self.refuse_and_close(id, &refusal, cx),
            }
        }
        self.note_arrival(id, cx);
        self.end_if_answered(id, cx);
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
        http.continue_due = false;
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

    /// Goes on with requests that had to wait for a reply.
    pub(super) fn go_on(&mut self, id: ConnId, api: &mut Api, cx: &mut Context<'_>) {
        let Some(http) = self.http(id) else { return };
        if http.waiting.is_empty()
            && let Some(request) = http.held.take()
        {
            self.begin_request(id, request, api, cx);
        }
        if self.http(id).is_some_and(|http| !http.input.is_empty()) {
            self.read_requests(id, api, cx);
        } else {
            self.end_if_answered(id, cx);
        }
        self.resume_if_wanted(id, cx);
    }

    /// Ends what is overdue on an HTTP connection.
    pub(super) fn tick_http(&mut self, id: ConnId, cx: &mut Context<'_>) {
        let seconds = cx.now.micros / 1_000_000;
        let is_full = self.get(id).is_some_and(|it| it.outbox.is_full());
        let Some(http) = self.http(id) else { return };
        if is_full && http.request_began_seconds.is_some() {
            // It is not read until its output is taken, so it has the time from then on.
            http.request_began_seconds = Some(seconds);
        }
        let is_over = |since: Option<u64>, max| since.is_some_and(|since| since + max <= seconds);
        if is_over(http.request_began_seconds, REQUEST_SECONDS_MAX) {
            self.refuse_and_close(id, &Refusal::REQUEST_TIMEOUT, cx);
        } else if is_over(http.finished_seconds, FINISHED_SECONDS_MAX)
            || http.waiting.is_empty() && is_over(Some(http.active_seconds), IDLE_SECONDS_MAX)
        {
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

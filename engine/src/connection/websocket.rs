//! One WebSocket: what its user sends, what they are answered, and whether they are still there.

use std::collections::VecDeque;

use bytes::BytesMut;
use rookery_schema::UserId;

use crate::api::post::post_command;
use crate::connection::client_message::{self, Refused, Said, ack_json, error_json};
use crate::connection::link::Link;
use crate::context::{Context, MICROS_PER_SECOND};
use crate::edge::effect::HandedOff;
use crate::held_bytes::Holding;
use crate::http::Status;
use crate::ids::{ConnId, Session};
use crate::mesh::Outcome;
use crate::mesh::problem::Problem;
use crate::ws::{CloseCode, Received, WebSocket, write_text_frame};

/// Sends of one connection that may wait for their acknowledgements.
const SENDS_IN_FLIGHT_MAX: usize = 1024;
/// Microseconds of silence after which the peer is pinged.
const PING_AFTER_MICROS: u64 = 25 * MICROS_PER_SECOND;
/// Microseconds that it has to answer the ping.
const PONG_MICROS_MAX: u64 = 10 * MICROS_PER_SECOND;
/// Seconds in which all chats of its user must be read. A user of many chats may need some.
const WELCOME_SECONDS_MAX: u64 = 30;
/// The same while the process stops, which must not wait for a slow store.
const LAST_WELCOME_SECONDS_MAX: u64 = 5;
/// Microseconds that a message may take to arrive, once it has begun.
const MESSAGE_MICROS_MAX: u64 = 10 * MICROS_PER_SECOND;
/// Seconds in which a message that has begun to arrive may come to its end while the process stops.
const LAST_MESSAGE_SECONDS_MAX: u64 = 1;
/// Sends above the rate limit after which the connection is closed.
const RATE_STRIKES_MAX: u32 = 3;

/// See the module.
pub(crate) struct Ws {
    user_id: UserId,
    session: Option<Session>,
    /// Takes several events in one frame.
    batches: bool,
    /// By when `ready` must be sent, in microseconds, as long as it was not; what the client says before is kept for then.
    welcome_due_micros: Option<u64>,
    unread: BytesMut,
    socket: WebSocket,
    /// When the message that is arriving began, or last could not be read, in microseconds.
    message_began_micros: Option<u64>,
    /// Since when it holds what can't be used yet, in microseconds.
    holds_since_micros: Option<u64>,
    /// What all that can't be used yet adds to what is held for all connections.
    input_held: Holding,
    sends: Sends,
    /// When something came last, in microseconds.
    heard_micros: u64,
    /// When the ping that is out was sent, in microseconds.
    pinged_micros: Option<u64>,
    /// It closes with this when all its sends are answered, and nothing more is read.
    leaving: Option<(CloseCode, &'static str)>,
    retiring: Option<Retiring>,
    /// When the login expires, in microseconds of the monotonic clock.
    expires_micros: Option<u64>,
}

/// What is read before a connection leaves as the process stops.
struct Retiring {
    /// Bytes that had come, and are still to be received.
    owed_bytes: usize,
    /// By when a message that has begun must be whole, in microseconds.
    due_micros: u64,
}

/// Sends that are not acknowledged yet, oldest first.
#[derive(Default)]
struct Sends {
    waiting: VecDeque<WaitingSend>,
    last_ticket: u64,
    /// How many were refused for a limit since the last one that was accepted.
    strikes: u32,
}

struct WaitingSend {
    ticket: u64,
    /// The client's own id of it.
    client_id: Option<Box<str>>,
    /// It is answered by then, in microseconds.
    due_micros: u64,
}

impl Sends {
    fn add(&mut self, client_id: Option<Box<str>>, due_micros: u64) -> u64 {
        self.last_ticket += 1;
        self.waiting.push_back(WaitingSend {
            ticket: self.last_ticket,
            client_id,
            due_micros,
        });
        self.last_ticket
    }

    fn count_strike(&mut self, problem: &Problem) {
        self.strikes += u32::from(problem.status == Status::TooManyRequests);
    }

    fn take(&mut self, ticket: u64) -> Option<WaitingSend> {
        let index = self.waiting.iter().position(|it| it.ticket == ticket)?;
        self.waiting.remove(index)
    }
}

impl Ws {
    pub(super) fn new(socket: HandedOff, cx: &Context<'_>) -> Self {
        let welcome_seconds = match cx.readiness.is_draining() {
            false => WELCOME_SECONDS_MAX,
            true => LAST_WELCOME_SECONDS_MAX,
        };
        Self {
            user_id: socket.user_id,
            session: socket.session,
            batches: socket.batch_protocol,
            welcome_due_micros: Some(cx.micros_in(welcome_seconds)),
            input_held: Holding::of(cx.held, socket.unread.capacity()),
            holds_since_micros: (socket.unread.capacity() > 0).then_some(cx.now.micros),
            unread: socket.unread,
            socket: WebSocket::new(),
            message_began_micros: None,
            sends: Sends::default(),
            heard_micros: cx.now.micros,
            pinged_micros: None,
            leaving: None,
            retiring: None,
            expires_micros: socket.session.map(|it| expiry_micros(it, cx)),
        }
    }

    pub(super) const fn user_id(&self) -> UserId {
        self.user_id
    }

    pub(super) const fn session(&self) -> Option<Session> {
        self.session
    }

    pub(super) const fn batches(&self) -> bool {
        self.batches
    }

    /// When its deadlines must be looked at, in microseconds.
    pub(super) fn due_micros(&self, link: &Link, cx: &Context<'_>) -> u64 {
        let heartbeat = match self.pinged_micros {
            Some(pinged) => pinged + PONG_MICROS_MAX,
            None => self.heard_micros + PING_AFTER_MICROS,
        };
        let answer = self.sends.waiting.front().map(|send| send.due_micros);
        let slow = link.slow_micros(cx);
        let message = self
            .message_began_micros
            .map(|began| began + MESSAGE_MICROS_MAX);
        let welcome = self.welcome_due_micros;
        let retiring = self.retiring.as_ref().map(|it| it.due_micros);
        let last_message = retiring.filter(|_| self.leaving.is_none());
        [
            self.expires_micros,
            welcome,
            answer,
            slow,
            message,
            last_message,
        ]
        .into_iter()
        .flatten()
        .fold(heartbeat, u64::min)
    }

    /// Since when it holds what can't be used yet, in microseconds.
    pub(super) const fn holds_since_micros(&self) -> Option<u64> {
        self.holds_since_micros
    }

    pub(super) fn wants_input(&self) -> bool {
        self.welcome_due_micros.is_none()
            && self.leaving.is_none()
            && self.sends.waiting.len() < SENDS_IN_FLIGHT_MAX
    }

    /// All events of the user's chats come here from now on: sends `ready`, and handles what they have sent already.
    pub(super) fn welcome(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        self.welcome_due_micros = None;
        let ready = format!(r#"{{"type":"ready","user_id":"{}"}}"#, self.user_id);
        self.send_text(link, ready.as_bytes(), cx);
        let unread = std::mem::take(&mut self.unread);
        self.input_held.set(0);
        if unread.is_empty() {
            self.holds_since_micros = None;
        } else if !link.is_closing() {
            self.received(link, &unread, cx);
        }
        link.resume_if(self.wants_input(), cx);
    }

    /// The process stops: who is not welcome yet has less time to become so.
    pub(super) fn drain(&mut self, cx: &Context<'_>) {
        let last = cx.micros_in(LAST_WELCOME_SECONDS_MAX);
        self.welcome_due_micros = self.welcome_due_micros.map(|due| due.min(last));
    }

    /// Bytes came in.
    pub(super) fn received(&mut self, link: &mut Link, bytes: &[u8], cx: &mut Context<'_>) {
        let now = cx.now.micros;
        if self.heard_micros / MICROS_PER_SECOND != now / MICROS_PER_SECOND {
            self.socket.reset_control_frames();
        }
        self.heard_micros = now;
        self.pinged_micros = None;
        let (conn, user_id) = (link.id(), self.user_id);
        let (socket, sends) = (&mut self.socket, &mut self.sends);
        let mut is_complete = false;
        let received = link.write(cx, |out, cx| {
            socket.receive(bytes, out, |text, out| {
                is_complete = true;
                take_message(conn, user_id, text, sends, out, cx);
            })
        });
        if is_complete {
            // What is left is another message.
            self.message_began_micros = None;
            self.holds_since_micros = None;
        }
        self.note_message(cx);
        self.close_if_slow(link, cx);
        if let Received::Closed { code } = received {
            cx.stats.count_close_by_client(code);
            return link.end(cx);
        }
        self.leave_if_struck();
        if let Some(retiring) = &mut self.retiring {
            retiring.owed_bytes = retiring.owed_bytes.saturating_sub(bytes.len());
            self.leave_if_retired(now);
        }
        self.close_if_leaving(link, cx);
    }

    /// Notes what has come of a message whose end has not: since when, for its deadline, and how much it is.
    fn note_message(&mut self, cx: &Context<'_>) {
        let (now, held) = (cx.now.micros, self.socket.heap_bytes());
        self.input_held.set(held);
        let began = self.message_began_micros.unwrap_or(now);
        self.message_began_micros = self.socket.in_message().then_some(began);
        let since = self.holds_since_micros.unwrap_or(now);
        self.holds_since_micros = (held > 0).then_some(since);
    }

    /// A send was answered.
    pub(super) fn answered(
        &mut self,
        link: &mut Link,
        ticket: u64,
        outcome: &Outcome,
        cx: &mut Context<'_>,
    ) {
        // It may have been overdue, and answered.
        let Some(send) = self.sends.take(ticket) else {
            return;
        };
        let client_id = send.client_id.as_deref();
        match outcome {
            Outcome::Posted { message_id, .. } => {
                self.sends.strikes = 0;
                self.send_text(link, &ack_json(*message_id, client_id), cx);
            }
            Outcome::Refused(problem) => self.refuse(link, problem, client_id, cx),
            Outcome::Elsewhere => self.refuse(link, &Problem::ELSEWHERE, client_id, cx),
            Outcome::Json { .. }
            | Outcome::Page { .. }
            | Outcome::Activity(_)
            | Outcome::Summary(_)
            | Outcome::LoggedIn { .. }
            | Outcome::NotLoggedIn { .. }
            | Outcome::Metrics(_)
            | Outcome::NotAdmitted(_)
            | Outcome::Done => {
                cx.bug("a message was posted, and something else answered");
                self.refuse(link, &Problem::OUTCOME_UNKNOWN, client_id, cx);
            }
        }
        self.close_if_leaving(link, cx);
        link.resume_if(self.wants_input(), cx);
    }

    fn refuse(
        &mut self,
        link: &mut Link,
        problem: &Problem,
        client_id: Option<&str>,
        cx: &mut Context<'_>,
    ) {
        cx.stats.count_refusal(problem.code, problem.limit);
        self.sends.count_strike(problem);
        self.leave_if_struck();
        self.send_text(link, &error_json(problem, client_id), cx);
    }

    /// Reads nothing more of a client that goes on sending when it was told to wait.
    fn leave_if_struck(&mut self) {
        if self.sends.strikes >= RATE_STRIKES_MAX {
            self.leaving
                .get_or_insert((CloseCode::TooManyMessages, "too many messages"));
        }
    }

    /// Queues one JSON object.
    fn send_text(&mut self, link: &mut Link, json: &[u8], cx: &mut Context<'_>) {
        if !link.is_closing() {
            link.write(cx, |out, _| write_text_frame(out, json));
            self.close_if_slow(link, cx);
        }
    }

    /// Closes a connection whose reader has let something wait for too long.
    pub(super) fn close_if_slow(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        if !link.is_closing() && link.is_slow(cx) {
            self.close_as_slow(link, "too slow a reader", cx);
        }
    }

    /// Closes a connection and drops what its reader has not taken. They can resume later.
    fn close_as_slow(&mut self, link: &mut Link, reason: &str, cx: &mut Context<'_>) {
        link.drop_unsent();
        self.close(link, CloseCode::SlowReader, reason, cx);
    }

    /// Frees what is held: the client is told why, where that can still be done.
    pub(super) fn give_up(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        if link.is_closing() {
            link.cut_off(cx);
        } else {
            self.close_as_slow(link, "too much is held for slow clients", cx);
        }
    }

    /// The client sends no more.
    pub(super) fn finished(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        self.drop_input();
        link.end(cx);
    }

    /// Nothing of what has arrived is used any more.
    fn drop_input(&mut self) {
        self.socket.discard();
        self.unread = BytesMut::new();
        self.message_began_micros = None;
        self.holds_since_micros = None;
        self.input_held.set(0);
    }

    /// Begins to close.
    pub(super) fn close(
        &mut self,
        link: &mut Link,
        code: CloseCode,
        reason: &str,
        cx: &mut Context<'_>,
    ) {
        if !link.is_closing() {
            link.write(cx, |out, _| self.socket.close(code, reason, out));
            self.drop_input();
            cx.stats.count_close(code);
            link.end(cx);
        }
    }

    /// The process stops, and of what had come, so many bytes are still to be received: what has begun among them is
    /// answered, then the connection ends.
    pub(super) fn retire(&mut self, link: &mut Link, unread: usize, cx: &mut Context<'_>) {
        self.retiring = Some(Retiring {
            owed_bytes: unread,
            due_micros: cx.micros_in(LAST_MESSAGE_SECONDS_MAX),
        });
        self.leave_if_retired(cx.now.micros);
        self.close_if_leaving(link, cx);
    }

    /// Reads nothing more once the process stops and all that had come was read.
    fn leave_if_retired(&mut self, now_micros: u64) {
        if let Some(retiring) = &self.retiring
            && retiring.owed_bytes == 0
            && (self.socket.is_between_messages() || retiring.due_micros <= now_micros)
        {
            self.leaving
                .get_or_insert((CloseCode::Restart, "restarting"));
        }
    }

    /// Closes once all sends are answered, so that no client has to guess an outcome.
    fn close_if_leaving(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        if let Some((code, reason)) = self.leaving
            && self.sends.waiting.is_empty()
        {
            self.close(link, code, reason, cx);
        }
    }

    /// Pings a silent peer, closes a connection without an answer, with a slow reader or with an expired login, and
    /// refuses overdue sends.
    pub(super) fn tick(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        let now = cx.now.micros;
        self.close_if_slow(link, cx);
        if link.is_closing() {
            return;
        }
        if self.expires_micros.is_some_and(|expires| expires <= now) {
            return self.close(
                link,
                CloseCode::NotAuthenticated,
                "the login has expired",
                cx,
            );
        }
        if self.welcome_due_micros.is_some_and(|due| due <= now) {
            cx.stats.overdue_requests += 1;
            let reason = "the chats could not be read in time";
            return self.close(link, CloseCode::Restart, reason, cx);
        }
        self.look_at_message(link, cx);
        self.leave_if_retired(now);
        self.close_if_leaving(link, cx);
        self.refuse_overdue(link, cx);
        self.look_for_life(link, cx);
    }

    /// Closes where a message takes too long to arrive.
    fn look_at_message(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        let Some(began) = self.message_began_micros else {
            return;
        };
        if link.is_full() || !self.wants_input() {
            // It is not read meanwhile, so its time starts then.
            self.message_began_micros = Some(cx.now.micros);
        } else if began + MESSAGE_MICROS_MAX <= cx.now.micros {
            let reason = "a message took too long to arrive";
            self.close(link, CloseCode::PolicyViolation, reason, cx);
        }
    }

    /// Pings a peer that was silent for long, and closes where it does not answer.
    fn look_for_life(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        let now = cx.now.micros;
        match self.pinged_micros {
            Some(pinged) if pinged + PONG_MICROS_MAX <= now => {
                self.close(link, CloseCode::GoingAway, "no sign of life", cx);
            }
            None if self.heard_micros + PING_AFTER_MICROS <= now => {
                self.pinged_micros = Some(now);
                link.write(cx, |out, _| self.socket.ping(out));
            }
            Some(_) | None => {}
        }
    }

    fn refuse_overdue(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        let now = cx.now.micros;
        let waiting = &mut self.sends.waiting;
        let overdue: Vec<WaitingSend> =
            std::iter::from_fn(|| waiting.pop_front_if(|send| send.due_micros <= now)).collect();
        for send in &overdue {
            cx.stats.overdue_requests += 1;
            let problem = Problem::overdue(true);
            self.refuse(link, &problem, send.client_id.as_deref(), cx);
        }
        if !overdue.is_empty() {
            self.close_if_leaving(link, cx);
            link.resume_if(self.wants_input(), cx);
        }
    }
}

/// When a login expires, in microseconds of the monotonic clock.
fn expiry_micros(session: Session, cx: &Context<'_>) -> u64 {
    let expires_at = session.expires_at.millis();
    let left_millis = expires_at.saturating_sub(cx.now.latest_wall.millis());
    cx.now
        .micros
        .saturating_add(left_millis.saturating_mul(1000))
}

/// Starts what a client asks for, or answers it at once.
fn take_message(
    conn: ConnId,
    user_id: UserId,
    text: &str,
    sends: &mut Sends,
    out: &mut Vec<u8>,
    cx: &mut Context<'_>,
) {
    let mut refuse = |problem: &Problem, client_id: Option<&str>, cx: &mut Context<'_>| {
        cx.stats.count_refusal(problem.code, problem.limit);
        write_text_frame(out, &error_json(problem, client_id));
    };
    match client_message::read(text, user_id, || cx.admit_message()) {
        Ok(Said::Send { chat_id, post }) => {
            let client_id = post.client_id.clone();
            let command = match post_command(chat_id, post, cx) {
                Ok(command) => command,
                Err(problem) => {
                    sends.count_strike(&problem);
                    return refuse(&problem, client_id.as_deref(), cx);
                }
            };
            let ticket = sends.add(client_id, cx.micros_in(command.seconds_max()));
            cx.ask(cx.asker(conn, ticket), command);
        }
        Ok(Said::Ping) => write_text_frame(out, br#"{"type":"pong"}"#),
        Err(Refused { problem, client_id }) => {
            refuse(&problem, client_id.as_deref(), cx);
        }
    }
}

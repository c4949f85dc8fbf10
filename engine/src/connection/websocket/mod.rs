//! One WebSocket: what its user sends, what they are answered, and whether they are still there.

mod arriving;
mod client_message;
mod liveness;
mod sends;

use bytes::BytesMut;
use rookery_schema::{ChatId, UserId};

use crate::api::post::post_command;
use crate::api::rejection::Rejection;
use crate::connection::link::Link;
use crate::connection::websocket::arriving::Arriving;
use crate::connection::websocket::client_message::{
    About, Refused, Said, ack_json, authenticated_json, error_json,
};
use crate::connection::websocket::liveness::{Liveness, Silence};
use crate::connection::websocket::sends::{Sends, Sent};
use crate::context::Context;
use crate::edge::effect::HandedOff;
use crate::ids::{Caller, ConnId, Session};
use crate::mesh::problem::Problem;
use crate::mesh::{Command, HomeCommand, Outcome, Renewal, Resumption, ShardMessage};
use crate::ws::{CloseCode, Received, WebSocket, write_text_frame};

/// Seconds in which all chats of its user must be read. A user of many chats may need some.
const WELCOME_SECONDS_MAX: u64 = 30;
/// The same while the process stops, which must not wait for a slow store.
const LAST_WELCOME_SECONDS_MAX: u64 = 5;
/// Seconds in which a message that has begun to arrive may come to its end while the process stops.
const LAST_MESSAGE_SECONDS_MAX: u64 = 1;
/// See the module.
pub(crate) struct Ws {
    user_id: UserId,
    session: Option<Session>,
    /// Takes several events in one frame.
    batches: bool,
    /// It is sent nothing of its chats before it resumes.
    will_resume: bool,
    /// By when `ready` must be sent, in microseconds, as long as it was not; what the client says before is kept for then.
    welcome_due_micros: Option<u64>,
    unread: BytesMut,
    socket: WebSocket,
    arriving: Arriving,
    sends: Sends,
    liveness: Liveness,
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
            will_resume: socket.will_resume,
            welcome_due_micros: Some(cx.micros_in(welcome_seconds)),
            arriving: Arriving::new(socket.unread.capacity(), cx),
            unread: socket.unread,
            socket: WebSocket::new(),
            sends: Sends::default(),
            liveness: Liveness::new(cx.now.micros),
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

    pub(super) const fn will_resume(&self) -> bool {
        self.will_resume
    }

    /// Goes on with the login of this caller.
    pub(super) fn renew(&mut self, link: &mut Link, caller: Option<Caller>, cx: &mut Context<'_>) {
        let session = match caller {
            Some(caller) if caller.user_id == self.user_id => caller.session,
            Some(_) => return self.refuse(link, &Problem::FORBIDDEN, About::Nothing, cx),
            None => None,
        };
        let Some(session) = session else {
            return self.refuse(link, &Problem::INVALID_TOKEN, About::Nothing, cx);
        };
        self.session = Some(session);
        self.expires_micros = Some(expiry_micros(session, cx));
        self.send_text(link, &authenticated_json(session.expires_at), cx);
    }

    /// When its deadlines must be looked at, in microseconds.
    pub(super) fn due_micros(&self, link: &Link, cx: &Context<'_>) -> u64 {
        let retiring = self.retiring.as_ref().map(|it| it.due_micros);
        [
            self.expires_micros,
            self.welcome_due_micros,
            self.sends.due_micros(),
            link.slow_micros(cx),
            self.arriving.due_micros(),
            retiring.filter(|_| self.leaving.is_none()),
        ]
        .into_iter()
        .flatten()
        .fold(self.liveness.due_micros(), u64::min)
    }

    /// Since when it holds what can't be used yet, in microseconds.
    pub(super) const fn holds_since_micros(&self) -> Option<u64> {
        self.arriving.held_since_micros()
    }

    pub(super) fn wants_input(&self) -> bool {
        self.welcome_due_micros.is_none() && self.leaving.is_none() && !self.sends.are_full()
    }

    /// All events of the user's chats come here from now on: sends `ready`, and handles what they have sent already.
    pub(super) fn welcome(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        self.welcome_due_micros = None;
        let ready = format!(r#"{{"type":"ready","user_id":"{}"}}"#, self.user_id);
        self.send_text(link, ready.as_bytes(), cx);
        let unread = std::mem::take(&mut self.unread);
        self.arriving.clear();
        if !unread.is_empty() && !link.is_closing() {
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
        if self.liveness.heard(now) {
            self.socket.reset_control_frames();
        }
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
            self.arriving.completed();
        }
        self.arriving.note(&self.socket, now);
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
        let about = send.sent.about();
        match outcome {
            Outcome::Posted { message_id, .. } => {
                self.sends.accepted();
                self.send_text(link, &ack_json(*message_id, about), cx);
            }
            Outcome::Done if matches!(send.sent, Sent::Mark(_)) => {}
            Outcome::Refused(problem) => self.refuse(link, problem, about, cx),
            Outcome::Elsewhere => self.refuse(link, &Problem::ELSEWHERE, about, cx),
            Outcome::Json { .. }
            | Outcome::Page { .. }
            | Outcome::Events(_)
            | Outcome::TooFarBehind { .. }
            | Outcome::Members(_)
            | Outcome::Activity(_)
            | Outcome::Summary(_)
            | Outcome::Marked(_)
            | Outcome::LoggedIn { .. }
            | Outcome::NotLoggedIn { .. }
            | Outcome::Sessions(_)
            | Outcome::Metrics(_)
            | Outcome::NotAdmitted(_)
            | Outcome::Done => {
                cx.bug("a message was posted, and something else answered");
                self.refuse(link, &Problem::OUTCOME_UNKNOWN, about, cx);
            }
        }
        self.close_if_leaving(link, cx);
        link.resume_if(self.wants_input(), cx);
    }

    fn refuse(
        &mut self,
        link: &mut Link,
        problem: &Problem,
        about: About<'_>,
        cx: &mut Context<'_>,
    ) {
        cx.stats.count_refusal(problem.code, problem.limit);
        self.sends.refused(problem, cx.now.micros);
        self.leave_if_struck();
        let error = error_json(&Rejection::from(*problem), about);
        self.send_text(link, &error, cx);
    }

    /// Refuses what is not answered in turn, and closes a connection of which that was the last thing to do.
    pub(super) fn refuse_wish(
        &mut self,
        link: &mut Link,
        problem: &Problem,
        chat_id: Option<ChatId>,
        cx: &mut Context<'_>,
    ) {
        let about = chat_id.map_or(About::Nothing, About::Chat);
        self.refuse(link, problem, about, cx);
        self.close_if_leaving(link, cx);
    }

    /// Reads nothing more of a client that goes on sending when it was told to wait.
    fn leave_if_struck(&mut self) {
        if self.sends.have_struck_out() {
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

    /// Closes a connection and drops what its reader has not taken. The history has it.
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
        self.arriving.clear();
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
            && self.sends.is_empty()
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
        let now = cx.now.micros;
        if link.is_full() || !self.wants_input() {
            self.arriving.wait(now);
        } else if self.arriving.due_micros().is_some_and(|due| due <= now) {
            let reason = "a message took too long to arrive";
            self.close(link, CloseCode::PolicyViolation, reason, cx);
        }
    }

    /// Pings a peer that was silent for long, and closes where it does not answer.
    fn look_for_life(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        match self.liveness.look(cx.now.micros) {
            Some(Silence::Ping) => link.write(cx, |out, _| self.socket.ping(out)),
            Some(Silence::Close) => {
                self.close(link, CloseCode::GoingAway, "no sign of life", cx);
            }
            None => {}
        }
    }

    fn refuse_overdue(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        let overdue = self.sends.take_overdue(cx.now.micros);
        for send in &overdue {
            cx.stats.overdue_requests += 1;
            let problem = Problem::overdue(true);
            self.refuse(link, &problem, send.sent.about(), cx);
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
    let mut refuse = |rejection: Rejection, client_id: Option<&str>, cx: &mut Context<'_>| {
        let about = About::Send(client_id);
        let Problem { code, limit, .. } = rejection.problem;
        cx.stats.count_refusal(code, limit);
        write_text_frame(out, &error_json(&rejection, about));
    };
    match client_message::read(text, user_id, || cx.admit_message()) {
        Ok(Said::Send { chat_id, post }) => {
            let client_id = post.client_id.clone();
            let command = match post_command(chat_id, post, cx) {
                Ok(command) => command,
                Err(problem) => {
                    sends.refused(&problem, cx.now.micros);
                    return refuse(problem.into(), client_id.as_deref(), cx);
                }
            };
            let due = cx.micros_in(command.seconds_max());
            let ticket = sends.add(Sent::Message(client_id), due);
            cx.ask(cx.asker(conn, ticket), command);
        }
        Ok(Said::Read { chat_id, seq }) => {
            let command = Command::Home(user_id, HomeCommand::MarkRead { chat_id, seq });
            let due = cx.micros_in(command.seconds_max());
            let ticket = sends.add(Sent::Mark(chat_id), due);
            cx.ask(cx.asker(conn, ticket), command);
        }
        Ok(Said::Resume(chats)) => {
            let wanted = Resumption {
                user_id,
                conn,
                chats,
            };
            cx.send(cx.id(), ShardMessage::Resume(Box::new(wanted)));
        }
        Ok(Said::Auth(token)) => {
            let renewal = Box::new(Renewal { conn, token });
            cx.send(cx.id(), ShardMessage::Renew(renewal));
        }
        Ok(Said::Typing(chat_id)) => {
            let message = ShardMessage::Types {
                user_id,
                conn,
                chat_id,
            };
            cx.send(cx.id(), message);
        }
        Ok(Said::Presence { chat_id, follow }) => {
            let message = ShardMessage::Follow {
                user_id,
                conn,
                chat_id,
                follow,
            };
            cx.send(cx.id(), message);
        }
        Ok(Said::Ping) => write_text_frame(out, br#"{"type":"pong"}"#),
        Err(Refused {
            rejection,
            client_id,
        }) => refuse(rejection, client_id.as_deref(), cx),
    }
}

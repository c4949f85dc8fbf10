//! One WebSocket: what its user sends, what he is answered, and whether he is still there.

use std::collections::VecDeque;

use bytes::BytesMut;

use rookery_schema::event::put_json_text;
use rookery_schema::limits::{CLIENT_ID_BYTES_MAX, CONTENT_BYTES_MAX};
use rookery_schema::{ChatId, UserId};
use serde::Deserialize;
use std::borrow::Cow;

use crate::api::body::object;
use crate::auth::Session;
use crate::connection::{Connections, Protocol};
use crate::context::Context;
use crate::effect::{ConnEffect, HandedOff};
use crate::http::Status;
use crate::input::{ConnId, Now};
use crate::mesh::{Asker, Outcome, Post, ShardMessage, Waiting};
use crate::problem::Problem;
use crate::ws::{CloseCode, Received, WebSocket, write_text_frame};

/// Sends of one connection that may wait for their acknowledgements.
const SENDS_IN_FLIGHT_MAX: usize = 1024;
/// Seconds without a sign of the peer after which he is asked for one.
const PING_AFTER_SECONDS: u64 = 25;
/// Seconds that he has to give it.
const PONG_SECONDS_MAX: u64 = 10;
/// Sends above the rate limit after which the connection is closed.
const RATE_STRIKES_MAX: u32 = 3;

/// See the module.
pub(crate) struct WsConnection {
    pub(crate) user_id: UserId,
    pub(crate) session: Option<Session>,
    /// Takes several events in one frame.
    pub(crate) batches: bool,
    /// `ready` was sent; what the client says before is kept for then.
    welcomed: bool,
    unread: BytesMut,
    pub(super) socket: WebSocket,
    /// Sends that are not acknowledged yet, with the client's own ids of them.
    sends: VecDeque<(u64, Option<Box<str>>)>,
    last_ticket: u64,
    heard_seconds: u64,
    /// A ping is out.
    pinged: bool,
    rate_strikes: u32,
    /// It closes with this when all its sends are answered, and nothing more is read.
    leaving: Option<(CloseCode, &'static str)>,
    /// When the login expires, on the monotonic clock.
    expires_seconds: Option<u64>,
}

/// What a client may say. One struct for all kinds, because most that come are `send`s and a tagged
/// enum would be read twice.
#[derive(Deserialize)]
struct ClientMessage<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    chat_id: Option<ChatId>,
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow)]
    client_id: Option<Cow<'a, str>>,
}

impl WsConnection {
    fn new(socket: HandedOff, now: Now) -> Self {
        let seconds = now.micros / 1_000_000;
        let expires_seconds = socket.session.map(|session| {
            seconds
                + session
                    .expires_at
                    .seconds()
                    .saturating_sub(now.wall.seconds())
        });
        Self {
            user_id: socket.user_id,
            session: socket.session,
            batches: socket.batch_protocol,
            welcomed: false,
            unread: socket.unread,
            socket: WebSocket::new(),
            sends: VecDeque::new(),
            last_ticket: 0,
            heard_seconds: seconds,
            pinged: false,
            rate_strikes: 0,
            leaving: None,
            expires_seconds,
        }
    }

    pub(super) fn due_seconds(&self) -> u64 {
        let wait = if self.pinged {
            PING_AFTER_SECONDS + PONG_SECONDS_MAX
        } else {
            PING_AFTER_SECONDS
        };
        let heartbeat = self.heard_seconds + wait;
        self.expires_seconds
            .map_or(heartbeat, |expires| expires.min(heartbeat))
    }

    pub(super) fn wants_input(&self) -> bool {
        self.welcomed && self.leaving.is_none() && self.sends.len() < SENDS_IN_FLIGHT_MAX
    }
}

impl Connections {
    /// A WebSocket arrived at its user's home.
    pub(crate) fn arrive(&mut self, id: ConnId, socket: HandedOff, now: Now) {
        let ws = WsConnection::new(socket, now);
        self.insert(id, Protocol::WebSocket(Box::new(ws)), now);
    }

    /// Everything that a WebSocket's user listens to comes here from now on: tells him so, and takes
    /// what he has said already.
    pub(crate) fn welcome(&mut self, id: ConnId, cx: &mut Context<'_>) {
        let Some(connection) = self.get_mut(id) else {
            return;
        };
        let Protocol::WebSocket(ws) = &mut connection.protocol else {
            return;
        };
        ws.welcomed = true;
        let unread = std::mem::take(&mut ws.unread);
        let ready = format!(r#"{{"type":"ready","user_id":"{}"}}"#, ws.user_id);
        self.send_text(id, ready.as_bytes(), cx);
        if !unread.is_empty() {
            self.websocket_received(id, &unread, cx);
        }
        self.resume_if_wanted(id, cx);
    }

    /// Bytes came in on a WebSocket.
    pub(crate) fn websocket_received(&mut self, id: ConnId, bytes: &[u8], cx: &mut Context<'_>) {
        let Some(connection) = self.get_mut(id).filter(|it| !it.is_closing()) else {
            return;
        };
        connection.note_room();
        let Protocol::WebSocket(ws) = &mut connection.protocol else {
            return;
        };
        let seconds = cx.now.micros / 1_000_000;
        if ws.heard_seconds != seconds {
            ws.heard_seconds = seconds;
            ws.socket.reset_control_frames();
        }
        ws.pinged = false;
        let was_empty = connection.outbox.is_empty();
        let WsConnection {
            socket,
            sends,
            last_ticket,
            user_id,
            ..
        } = &mut **ws;
        let user_id = *user_id;
        let received =
            socket.receive(
                bytes,
                connection.outbox.buffer(),
                |text, out| match take_message(id, user_id, text, sends, last_ticket, cx) {
                    Ok(None) => {}
                    Ok(Some(answer)) => write_text_frame(out, answer),
                    Err((problem, client_id)) => {
                        cx.stats.count_refusal(problem.code);
                        write_text_frame(out, &error_json(&problem, client_id.as_deref()));
                    }
                },
            );
        if was_empty && !connection.outbox.is_empty() {
            cx.effects.connections.push((id, ConnEffect::Flush));
        }
        self.close_if_slow(id, cx);
        if let Received::Closed { code } = received {
            cx.stats.count_close_by_client(code);
            self.end(id, cx);
        }
    }

    /// A send of this connection was answered.
    pub(crate) fn websocket_answered(
        &mut self,
        id: ConnId,
        ticket: u64,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) {
        let Some(connection) = self.get_mut(id) else {
            return;
        };
        let Protocol::WebSocket(ws) = &mut connection.protocol else {
            return;
        };
        let Some(index) = ws.sends.iter().position(|(sent, _)| *sent == ticket) else {
            return;
        };
        let client_id = ws.sends.remove(index).and_then(|(_, client_id)| client_id);
        let answer = match &outcome {
            Outcome::Posted { message_id, .. } => {
                ws.rate_strikes = 0;
                ack_json(message_id, client_id.as_deref())
            }
            Outcome::Refused(problem) => {
                cx.stats.count_refusal(problem.code);
                ws.rate_strikes += u32::from(problem.status == Status::TooManyRequests);
                error_json(problem, client_id.as_deref())
            }
            _ => return,
        };
        if ws.rate_strikes >= RATE_STRIKES_MAX {
            ws.leaving
                .get_or_insert((CloseCode::TooManyMessages, "too many messages"));
        }
        self.send_text(id, &answer, cx);
        self.close_if_leaving(id, cx);
        self.resume_if_wanted(id, cx);
    }

    /// Closes a WebSocket once all its sends are answered: nobody should have to guess what became of one.
    pub(crate) fn close_when_answered(
        &mut self,
        id: ConnId,
        code: CloseCode,
        reason: &'static str,
        cx: &mut Context<'_>,
    ) {
        if let Some(ws) = self.websocket_mut(id) {
            ws.leaving.get_or_insert((code, reason));
            self.close_if_leaving(id, cx);
        }
    }

    fn close_if_leaving(&mut self, id: ConnId, cx: &mut Context<'_>) {
        if let Some(ws) = self.websocket_mut(id)
            && let Some((code, reason)) = ws.leaving
            && ws.sends.is_empty()
        {
            self.close(id, code, reason, cx);
        }
    }

    fn websocket_mut(&mut self, id: ConnId) -> Option<&mut WsConnection> {
        match &mut self.get_mut(id)?.protocol {
            Protocol::WebSocket(ws) => Some(ws),
            Protocol::Http(_) => None,
        }
    }

    /// Asks a silent peer for a sign, closes on one who gives none, or whose login has expired.
    pub(super) fn tick_websocket(&mut self, id: ConnId, cx: &mut Context<'_>) {
        let seconds = cx.now.micros / 1_000_000;
        let Some(connection) = self.get_mut(id) else {
            return;
        };
        let Protocol::WebSocket(ws) = &mut connection.protocol else {
            return;
        };
        if ws.expires_seconds.is_some_and(|expires| expires <= seconds) {
            return self.close(id, CloseCode::NotAuthenticated, "the login has expired", cx);
        }
        let silent = seconds.saturating_sub(ws.heard_seconds);
        if ws.pinged && silent >= PING_AFTER_SECONDS + PONG_SECONDS_MAX {
            return self.close(id, CloseCode::GoingAway, "no sign of life", cx);
        }
        if !ws.pinged && silent >= PING_AFTER_SECONDS {
            ws.pinged = true;
            let was_empty = connection.outbox.is_empty();
            ws.socket.ping(connection.outbox.buffer());
            if was_empty {
                cx.effects.connections.push((id, ConnEffect::Flush));
            }
        }
    }
}

type Refused = (Problem, Option<Box<str>>);

/// Begins what a client asks for; gives what can be answered at once.
fn take_message(
    conn: ConnId,
    user_id: UserId,
    text: &str,
    sends: &mut VecDeque<(u64, Option<Box<str>>)>,
    last_ticket: &mut u64,
    cx: &mut Context<'_>,
) -> Result<Option<&'static [u8]>, Refused> {
    let message: ClientMessage<'_> = object(text.as_bytes()).map_err(|_| {
        let problem =
            Problem::malformed_json("expected one JSON object with a type and its fields");
        (problem, readable_client_id(text))
    })?;
    let client_id = message.client_id.as_deref().map(Box::from);
    match message.kind.as_ref() {
        "send" => {
            let post = cx
                .admit_message()
                .and_then(|()| post_of(&message, user_id))
                .map_err(|it| (it, client_id.clone()))?;
            *last_ticket += 1;
            sends.push_back((*last_ticket, client_id));
            let waiting = Waiting::Connection {
                conn,
                ticket: *last_ticket,
            };
            let asker = Asker {
                shard: cx.id(),
                waiting,
            };
            let (to, command) = cx.route_post(post);
            cx.send(to, ShardMessage::Ask { asker, command });
            Ok(None)
        }
        "ping" => Ok(Some(br#"{"type":"pong"}"#)),
        _ => Err((
            Problem::malformed("there is no message of this type"),
            client_id,
        )),
    }
}

/// The client's own id in a message that can't be read otherwise, so that he knows which one it was.
fn readable_client_id(text: &str) -> Option<Box<str>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        client_id: Option<Cow<'a, str>>,
    }
    let named: Named<'_> = object(text.as_bytes()).ok()?;
    named.client_id.as_deref().map(Box::from)
}

fn post_of(message: &ClientMessage<'_>, sender_id: UserId) -> Result<Post, Problem> {
    let chat_id = message
        .chat_id
        .ok_or(Problem::malformed("chat_id is missing"))?;
    let content = message
        .content
        .as_deref()
        .ok_or(Problem::malformed("content is missing"))?;
    checked_post(chat_id, sender_id, content, message.client_id.as_deref())
}

/// A post whose parts are within their bounds.
pub(crate) fn checked_post(
    chat_id: ChatId,
    sender_id: UserId,
    content: &str,
    client_id: Option<&str>,
) -> Result<Post, Problem> {
    if content.is_empty() || content.len() > CONTENT_BYTES_MAX {
        return Err(Problem::out_of_bounds(
            "content must be 1 to 4096 bytes of UTF-8",
        ));
    }
    if client_id.is_some_and(|id| id.is_empty() || id.len() > CLIENT_ID_BYTES_MAX) {
        return Err(Problem::out_of_bounds(
            "client_id must be 1 to 64 bytes of UTF-8",
        ));
    }
    Ok(Post {
        chat_id,
        sender_id,
        content: content.into(),
        client_id: client_id.map(Box::from),
    })
}

fn ack_json(message_id: &rookery_schema::MessageId, client_id: Option<&str>) -> Vec<u8> {
    let mut out = format!(r#"{{"type":"ack","message_id":"{message_id}""#).into_bytes();
    put_client_id(&mut out, client_id);
    out.push(b'}');
    out
}

fn error_json(problem: &Problem, client_id: Option<&str>) -> Vec<u8> {
    let mut out = format!(r#"{{"type":"error","code":"{}","detail":"#, problem.code).into_bytes();
    put_json_text(&mut out, problem.detail);
    put_client_id(&mut out, client_id);
    if let Some(seconds) = problem.retry_after {
        out.extend_from_slice(format!(r#","retry_after":{seconds}"#).as_bytes());
    }
    out.push(b'}');
    out
}

fn put_client_id(out: &mut Vec<u8>, client_id: Option<&str>) {
    if let Some(client_id) = client_id {
        out.extend_from_slice(br#","client_id":"#);
        put_json_text(out, client_id);
    }
}

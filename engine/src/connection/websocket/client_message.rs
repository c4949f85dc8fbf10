//! What a client says over its WebSocket.

use std::borrow::Cow;
use std::collections::HashMap;

use rookery_schema::event::put_json_text;
use rookery_schema::{ChatId, MessageId, Seq, UserId};
use serde::Deserialize;

use crate::api::body::object;
use crate::api::post::checked_post;
use crate::mesh::Post;
use crate::mesh::problem::Problem;

/// What a client asks for, checked.
pub(super) enum Said {
    /// It posts a message.
    Send { chat_id: ChatId, post: Post },
    /// It wants the events of chats behind these.
    Resume(Vec<(ChatId, Seq)>),
    /// Its user types in a chat.
    Typing(ChatId),
    /// It wants to hear of the presence of a chat's members, or no longer.
    Presence { chat_id: ChatId, follow: bool },
    /// It wants a `pong`.
    Ping,
}

/// Why a client's message is refused, and the client's own id of it, so that the client knows which one it was.
pub(super) struct Refused {
    pub(super) problem: Problem,
    pub(super) client_id: Option<Box<str>>,
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

/// Reads what a client said. `admit` says whether a message may be posted now.
///
/// # Errors
/// Why it is refused.
pub(super) fn read(
    text: &str,
    sender_id: UserId,
    admit: impl FnOnce() -> Result<(), Problem>,
) -> Result<Said, Refused> {
    let message: ClientMessage<'_> = object(text).map_err(|_| Refused {
        problem: Problem::malformed_json("expected one JSON object with a type and its fields"),
        client_id: readable_client_id(text),
    })?;
    let said = match message.kind.as_ref() {
        "send" => admit().and_then(|()| send(&message, sender_id)),
        "resume" => resume(text).map(Said::Resume),
        "typing" => chat_of(&message).map(Said::Typing),
        "presence" => chat_of(&message).and_then(|chat_id| presence(chat_id, text)),
        "ping" => Ok(Said::Ping),
        _ => Err(Problem::malformed("there is no message of this type")),
    };
    said.map_err(|problem| Refused {
        problem,
        client_id: message.client_id.as_deref().map(Box::from),
    })
}

/// The client's own id in a message that can't be read otherwise.
fn readable_client_id(text: &str) -> Option<Box<str>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        client_id: Option<Cow<'a, str>>,
    }
    let named: Named<'_> = object(text).ok()?;
    named.client_id.as_deref().map(Box::from)
}

fn chat_of(message: &ClientMessage<'_>) -> Result<ChatId, Problem> {
    message
        .chat_id
        .ok_or(Problem::malformed("chat_id is missing"))
}

fn send(message: &ClientMessage<'_>, sender_id: UserId) -> Result<Said, Problem> {
    let chat_id = chat_of(message)?;
    let content = message
        .content
        .as_deref()
        .ok_or(Problem::malformed("content is missing"))?;
    let post = checked_post(sender_id, content, message.client_id.as_deref())?;
    Ok(Said::Send { chat_id, post })
}

/// The chats that a client wants to resume: read apart, since most messages have none.
fn resume(text: &str) -> Result<Vec<(ChatId, Seq)>, Problem> {
    #[derive(Deserialize)]
    struct Resume {
        chats: HashMap<ChatId, u64>,
    }
    let resume: Resume = object(text).map_err(|_| {
        Problem::malformed_json("chats must be an object of chat ids, each with a seq")
    })?;
    let chats = resume.chats.into_iter();
    Ok(chats
        .map(|(chat_id, after)| (chat_id, Seq(after.min(u64::MAX - 1))))
        .collect())
}

/// Whether a client wants to follow a chat: read apart, as above.
fn presence(chat_id: ChatId, text: &str) -> Result<Said, Problem> {
    #[derive(Deserialize)]
    struct Presence {
        follow: Option<bool>,
    }
    let presence: Presence =
        object(text).map_err(|_| Problem::malformed_json("follow must be true or false"))?;
    let follow = presence.follow.unwrap_or(true);
    Ok(Said::Presence { chat_id, follow })
}

/// The acknowledgement of a message.
pub(super) fn ack_json(message_id: MessageId, client_id: Option<&str>) -> Vec<u8> {
    let mut out = format!(r#"{{"type":"ack","message_id":"{message_id}""#).into_bytes();
    put_client_id(&mut out, client_id);
    out.push(b'}');
    out
}

/// The refusal of what a client said.
pub(super) fn error_json(problem: &Problem, client_id: Option<&str>) -> Vec<u8> {
    let mut out = format!(r#"{{"type":"error","code":"{}","detail":"#, problem.code).into_bytes();
    put_json_text(&mut out, problem.detail);
    put_client_id(&mut out, client_id);
    if let Some(seconds) = problem.retry_after {
        out.extend_from_slice(format!(r#","retry_after":{seconds}"#).as_bytes());
    }
    if let Some(limit) = problem.limit {
        out.extend_from_slice(format!(r#","limit":"{limit}""#).as_bytes());
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

//! What a client says over its WebSocket.

use std::borrow::Cow;

use rookery_schema::event::put_json_text;
use rookery_schema::{ChatId, MessageId, Seq, Timestamp, UserId};
use serde::Deserialize;

use crate::api::post::{ClientKey, checked_post};
use crate::api::reading::object;
use crate::api::rejection::Rejection;
use crate::map::Map;
use crate::mesh::Post;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;

/// What a client asks for, checked.
pub(super) enum Said {
    /// It posts a message.
    Send { chat_id: ChatId, post: Post },
    /// It wants the events of chats behind these.
    Resume(Vec<(ChatId, Seq)>),
    /// Its user has read a chat up to this seq.
    Read { chat_id: ChatId, seq: Seq },
    /// It goes on with this token.
    Auth(Box<str>),
    /// Its user types in a chat.
    Typing(ChatId),
    /// It wants to hear of the presence of a chat's members, or no longer.
    Presence { chat_id: ChatId, follow: bool },
    /// It wants a `pong`.
    Ping,
}

/// Why a client's message is refused, and the client's own id of it, so that the client knows which one it was.
pub(super) struct Refused {
    pub(super) rejection: Rejection,
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
    seq: Option<u64>,
}

const UNKNOWN_TYPE: Problem = Problem::malformed(
    "there is no message of this type; auth, ping, presence, read, resume, send and typing are",
)
.about(Field::Type, Fault::Unknown);
const NO_CHAT: Problem =
    Problem::malformed_json("chat_id is missing").about(Field::ChatId, Fault::Missing);
const NO_SEQ: Problem = Problem::malformed_json("seq is missing").about(Field::Seq, Fault::Missing);
const NO_CONTENT: Problem =
    Problem::malformed_json("content is missing").about(Field::Content, Fault::Missing);

/// Reads what a client said. `admit` says whether a message may be posted now.
///
/// # Errors
/// Why it is refused.
pub(super) fn read(
    text: &str,
    sender_id: UserId,
    admit: impl FnOnce() -> Result<(), Problem>,
) -> Result<Said, Refused> {
    let message: ClientMessage<'_> = object(text).map_err(|rejection| Refused {
        rejection,
        client_id: readable_client_id(text),
    })?;
    let said = match message.kind.as_ref() {
        "send" => {
            let sent = admit().and_then(|()| send(&message, sender_id));
            sent.map_err(Rejection::from)
        }
        "resume" => resume(text).map(Said::Resume),
        "read" => read_up_to(&message).map_err(Rejection::from),
        "auth" => auth(text).map(Said::Auth),
        "typing" => chat_of(&message).map(Said::Typing).map_err(Rejection::from),
        "presence" => presence(&message, text),
        "ping" => Ok(Said::Ping),
        _ => Err(UNKNOWN_TYPE.into()),
    };
    said.map_err(|rejection| Refused {
        rejection,
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
    message.chat_id.ok_or(NO_CHAT)
}

fn send(message: &ClientMessage<'_>, sender_id: UserId) -> Result<Said, Problem> {
    let chat_id = chat_of(message)?;
    let content = message.content.as_deref().ok_or(NO_CONTENT)?;
    let key = message.client_id.as_deref().map(|id| ClientKey {
        field: Field::ClientId,
        id,
    });
    let post = checked_post(sender_id, content, key)?;
    Ok(Said::Send { chat_id, post })
}

fn read_up_to(message: &ClientMessage<'_>) -> Result<Said, Problem> {
    let chat_id = message.chat_id.ok_or(NO_CHAT)?;
    let seq = message.seq.map(Seq).ok_or(NO_SEQ)?;
    Ok(Said::Read { chat_id, seq })
}

/// The chats that a client wants to resume: read apart, since most messages have none.
fn resume(text: &str) -> Result<Vec<(ChatId, Seq)>, Rejection> {
    #[derive(Deserialize)]
    struct Resume {
        chats: Map<ChatId, u64>,
    }
    let resume: Resume = object(text)?;
    let chats = resume.chats.into_iter();
    Ok(chats
        .map(|(chat_id, after)| (chat_id, Seq(after.min(u64::MAX - 1))))
        .collect())
}

/// The token that a client goes on with: read apart, too.
fn auth(text: &str) -> Result<Box<str>, Rejection> {
    #[derive(Deserialize)]
    struct Auth<'a> {
        #[serde(borrow)]
        token: Cow<'a, str>,
    }
    let auth: Auth<'_> = object(text)?;
    Ok(auth.token.as_ref().into())
}

/// That a client goes on with another login.
pub(super) fn authenticated_json(expires_at: Timestamp) -> Vec<u8> {
    format!(r#"{{"type":"authenticated","expires_at":"{expires_at}"}}"#).into_bytes()
}

/// Whether a client wants to follow a chat: read apart, as above.
fn presence(message: &ClientMessage<'_>, text: &str) -> Result<Said, Rejection> {
    #[derive(Deserialize)]
    struct Presence {
        follow: Option<bool>,
    }
    let chat_id = chat_of(message)?;
    let presence: Presence = object(text)?;
    let follow = presence.follow.unwrap_or(true);
    Ok(Said::Presence { chat_id, follow })
}

/// The acknowledgement of a message.
pub(super) fn ack_json(message_id: MessageId, about: About<'_>) -> Vec<u8> {
    let mut out = format!(r#"{{"type":"ack","message_id":"{message_id}""#).into_bytes();
    about.put(&mut out);
    out.push(b'}');
    out
}

/// What a refusal is about, where that was said.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    /// A message with this id of the client's.
    Send(Option<&'a str>),
    /// Something else in a chat.
    Chat(ChatId),
    Nothing,
}

impl About<'_> {
    fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Send(Some(client_id)) => {
                out.extend_from_slice(br#","client_id":"#);
                put_json_text(out, client_id);
            }
            Self::Chat(chat_id) => {
                out.extend_from_slice(format!(r#","chat_id":"{chat_id}""#).as_bytes());
            }
            Self::Send(None) | Self::Nothing => {}
        }
    }
}

/// The refusal of what a client said.
pub(super) fn error_json(rejection: &Rejection, about: About<'_>) -> Vec<u8> {
    let problem = &rejection.problem;
    let mut out = format!(r#"{{"type":"error","code":"{}","detail":"#, problem.code).into_bytes();
    put_json_text(&mut out, rejection.detail());
    about.put(&mut out);
    if let Some(seconds) = problem.retry_after {
        out.extend_from_slice(format!(r#","retry_after":{seconds}"#).as_bytes());
    }
    if let Some(limit) = problem.limit {
        out.extend_from_slice(format!(r#","limit":"{limit}""#).as_bytes());
    }
    rejection.put_place(&mut out);
    out.push(b'}');
    out
}

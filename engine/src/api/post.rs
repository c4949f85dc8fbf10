//! A message to be posted, over HTTP or WebSocket.

use rookery_schema::limits::{CLIENT_ID_BYTES_MAX, CONTENT_BYTES_MAX};
use rookery_schema::{ChatId, UserId};

use crate::api::Call;
use crate::api::rejection::check_bytes;
use crate::context::Context;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{ChatCommand, Command, Post};
use crate::text;

/// By what a client knows its message or chat, and the field that says so.
#[derive(Clone, Copy)]
pub(crate) struct ClientKey<'a> {
    pub(crate) field: Field,
    pub(crate) id: &'a str,
}

/// A post, if all its parts are within their bounds.
///
/// # Errors
/// Which part is out of bounds.
pub(crate) fn checked_post(
    sender_id: UserId,
    content: &str,
    key: Option<ClientKey<'_>>,
) -> Result<Post, Problem> {
    check_content(content)?;
    key.map_or(Ok(()), check_key)?;
    Ok(Post {
        sender_id,
        content: content.into(),
        client_id: key.map(|key| key.id.into()),
    })
}

/// Refuses a key that is out of its bounds.
pub(super) fn check_key(key: ClientKey<'_>) -> Result<(), Problem> {
    const CLIENT_ID: &str = const_format::concatcp!(
        "client_id (or Idempotency-Key) must be 1 to ",
        CLIENT_ID_BYTES_MAX,
        " bytes of UTF-8",
    );
    check_bytes(key.id, CLIENT_ID_BYTES_MAX, key.field, CLIENT_ID)
}

/// Refuses a content that is out of its bounds, or that people may not write to each other.
pub(super) fn check_content(content: &str) -> Result<(), Problem> {
    const CONTENT: &str = const_format::concatcp!(
        "content must be 1 to ",
        CONTENT_BYTES_MAX,
        " bytes of UTF-8"
    );
    check_bytes(content, CONTENT_BYTES_MAX, Field::Content, CONTENT)?;
    text::check_content(content)
}

/// The command that posts a message, if its sender is within their quotas.
///
/// # Errors
/// Which quota is used up.
pub(crate) fn post_command(
    chat_id: ChatId,
    post: Post,
    cx: &mut Context<'_>,
) -> Result<Command, Problem> {
    cx.spend(post.sender_id, post.content.len())?;
    Ok(Command::Chat(chat_id, ChatCommand::Post(post)))
}

/// By what a client knows what it asks for: a field of the body, or else a header.
pub(super) fn client_key<'a>(
    call: &Call<'a>,
    client_id: Option<&'a str>,
) -> Result<Option<ClientKey<'a>>, Problem> {
    let named = client_id.map(|id| ClientKey {
        field: Field::ClientId,
        id,
    });
    match call.request.idempotency_key() {
        Some(key) => Ok(named.or(Some(idempotency_key(key)?))),
        None => Ok(named),
    }
}

/// The key without the quotes that a structured header's string has.
fn idempotency_key(value: &[u8]) -> Result<ClientKey<'_>, Problem> {
    let field = Field::IdempotencyKey;
    let value = std::str::from_utf8(value).map_err(|_| {
        Problem::malformed("Idempotency-Key must be UTF-8").about(field, Fault::Malformed)
    })?;
    let unquoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    let id = unquoted.unwrap_or(value);
    Ok(ClientKey { field, id })
}

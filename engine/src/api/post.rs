//! A message to be posted, over HTTP or WebSocket.

use rookery_schema::limits::{CLIENT_ID_BYTES_MAX, CONTENT_BYTES_MAX};
use rookery_schema::{ChatId, UserId};

use crate::context::Context;
use crate::mesh::problem::Problem;
use crate::mesh::{ChatCommand, Command, Post};
use crate::text::check_content;

/// A post, if all its parts are within their bounds.
///
/// # Errors
/// Which part is out of bounds.
pub(crate) fn checked_post(
    sender_id: UserId,
    content: &str,
    client_id: Option<&str>,
) -> Result<Post, Problem> {
    if content.is_empty() || content.len() > CONTENT_BYTES_MAX {
        return Err(Problem::out_of_bounds(const_format::concatcp!(
            "content must be 1 to ",
            CONTENT_BYTES_MAX,
            " bytes of UTF-8",
        )));
    }
    check_content(content)?;
    if client_id.is_some_and(|id| id.is_empty() || id.len() > CLIENT_ID_BYTES_MAX) {
        return Err(Problem::out_of_bounds(const_format::concatcp!(
            "client_id must be 1 to ",
            CLIENT_ID_BYTES_MAX,
            " bytes of UTF-8",
        )));
    }
    Ok(Post {
        sender_id,
        content: content.into(),
        client_id: client_id.map(Box::from),
    })
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

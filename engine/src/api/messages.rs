//! What changes messages: edits, deletions, reactions. Each counts as a message of its caller.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use rookery_schema::limits::EMOJI_BYTES_MAX;
use rookery_schema::{MessageId, UserId};
use serde::Deserialize;

use crate::api::body::as_json;
use crate::api::post::check_content;
use crate::api::reading::object;
use crate::api::reply::ReplyTo;
use crate::api::{Action, Api, Call, Handled};
use crate::context::Context;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{Amend, ChatCommand, Command, MessageChange};

#[derive(Deserialize)]
struct NewContent<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
}

impl Api<'_> {
    pub(super) fn edit_message(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        self.check_credentials(call)?;
        let json = as_json(call.request)?;
        let NewContent { content } = object(&json)?;
        let caller = self
            .caller_or_sender(call, &json)?
            .ok_or(Problem::UNAUTHENTICATED)?;
        check_content(&content)?;
        let content = content.as_ref().into();
        amend(call, caller, MessageChange::Edit { content }, cx)
    }

    pub(super) fn delete_message(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        amend(call, caller, MessageChange::Delete, cx)
    }

    pub(super) fn add_reaction(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let emoji = emoji(call)?;
        amend(call, caller, MessageChange::AddReaction { emoji }, cx)
    }

    pub(super) fn remove_reaction(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let emoji = emoji(call)?;
        amend(call, caller, MessageChange::RemoveReaction { emoji }, cx)
    }
}

fn amend(call: &Call<'_>, caller: UserId, change: MessageChange, cx: &mut Context<'_>) -> Handled {
    cx.admit_message()?;
    let chat_id = call.chat_id()?;
    let message_id = call.matched.inner_id.map(MessageId);
    let amend = Amend {
        caller,
        message_id: message_id.ok_or(Problem::NO_SUCH_MESSAGE)?,
        change,
    };
    cx.spend(caller, amend.change.text_bytes())?;
    let command = ChatCommand::Amend(Box::new(amend));
    Ok(Action::ask(Command::Chat(chat_id, command), ReplyTo::Plain))
}

/// What the path ends with.
fn emoji(call: &Call<'_>) -> Result<Box<str>, Problem> {
    let segment = call.request.path().rsplit('/').next().unwrap_or_default();
    let emoji = percent_decode_str(segment).decode_utf8().map_err(|_| {
        Problem::malformed("the emoji in the path must be UTF-8")
            .about(Field::Emoji, Fault::Malformed)
    })?;
    let fault = match emoji.len() {
        0 => Fault::TooShort,
        1..=EMOJI_BYTES_MAX if !emoji.contains(char::is_control) => {
            return Ok(emoji.as_ref().into());
        }
        1..=EMOJI_BYTES_MAX => Fault::ForbiddenCharacters,
        _ => Fault::TooLong,
    };
    Err(Problem::out_of_bounds(const_format::concatcp!(
        "the emoji must be 1 to ",
        EMOJI_BYTES_MAX,
        " bytes of UTF-8, without control characters",
    ))
    .about(Field::Emoji, fault))
}

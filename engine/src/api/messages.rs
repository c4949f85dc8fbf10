//! Messages: posted, shown, read and changed. An edit, a deletion or a reaction counts as a message of its caller.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use rookery_schema::limits::{EMOJI_BYTES_MAX, PAGE_BYTES_MAX};
use rookery_schema::{MessageId, Seq, UserId};
use serde::Deserialize;

use crate::api::body::{as_json, number};
use crate::api::pages::{ENTRIES_LIMIT, MESSAGES_LIMIT};
use crate::api::post::{check_content, checked_post, client_key, post_command};
use crate::api::reading::object;
use crate::api::reply::ReplyTo;
use crate::api::{Action, Api, Call, Handled};
use crate::context::Context;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{
    Amend, ChatCommand, Command, EventsPage, HomeCommand, MessageChange, Page, PageStart,
};

#[derive(Deserialize)]
struct NewMessage<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(borrow, default)]
    client_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ReadUpTo {
    seq: u64,
}

#[derive(Deserialize)]
struct NewContent<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
}

impl Api<'_> {
    pub(super) fn post_message(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        self.check_credentials(call)?;
        cx.admit_message()?;
        let json = as_json(call.request)?;
        let message: NewMessage<'_> = object(&json)?;
        let sender_id = self
            .caller_or_sender(call, &json)?
            .ok_or(Problem::UNAUTHENTICATED)?;
        let chat_id = call.chat_id()?;
        let key = client_key(call, message.client_id.as_deref())?;
        let post = checked_post(sender_id, &message.content, key)?;
        Ok(Action::ask(
            post_command(chat_id, post, cx)?,
            ReplyTo::Plain,
        ))
    }

    pub(super) fn show_messages(self, call: &Call<'_>, cx: &Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let chat_id = call.chat_id()?;
        let limit = MESSAGES_LIMIT.of(call.request)?;
        let from = match (
            number(call.request, Field::Before)?,
            number(call.request, Field::After)?,
        ) {
            (None, None) => PageStart::Newest,
            (Some(before), None) => PageStart::Before(Seq(before)),
            (None, Some(after)) => PageStart::After(Seq(after.min(u64::MAX - 1))),
            (Some(_), Some(_)) => {
                let problem = Problem::malformed("before and after exclude each other");
                return Err(problem.about(Field::After, Fault::Conflicting).into());
            }
        };
        let page = Page { from, limit };
        let command = ChatCommand::ShowMessages { caller, page };
        let path = format!("/chats/{chat_id}/messages?limit={limit}");
        Ok(Action::ask_page(chat_id, command, path, call.network(cx)))
    }

    pub(super) fn show_events(self, call: &Call<'_>, cx: &Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let chat_id = call.chat_id()?;
        let limit = ENTRIES_LIMIT.of(call.request)?;
        let after = number(call.request, Field::After)?.unwrap_or_default();
        let page = EventsPage {
            after: Seq(after.min(u64::MAX - 1)),
            until: Seq(u64::MAX),
            limit,
            bytes_max: PAGE_BYTES_MAX,
        };
        let command = ChatCommand::ShowEvents { caller, page };
        let path = format!("/chats/{chat_id}/events?limit={limit}");
        Ok(Action::ask_page(chat_id, command, path, call.network(cx)))
    }

    pub(super) fn mark_read(self, call: &Call<'_>) -> Handled {
        self.check_credentials(call)?;
        let json = as_json(call.request)?;
        let ReadUpTo { seq } = object(&json)?;
        let user_id = self
            .caller_or_sender(call, &json)?
            .ok_or(Problem::UNAUTHENTICATED)?;
        let command = HomeCommand::MarkRead {
            chat_id: call.chat_id()?,
            seq: Seq(seq),
        };
        Ok(Action::ask(Command::Home(user_id, command), ReplyTo::Plain))
    }

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

//! What admins change about their chats: roles and settings. Each counts as a message of its caller, as all members hear
//! of it.

use std::borrow::Cow;

use rookery_schema::UserId;
use rookery_schema::limits::{CHAT_DESCRIPTION_BYTES_MAX, CHAT_NAME_BYTES_MAX};
use rookery_schema::roles::{History, Role};
use serde::Deserialize;

use crate::api::body::as_json;
use crate::api::reading::object;
use crate::api::rejection::check_bytes;
use crate::api::reply::ReplyTo;
use crate::api::{Action, Api, Call, Handled};
use crate::context::Context;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{ChatChange, ChatCommand, Command};
use crate::text::{self, CHAT_NAME, check_line};

#[derive(Deserialize)]
struct NewRole<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
}

#[derive(Deserialize)]
struct NewSettings<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    description: Option<Cow<'a, str>>,
    #[serde(default)]
    members_may_add: Option<bool>,
    #[serde(borrow, default)]
    history: Option<Cow<'a, str>>,
}

impl Api<'_> {
    pub(super) fn set_role(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        self.check_credentials(call)?;
        let json = as_json(call.request)?;
        let NewRole { role } = object(&json)?;
        let caller = self
            .caller_or_sender(call, &json)?
            .ok_or(Problem::UNAUTHENTICATED)?;
        let role = Role::named(&role)
            .ok_or_else(|| unknown("role must be admin or member", Field::Role))?;
        let user_id = call.matched.inner_id.map(UserId);
        let command = ChatCommand::SetRole {
            caller,
            user_id: user_id.ok_or(Problem::NO_SUCH_USER)?,
            role,
        };
        ask(call, caller, command, 0, cx)
    }

    pub(super) fn change_chat(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        self.check_credentials(call)?;
        let json = as_json(call.request)?;
        let wanted: NewSettings<'_> = object(&json)?;
        let caller = self
            .caller_or_sender(call, &json)?
            .ok_or(Problem::UNAUTHENTICATED)?;
        wanted.name.as_deref().map_or(Ok(()), check_name)?;
        let description = wanted.description.as_deref();
        description.map_or(Ok(()), check_description)?;
        let history = wanted.history.map(|name| {
            let history = History::named(&name);
            history.ok_or_else(|| unknown("history must be all or joined", Field::History))
        });
        let change = ChatChange {
            caller,
            name: wanted.name.as_deref().map(Box::from),
            description: description.map(Box::from),
            members_may_add: wanted.members_may_add,
            history: history.transpose()?,
        };
        let bytes = change.text_bytes();
        ask(
            call,
            caller,
            ChatCommand::Change(Box::new(change)),
            bytes,
            cx,
        )
    }

    pub(super) fn delete_chat(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        ask(call, caller, ChatCommand::Delete { caller }, 0, cx)
    }
}

fn ask(
    call: &Call<'_>,
    caller: UserId,
    command: ChatCommand,
    bytes: usize,
    cx: &mut Context<'_>,
) -> Handled {
    cx.admit_message()?;
    let chat_id = call.chat_id()?;
    cx.spend(caller, bytes)?;
    Ok(Action::ask(Command::Chat(chat_id, command), ReplyTo::Plain))
}

fn unknown(detail: &'static str, field: Field) -> Problem {
    Problem::out_of_bounds(detail).about(field, Fault::Unknown)
}

/// Refuses a chat's name that is out of its bounds.
pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    const NAME: &str =
        const_format::concatcp!("name must be 1 to ", CHAT_NAME_BYTES_MAX, " bytes of UTF-8");
    check_bytes(name, CHAT_NAME_BYTES_MAX, Field::Name, NAME)?;
    check_line(name, CHAT_NAME)
}

fn check_description(description: &str) -> Result<(), Problem> {
    if description.len() <= CHAT_DESCRIPTION_BYTES_MAX {
        return text::check_description(description);
    }
    let problem = Problem::out_of_bounds(const_format::concatcp!(
        "description must be at most ",
        CHAT_DESCRIPTION_BYTES_MAX,
        " bytes of UTF-8",
    ));
    Err(problem.about(Field::Description, Fault::TooLong))
}

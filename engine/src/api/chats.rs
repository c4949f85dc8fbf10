//! Chats and their members. What admins change counts as a message of its caller, as all members hear of it.

use std::borrow::Cow;
use std::collections::HashSet;

use rookery_schema::limits::{CHAT_DESCRIPTION_BYTES_MAX, CHAT_MEMBERS_MAX, CHAT_NAME_BYTES_MAX};
use rookery_schema::roles::{History, Role};
use rookery_schema::{ChatId, UserId};
use serde::Deserialize;

use crate::api::body::{as_json, user_id};
use crate::api::pages::{self, ENTRIES_LIMIT};
use crate::api::post::{check_key, client_key};
use crate::api::reading::object;
use crate::api::rejection::check_bytes;
use crate::api::reply::ReplyTo;
use crate::api::{Action, Api, Call, Handled};
use crate::context::Context;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{
    ChatChange, ChatCommand, Command, Creation, HomeCommand, InboxPage, MembersPage, Origin,
};
use crate::text::{self, CHAT_NAME, check_line};

#[derive(Deserialize)]
struct NewChat<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    members: Vec<UserId>,
    #[serde(borrow, default)]
    client_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct NewMember {
    user_id: UserId,
}

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
    pub(super) fn create_chat(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        self.check_credentials(call)?;
        let json = as_json(call.request)?;
        let chat: NewChat<'_> = object(&json)?;
        check_name(&chat.name)?;
        let key = client_key(call, chat.client_id.as_deref())?;
        key.map_or(Ok(()), check_key)?;
        let creator_id = self.caller_or_sender(call, &json)?;
        let mut seen = HashSet::new();
        let all = chat.members.into_iter().chain(creator_id);
        let members = all.filter(|user| seen.insert(*user)).collect();
        if seen.is_empty() {
            let problem = Problem::out_of_bounds("a chat needs a member");
            return Err(problem.about(Field::Members, Fault::TooShort).into());
        }
        if seen.len() > CHAT_MEMBERS_MAX {
            return Err(Problem::CHAT_FULL
                .about(Field::Members, Fault::TooLong)
                .into());
        }
        if let Some(creator_id) = creator_id {
            cx.spend(creator_id, chat.name.len())?;
        }
        let (at, random) = (cx.stamp(), cx.random());
        let (chat_id, origin) = match (key, creator_id) {
            (Some(key), _) => (ChatId::by_key(creator_id, key.id), Origin::Key),
            (None, Some(creator_id)) => {
                let chat_id = ChatId::made_by(creator_id, at, random);
                (chat_id, Origin::Chance)
            }
            (None, None) => (ChatId::v7(at, &random), Origin::Chance),
        };
        let creation = Creation {
            creator_id,
            name: chat.name.as_ref().into(),
            members,
            network: call.network(cx),
            origin,
        };
        let command = ChatCommand::Create(Box::new(creation));
        Ok(Action::ask(Command::Chat(chat_id, command), ReplyTo::Plain))
    }

    /// The direct chat of the caller and another user.
    pub(super) fn open_direct_chat(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let other = call.user_id()?;
        if other == caller {
            let problem = Problem::out_of_bounds("nobody has a direct chat with themselves");
            return Err(problem.about(Field::UserId, Fault::Unknown).into());
        }
        cx.spend(caller, 0)?;
        let creation = Creation {
            creator_id: Some(caller),
            name: Box::default(),
            // Whoever asks first: it is the same.
            members: [caller.min(other), caller.max(other)].into_iter().collect(),
            network: call.network(cx),
            origin: Origin::Members,
        };
        let command = ChatCommand::Create(Box::new(creation));
        let chat_id = ChatId::direct(caller, other);
        Ok(Action::ask(Command::Chat(chat_id, command), ReplyTo::Plain))
    }

    pub(super) fn list_chats(self, call: &Call<'_>, cx: &Context<'_>) -> Handled {
        let user_id = call.caller?.user_id;
        let before = pages::activity(call.request)?;
        let limit = ENTRIES_LIMIT.of(call.request)?;
        let command = HomeCommand::ListChats {
            page: InboxPage { before, limit },
            network: call.network(cx),
        };
        let path = format!("/chats?limit={limit}");
        Ok(Action::ask(
            Command::Home(user_id, command),
            ReplyTo::Page { path },
        ))
    }

    pub(super) fn show_chat(self, call: &Call<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let chat_id = call.chat_id()?;
        let command = ChatCommand::Show { caller };
        Ok(Action::ask(Command::Chat(chat_id, command), ReplyTo::Plain))
    }

    pub(super) fn show_members(self, call: &Call<'_>, cx: &Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let chat_id = call.chat_id()?;
        let after = user_id(call.request, Field::After)?;
        let limit = ENTRIES_LIMIT.of(call.request)?;
        let page = MembersPage { after, limit };
        let command = ChatCommand::ShowMembers { caller, page };
        let path = format!("/chats/{chat_id}/members?limit={limit}");
        Ok(Action::ask_page(chat_id, command, path, call.network(cx)))
    }

    pub(super) fn add_member(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        self.check_credentials(call)?;
        let json = as_json(call.request)?;
        let NewMember { user_id } = object(&json)?;
        let caller = self
            .caller_or_sender(call, &json)?
            .ok_or(Problem::UNAUTHENTICATED)?;
        let chat_id = call.chat_id()?;
        cx.spend(caller, 0)?;
        let command = ChatCommand::AddMember {
            caller,
            user_id,
            network: call.network(cx),
        };
        Ok(Action::ask(Command::Chat(chat_id, command), ReplyTo::Plain))
    }

    pub(super) fn remove_member(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let chat_id = call.chat_id()?;
        let user_id = call
            .matched
            .inner_id
            .map(UserId)
            .ok_or(Problem::NO_SUCH_USER)?;
        cx.spend(caller, 0)?;
        let command = ChatCommand::RemoveMember { caller, user_id };
        Ok(Action::ask(Command::Chat(chat_id, command), ReplyTo::Plain))
    }

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
fn check_name(name: &str) -> Result<(), Problem> {
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

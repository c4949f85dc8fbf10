//! What each endpoint does with its request.

use std::borrow::Cow;
use std::collections::HashSet;

use rookery_schema::limits::{CHAT_MEMBERS_MAX, PAGE_BYTES_MAX};
use rookery_schema::{ChatId, Seq, SessionId, Timestamp, UserId};
use serde::Deserialize;

use crate::api::body::{Body, as_json, number, text, user_id};
use crate::api::chats::check_name;
use crate::api::pages::{self, ENTRIES_LIMIT, MESSAGES_LIMIT};
use crate::api::post::{ClientKey, check_key, checked_post, post_command};
use crate::api::reading::object;
use crate::api::rejection::Rejection;
use crate::api::reply::{Reply, ReplyTo, logout_reply, problem_without_login};
use crate::api::{Action, Api, AskedPage, Call, Handled, Upgrade};
use crate::auth::tokens::{TICKET_MILLIS, Ticket};
use crate::config::AuthMode;
use crate::context::Context;
use crate::http::{Method, Status, Version};
use crate::ids::Caller;
use crate::limits::Network;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{
    ChatCommand, Command, Creation, EventsPage, HomeCommand, InboxPage, MembersPage, Origin, Page,
    PageStart,
};
use crate::ws;

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

/// See [`Api::caller_or_sender`].
#[derive(Deserialize)]
struct Sender {
    #[serde(default)]
    sender_id: Option<UserId>,
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

    /// Refuses a call without credentials before its body is looked at, where they are needed.
    pub(super) fn check_credentials(self, call: &Call<'_>) -> Result<(), Problem> {
        match self.gate.mode() {
            AuthMode::Token => call.caller.map(|_| ()),
            AuthMode::Trust => Ok(()),
        }
    }

    /// The caller; in trust mode without a cookie, the user that the body names as its sender. Nothing else looks at
    /// that field.
    pub(super) fn caller_or_sender(
        self,
        call: &Call<'_>,
        json: &Body<'_>,
    ) -> Result<Option<UserId>, Rejection> {
        match (call.caller, self.gate.mode()) {
            (Ok(caller), _) => Ok(Some(caller.user_id)),
            (Err(problem), AuthMode::Token) => Err(problem.into()),
            (Err(_), AuthMode::Trust) => object::<Sender>(json).map(|body| body.sender_id),
        }
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
        Ok(ask_page(chat_id, command, path, call.network(cx)))
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
        Ok(ask_page(chat_id, command, path, call.network(cx)))
    }

    /// The reply to a logout without a valid login, which may have ended long ago.
    pub(super) fn logout_of_nobody(self, problem: &Problem) -> Reply {
        let cookies = self.gate.cookies();
        match self.gate.mode() {
            AuthMode::Trust => logout_reply(cookies),
            AuthMode::Token => problem_without_login(problem, cookies),
        }
    }

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
        Ok(ask_page(chat_id, command, path, call.network(cx)))
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

    pub(super) fn buy_ticket(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?;
        let expires_at = Timestamp::from_millis(cx.now.latest_wall.millis() + TICKET_MILLIS);
        let ticket = Ticket {
            ticket_id: SessionId::from_bytes(cx.random()),
            user_id: caller.user_id,
            expires_at,
            session: caller.session,
        };
        let ticket = self.gate.issue_ticket(&ticket);
        let ticket = ticket.ok_or(Problem::NOT_SIGNED)?;
        let body = format!(r#"{{"ticket":"{ticket}","expires_at":"{expires_at}"}}"#);
        let reply = Reply::json(Status::Ok, body.into_bytes());
        Ok(Action::Reply(reply))
    }

    pub(super) fn connect(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        if cx.readiness.is_draining() {
            return Err(Problem::DRAINING.into());
        }
        let wanted = call.user_id()?;
        let request = call.request;
        let upgrade = ws::UpgradeRequest {
            is_get: request.method == Method::Get,
            http11: request.version == Version::Http11,
            has_body: request.has_body_framing(),
            headers: |name| request.headers(name),
        };
        let accepted = match ws::accept(&upgrade) {
            Ok(accepted) => accepted,
            Err(refusal) => return Ok(Action::Reply(upgrade_refused(&refusal))),
        };
        let (caller, ticket) = self.connecting(call, wanted, cx)?;
        if caller.user_id != wanted {
            return Err(Problem::FORBIDDEN.into());
        }
        let will_resume = match text(request, Field::Resume)?.as_deref() {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => {
                let problem = Problem::malformed("resume must be 0 or 1");
                return Err(problem.about(Field::Resume, Fault::Malformed).into());
            }
        };
        Ok(Action::Upgrade {
            upgrade: Box::new(Upgrade {
                accepted,
                caller,
                will_resume,
            }),
            ticket,
        })
    }

    /// Who connects: by ticket, by token or, in trust mode, the user in the path.
    fn connecting(
        self,
        call: &Call<'_>,
        wanted: UserId,
        cx: &Context<'_>,
    ) -> Result<(Caller, Option<Ticket>), Rejection> {
        if let Some(ticket) = text(call.request, Field::Ticket)? {
            let ticket = self
                .gate
                .verify_ticket(ticket.as_bytes(), cx.now.latest_wall);
            let ticket = ticket.ok_or(Problem::INVALID_TOKEN)?;
            return Ok((ticket.caller(), Some(ticket)));
        }
        match (call.caller, self.gate.mode()) {
            (Ok(caller), _) => Ok((caller, None)),
            (Err(_), AuthMode::Trust) => Ok((
                Caller {
                    user_id: wanted,
                    session: None,
                },
                None,
            )),
            (Err(problem), AuthMode::Token) => Err(problem.into()),
        }
    }

    pub(super) fn show_readiness(self, cx: &Context<'_>) -> Handled {
        if cx.readiness.is_draining() {
            return Err(Problem::DRAINING.into());
        }
        if !cx.readiness.all_serve() {
            let problem = match cx.disk_full {
                false => Problem::REPLAYING,
                true => Problem::REPLAYING_ON_A_FULL_DISK,
            };
            return Err(problem.into());
        }
        Ok(Action::Reply(Reply::text("ready\n")))
    }
}

fn ask_page(chat_id: ChatId, command: ChatCommand, path: String, network: Network) -> Action {
    Action::AskPage(Box::new(AskedPage {
        command: Command::Chat(chat_id, command),
        reply_to: ReplyTo::Page { path },
        network,
    }))
}

fn upgrade_refused(refusal: &ws::UpgradeRefusal) -> Reply {
    match refusal {
        ws::UpgradeRefusal::UpgradeRequired => Reply::upgrade_required(),
        ws::UpgradeRefusal::BadRequest(detail) => Reply::problem(&Problem::malformed(detail)),
    }
}

/// By what a client knows what it asks for: a field of the body, or else a header.
fn client_key<'a>(
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

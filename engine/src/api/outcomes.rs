//! What an outcome, or what the store found, looks like over HTTP.

use rookery_schema::event::{put_json_text, put_receipt};
use rookery_schema::limits::USER_IDS_MAX;
use rookery_schema::row::UserRow;
use rookery_schema::{SessionId, Timestamp, UserId};

use crate::api::blocks::blocks_reply;
use crate::api::reply::{Reply, ReplyTo, logout_reply, problem_without_login};
use crate::api::{Api, pages};
use crate::context::Context;
use crate::edge::port::{Found, StoreFault};
use crate::http::Status;
use crate::ids::Session;
use crate::json_page::JsonPage;
use crate::mesh::problem::Problem;
use crate::mesh::{Created, Events, Outcome, PageCursor, Rest};
use crate::user::{put_user, user_json};

impl Api<'_> {
    /// The reply to a request with this outcome.
    pub(crate) fn reply_to(self, to: ReplyTo, outcome: Outcome, cx: &mut Context<'_>) -> Reply {
        if let ReplyTo::Audited(audit) = &to {
            audit.answered(&outcome, cx);
        }
        match outcome {
            Outcome::Posted {
                message_id,
                chat_id,
                created_at,
            } => {
                let mut body = Vec::with_capacity(160);
                put_receipt(&mut body, message_id, chat_id, created_at);
                Reply::receipt(body)
            }
            Outcome::Json {
                created: None,
                body,
            } => Reply::json(Status::Ok, body),
            Outcome::Json {
                created: Some(created),
                body,
            } => created_reply(*created, body),
            Outcome::Page { body, next } => match to {
                ReplyTo::Page { path } => pages::reply(&path, body, next.map(pages::query)),
                ReplyTo::Plain
                | ReplyTo::Audited(_)
                | ReplyTo::LogOut
                | ReplyTo::User
                | ReplyTo::Blocks
                | ReplyTo::AllUsers
                | ReplyTo::Users { .. } => Reply::json(Status::Ok, body),
            },
            Outcome::Events(events) => match to {
                ReplyTo::Page { path } => events_reply(&path, &events),
                ReplyTo::Plain
                | ReplyTo::Audited(_)
                | ReplyTo::LogOut
                | ReplyTo::User
                | ReplyTo::Blocks
                | ReplyTo::AllUsers
                | ReplyTo::Users { .. } => {
                    cx.bug("events were sent for a reply that shows none");
                    Reply::problem(&Problem::NOT_ANSWERED)
                }
            },
            Outcome::NotLoggedIn { problem, .. } => Reply::problem(&problem),
            Outcome::LoggedIn {
                user_id,
                username,
                ended_until,
            } => {
                let now = cx.now.latest_wall;
                match self.gate.expiry_of_login(user_id, ended_until, now) {
                    Ok(expires_at) => login_reply(self, user_id, &username, expires_at, cx),
                    Err(problem) => Reply::problem(&problem),
                }
            }
            Outcome::Metrics(body) => Reply::metrics(body),
            Outcome::Refused(problem @ Problem::LOGOUT_NOT_RECORDED) => {
                problem_without_login(&problem, self.gate.cookies())
            }
            Outcome::Refused(problem) => Reply::problem(&problem),
            Outcome::NotAdmitted(refused) => Reply::not_admitted(&refused),
            Outcome::Elsewhere => Reply::problem(&Problem::ELSEWHERE),
            Outcome::Done => match to {
                ReplyTo::LogOut => logout_reply(self.gate.cookies()),
                ReplyTo::Plain
                | ReplyTo::Audited(_)
                | ReplyTo::Page { .. }
                | ReplyTo::User
                | ReplyTo::Blocks
                | ReplyTo::AllUsers
                | ReplyTo::Users { .. } => Reply::no_content(),
            },
            Outcome::Members(_) => {
                cx.bug("members to follow were sent to a connection");
                Reply::problem(&Problem::NOT_ANSWERED)
            }
            Outcome::Activity(_) | Outcome::Summary(_) | Outcome::Marked(_) => {
                cx.bug("what a home asked for was sent to a connection");
                Reply::problem(&Problem::NOT_ANSWERED)
            }
        }
    }

    /// The reply to a request that read the store.
    pub(crate) fn reply_to_read(
        self,
        to: ReplyTo,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) -> Reply {
        if let ReplyTo::Blocks = to {
            return match cx.found(outcome, Found::blocks) {
                Some(blocks) => blocks_reply(&blocks),
                None => Reply::problem(&Problem::STORE_UNAVAILABLE),
            };
        }
        let Some(users) = cx.found(outcome, Found::users) else {
            return Reply::problem(&Problem::STORE_UNAVAILABLE);
        };
        match to {
            ReplyTo::Users { path, limit } => users_reply(&path, limit, &users),
            ReplyTo::AllUsers => all_users_reply(&users),
            ReplyTo::User => user_reply(users.first()),
            ReplyTo::Plain
            | ReplyTo::Audited(_)
            | ReplyTo::LogOut
            | ReplyTo::Page { .. }
            | ReplyTo::Blocks => {
                cx.bug("users were read for a reply that shows none");
                Reply::problem(&Problem::STORE_UNAVAILABLE)
            }
        }
    }
}

fn created_reply(created: Created, body: Vec<u8>) -> Reply {
    let location = match created {
        Created::User(user_id) => format!("/users/{user_id}"),
        Created::Chat(chat_id) => format!("/chats/{chat_id}"),
    };
    let mut reply = Reply::json(Status::Created, body);
    reply.extra.push(("Location", location));
    reply
}

fn user_reply(user: Option<&UserRow>) -> Reply {
    match user {
        Some(user) => Reply::json(Status::Ok, user_json(user)),
        None => Reply::problem(&Problem::NO_SUCH_USER),
    }
}

/// As many users as may be asked for: of one name there may be more from before keys, and nobody looks through those.
fn all_users_reply(users: &[UserRow]) -> Reply {
    let mut json = JsonPage::new(USER_IDS_MAX);
    let shown = users
        .iter()
        .take_while(|user| json.push(|out| put_user(out, user)));
    shown.for_each(drop);
    Reply::json(Status::Ok, json.finish())
}

fn users_reply(path: &str, limit: usize, users: &[UserRow]) -> Reply {
    let mut json = JsonPage::new(limit);
    let shown = users
        .iter()
        .take_while(|user| json.push(|out| put_user(out, user)));
    let last = shown.last().filter(|_| json.is_cut());
    let next = last.map(|user| pages::after_name(user.name()));
    pages::reply(path, json.finish(), next)
}

fn events_reply(path: &str, events: &Events) -> Reply {
    let mut body = Vec::with_capacity(events.lines.len() + 2);
    body.push(b'[');
    // A line break is in no event, since JSON escapes it.
    body.extend(events.lines.iter().map(|byte| match byte {
        b'\n' => b',',
        other => *other,
    }));
    body.truncate(body.len() - usize::from(events.count > 0));
    body.push(b']');
    let has_more = events.rest == Rest::More;
    let next = has_more.then(|| pages::query(PageCursor::After(events.through)));
    pages::reply(path, body, next)
}

fn login_reply(
    api: Api<'_>,
    user_id: UserId,
    username: &str,
    expires_at: Timestamp,
    cx: &mut Context<'_>,
) -> Reply {
    let session_id = SessionId::random(cx.random());
    let session = Session {
        session_id,
        expires_at,
    };
    let Some(token) = api.gate.issue(user_id, session) else {
        return Reply::problem(&Problem::NOT_SIGNED);
    };
    let mut body = format!(r#"{{"user_id":"{user_id}","username":"#).into_bytes();
    put_json_text(&mut body, username);
    let rest = format!(r#","token":"{token}","expires_at":"{expires_at}"}}"#);
    body.extend_from_slice(rest.as_bytes());
    let mut reply = Reply::json(Status::Ok, body);
    reply.extra = api.gate.cookies().set(user_id, &token);
    reply
}

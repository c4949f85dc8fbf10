//! What an outcome, or what the store found, looks like over HTTP.

use rookery_schema::event::{put_json_text, put_receipt};
use rookery_schema::row::UserRow;
use rookery_schema::{SessionId, UserId};

use crate::api::Api;
use crate::api::reply::{Reply, ReplyTo, logout_reply};
use crate::context::Context;
use crate::edge::port::{Found, StoreFault};
use crate::http::Status;
use crate::ids::Session;
use crate::mesh::problem::Problem;
use crate::mesh::{Created, Outcome, PageStart};
use crate::user::user_json;

impl Api<'_> {
    /// The reply to a request with this outcome.
    pub(crate) fn reply_to(self, to: ReplyTo, outcome: Outcome, cx: &mut Context<'_>) -> Reply {
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
            Outcome::Messages { body, next } => page_reply(to, body, next),
            Outcome::LoggedIn { user_id, username } => login_reply(self, user_id, &username, cx),
            Outcome::Metrics(body) => Reply::metrics(body),
            Outcome::Refused(problem) => Reply::problem(&problem),
            Outcome::Elsewhere => Reply::problem(&Problem::ELSEWHERE),
            Outcome::Done => match to {
                ReplyTo::LogOut => logout_reply(self.gate.cookies()),
                ReplyTo::Plain | ReplyTo::Page { .. } | ReplyTo::User | ReplyTo::Users => {
                    Reply::no_content()
                }
            },
            Outcome::Summary(_) => {
                cx.bug("a line of an inbox was sent to a connection");
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
        let users = match outcome {
            Ok(Found::Users(users)) => users,
            Ok(Found::Chat(_) | Found::Messages(_) | Found::Chats(_) | Found::EndedSessions(_)) => {
                cx.bug("the store answered something else than users");
                return Reply::problem(&Problem::STORE_UNAVAILABLE);
            }
            Err(StoreFault) => return Reply::problem(&Problem::STORE_UNAVAILABLE),
        };
        match to {
            ReplyTo::Users => users_reply(&users),
            ReplyTo::User => user_reply(users.first()),
            ReplyTo::Plain | ReplyTo::LogOut | ReplyTo::Page { .. } => {
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

fn users_reply(users: &[UserRow]) -> Reply {
    let users: Vec<Vec<u8>> = users.iter().map(user_json).collect();
    let list = [b"[".as_slice(), &users.join(&b','), b"]"].concat();
    Reply::json(Status::Ok, list)
}

fn login_reply(api: Api<'_>, user_id: UserId, username: &str, cx: &mut Context<'_>) -> Reply {
    let expires_at = api.gate.expiry_of_login(cx.now.latest_wall);
    let session_id = SessionId::from_bytes(cx.random());
    let session = Session {
        session_id,
        expires_at,
    };
    let Some(token) = api.gate.issue(user_id, session) else {
        return Reply::problem(&Problem::LOGIN_BUSY);
    };
    let mut body = format!(r#"{{"user_id":"{user_id}","username":"#).into_bytes();
    put_json_text(&mut body, username);
    let rest = format!(r#","token":"{token}","expires_at":"{expires_at}"}}"#);
    body.extend_from_slice(rest.as_bytes());
    let mut reply = Reply::json(Status::Ok, body);
    reply.extra = api.gate.cookies().set(user_id, &token);
    reply
}

fn page_reply(to: ReplyTo, body: Vec<u8>, next: Option<PageStart>) -> Reply {
    let mut reply = Reply::json(Status::Ok, body);
    if let (ReplyTo::Page { chat_id, limit }, Some(next)) = (to, next) {
        let cursor = match next {
            PageStart::Before(seq) => format!("before={seq}"),
            PageStart::After(seq) => format!("after={seq}"),
            PageStart::Newest => return reply,
        };
        let link = format!(r#"</chats/{chat_id}/messages?limit={limit}&{cursor}>; rel="next""#);
        reply.extra.push(("Link", link));
    }
    reply
}

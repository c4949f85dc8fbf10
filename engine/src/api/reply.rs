//! Replies: what an outcome looks like over HTTP.

use rookery_schema::event::{put_json_text, put_receipt};
use rookery_schema::{ChatId, SessionId, Timestamp, UserId};

use crate::api::Api;
use crate::api::routes::Route;
use crate::auth::{SESSION_COOKIE, SESSION_MILLIS, Session, USER_COOKIE};
use crate::context::Context;
use crate::http::{Refusal, Status};
use crate::mesh::{Outcome, PageStart};
use crate::problem::Problem;

const JSON: &str = "application/json";
const PROBLEM_JSON: &str = "application/problem+json";
const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A reply but for how its request wants it framed.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: Status,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) extra: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The code of a refusal, to be counted.
    pub(crate) refusal: Option<&'static str>,
}

/// What a reply depends on besides the outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReplyTo {
    /// Nothing.
    Plain,
    /// A page of this chat, to link to the next one.
    Page { chat_id: ChatId, limit: usize },
    /// A logout, which takes the cookies back.
    LogOut,
    /// A WebSocket handshake.
    Upgrade,
}

impl Reply {
    fn new(status: Status, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: Some(content_type),
            extra: Vec::new(),
            body,
            refusal: None,
        }
    }

    pub(crate) fn json(status: Status, body: Vec<u8>) -> Self {
        Self::new(status, JSON, body)
    }

    pub(crate) fn text(body: &str) -> Self {
        Self::new(Status::Ok, TEXT, body.as_bytes().to_vec())
    }

    pub(crate) const fn no_content() -> Self {
        Self {
            status: Status::NoContent,
            content_type: None,
            extra: Vec::new(),
            body: Vec::new(),
            refusal: None,
        }
    }

    pub(crate) fn problem(problem: &Problem) -> Self {
        let mut reply = Self::refused(problem.status, problem.code, problem.detail);
        if let Some(seconds) = problem.retry_after {
            reply.extra.push(("Retry-After", seconds.to_string()));
        }
        if problem.status == Status::Unauthorized {
            reply.extra.push(("WWW-Authenticate", "Bearer".to_owned()));
        }
        reply
    }

    /// The reply to a request that was turned down by the protocol itself.
    pub(crate) fn refusal(refusal: &Refusal) -> Self {
        Self::refused(refusal.status, refusal.code, refusal.detail)
    }

    pub(crate) fn method_not_allowed(route: Route) -> Self {
        let mut reply = Self::problem(&Problem::METHOD_NOT_ALLOWED);
        reply.extra.push(("Allow", route.allowed()));
        reply
    }

    fn refused(status: Status, code: &'static str, detail: &str) -> Self {
        let mut body = br#"{"type":"about:blank","title":"#.to_vec();
        put_json_text(&mut body, status.reason());
        body.extend_from_slice(format!(r#","status":{},"code":""#, status.code()).as_bytes());
        body.extend_from_slice(code.as_bytes());
        body.extend_from_slice(br#"","detail":"#);
        put_json_text(&mut body, detail);
        body.push(b'}');
        Self {
            refusal: Some(code),
            ..Self::new(status, PROBLEM_JSON, body)
        }
    }
}

impl Api {
    /// The reply that an outcome makes.
    pub(crate) fn reply_to(&self, to: &ReplyTo, outcome: Outcome, cx: &mut Context<'_>) -> Reply {
        match outcome {
            Outcome::Posted {
                message_id,
                chat_id,
                created_at,
            } => {
                let mut body = Vec::with_capacity(160);
                put_receipt(&mut body, message_id, chat_id, created_at);
                Reply::json(Status::Ok, body)
            }
            Outcome::Json { created, body } => {
                Reply::json(if created { Status::Created } else { Status::Ok }, body)
            }
            Outcome::Messages { body, next } => page_reply(to, body, next),
            Outcome::LoggedIn { user_id, username } => self.login_reply(user_id, &username, cx),
            Outcome::Metrics(body) => Reply::new(Status::Ok, PROMETHEUS_TEXT, body),
            Outcome::Refused(problem) => Reply::problem(&problem),
            Outcome::Done if matches!(to, ReplyTo::LogOut) => logout_reply(),
            Outcome::Done | Outcome::Summaries(_) => Reply::no_content(),
        }
    }

    fn login_reply(&self, user_id: UserId, username: &str, cx: &mut Context<'_>) -> Reply {
        let expires_at = Timestamp::from_millis(cx.now.wall.millis() + SESSION_MILLIS);
        let session_id = SessionId::from_bytes(cx.random());
        let session = Session {
            session_id,
            expires_at,
        };
        let Some(token) = self.tokens.issue(user_id, session) else {
            return Reply::problem(&Problem::LOGIN_BUSY);
        };
        let mut body = format!(r#"{{"user_id":"{user_id}","username":"#).into_bytes();
        put_json_text(&mut body, username);
        let rest = format!(r#","token":"{token}","expires_at":"{expires_at}"}}"#);
        body.extend_from_slice(rest.as_bytes());
        let age = SESSION_MILLIS / 1000;
        let attributes = format!("Path=/; Max-Age={age}; SameSite=Lax");
        let session = format!("{SESSION_COOKIE}={token}; {attributes}; HttpOnly");
        let user = format!("{USER_COOKIE}={user_id}; {attributes}");
        let mut reply = Reply::json(Status::Ok, body);
        reply.extra = vec![
            ("Set-Cookie", session),
            ("Set-Cookie", user),
            ("Cache-Control", "no-store".to_owned()),
        ];
        reply
    }
}

pub(super) fn logout_reply() -> Reply {
    let expired = |name: &str| format!("{name}=; Path=/; Max-Age=0; SameSite=Lax");
    let mut reply = Reply::no_content();
    reply.extra = vec![
        (
            "Set-Cookie",
            format!("{}; HttpOnly", expired(SESSION_COOKIE)),
        ),
        ("Set-Cookie", expired(USER_COOKIE)),
    ];
    reply
}

fn page_reply(to: &ReplyTo, body: Vec<u8>, next: Option<PageStart>) -> Reply {
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

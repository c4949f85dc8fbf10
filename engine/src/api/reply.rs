//! Replies, before they are framed for their requests.

use std::borrow::Cow;

use rookery_schema::event::{put_json_text, put_user_ids};
use rookery_schema::{SessionId, Timestamp, UserId};

use crate::api::audit::Audit;
use crate::api::logging_in::LoggingIn;
use crate::api::rejection::Rejection;
use crate::api::users_shown::FoundUsers;
use crate::auth::cookies::Cookies;
use crate::context::Context;
use crate::http::{HttpDate, Refusal, ResponseHead, Status, Version, write_response};
use crate::limits::Limit;
use crate::mesh::NotAdmitted;
use crate::mesh::problem::Problem;
use crate::ws;

/// The media types that bodies may have.
pub(super) const JSON: &str = "application/json";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
const PROBLEM_JSON: &str = "application/problem+json";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Seconds after which a browser asks again for a page that can't be served now.
const STOPGAP_SECONDS: u32 = 1;

/// Fields of a reply, names and values.
pub(super) type Fields = &'static [(&'static str, &'static str)];

/// What a browser may do with a reply that depends on its caller, and holds what users wrote: nothing but hand it to
/// the page that asked, now.
const GUARDS: Fields = &[
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'"),
];
/// The same of what is the same for everybody: it may be kept, but has to be asked for again.
pub(super) const DOCUMENT_GUARDS: Fields = &[
    ("Cache-Control", "no-cache"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'"),
];
/// The same of text of our own.
const TEXT_GUARDS: Fields = &[("X-Content-Type-Options", "nosniff")];
/// Pages of others can't show it, or measure it, as if it were theirs.
pub(super) const OWN_PAGES_ONLY: (&str, &str) = ("Cross-Origin-Resource-Policy", "same-origin");

/// A reply before it is framed.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: Status,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) extra: Vec<(&'static str, String)>,
    /// What browsers are told not to do with it.
    pub(crate) guards: Fields,
    /// Borrowed where it is the same for everybody: it is sent without being copied.
    pub(crate) body: Cow<'static, [u8]>,
    /// The code of a refusal, to be counted.
    pub(crate) refusal: Option<&'static str>,
    /// The limit that was met, to be counted.
    pub(crate) limit: Option<Limit>,
}

impl Reply {
    /// Whether pages of other origins, which may call the API, have no business with it.
    pub(crate) fn is_for_own_pages(&self) -> bool {
        self.guards.contains(&OWN_PAGES_ONLY)
    }
}

/// The whole response to a connection that is closed at once, before it was read.
pub fn refuse_connection(problem: &Problem, now: Timestamp) -> Vec<u8> {
    Reply::problem(problem).closing(Version::Http11, false, now)
}

/// What a reply depends on besides the outcome.
#[derive(Debug)]
pub(crate) enum ReplyTo {
    /// Nothing.
    Plain,
    /// Nothing; but the security log is told.
    Audited(Box<Audit>),
    /// A page, whose link to the next one begins with this path and query.
    Page { path: String },
    /// A logout, which clears the cookies; the security log is told of some.
    LogOut(Option<Box<Audit>>),
    /// A login, which the security log is told of if it fails.
    LogIn(Box<LoggingIn>),
    /// A user's sessions, as one of them asks for them.
    Sessions { current: SessionId },
    /// One user.
    User,
    /// Whom a user has blocked.
    Blocks,
    /// All users that were read.
    AllUsers,
    /// A page of users, at most so many of those that were read, with the link as above.
    Users { path: String, limit: usize },
    /// Users, whose profiles are being read.
    Profiles(Box<FoundUsers>),
    /// A user who has changed what they say of themselves; the security log is told.
    Changed(UserId, Box<Audit>),
    /// What a user has set for themselves.
    Settings,
}

impl ReplyTo {
    /// The same; but the security log is told.
    pub(super) fn audited(self, audit: Audit) -> Self {
        match self {
            Self::LogIn(mut login) => {
                login.audit = Some(audit);
                Self::LogIn(login)
            }
            Self::LogOut(_) => Self::LogOut(Some(Box::new(audit))),
            Self::Plain
            | Self::Audited(_)
            | Self::Page { .. }
            | Self::Sessions { .. }
            | Self::User
            | Self::AllUsers
            | Self::Users { .. }
            | Self::Profiles(_)
            | Self::Blocks
            | Self::Settings => Self::Audited(Box::new(audit)),
            Self::Changed(user_id, _) => Self::Changed(user_id, Box::new(audit)),
        }
    }

    /// What the security log is to be told.
    pub(super) fn audit(&self) -> Option<&Audit> {
        match self {
            Self::Audited(audit) | Self::Changed(_, audit) => Some(audit),
            Self::LogOut(audit) => audit.as_deref(),
            Self::LogIn(login) => login.audit.as_ref(),
            Self::Plain
            | Self::Page { .. }
            | Self::Sessions { .. }
            | Self::User
            | Self::AllUsers
            | Self::Users { .. }
            | Self::Profiles(_)
            | Self::Blocks
            | Self::Settings => None,
        }
    }

    /// The reply to a request that was not answered in time; if it `changes` something, its outcome is unknown.
    pub(crate) fn overdue(&self, changes: bool, cx: &mut Context<'_>) -> Reply {
        let problem = Problem::overdue(changes);
        if let Some(audit) = self.audit() {
            audit.refused_with(&problem, cx);
        }
        Reply::problem(&problem)
    }

    /// The client has gone before it was answered.
    pub(crate) fn unanswered(&self, cx: &mut Context<'_>) {
        if let Some(audit) = self.audit() {
            audit.unanswered(cx);
        }
    }
}

impl Reply {
    fn new(status: Status, content_type: &'static str, guards: Fields, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: Some(content_type),
            extra: Vec::new(),
            guards,
            body: Cow::Owned(body),
            refusal: None,
            limit: None,
        }
    }

    /// Its fields, but for those that every response has.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let extra = self.extra.iter();
        extra
            .map(|(name, value)| (*name, value.as_str()))
            .chain(self.guards.iter().copied())
    }

    /// The whole response on a connection that ends behind it; `head_only` of one to a `HEAD`.
    pub(crate) fn closing(&self, version: Version, head_only: bool, now: Timestamp) -> Vec<u8> {
        let extra: Vec<_> = self.fields().collect();
        let head = ResponseHead {
            status: self.status,
            version,
            keep_alive: false,
            head_only,
            content_type: self.content_type,
            extra: &extra,
            date: &HttpDate::new(now.seconds()),
        };
        let mut out = Vec::new();
        write_response(&mut out, &head, &self.body);
        out
    }

    pub(crate) fn json(status: Status, body: Vec<u8>) -> Self {
        Self::new(status, JSON, GUARDS, body)
    }

    /// The acknowledgement of a message. It holds nothing that somebody wrote, and answers a `POST`, which no cache
    /// keeps: so it needs no guards, which each message would cost 100 bytes.
    pub(crate) fn receipt(body: Vec<u8>) -> Self {
        Self::new(Status::Ok, JSON, &[], body)
    }

    pub(crate) fn text(body: &str) -> Self {
        Self::new(Status::Ok, TEXT, TEXT_GUARDS, body.as_bytes().to_vec())
    }

    /// To who asks whether the process lives.
    pub(crate) fn alive() -> Self {
        Self::text("alive\n")
    }

    /// In place of a page that can't be served now: says why in a sentence, and has the browser ask again.
    pub(crate) fn stopgap(problem: &Problem, text: &'static str) -> Self {
        let body = format!(
            "<!doctype html><html lang=\"en\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>Rookery</title><p>{text}</p></html>\n"
        );
        let mut reply = Self::new(problem.status, HTML, GUARDS, body.into_bytes());
        reply.refusal = Some(problem.code);
        let pause = problem.retry_after.unwrap_or(STOPGAP_SECONDS).to_string();
        reply.extra.push(("Retry-After", pause.clone()));
        reply.extra.push(("Refresh", pause));
        reply
    }

    /// A document that is the same for everybody.
    pub(super) fn document(text: &'static str, etag: String) -> Self {
        Self {
            status: Status::Ok,
            content_type: Some(JSON),
            body: Cow::Borrowed(text.as_bytes()),
            ..Self::not_modified(etag, DOCUMENT_GUARDS)
        }
    }

    /// To who has it already.
    pub(super) fn not_modified(etag: String, guards: Fields) -> Self {
        Self {
            status: Status::NotModified,
            extra: vec![("ETag", etag)],
            guards,
            ..Self::no_content()
        }
    }

    pub(super) fn metrics(body: Vec<u8>) -> Self {
        Self::new(Status::Ok, PROMETHEUS_TEXT, TEXT_GUARDS, body)
    }

    pub(crate) const fn no_content() -> Self {
        Self {
            status: Status::NoContent,
            content_type: None,
            extra: Vec::new(),
            guards: &[],
            body: Cow::Owned(Vec::new()),
            refusal: None,
            limit: None,
        }
    }

    /// What may be asked of something.
    pub(crate) fn allowing(methods: String) -> Self {
        let mut reply = Self::no_content();
        reply.extra.push(("Allow", methods));
        reply
    }

    pub(crate) fn problem(problem: &Problem) -> Self {
        Self::rejection(&Rejection::from(*problem))
    }

    /// The same, with more to say.
    pub(crate) fn rejection(rejection: &Rejection) -> Self {
        let problem = &rejection.problem;
        let detail = rejection.detail();
        let mut reply = Self::refused(problem.status, problem.code, detail, problem.limit);
        reply.put_members(|out| rejection.put_place(out));
        if let Some(seconds) = problem.retry_after {
            reply.extra.push(("Retry-After", seconds.to_string()));
        }
        if let Some((name, value)) = advice(problem) {
            reply.extra.push((name, value.to_owned()));
        }
        reply
    }

    /// The same, with the users whom it is about.
    pub(super) fn not_admitted(refused: &NotAdmitted) -> Self {
        let mut reply = Self::problem(&refused.problem);
        if !refused.user_ids.is_empty() {
            reply.put_members(|out| {
                out.extend_from_slice(br#","user_ids":"#);
                put_user_ids(out, refused.user_ids.iter().copied());
            });
        }
        reply
    }

    /// Adds members to the JSON object that is its body.
    fn put_members(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        let body = self.body.to_mut();
        body.pop();
        put(body);
        body.push(b'}');
    }

    /// The reply to a request that was turned down by the protocol itself.
    pub(crate) fn refusal(refusal: &Refusal) -> Self {
        Self::refused(refusal.status, refusal.code, refusal.detail, None)
    }

    /// The reply to what should have been a WebSocket's handshake (RFC 9110, 7.8 and 15.5.22; RFC 6455, 4.4).
    pub(super) fn upgrade_required() -> Self {
        let mut reply = Self::problem(&Problem::UPGRADE_REQUIRED);
        reply.extra = vec![
            ("Connection", "Upgrade".to_owned()),
            ("Upgrade", "websocket".to_owned()),
            ("Sec-WebSocket-Version", ws::VERSION.to_owned()),
        ];
        reply
    }

    pub(crate) fn method_not_allowed(allowed: String) -> Self {
        let mut reply = Self::problem(&Problem::METHOD_NOT_ALLOWED);
        reply.extra.push(("Allow", allowed));
        reply
    }

    fn refused(status: Status, code: &'static str, detail: &str, limit: Option<Limit>) -> Self {
        let mut body = br#"{"type":"about:blank","title":"#.to_vec();
        put_json_text(&mut body, status.reason());
        body.extend_from_slice(format!(r#","status":{},"code":""#, status.code()).as_bytes());
        body.extend_from_slice(code.as_bytes());
        body.extend_from_slice(br#"","detail":"#);
        put_json_text(&mut body, detail);
        if let Some(limit) = limit {
            body.extend_from_slice(format!(r#","limit":"{limit}""#).as_bytes());
        }
        body.push(b'}');
        Self {
            refusal: Some(code),
            limit,
            ..Self::new(status, PROBLEM_JSON, GUARDS, body)
        }
    }
}

/// The header that says what would be accepted instead (RFC 9110, 15.5.2 and 15.5.16; RFC 6750, section 3).
fn advice(problem: &Problem) -> Option<(&'static str, &'static str)> {
    const ACCEPT: &str = const_format::concatcp!(JSON, ", ", FORM);
    const CHALLENGE: &str = r#"Bearer realm="rookery""#;
    const INVALID: &str = const_format::concatcp!(CHALLENGE, r#", error="invalid_token""#);
    match *problem {
        Problem::INVALID_TOKEN => Some(("WWW-Authenticate", INVALID)),
        Problem::UNSUPPORTED_MEDIA => Some(("Accept", ACCEPT)),
        Problem::UNSUPPORTED_CODING => Some(("Accept-Encoding", "identity")),
        Problem {
            status: Status::Unauthorized,
            ..
        } => Some(("WWW-Authenticate", CHALLENGE)),
        _ => None,
    }
}

/// A refusal after which the caller has no login: takes the cookies back, as otherwise a browser would present them for
/// days.
pub(super) fn problem_without_login(problem: &Problem, cookies: Cookies) -> Reply {
    let mut reply = Reply::problem(problem);
    reply.extra.extend(cookies.expire());
    reply
}

/// The reply to a logout: takes the cookies back.
pub(super) fn logout_reply(cookies: Cookies) -> Reply {
    Reply {
        extra: cookies.expire(),
        guards: GUARDS,
        ..Reply::no_content()
    }
}

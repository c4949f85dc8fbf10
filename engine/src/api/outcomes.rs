//! What an outcome, or what the store found, looks like over HTTP.

use rookery_schema::event::{put_json_text, put_receipt};
use rookery_schema::limits::USER_IDS_MAX;
use rookery_schema::row::{ProfileRow, UserRow, UserSettingsRow};
use rookery_schema::{SessionId, Timestamp, UserId};

use crate::api::blocks::blocks_reply;
use crate::api::logging_in::Started;
use crate::api::reply::{Reply, ReplyTo, logout_reply, problem_without_login};
use crate::api::users_shown::{FoundUsers, UsersShown};
use crate::api::{Action, Api, pages};
use crate::config::AuthMode;
use crate::context::Context;
use crate::edge::port::{Found, Read, StoreFault};
use crate::http::Status;
use crate::ids::Session;
use crate::json_page::JsonPage;
use crate::mesh::problem::Problem;
use crate::mesh::{Command, Created, Events, NewSession, Outcome, PageCursor, Rest, UserCommand};
use crate::user::{put_user, user_json};

impl Api<'_> {
    /// What becomes of a request with this outcome: some need something else before they can be answered.
    pub(crate) fn answered(
        self,
        mut to: ReplyTo,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) -> Action {
        if let Some(command) = self.next_command(&mut to, &outcome, cx) {
            return Action::ask(command, to);
        }
        if let (ReplyTo::Changed(user_id, audit), Outcome::Done) = (&to, &outcome) {
            audit.answered(&outcome, cx);
            return self.show_user(*user_id);
        }
        Action::Reply(self.reply_to(to, outcome, cx))
    }

    /// The reply to a request with this outcome.
    fn reply_to(self, to: ReplyTo, outcome: Outcome, cx: &mut Context<'_>) -> Reply {
        // Of logins those that fail are told of.
        let is_login = matches!(to, ReplyTo::LogIn(_)) && outcome == Outcome::Done;
        if let Some(audit) = to.audit().filter(|_| !is_login) {
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
                | ReplyTo::LogOut(_)
                | ReplyTo::LogIn(_)
                | ReplyTo::Sessions { .. }
                | ReplyTo::User
                | ReplyTo::Blocks
                | ReplyTo::AllUsers
                | ReplyTo::Users { .. }
                | ReplyTo::Changed(..)
                | ReplyTo::Profiles(_)
                | ReplyTo::Settings => Reply::json(Status::Ok, body),
            },
            Outcome::Events(events) => match to {
                ReplyTo::Page { path } => events_reply(&path, &events),
                ReplyTo::Plain
                | ReplyTo::Audited(_)
                | ReplyTo::LogOut(_)
                | ReplyTo::LogIn(_)
                | ReplyTo::Sessions { .. }
                | ReplyTo::User
                | ReplyTo::Blocks
                | ReplyTo::AllUsers
                | ReplyTo::Users { .. }
                | ReplyTo::Changed(..)
                | ReplyTo::Profiles(_)
                | ReplyTo::Settings => {
                    cx.bug("events were sent for a reply that shows none");
                    Reply::problem(&Problem::NOT_ANSWERED)
                }
            },
            Outcome::TooFarBehind { .. } => Reply::problem(&Problem::TOO_FAR_BEHIND),
            Outcome::NotLoggedIn { problem, .. } => Reply::problem(&problem),
            Outcome::LoggedIn {
                user_id,
                username,
                ended_until,
            } => {
                let now = cx.now.latest_wall;
                match self.gate.expiry_of_login(user_id, ended_until, now) {
                    Ok(expires_at) => {
                        let session = new_session(expires_at, cx);
                        login_reply(self, user_id, &username, session)
                    }
                    Err(problem) => Reply::problem(&problem),
                }
            }
            Outcome::Sessions(sessions) => match to {
                ReplyTo::Sessions { current } => self.sessions_reply(&sessions, current, cx),
                ReplyTo::Plain
                | ReplyTo::Audited(_)
                | ReplyTo::Page { .. }
                | ReplyTo::LogOut(_)
                | ReplyTo::LogIn(_)
                | ReplyTo::User
                | ReplyTo::AllUsers
                | ReplyTo::Users { .. }
                | ReplyTo::Changed(..)
                | ReplyTo::Profiles(_)
                | ReplyTo::Blocks
                | ReplyTo::Settings => {
                    cx.bug("sessions were sent for a reply that shows none");
                    Reply::problem(&Problem::NOT_ANSWERED)
                }
            },
            Outcome::Metrics(body) => Reply::metrics(body),
            Outcome::Refused(problem @ Problem::LOGOUT_NOT_RECORDED) => {
                problem_without_login(&problem, self.gate.cookies())
            }
            Outcome::Refused(problem) => Reply::problem(&problem),
            Outcome::NotAdmitted(refused) => Reply::not_admitted(&refused),
            Outcome::Elsewhere => Reply::problem(&Problem::ELSEWHERE),
            Outcome::Done => match to {
                ReplyTo::LogOut(_) => logout_reply(self.gate.cookies()),
                ReplyTo::LogIn(login) => match login.started {
                    Some(Started {
                        user_id,
                        username,
                        session,
                    }) => login_reply(self, user_id, &username, session),
                    None => {
                        cx.bug("a login was answered that nobody compared");
                        Reply::problem(&Problem::NOT_ANSWERED)
                    }
                },
                ReplyTo::Plain
                | ReplyTo::Audited(_)
                | ReplyTo::Page { .. }
                | ReplyTo::Sessions { .. }
                | ReplyTo::User
                | ReplyTo::Blocks
                | ReplyTo::AllUsers
                | ReplyTo::Users { .. }
                | ReplyTo::Changed(..)
                | ReplyTo::Profiles(_)
                | ReplyTo::Settings => Reply::no_content(),
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

    /// What is to be asked before a request with this outcome can be answered: a login is recorded before its client is told
    /// of it. In trust mode there are no sessions.
    fn next_command(
        self,
        to: &mut ReplyTo,
        outcome: &Outcome,
        cx: &mut Context<'_>,
    ) -> Option<Command> {
        let (
            ReplyTo::LogIn(login),
            Outcome::LoggedIn {
                user_id,
                username,
                ended_until,
            },
            AuthMode::Token,
        ) = (to, outcome, self.gate.mode())
        else {
            return None;
        };
        let now = cx.now.latest_wall;
        let expires_at = self
            .gate
            .expiry_of_login(*user_id, *ended_until, now)
            .ok()?;
        let session = new_session(expires_at, cx);
        login.started = Some(Started {
            user_id: *user_id,
            username: username.clone(),
            session,
        });
        let new = NewSession {
            session,
            network: login.network,
            name: login.name.clone(),
        };
        let command = UserCommand::StartSession(Box::new(new));
        Some(Command::User(*user_id, command))
    }

    /// What becomes of a request that read the store: of users their profiles are read too, where there are any.
    pub(crate) fn read(
        self,
        to: ReplyTo,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) -> Action {
        let reply = match to {
            ReplyTo::User => return self.users_read(UsersShown::One, outcome, cx),
            ReplyTo::AllUsers => return self.users_read(UsersShown::All, outcome, cx),
            ReplyTo::Users { path, limit } => {
                return self.users_read(UsersShown::Page { path, limit }, outcome, cx);
            }
            ReplyTo::Profiles(found) => match cx.found(outcome, Found::profiles) {
                Some(profiles) => users_reply(&found, &profiles),
                None => Reply::problem(&Problem::STORE_UNAVAILABLE),
            },
            ReplyTo::Settings => match cx.found(outcome, Found::user_settings) {
                Some(row) => settings_reply(row),
                None => Reply::problem(&Problem::STORE_UNAVAILABLE),
            },
            ReplyTo::Blocks => match cx.found(outcome, Found::blocks) {
                Some(blocks) => blocks_reply(&blocks),
                None => Reply::problem(&Problem::STORE_UNAVAILABLE),
            },
            ReplyTo::Plain
            | ReplyTo::Audited(_)
            | ReplyTo::LogOut(_)
            | ReplyTo::LogIn(_)
            | ReplyTo::Sessions { .. }
            | ReplyTo::Changed(..)
            | ReplyTo::Page { .. } => {
                cx.bug("the store was read for a reply that shows nothing of it");
                Reply::problem(&Problem::STORE_UNAVAILABLE)
            }
        };
        Action::Reply(reply)
    }

    fn users_read(
        self,
        shown: UsersShown,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) -> Action {
        let Some(mut users) = cx.found(outcome, Found::users) else {
            return Action::Reply(Reply::problem(&Problem::STORE_UNAVAILABLE));
        };
        // A name may be that of somebody who was deleted.
        users.retain(|user| !user.is_deleted);
        // Of one name there may be more from before keys, and nobody looks through those.
        let ids = users.iter().take(USER_IDS_MAX).map(|user| user.user_id);
        let ids: Box<[UserId]> = ids.collect();
        let found = FoundUsers { shown, users };
        if ids.is_empty() {
            return Action::Reply(users_reply(&found, &[]));
        }
        Action::Read {
            read: Read::Profiles(ids),
            reply_to: ReplyTo::Profiles(Box::new(found)),
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

/// Users, with what they say of themselves.
fn users_reply(found: &FoundUsers, profiles: &[ProfileRow]) -> Reply {
    let of = |user: &UserRow| profiles.iter().find(|row| row.user_id == user.user_id);
    let page = |limit| {
        let mut json = JsonPage::new(limit);
        let shown = found
            .users
            .iter()
            .take_while(|user| json.push(|out| put_user(out, user, of(user))));
        let last = shown.last();
        let next = last
            .filter(|_| json.is_cut())
            .map(|user| pages::after_name(user.name()));
        (json.finish(), next)
    };
    match &found.shown {
        UsersShown::One => match found.users.first() {
            Some(user) => Reply::json(Status::Ok, user_json(user, of(user))),
            None => Reply::problem(&Problem::NO_SUCH_USER),
        },
        // As many as may be asked for.
        UsersShown::All => Reply::json(Status::Ok, page(USER_IDS_MAX).0),
        UsersShown::Page { path, limit } => {
            let (body, next) = page(*limit);
            pages::reply(path, body, next)
        }
    }
}

fn settings_reply(row: Option<UserSettingsRow>) -> Reply {
    let settings = row.map_or_else(|| "{}".to_owned(), |row| row.settings);
    Reply::json(Status::Ok, settings.into_bytes())
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

fn new_session(expires_at: Timestamp, cx: &mut Context<'_>) -> Session {
    Session::new(SessionId::random(cx.random()), expires_at)
}

fn login_reply(api: Api<'_>, user_id: UserId, username: &str, session: Session) -> Reply {
    let expires_at = session.expires_at;
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

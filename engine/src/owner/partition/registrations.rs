//! Registrations, from a free name to a user.

use bytes::Bytes;
use rookery_schema::UserId;
use rookery_schema::names::NewName;
use rookery_schema::record::{Record, UserRegistered};
use rookery_schema::row::Row;

use crate::context::Context;
use crate::edge::port::{PasswordCheck, PasswordOutcome};
use crate::ids::Invite;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, Created, Invited, Outcome, Right, UserCommand};
use crate::owner::changes::ChangeKey;
use crate::owner::names::{By, Registration, kind_of};
use crate::owner::partition::Partition;
use crate::owner::partition::waits::{Claim, PasswordWait};
use crate::owner::progress::SpanId;
use crate::user::user_json;

impl Partition {
    /// Registers a user under a key that is free.
    pub(super) fn begin_registration(
        &mut self,
        key: &str,
        registration: Registration,
        cx: &mut Context<'_>,
    ) {
        let Registration {
            asker,
            username,
            by,
        } = registration;
        let name = NewName {
            username,
            key: key.into(),
        };
        match by {
            By::Password {
                password: Some(password),
                network,
                right,
            } => {
                let kind = kind_of(&right);
                let wait = PasswordWait::Register {
                    asker,
                    name: Box::new(name),
                    claim: match right {
                        Right::Invite(invite) => Claim::Invite(invite),
                        Right::Open | Right::Operator => Claim::User(self.claim(key, cx)),
                    },
                };
                let job = self.password_job(wait, &password, PasswordCheck::Hash);
                cx.hash(job, kind, network);
            }
            By::Password {
                password: None,
                right: Right::Invite(invite),
                ..
            } => spend(asker, name, *invite, None, cx),
            By::Password { .. } => {
                let user_id = self.claim(key, cx);
                self.append_registration(asker, &name, user_id, None, cx);
            }
            By::Invite(hash) => {
                let user_id = self.claim(key, cx);
                let (key, record) = registered(&name, user_id, hash.as_deref(), cx);
                // It was admitted together with the end of its invite, which can't be taken back.
                self.append_admitted(asker, key, &record, true, cx);
            }
        }
    }

    /// Claims a key that is free for a new user.
    fn claim(&mut self, key: &str, cx: &mut Context<'_>) -> UserId {
        let user_id = UserId::v7(cx.stamp(), &cx.random());
        self.names.claim(key, user_id);
        user_id
    }

    fn append_registration(
        &mut self,
        asker: Asker,
        name: &NewName,
        user_id: UserId,
        password_hash: Option<&str>,
        cx: &mut Context<'_>,
    ) {
        let (key, record) = registered(name, user_id, password_hash, cx);
        self.append_change(asker, key, &record, cx);
    }

    /// The hashers are done with the password of a new user.
    pub(super) fn registration_hashed(
        &mut self,
        asker: Asker,
        name: Box<NewName>,
        claim: Claim,
        outcome: PasswordOutcome,
        cx: &mut Context<'_>,
    ) {
        match (outcome, claim) {
            (PasswordOutcome::Hashed(hash), Claim::User(user_id)) => {
                self.append_registration(asker, &name, user_id, Some(&hash), cx);
            }
            (PasswordOutcome::Hashed(hash), Claim::Invite(invite)) => {
                spend(asker, *name, *invite, Some(hash.into()), cx);
            }
            (
                outcome @ (PasswordOutcome::Common
                | PasswordOutcome::Busy
                | PasswordOutcome::Verified(_)),
                claim,
            ) => {
                if let Claim::User(user_id) = claim {
                    self.names.release(user_id);
                }
                let problem = not_hashed(&outcome, cx);
                cx.refuse(asker, problem);
            }
        }
    }

    /// Applies a registration, once its name is known to be free or taken.
    pub(super) fn apply_user(
        &mut self,
        user: &UserRegistered<'_>,
        span: SpanId,
        bytes: &Bytes,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        if self.names.is_known(user.name()) {
            return self.apply_known_user(user, span, rows, cx);
        }
        self.park_record(user.name(), span, bytes, cx);
    }

    pub(super) fn apply_known_user(
        &mut self,
        user: &UserRegistered<'_>,
        span: SpanId,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let outcome = self
            .names
            .apply(user, rows)
            .map(|row| user_json(&row, None));
        if outcome.is_ok()
            && let Some(on_stored) = self.progress.on_stored(span, cx)
        {
            on_stored.names.push((user.name().into(), user.at));
        }
        let outcome = || match &outcome {
            Ok(body) => Outcome::Json {
                created: Some(Box::new(Created::User(user.user_id))),
                body: body.clone(),
            },
            Err(problem) => Outcome::Refused(*problem),
        };
        self.answer_when_stored(span, ChangeKey::User(user.user_id), outcome, cx);
    }
}

/// A registration as it goes into the log.
fn registered<'a>(
    name: &'a NewName,
    user_id: UserId,
    password_hash: Option<&'a str>,
    cx: &Context<'_>,
) -> (ChangeKey, Record<'a>) {
    let user = UserRegistered {
        user_id,
        at: cx.stamp(),
        username: &name.username,
        key: (name.key != name.username).then_some(&*name.key),
        password_hash,
    };
    (ChangeKey::User(user_id), Record::UserRegistered(user))
}

/// Why a password was not hashed.
pub(super) fn not_hashed(outcome: &PasswordOutcome, cx: &mut Context<'_>) -> Problem {
    match outcome {
        PasswordOutcome::Common => Problem::PASSWORD_COMMON,
        PasswordOutcome::Busy => Problem::LOGINS_WAITING,
        PasswordOutcome::Hashed(_) | PasswordOutcome::Verified(_) => {
            cx.bug("a password was to be hashed, and one was compared");
            Problem::NOT_ANSWERED
        }
    }
}

/// Has an invite spent, now that all else is known to be right. Somebody may still be faster with the name: then the
/// invite is lost.
fn spend(
    asker: Asker,
    name: NewName,
    invite: Invite,
    password_hash: Option<Box<str>>,
    cx: &mut Context<'_>,
) {
    let invited = Invited {
        invite,
        name,
        password_hash,
    };
    let command = UserCommand::SpendInvite(Box::new(invited));
    cx.ask(asker, Command::User(invite.owner(), command));
}

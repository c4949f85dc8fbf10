//! Passwords that operators set or take away.

use bytes::Bytes;
use rookery_schema::limits::{SESSION_MILLIS, TOKEN_MILLIS};
use rookery_schema::record::{PasswordSet, Record};
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{SessionId, Timestamp};

use crate::auth::gate::AHEAD_MILLIS_MAX;
use crate::context::Context;
use crate::edge::port::{Found, PasswordCheck, PasswordOutcome, StoreFault};
use crate::hashing::Kind;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, Ended, EndedBy, NameCommand, NewPassword, UserVersion};
use crate::owner::changes::ChangeKey;
use crate::owner::endings::Recording;
use crate::owner::partition::registrations::not_hashed;
use crate::owner::partition::{LoggingIn, Partition, PasswordWait};
use crate::owner::progress::SpanId;
use crate::passwords::check_new_password;

/// Milliseconds that a login may take which was right before its password was set: the session that it gets is ended
/// too. It is longer than anybody waits for an answer.
const LOGIN_MILLIS_MAX: u64 = 60_000;
/// Milliseconds from a new password to the latest expiry of a session that it ends.
const ENDED_MILLIS: u64 = SESSION_MILLIS + AHEAD_MILLIS_MAX + LOGIN_MILLIS_MAX;

impl Partition {
    /// The user was read whose password is to be set: the owner of their name has their logins.
    pub(super) fn user_read(
        &mut self,
        asker: Asker,
        password: Box<NewPassword>,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(users) = cx.found(outcome, Found::users) else {
            return cx.refuse(asker, Problem::STORE_UNAVAILABLE);
        };
        let Some(user) = users.into_iter().next() else {
            return cx.refuse(asker, Problem::NO_SUCH_USER);
        };
        let version = UserVersion {
            user_id: user.user_id,
            password_from: password_from(&user, &password),
        };
        let command = NameCommand::SetPassword(version, password);
        cx.ask(asker, Command::Name(user.name().into(), command));
    }

    /// Sets the password of the user of a name, or takes it away.
    pub(super) fn set_password(
        &mut self,
        asker: Asker,
        name: &str,
        user: UserVersion,
        new: NewPassword,
        cx: &mut Context<'_>,
    ) {
        let Some(password) = new.password else {
            return self.append_password(asker, name, user, None, cx);
        };
        if let Err(problem) = check_new_password(&password, name) {
            return cx.refuse(asker, problem);
        }
        let wait = PasswordWait::Set {
            asker,
            name: name.into(),
            user,
        };
        let job = self.password_job(wait, &password, PasswordCheck::Hash);
        cx.hash(job, Kind::Known, new.network);
    }

    /// The hashers are done with a password that is to be set.
    pub(super) fn password_hashed(
        &mut self,
        asker: Asker,
        name: &str,
        user: UserVersion,
        outcome: PasswordOutcome,
        cx: &mut Context<'_>,
    ) {
        match outcome {
            PasswordOutcome::Hashed(hash) => {
                self.append_password(asker, name, user, Some(&hash), cx);
            }
            outcome @ (PasswordOutcome::Common
            | PasswordOutcome::Busy
            | PasswordOutcome::Verified(_)) => {
                let problem = not_hashed(&outcome, cx);
                cx.refuse(asker, problem);
            }
        }
    }

    fn append_password(
        &mut self,
        asker: Asker,
        name: &str,
        user: UserVersion,
        password_hash: Option<&str>,
        cx: &mut Context<'_>,
    ) {
        let from = user.password_from.max(self.names.password_from(name));
        let at = cx.now.latest_wall.max(from);
        let set = PasswordSet {
            user_id: user.user_id,
            at,
            sessions_until: Timestamp::from_millis(at.millis() + ENDED_MILLIS),
            username: name,
            password_hash,
        };
        let key = ChangeKey::Password(user.user_id, at);
        self.append_change(asker, key, &Record::PasswordSet(set), cx);
    }

    /// Applies a new password, once its user is known.
    pub(super) fn apply_password(
        &mut self,
        set: &PasswordSet<'_>,
        span: SpanId,
        bytes: &Bytes,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        if self.names.is_known(set.username) {
            return self.apply_known_password(set, span, rows, cx);
        }
        self.park_record(set.username, span, bytes, cx);
    }

    pub(super) fn apply_known_password(
        &mut self,
        set: &PasswordSet<'_>,
        span: SpanId,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let askers = self.changes.take(ChangeKey::Password(set.user_id, set.at));
        if let Err(problem) = self.names.set_password(set, rows) {
            for asker in askers {
                cx.refuse(asker, problem);
            }
            return;
        }
        if let Some(on_stored) = self.progress.on_stored(span, cx) {
            on_stored.names.push(set.username.into());
        }
        let (user_id, until) = (set.user_id, set.sessions_until);
        rows.push(Row::EndedSession {
            session_id: SessionId::all_of(user_id),
            expires_at: until,
        });
        self.end_logins(set.username);
        let ended = Ended::AllOf {
            user_id,
            until,
            by: EndedBy::Password,
        };
        self.void_sessions(ended, askers, Recording::Done, cx);
    }

    /// Ends the logins that are compared with the password that a user had.
    fn end_logins(&mut self, of: &str) {
        for wait in self.passwords.values_mut() {
            if let PasswordWait::LogIn(LoggingIn { name, user_id, .. }) = wait
                && **name == *of
            {
                *user_id = None;
            }
        }
    }
}

/// The earliest that a user's new password may count from, so that it ends all sessions that they have: those of logins
/// right behind the change before, which may expire as much later than what that ended as tokens are rounded up, and
/// those that a clock which was ahead has made longer.
fn password_from(user: &UserRow, new: &NewPassword) -> Timestamp {
    let behind_change = user.updated_at.millis() + TOKEN_MILLIS;
    let behind_sessions = new.sessions_until.millis().saturating_sub(ENDED_MILLIS);
    Timestamp::from_millis(behind_change.max(behind_sessions))
}

/// Until when a user's sessions were ended by their last new password.
pub(super) fn ended_until(user: &UserRow) -> Timestamp {
    match user.updated_at > user.created_at {
        true => Timestamp::from_millis(user.updated_at.millis() + ENDED_MILLIS),
        false => Timestamp::default(),
    }
}

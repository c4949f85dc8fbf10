//! Passwords that operators set, and that users change.

use bytes::Bytes;
use rookery_schema::record::{PasswordSet, Record};
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{SessionId, Timestamp};

use crate::auth::ended_users::ENDED_MILLIS;
use crate::context::Context;
use crate::edge::port::{Found, PasswordCheck, PasswordOutcome, StoreFault};
use crate::hashing::Kind;
use crate::mesh::field::Field;
use crate::mesh::problem::Problem;
use crate::mesh::{
    AddressCommand, Asker, Command, Credentials, Ended, EndedBy, NameCommand, NewPassword, Outcome,
    PasswordChange, UserVersion,
};
use crate::owner::changes::ChangeKey;
use crate::owner::endings::Recording;
use crate::owner::names::{LogIn, password_behind};
use crate::owner::partition::Partition;
use crate::owner::partition::reads::ForUser;
use crate::owner::partition::registrations::not_hashed;
use crate::owner::partition::waits::{Changing, LoggingIn, PasswordWait};
use crate::owner::progress::SpanId;
use crate::passwords::check_new_password;

impl Partition {
    /// A user was read. The owner of their name has their password, and their logins.
    pub(super) fn user_read(
        &mut self,
        asker: Asker,
        what: ForUser,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(users) = cx.found(outcome, Found::users) else {
            return cx.refuse(asker, Problem::STORE_UNAVAILABLE);
        };
        let Some(user) = users.into_iter().next() else {
            return cx.refuse(asker, Problem::NO_SUCH_USER);
        };
        let name = user.name().into();
        let command = match what {
            ForUser::SetPassword(password) => {
                let version = UserVersion {
                    user_id: user.user_id,
                    password_from: password_from(&user, &password),
                };
                Command::Name(name, NameCommand::SetPassword(version, password))
            }
            ForUser::ChangePassword(change) => {
                let (network, is_limited) = (change.new.network, change.is_limited);
                let command = NameCommand::ChangePassword(user.username.into(), change);
                match is_limited {
                    true => Command::Address(network, AddressCommand::Name(name, command)),
                    false => Command::Name(name, command),
                }
            }
        };
        cx.ask(asker, command);
    }

    /// Changes the password of whoever is shown as this, or deletes their account, if they know the password that they have.
    /// That is compared like a login's, and counts like one.
    pub(super) fn change_password(
        &mut self,
        asker: Asker,
        name: &str,
        username: Box<str>,
        change: Box<PasswordChange>,
        cx: &mut Context<'_>,
    ) {
        let network = change.new.network;
        let credentials = Credentials {
            username,
            password: Some(change.old.clone()),
        };
        let log_in = LogIn {
            asker,
            credentials: Box::new(credentials),
            network,
            kind: self.kind_of_login(name, network),
            change: Some(change),
        };
        self.log_in(name, log_in, cx);
    }

    /// The old password of a change was compared, as that of a login.
    pub(super) fn old_compared(
        &mut self,
        asker: Asker,
        name: Box<str>,
        changing: Changing,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) {
        let Changing { user, change } = changing;
        match (outcome, user) {
            (Outcome::LoggedIn { .. }, Some(user)) => {
                self.hash_new(asker, name, user, *change, cx);
            }
            (Outcome::NotLoggedIn { user_id, problem }, _) if problem == Problem::WRONG_LOGIN => {
                let problem = match change.new.password {
                    Some(_) => Problem::WRONG_PASSWORD,
                    None => Problem::WRONG_PASSWORD.on(Field::Password),
                };
                cx.answer(asker, Outcome::NotLoggedIn { user_id, problem });
            }
            (outcome, _) => cx.answer(asker, outcome),
        }
    }

    fn hash_new(
        &mut self,
        asker: Asker,
        name: Box<str>,
        user: UserVersion,
        change: PasswordChange,
        cx: &mut Context<'_>,
    ) {
        let PasswordChange { new, kept, .. } = change;
        let Some(password) = new.password else {
            return self.append_user_deletion(asker, &name, user, cx);
        };
        if let Err(problem) = check_new_password(&password, &name) {
            return cx.refuse(asker, problem.on(Field::New));
        }
        let wait = PasswordWait::Set {
            asker,
            name,
            user,
            kept: Some(kept),
            is_overtaken: false,
        };
        let job = self.password_job(wait, &password, PasswordCheck::Hash);
        cx.hash(job, Kind::Known, new.network);
    }

    /// Sets the password of the user of a name, or deletes their account.
    pub(super) fn set_password(
        &mut self,
        asker: Asker,
        name: &str,
        user: UserVersion,
        new: NewPassword,
        cx: &mut Context<'_>,
    ) {
        let Some(password) = new.password else {
            return self.append_user_deletion(asker, name, user, cx);
        };
        if let Err(problem) = check_new_password(&password, name) {
            return cx.refuse(asker, problem);
        }
        let wait = PasswordWait::Set {
            asker,
            name: name.into(),
            user,
            kept: None,
            is_overtaken: false,
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
        kept: Option<SessionId>,
        outcome: PasswordOutcome,
        cx: &mut Context<'_>,
    ) {
        match outcome {
            PasswordOutcome::Hashed(hash) => {
                self.append_password(asker, name, user, &hash, kept, cx);
            }
            outcome @ (PasswordOutcome::Common
            | PasswordOutcome::Busy
            | PasswordOutcome::Verified(_)) => {
                let problem = not_hashed(&outcome, cx);
                cx.refuse(asker, kept.map_or(problem, |_| problem.on(Field::New)));
            }
        }
    }

    fn append_password(
        &mut self,
        asker: Asker,
        name: &str,
        user: UserVersion,
        password_hash: &str,
        kept: Option<SessionId>,
        cx: &mut Context<'_>,
    ) {
        let from = user.password_from.max(self.names.password_from(name));
        let at = cx.now.latest_wall.max(from);
        let set = PasswordSet {
            user_id: user.user_id,
            at,
            sessions_until: Timestamp::from_millis(at.millis() + ENDED_MILLIS),
            username: name,
            password_hash: Some(password_hash),
            kept,
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
            on_stored.names.push((set.username.into(), set.at));
        }
        let (user_id, until) = (set.user_id, set.sessions_until);
        rows.push(Row::EndedSession {
            session_id: SessionId::all_of(user_id),
            expires_at: until,
        });
        rows.extend(set.kept.map(|session_id| Row::EndedSession {
            session_id: session_id.kept(),
            expires_at: until,
        }));
        self.end_logins(set.username);
        let ended = Ended::AllOf {
            user_id,
            until,
            by: EndedBy::Password,
            kept: set.kept,
        };
        self.void_sessions(ended, askers, Recording::Done, cx);
    }

    /// Ends the logins that are compared with the password that a user had, and what was begun by who knew it.
    pub(super) fn end_logins(&mut self, of: &str) {
        for wait in self.passwords.values_mut() {
            match wait {
                PasswordWait::LogIn(LoggingIn { name, user_id, .. }) if **name == *of => {
                    *user_id = None;
                }
                PasswordWait::Set {
                    name,
                    kept: Some(_),
                    is_overtaken,
                    ..
                } if **name == *of => *is_overtaken = true,
                PasswordWait::LogIn(_)
                | PasswordWait::Set { .. }
                | PasswordWait::Register { .. } => {}
            }
        }
    }
}

/// The earliest that a user's new password may count from, so that it ends all sessions that they have: those of logins
/// behind the change before, and those that a clock which was ahead has made longer.
pub(super) fn password_from(user: &UserRow, new: &NewPassword) -> Timestamp {
    let behind_sessions = new.sessions_until.millis().saturating_sub(ENDED_MILLIS);
    password_behind(user).max(Timestamp::from_millis(behind_sessions))
}

/// Until when a user's sessions were ended by their last new password.
pub(super) fn ended_until(user: &UserRow) -> Timestamp {
    match user.updated_at > user.created_at {
        true => Timestamp::from_millis(user.updated_at.millis() + ENDED_MILLIS),
        false => Timestamp::default(),
    }
}

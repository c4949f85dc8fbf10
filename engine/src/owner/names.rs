//! Names, on the owner of their partition: the one place where a name can be claimed, so that uniqueness needs no lock in
//! the store. Names that are claimed now are keys; those from before are as they were typed.

use bytes::Bytes;
use rookery_schema::limits::TOKEN_MILLIS;
use rookery_schema::names::key_of;
use rookery_schema::record::{PasswordSet, UserDeleted, UserRegistered};
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{Timestamp, UserId};

use crate::auth::ended_users::AGAIN_MILLIS;
use crate::hashing::Kind;
use crate::limits::Network;
use crate::map::Map;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Credentials, PasswordChange, Right};
use crate::owner::progress::SpanId;
use crate::owner::retries::Retries;

/// Requests of one kind that may wait for one name to be read from the store.
const NAME_WAITERS_MAX: usize = 64;

/// What is in progress around names, which are what users are unique by. Settled names are in the store and not here.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Map<Box<str>, Name>,
    /// Names that could not be read.
    unread: Retries<Box<str>>,
    claims: Map<UserId, Box<str>>,
}

/// A name that is being worked on.
#[derive(Debug)]
pub(crate) enum Name {
    /// It is being read from the store, or will be again after a pause.
    Loading(Vec<NameWaiter>),
    /// Somebody's registration is on its way through the log.
    Claimed(UserId),
    /// It was applied and is on its way into the store.
    Applied(Box<UserRow>),
}

/// What waits for a name to be read.
#[derive(Debug)]
pub(crate) enum NameWaiter {
    Register(Registration),
    LogIn(LogIn),
    Record(ParkedUser),
}

/// A registration that is asked for.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) asker: Asker,
    /// As the user will be shown.
    pub(crate) username: Box<str>,
    pub(crate) by: By,
}

/// How somebody registers.
#[derive(Debug)]
pub(crate) enum By {
    /// By themselves. Without a password in trust mode.
    Password {
        password: Option<Box<str>>,
        network: Network,
        right: Right,
    },
    /// By an invite that was spent, with the hash of their password.
    Invite(Option<Box<str>>),
}

/// A login that is asked for.
#[derive(Debug)]
pub(crate) struct LogIn {
    pub(crate) asker: Asker,
    pub(crate) credentials: Box<Credentials>,
    pub(crate) network: Network,
    pub(crate) kind: Kind,
    /// The password is to be changed if it is right, and nobody is logged in.
    pub(crate) change: Option<Box<PasswordChange>>,
}

/// A registration whose name is being read from the store.
#[derive(Debug)]
pub(crate) struct ParkedUser {
    pub(crate) span: SpanId,
    pub(crate) bytes: Bytes,
}

impl By {
    /// How it waits; `None` where it may not be refused any more.
    pub(crate) const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Password { right, .. } => Some(kind_of(right)),
            Self::Invite(_) => None,
        }
    }
}

/// How a registration waits. Who has an invite comes as late as others, behind those who have an account.
pub(crate) const fn kind_of(right: &Right) -> Kind {
    match right {
        Right::Operator => Kind::Known,
        Right::Invite(_) | Right::Open => Kind::Registration,
    }
}

impl NameWaiter {
    const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Register(registration) => registration.by.kind(),
            Self::LogIn(log_in) => Some(log_in.kind),
            Self::Record(_) => None,
        }
    }
}

impl Names {
    pub(crate) fn get(&self, name: &str) -> Option<&Name> {
        self.names.get(name)
    }

    pub(crate) fn claim(&mut self, name: &str, user_id: UserId) {
        self.names.insert(name.into(), Name::Claimed(user_id));
        self.claims.insert(user_id, name.into());
    }

    /// Releases a name whose claim failed.
    pub(crate) fn release(&mut self, user_id: UserId) {
        let Some(name) = self.claims.remove(&user_id) else {
            return;
        };
        if matches!(self.names.get(&name), Some(Name::Claimed(by)) if *by == user_id) {
            self.names.remove(&name);
        }
    }

    /// Whether a record about this name can be applied without reading the store.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        matches!(
            self.names.get(name),
            Some(Name::Claimed(_) | Name::Applied(_))
        )
    }

    /// Whether no more requests of a kind may wait for a name. Others of a name can't keep out whoever has logged in to it
    /// before.
    pub(crate) fn is_crowded(&self, name: &str, kind: Kind) -> bool {
        let Some(Name::Loading(waiters)) = self.names.get(name) else {
            return false;
        };
        let of_kind = waiters.iter().filter(|it| it.kind() == Some(kind));
        of_kind.count() >= NAME_WAITERS_MAX
    }

    /// Waits for a name to be read from the store; true where the read has to be started.
    pub(crate) fn wait(&mut self, name: &str, waiter: NameWaiter) -> bool {
        if let Some(Name::Loading(waiters)) = self.names.get_mut(name) {
            waiters.push(waiter);
            return false;
        }
        let loading = Name::Loading(vec![waiter]);
        self.names.insert(name.into(), loading);
        true
    }

    /// A name was read: takes what waited for it; `None` where it was not being read.
    pub(crate) fn end_loading(&mut self, name: &str) -> Option<Vec<NameWaiter>> {
        match self.names.remove(name)? {
            Name::Loading(waiters) => Some(waiters),
            other @ (Name::Claimed(_) | Name::Applied(_)) => {
                self.names.insert(name.into(), other);
                None
            }
        }
    }

    /// Schedules another read of a name, after a pause.
    pub(crate) fn load_later(&mut self, name: &str, kept: Vec<NameWaiter>, now_micros: u64) {
        self.unread.add(name.into(), now_micros);
        self.names.insert(name.into(), Name::Loading(kept));
    }

    /// Takes a name whose next read is due.
    pub(crate) fn next_unread(&mut self, now_micros: u64) -> Option<Box<str>> {
        self.unread.next(now_micros)
    }

    /// Adds a name that the store has, for the records that follow.
    pub(crate) fn found(&mut self, name: &str, row: UserRow) {
        let applied = Name::Applied(Box::new(row));
        self.names.insert(name.into(), applied);
    }

    /// Applies a registration: the first record of a name wins.
    ///
    /// # Errors
    /// Where another was first.
    pub(crate) fn apply(
        &mut self,
        user: &UserRegistered<'_>,
        rows: &mut Vec<Row>,
    ) -> Result<UserRow, Problem> {
        self.claims.remove(&user.user_id);
        if let Some(Name::Applied(row)) = self.names.get(user.name()) {
            match row.user_id == user.user_id {
                // It comes again behind a restart, and the deletion will.
                true if row.is_deleted => return Ok((**row).clone()),
                false if row.holds_name_at(user.at) => return Err(Problem::USERNAME_TAKEN),
                true | false => {}
            }
        }
        let row = UserRow {
            user_id: user.user_id,
            username: user.username.to_owned(),
            key: user.key.map(str::to_owned),
            password_hash: user.password_hash.map(str::to_owned),
            created_at: user.at,
            updated_at: user.at,
            is_deleted: false,
        };
        rows.push(Row::User(row.clone()));
        self.found(user.name(), row.clone());
        Ok(row)
    }

    /// The earliest that a new password of a user may count from, by what is not in the store yet.
    pub(crate) fn password_from(&self, name: &str) -> Timestamp {
        match self.names.get(name) {
            Some(Name::Applied(row)) => password_behind(row),
            Some(_) | None => Timestamp::default(),
        }
    }

    /// Sets a user's password, once or again.
    ///
    /// # Errors
    /// There is no such user; or another change overtook it: it would end less than all sessions that there are since.
    pub(crate) fn set_password(
        &mut self,
        set: &PasswordSet<'_>,
        rows: &mut Vec<Row>,
    ) -> Result<(), Problem> {
        let Some(Name::Applied(row)) = self.names.get_mut(set.username) else {
            return Err(Problem::NO_SUCH_USER);
        };
        if row.user_id != set.user_id || row.is_deleted {
            return Err(Problem::NO_SUCH_USER);
        }
        let is_there =
            row.updated_at == set.at && row.password_hash.as_deref() == set.password_hash;
        if !is_there && set.at.millis() < row.updated_at.millis() + TOKEN_MILLIS {
            return Err(Problem::PASSWORD_OVERTAKEN);
        }
        row.password_hash = set.password_hash.map(str::to_owned);
        row.updated_at = set.at;
        rows.push(Row::User((**row).clone()));
        Ok(())
    }

    /// Deletes a user, once or again.
    ///
    /// # Errors
    /// There is no such user; or another change overtook it: it would end less than all sessions that there are since.
    pub(crate) fn delete(
        &mut self,
        deleted: &UserDeleted<'_>,
        rows: &mut Vec<Row>,
    ) -> Result<(), Problem> {
        let Some(Name::Applied(row)) = self.names.get_mut(deleted.name) else {
            return Err(Problem::NO_SUCH_USER);
        };
        let is_there = row.is_deleted && row.updated_at == deleted.at;
        if row.user_id != deleted.user_id || row.is_deleted && !is_there {
            return Err(Problem::NO_SUCH_USER);
        }
        if !is_there && deleted.at.millis() < row.updated_at.millis() + TOKEN_MILLIS {
            return Err(Problem::PASSWORD_OVERTAKEN);
        }
        row.password_hash = None;
        row.updated_at = deleted.at;
        row.is_deleted = true;
        rows.push(Row::User((**row).clone()));
        Ok(())
    }

    /// A change of a name at this time is in the store: the name can be forgotten here, unless it was changed again meanwhile.
    pub(crate) fn stored(&mut self, name: &str, since: Timestamp) {
        let is_newest = |it: &Name| matches!(it, Name::Applied(row) if row.updated_at <= since);
        if self.names.get(name).is_some_and(is_newest) {
            self.names.remove(name);
        }
    }

    /// Takes everything that waits for names to be read.
    pub(crate) fn drain_waiters(&mut self) -> impl Iterator<Item = NameWaiter> + '_ {
        self.names.drain().flat_map(|(_, name)| match name {
            Name::Loading(waiters) => waiters,
            Name::Claimed(_) | Name::Applied(_) => Vec::new(),
        })
    }
}

/// The earliest that a user's next password may count from: behind all sessions that there are with the one before.
pub(crate) fn password_behind(user: &UserRow) -> Timestamp {
    let behind = match user.updated_at > user.created_at {
        true => AGAIN_MILLIS,
        // Logins with the first one begin behind nothing.
        false => TOKEN_MILLIS,
    };
    Timestamp::from_millis(user.updated_at.millis() + behind)
}

/// The user whom a name stands for as it was typed, among all whose names have its key: those from before keys may be
/// several, and nobody is guessed. Nor does it stand for who was deleted.
pub(crate) fn whom<'a>(typed: &str, users: &'a [UserRow]) -> Option<&'a UserRow> {
    let alive = || users.iter().filter(|user| !user.is_deleted);
    let as_typed = alive().find(|user| user.username == typed);
    let by_key = || alive().find(|user| user.name() == key_of(typed));
    let only = || alive().next().filter(|_| alive().count() == 1);
    as_typed.or_else(by_key).or_else(only)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(username: &str, key: Option<&str>) -> UserRow {
        UserRow {
            user_id: UserId::from_bytes([1; 16]),
            username: username.to_owned(),
            key: key.map(str::to_owned),
            password_hash: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            is_deleted: false,
        }
    }

    #[test]
    fn a_name_stands_for_who_is_called_so_then_for_who_has_the_key_then_for_the_only_one() {
        let old = |names: &[&str]| -> Vec<UserRow> {
            names.iter().map(|name| user(name, None)).collect()
        };
        for (typed, users, expected) in [
            ("ann", vec![user("ann", None)], Some("ann")),
            ("ANN", vec![user("ann", None)], Some("ann")),
            ("ann", vec![user("Ann", Some("ann"))], Some("Ann")),
            ("aNN", vec![user("Ann", Some("ann"))], Some("Ann")),
            ("ann", old(&["Ann"]), Some("Ann")),
            ("Ann", old(&["Ann", "ann"]), Some("Ann")),
            ("ann", old(&["Ann", "ann"]), Some("ann")),
            ("ANN", old(&["Ann", "ann"]), Some("ann")),
            ("Ann", old(&["ANN", "Ann"]), Some("Ann")),
            ("ann", old(&["ANN", "Ann"]), None),
            ("ann", Vec::new(), None),
        ] {
            let found = whom(typed, &users).map(|user| &*user.username);
            assert_eq!(found, expected, "{typed} among {users:?}");
        }
    }
}

//! The keyspaces of users: by id, by name, and those whose names are not their own keys by their keys.

use std::borrow::Cow;

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_schema::UserId;
use rookery_schema::names::{is_key, key_of, place_of};
use rookery_schema::row::UserRow;

use super::codec;
use super::error::ReadError;

/// Names of the keyspaces.
pub(super) const USERS: &str = "users";
pub(super) const USERNAMES: &str = "usernames";
pub(super) const NAMES_BY_KEY: &str = "names_by_key";

/// Between a key and a name; neither has it.
const SEPARATOR: u8 = 0;

/// See the module.
pub(super) struct Users {
    pub(super) users: Keyspace,
    pub(super) usernames: Keyspace,
    pub(super) names_by_key: Keyspace,
}

/// What is looked for by prefix.
struct Search<'a> {
    prefix: &'a str,
    /// The place of the last name that was found before.
    after: Option<(Cow<'a, str>, &'a str)>,
    limit: usize,
}

impl Search<'_> {
    /// The first key that may be found.
    fn first(&self) -> &[u8] {
        match &self.after {
            Some((key, _)) => self.prefix.max(key).as_bytes(),
            None => self.prefix.as_bytes(),
        }
    }

    fn is_behind(&self, name: &str) -> bool {
        self.after
            .as_ref()
            .is_none_or(|after| *after < place_of(name))
    }
}

/// A name, and whose it is.
struct Named {
    name: String,
    user_id: UserId,
}

impl Users {
    pub(super) fn put(&self, batch: &mut OwnedWriteBatch, row: &UserRow) {
        let (id, name) = (row.user_id.as_bytes(), row.name());
        batch.insert(&self.users, id, codec::user_value(row));
        batch.insert(&self.usernames, name, id);
        if !is_key(name) {
            batch.insert(&self.names_by_key, entry_of(name), id);
        }
    }

    /// Adds a name to a batch by its key, where it is not its own and has not been added. `name` and `value` are an entry
    /// of [`Self::usernames`], which versions before keys wrote alone. False where there was nothing to add.
    pub(super) fn index(
        &self,
        batch: &mut OwnedWriteBatch,
        name: &[u8],
        value: &[u8],
    ) -> Result<bool, ReadError> {
        let Named { name, user_id } = named(name, value)?;
        if is_key(&name) {
            return Ok(false);
        }
        let entry = entry_of(&name);
        let is_new = !self.names_by_key.contains_key(&entry)?;
        if is_new {
            batch.insert(&self.names_by_key, entry, user_id.as_bytes());
        }
        Ok(is_new)
    }

    /// See [`Read::User`](rookery_engine::port::Read::User).
    pub(super) fn get(&self, user_id: UserId) -> Result<Option<UserRow>, ReadError> {
        Ok(self.row(user_id)?.filter(|user| !user.is_deleted))
    }

    fn row(&self, user_id: UserId) -> Result<Option<UserRow>, ReadError> {
        let Some(value) = self.users.get(user_id.as_bytes())? else {
            return Ok(None);
        };
        let mut user = codec::user(user_id, &value).ok_or(ReadError::Malformed(USERS))?;
        if !is_key(&user.username) && !self.has_name(&user)? {
            user.key = Some(key_of(&user.username).into_owned());
        }
        Ok(Some(user))
    }

    /// Whether a user is unique by the very name that they are shown by.
    fn has_name(&self, user: &UserRow) -> Result<bool, ReadError> {
        let owner = self.usernames.get(&user.username)?;
        Ok(owner.is_some_and(|owner| *owner == *user.user_id.as_bytes()))
    }

    /// See [`Read::UsersOfKey`](rookery_engine::port::Read::UsersOfKey).
    pub(super) fn of_key(&self, key: &str) -> Result<Vec<UserRow>, ReadError> {
        let itself = self.usernames.get(key)?;
        let itself = itself.map(|value| named(key.as_bytes(), &value));
        let others = self
            .names_by_key
            .prefix([key.as_bytes(), &[SEPARATOR]].concat());
        let others = others.map(|entry| {
            let (entry, value) = entry.into_inner()?;
            named_by_key(&entry, &value)
        });
        let users = itself
            .into_iter()
            .chain(others)
            .map(|it| self.user_of(&it?));
        let mut users: Vec<UserRow> = users
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        users.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        Ok(users)
    }

    /// See [`Read::UsersByPrefix`](rookery_engine::port::Read::UsersByPrefix).
    pub(super) fn by_prefix(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserRow>, ReadError> {
        let search = Search {
            prefix,
            after: after.map(place_of),
            limit,
        };
        // Those that are not their own keys are in the other keyspace, in the place that is theirs.
        let keys = |name: &[u8], value: &[u8]| {
            named(name, value).map(|it| Some(it).filter(|it| is_key(&it.name)))
        };
        let others = |entry: &[u8], value: &[u8]| named_by_key(entry, value).map(Some);
        let mut found = self.search(&self.usernames, keys, &search)?;
        found.extend(self.search(&self.names_by_key, others, &search)?);
        found.sort_by(|a, b| place_of(a.name()).cmp(&place_of(b.name())));
        found.truncate(limit);
        Ok(found)
    }

    /// The first users of a search among the entries of one keyspace, which begin with their keys.
    fn search(
        &self,
        keyspace: &Keyspace,
        read: impl Fn(&[u8], &[u8]) -> Result<Option<Named>, ReadError>,
        search: &Search<'_>,
    ) -> Result<Vec<UserRow>, ReadError> {
        let mut found = Vec::new();
        for entry in keyspace.range(search.first()..) {
            let (key, value) = entry.into_inner()?;
            if found.len() >= search.limit || !key.starts_with(search.prefix.as_bytes()) {
                break;
            }
            let named = read(&key, &value)?.filter(|it| search.is_behind(&it.name));
            if let Some(named) = named {
                let user = self.user_of(&named)?;
                found.extend(user.filter(|user| !user.is_deleted));
            }
        }
        Ok(found)
    }

    /// A name may have been given up since; then the user has another.
    fn user_of(&self, named: &Named) -> Result<Option<UserRow>, ReadError> {
        let user = self.row(named.user_id)?;
        Ok(user.filter(|user| user.name() == named.name))
    }
}

/// The key of a name, and the name.
fn entry_of(name: &str) -> Vec<u8> {
    [key_of(name).as_bytes(), &[SEPARATOR], name.as_bytes()].concat()
}

fn named(name: &[u8], value: &[u8]) -> Result<Named, ReadError> {
    const MALFORMED: ReadError = ReadError::Malformed(USERNAMES);
    Ok(Named {
        name: String::from_utf8(name.to_vec()).map_err(|_| MALFORMED)?,
        user_id: codec::user_id(value).ok_or(MALFORMED)?,
    })
}

fn named_by_key(entry: &[u8], value: &[u8]) -> Result<Named, ReadError> {
    let at = entry.iter().position(|byte| *byte == SEPARATOR);
    let name = at.and_then(|at| entry.get(at + 1..));
    let name = name.ok_or(ReadError::Malformed(NAMES_BY_KEY))?;
    named(name, value)
}

//! Users, by their ids and by their names.

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use rookery_schema::UserId;
use rookery_schema::cql::{behind_prefix, name_bucket, name_buckets};
use rookery_schema::names::{is_key, key_of, place_of};
use rookery_schema::row::UserRow;
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::Connection;
use super::read::limit_of;
use crate::store::scylla::event::time;
use crate::store::scylla::failure::{DriverError, written};

/// Users of one read that are asked for at a time, each of the nodes that have them.
const USERS_IN_FLIGHT_MAX: usize = 32;

/// In the place of the hash of a user who was deleted. No hash is empty.
pub(super) const DELETED: &str = "";

/// Names that a search takes from each partition at once, where those before were out of place.
const NAMES_AT_ONCE_MAX: usize = 512;

/// A name, and whose it is, as one of two tables has it. Their order is that of their places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// What the table is ordered by: the key of the name, or, in `users_by_name`, the name itself.
    order: String,
    name: String,
    user_id: Uuid,
}

impl Entry {
    /// Whether it stands where its name does. The other table has those that don't.
    fn is_in_place(&self) -> bool {
        self.order == key_of(&self.name)
    }
}

impl Connection {
    /// See [`Read::User`](rookery_engine::port::Read::User).
    pub(super) async fn user(&self, user_id: UserId) -> Result<Option<UserRow>, DriverError> {
        let user = self.user_row(user_id).await?;
        let Some(mut user) = user.filter(|user| !user.is_deleted) else {
            return Ok(None);
        };
        if !is_key(&user.username) {
            let owner = self.owner_of(&user.username).await?;
            if owner != Some(user_id) {
                user.key = Some(key_of(&user.username).into_owned());
            }
        }
        Ok(Some(user))
    }

    /// What the row itself tells, which is not what the user is unique by.
    async fn user_row(&self, user_id: UserId) -> Result<Option<UserRow>, DriverError> {
        type Row = (
            Option<String>,
            Option<String>,
            Option<CqlTimestamp>,
            Option<CqlTimestamp>,
        );
        let rows = self.select::<Row>(&self.statements.user, (user_id.0,));
        let Some((Some(username), password_hash, Some(created_at), Some(updated_at))) =
            rows.await?.into_iter().next()
        else {
            return Ok(None);
        };
        let what = format_args!("user {user_id}");
        Ok(Some(UserRow {
            user_id,
            username,
            key: None,
            is_deleted: password_hash.as_deref() == Some(DELETED),
            password_hash: password_hash.filter(|hash| hash != DELETED),
            created_at: written(time(created_at), what)?,
            updated_at: written(time(updated_at), what)?,
        }))
    }

    pub(super) async fn users(&self, user_ids: &[UserId]) -> Result<Vec<UserRow>, DriverError> {
        let users = stream::iter(user_ids)
            .map(|user_id| self.user(*user_id))
            .buffered(USERS_IN_FLIGHT_MAX)
            .try_filter_map(async |user| Ok(user));
        users.try_collect().await
    }

    async fn owner_of(&self, name: &str) -> Result<Option<UserId>, DriverError> {
        let key = (name_bucket(name), name);
        let rows = self.select::<(Uuid,)>(&self.statements.user_of_name, key);
        Ok(rows.await?.first().map(|(user_id,)| UserId(*user_id)))
    }

    /// See [`Read::UsersOfKey`](rookery_engine::port::Read::UsersOfKey).
    pub(super) async fn users_of_key(&self, key: &str) -> Result<Vec<UserRow>, DriverError> {
        let values = (name_bucket(key), key);
        let others = self.select::<(String, Uuid)>(&self.statements.names_of_key, values);
        let (owner, others) = futures_util::try_join!(self.owner_of(key), others)?;
        let owner = owner.map(|user_id| (key.to_owned(), user_id.0));
        let mut names: Vec<_> = others.into_iter().chain(owner).collect();
        names.sort_unstable();
        let users = stream::iter(&names)
            .map(|(name, user_id)| self.user_with_name(UserId(*user_id), name))
            .buffered(USERS_IN_FLIGHT_MAX)
            .try_filter_map(async |user| Ok(user));
        users.try_collect().await
    }

    /// A name may have been given up since; then the user has another. Nor may their row be there yet.
    async fn user_with_name(
        &self,
        user_id: UserId,
        name: &str,
    ) -> Result<Option<UserRow>, DriverError> {
        let user = self.user_row(user_id).await?;
        Ok(user.and_then(|mut user| {
            if user.username != name {
                user.key = Some(name.to_owned());
                return Some(user).filter(|user| key_of(&user.username) == name);
            }
            Some(user)
        }))
    }

    /// See [`Read::UsersByPrefix`](rookery_engine::port::Read::UsersByPrefix).
    pub(super) async fn users_by_prefix(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserRow>, DriverError> {
        let end = behind_prefix(prefix);
        let (mut found, mut rows) = (Vec::new(), limit);
        let mut after = after.map(|name| {
            let (key, name) = place_of(name);
            (key.into_owned(), name.to_owned())
        });
        loop {
            let entries = self
                .entries(prefix, after.as_ref(), end.as_deref(), rows)
                .await?;
            let users = stream::iter(entries.iter().filter(|entry| entry.is_in_place()))
                .map(|entry| self.user_with_name(UserId(entry.user_id), &entry.name))
                .buffered(USERS_IN_FLIGHT_MAX)
                .try_filter_map(async |user| Ok(user.filter(|user| !user.is_deleted)));
            found.extend(users.try_collect::<Vec<_>>().await?);
            match entries.into_iter().nth(rows.saturating_sub(1)) {
                // Few were in place here, and so it may go on.
                Some(last) if found.len() < limit => {
                    after = Some((last.order, last.name));
                    rows = (rows * 8).min(NAMES_AT_ONCE_MAX);
                }
                _ => break,
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The first names that begin with a prefix, of both tables, behind a place; so many at most.
    async fn entries(
        &self,
        prefix: &str,
        after: Option<&(String, String)>,
        end: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, DriverError> {
        // No text is between another and the same with this at its end.
        let behind = |text: &str| format!("{text}\0");
        let (first_name, first) = match after {
            Some((key, name)) if **key >= *prefix => {
                let first_name = if key > name { key.clone() } else { behind(key) };
                (first_name, (key.clone(), behind(name)))
            }
            Some(_) | None => (prefix.to_owned(), (prefix.to_owned(), String::new())),
        };
        if end.is_some_and(|end| end <= &*first.0) {
            return Ok(Vec::new());
        }
        let (first_name, first) = (&first_name, (&*first.0, &*first.1));
        let of_buckets = name_buckets().map(|bucket| async move {
            futures_util::try_join!(
                self.names(bucket, first_name, end, limit),
                self.names_by_key(bucket, first, end, limit),
            )
        });
        let of_buckets = try_join_all(of_buckets).await?;
        let mut entries: Vec<Entry> = of_buckets
            .into_iter()
            .flat_map(|(names, others)| [names, others])
            .flatten()
            .collect();
        entries.sort_unstable();
        entries.truncate(limit);
        Ok(entries)
    }

    async fn names(
        &self,
        bucket: i32,
        from: &str,
        end: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, DriverError> {
        let (limit, to) = (limit_of(limit), &self.statements);
        let names = match end {
            Some(end) => {
                self.select(&to.names_between, (bucket, from, end, limit))
                    .await?
            }
            None => self.select(&to.names_from, (bucket, from, limit)).await?,
        };
        let entry = |(name, user_id): (String, Uuid)| Entry {
            order: name.clone(),
            name,
            user_id,
        };
        Ok(names.into_iter().map(entry).collect())
    }

    async fn names_by_key(
        &self,
        bucket: i32,
        from: (&str, &str),
        end: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, DriverError> {
        let (limit, to) = (limit_of(limit), &self.statements);
        let (key, name) = from;
        let names = match end {
            Some(end) => {
                let values = (bucket, key, name, end, limit);
                self.select(&to.names_by_key_between, values).await?
            }
            None => {
                self.select(&to.names_by_key_from, (bucket, key, name, limit))
                    .await?
            }
        };
        let entry = |(order, name, user_id): (String, String, Uuid)| Entry {
            order,
            name,
            user_id,
        };
        Ok(names.into_iter().map(entry).collect())
    }
}

//! What users have for themselves: sessions, profiles, settings.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use rookery_schema::row::{ProfileRow, SessionRow, UserSettingsRow};
use rookery_schema::{SessionId, UserId, format};
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::Connection;
use super::read::limit_of;
use crate::store::scylla::event::time;
use crate::store::scylla::failure::{DriverError, written};

/// Profiles of one read that are asked for at a time, each of the nodes that have them.
const PROFILES_IN_FLIGHT_MAX: usize = 32;

impl Connection {
    /// See [`Read::SessionsOfUser`](rookery_engine::port::Read::SessionsOfUser).
    pub(super) async fn sessions_of(
        &self,
        user_id: UserId,
        limit: usize,
    ) -> Result<Vec<SessionRow>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(Vec::new());
        }
        let values = (user_id.0, limit_of(limit));
        let rows =
            self.select::<(CqlTimestamp, Uuid, Vec<u8>)>(&self.statements.sessions_of_user, values);
        let session = |(expires_at, id, value): (CqlTimestamp, Uuid, Vec<u8>)| {
            let row = time(expires_at).and_then(|expires_at| {
                SessionRow::stored(user_id, expires_at, SessionId(id), &value)
            });
            written(row, format_args!("session {id} of user {user_id}"))
        };
        rows.await?.into_iter().take(limit).map(session).collect()
    }

    pub(super) async fn profiles(
        &self,
        user_ids: &[UserId],
    ) -> Result<Vec<ProfileRow>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(Vec::new());
        }
        let profiles = stream::iter(user_ids)
            .map(|user_id| self.profile(*user_id))
            .buffered(PROFILES_IN_FLIGHT_MAX)
            .try_filter_map(async |profile| Ok(profile));
        profiles.try_collect().await
    }

    async fn profile(&self, user_id: UserId) -> Result<Option<ProfileRow>, DriverError> {
        let rows = self.select::<(Vec<u8>,)>(&self.statements.profile, (user_id.0,));
        let profile = |(value,): (Vec<u8>,)| {
            let row = ProfileRow::stored(user_id, &value);
            written(row, format_args!("the profile of user {user_id}"))
        };
        rows.await?.into_iter().next().map(profile).transpose()
    }

    pub(super) async fn user_settings(
        &self,
        user_id: UserId,
    ) -> Result<Option<UserSettingsRow>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(None);
        }
        let rows = self.select::<(Vec<u8>,)>(&self.statements.user_settings, (user_id.0,));
        let settings = |(value,): (Vec<u8>,)| {
            let row = UserSettingsRow::stored(user_id, &value);
            written(row, format_args!("the settings of user {user_id}"))
        };
        rows.await?.into_iter().next().map(settings).transpose()
    }
}

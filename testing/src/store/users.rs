//! Users, their sessions, and what they say of themselves and have set.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rookery_schema::names::key_of;
use rookery_schema::row::{ProfileRow, SessionRow, UserRow, UserSettingsRow};
use rookery_schema::{SessionId, Timestamp, UserId};

/// See the module. Where rows are `guarded`, one that comes late undoes nothing.
#[derive(Default)]
pub(super) struct Users {
    users: HashMap<UserId, UserRow>,
    names: BTreeMap<String, UserId>,
    ended: BTreeMap<SessionId, Timestamp>,
    /// By user and expiry.
    sessions: BTreeMap<(UserId, Timestamp, SessionId), SessionRow>,
    /// Those that are in no list any more; and of each user, until when none is.
    unlisted: BTreeSet<(UserId, SessionId)>,
    unlisted_until: HashMap<UserId, Timestamp>,
    profiles: HashMap<UserId, ProfileRow>,
    settings: HashMap<UserId, UserSettingsRow>,
    own_gone: HashSet<UserId>,
}

impl Users {
    pub(super) fn put(&mut self, row: UserRow) {
        self.names.insert(row.name().to_owned(), row.user_id);
        self.users.insert(row.user_id, row);
    }

    pub(super) fn end_session(&mut self, id: SessionId, expires_at: Timestamp, guarded: bool) {
        let before = self.ended.entry(id).or_insert(expires_at);
        if !guarded || *before < expires_at {
            *before = expires_at;
        }
    }

    pub(super) fn list(&mut self, row: SessionRow, guarded: bool) {
        let until = self.unlisted_until.get(&row.user_id);
        let is_gone = self.unlisted.contains(&(row.user_id, row.session_id))
            || until.is_some_and(|until| row.expires_at <= *until);
        if !guarded || !is_gone {
            let key = (row.user_id, row.expires_at, row.session_id);
            self.sessions.insert(key, row);
        }
    }

    pub(super) fn unlist(&mut self, user_id: UserId, id: SessionId, expires_at: Timestamp) {
        self.sessions.remove(&(user_id, expires_at, id));
        self.unlisted.insert((user_id, id));
    }

    pub(super) fn unlist_until(&mut self, user_id: UserId, until: Timestamp) {
        self.sessions
            .retain(|(user, expires_at, _), _| *user != user_id || *expires_at > until);
        let known = self.unlisted_until.entry(user_id).or_default();
        *known = until.max(*known);
    }

    pub(super) fn set_profile(&mut self, row: ProfileRow, guarded: bool) {
        let before = self.profiles.get(&row.user_id);
        let is_late = before.is_some_and(|before| before.offset > row.offset);
        let is_gone = self.own_gone.contains(&row.user_id);
        if !is_gone && (!guarded || !is_late) {
            self.profiles.insert(row.user_id, row);
        }
    }

    pub(super) fn set_settings(&mut self, row: UserSettingsRow, guarded: bool) {
        let before = self.settings.get(&row.user_id);
        let is_late = before.is_some_and(|before| before.offset > row.offset);
        let is_gone = self.own_gone.contains(&row.user_id);
        if !is_gone && (!guarded || !is_late) {
            self.settings.insert(row.user_id, row);
        }
    }

    pub(super) fn forget_own(&mut self, user_id: UserId) {
        self.profiles.remove(&user_id);
        self.settings.remove(&user_id);
        self.own_gone.insert(user_id);
    }

    /// A user who was not deleted.
    pub(super) fn alive(&self, user_id: UserId) -> Option<UserRow> {
        let user = self.users.get(&user_id)?;
        (!user.is_deleted).then(|| user.clone())
    }

    pub(super) fn of_key(&self, key: &str) -> Vec<UserRow> {
        let of_key = self.names_in_order().filter(|(of, _)| of == key);
        of_key.filter_map(|(_, name)| self.named(&name)).collect()
    }

    pub(super) fn by_prefix(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<UserRow> {
        let after = after.map(place);
        let names = self
            .names_in_order()
            .filter(|(key, _)| key.starts_with(prefix))
            .filter(|place| after.as_ref().is_none_or(|after| after < place));
        let users = names.filter_map(|(_, name)| self.named(&name));
        let users = users.filter(|user| !user.is_deleted);
        users.take(limit).collect()
    }

    fn named(&self, name: &str) -> Option<UserRow> {
        let user = self.users.get(self.names.get(name)?)?;
        (user.name() == name).then(|| user.clone())
    }

    /// All names, behind their keys.
    fn names_in_order(&self) -> impl Iterator<Item = (String, String)> {
        let places: BTreeSet<_> = self.names.keys().map(|name| place(name)).collect();
        places.into_iter()
    }

    pub(super) fn ended_sessions(&self) -> Vec<(SessionId, Timestamp)> {
        self.ended.iter().map(|(id, at)| (*id, *at)).collect()
    }

    pub(super) fn sessions_of(&self, user_id: UserId, limit: usize) -> Vec<SessionRow> {
        let of_user = self.sessions.values().rev();
        let of_user = of_user.filter(|row| row.user_id == user_id);
        of_user.take(limit).cloned().collect()
    }

    pub(super) fn profiles_of(&self, user_ids: &[UserId]) -> Vec<ProfileRow> {
        let profiles = user_ids.iter().filter_map(|id| self.profiles.get(id));
        profiles.cloned().collect()
    }

    pub(super) fn settings_of(&self, user_id: UserId) -> Option<UserSettingsRow> {
        self.settings.get(&user_id).cloned()
    }
}

fn place(name: &str) -> (String, String) {
    (key_of(name).into_owned(), name.to_owned())
}

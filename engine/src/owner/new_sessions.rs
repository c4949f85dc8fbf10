//! Sessions whose start is recorded, or being recorded, and not in the store: their users' lists have them nevertheless.

use rookery_schema::row::SessionRow;
use rookery_schema::{SessionId, UserId};

use crate::context::Context;
use crate::map::Map;
use crate::mesh::{Asker, Outcome};

/// See the module. As many as there are records of them on their way.
#[derive(Debug, Default)]
pub(crate) struct NewSessions(Map<UserId, Vec<SessionRow>>);

impl NewSessions {
    pub(crate) fn add(&mut self, row: SessionRow) {
        let of_user = self.0.entry(row.user_id).or_default();
        if of_user.iter().all(|it| it.session_id != row.session_id) {
            of_user.push(row);
        }
    }

    /// A session is in the store, or was not recorded.
    pub(crate) fn remove(&mut self, user_id: UserId, session_id: SessionId) {
        if let Some(of_user) = self.0.get_mut(&user_id) {
            of_user.retain(|it| it.session_id != session_id);
            if of_user.is_empty() {
                self.0.remove(&user_id);
            }
        }
    }

    /// Adds those of a user to what the store has, the newest first, so many at most.
    pub(crate) fn list(
        &self,
        user_id: UserId,
        mut stored: Vec<SessionRow>,
        limit: usize,
    ) -> Vec<SessionRow> {
        let new = self.0.get(&user_id).map(Vec::as_slice).unwrap_or_default();
        for row in new {
            if stored.iter().all(|it| it.session_id != row.session_id) {
                stored.push(row.clone());
            }
        }
        stored.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.session_id)));
        stored.truncate(limit);
        stored
    }
}

/// Logs in who still waits for it.
pub(crate) fn log_in(waiting: impl IntoIterator<Item = Asker>, cx: &mut Context<'_>) {
    for asker in waiting {
        cx.answer(asker, Outcome::Done);
    }
}

/// The same, where their logins may not be in the log.
pub(crate) fn log_in_unrecorded(waiting: impl IntoIterator<Item = Asker>, cx: &mut Context<'_>) {
    for asker in waiting {
        cx.stats.logins_unrecorded += 1;
        cx.answer(asker, Outcome::Done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schema::Timestamp;

    const USER: UserId = UserId::from_bytes([1; 16]);

    fn session(n: u8) -> SessionRow {
        SessionRow {
            user_id: USER,
            session_id: SessionId::from_bytes([n; 16]),
            created_at: Timestamp::from_millis(u64::from(n)),
            expires_at: Timestamp::from_millis(1000),
            address: [192, 0, 2, 1].into(),
            name: "client".to_owned(),
        }
    }

    #[test]
    fn a_list_has_what_is_not_stored_once_and_in_its_place() {
        let mut new = NewSessions::default();
        for n in [2, 4, 4] {
            new.add(session(n));
        }
        let stored = || vec![session(3), session(2), session(1)];
        let all = [4, 3, 2, 1].map(session);
        assert_eq!(new.list(USER, stored(), 9), all);
        assert_eq!(new.list(USER, stored(), 2), all[..2]);
        new.remove(USER, session(4).session_id);
        assert_eq!(new.list(USER, stored(), 9), all[1..]);
        new.remove(USER, session(2).session_id);
        assert!(new.0.is_empty());
    }
}

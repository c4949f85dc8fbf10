//! Users all of whose sessions were ended.

use rookery_schema::{Timestamp, UserId};

use crate::map::Map;

/// Users that are kept one by one, about 40 bytes each.
const USERS_MAX: usize = 65_536;

/// Until when each user's sessions are ended: those that expire by then. When it is full, the user whose time comes
/// first is dropped, and the sessions of all users that expire by that time count as ended.
#[derive(Debug, Default)]
pub(crate) struct EndedUsers {
    until: Map<UserId, Timestamp>,
    all_until: Timestamp,
}

impl EndedUsers {
    pub(crate) fn end(&mut self, user_id: UserId, until: Timestamp) {
        let known = self.until.entry(user_id).or_default();
        *known = until.max(*known);
        if self.until.len() > USERS_MAX {
            let first = self.until.iter().min_by_key(|(_, until)| **until);
            if let Some((&user_id, &until)) = first {
                self.until.remove(&user_id);
                self.all_until = until.max(self.all_until);
            }
        }
    }

    /// Until when a user's sessions are ended.
    pub(crate) fn until(&self, user_id: UserId) -> Timestamp {
        let of_user = self.until.get(&user_id).copied().unwrap_or_default();
        of_user.max(self.all_until)
    }

    /// Until when the sessions of all users are ended.
    pub(crate) const fn all_until(&self) -> Timestamp {
        self.all_until
    }

    /// Forgets those whose sessions have all expired.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.until.retain(|_, until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u64) -> UserId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        UserId::from_bytes(bytes)
    }

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_user_s_sessions_are_ended_until_they_have_expired() {
        let mut ended = EndedUsers::default();
        ended.end(user(1), at(20));
        ended.end(user(1), at(10));
        assert_eq!(
            (ended.until(user(1)), ended.until(user(2))),
            (at(20), at(0))
        );
        ended.expire(at(19));
        assert_eq!(ended.until(user(1)), at(20));
        ended.expire(at(20));
        assert!(ended.until.is_empty());
    }

    #[test]
    fn what_was_ended_stays_so_however_many_are() {
        let mut ended = EndedUsers::default();
        let all = USERS_MAX as u64 + 3;
        for n in 1..=all {
            ended.end(user(n), at(n));
        }
        assert_eq!(ended.until.len(), USERS_MAX);
        assert!((1..=all).all(|n| ended.until(user(n)) >= at(n)));
        assert_eq!(ended.until(user(0)), at(3), "and all that expire by then");
    }
}

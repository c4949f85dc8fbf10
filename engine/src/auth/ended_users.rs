//! Users all of whose sessions were ended, by a new password or by their logouts.

use rookery_schema::limits::{SESSION_MILLIS, TOKEN_MILLIS};
use rookery_schema::{SessionId, Timestamp, UserId};

use crate::ids::Session;
use crate::map::Map;
use crate::mesh::EndedBy;

/// Milliseconds by which a login of a user who has met the bound of logouts may outlast others of its time, so that
/// their last logout did not end it.
pub(crate) const AHEAD_MILLIS_MAX: u64 = 60_000;
/// Milliseconds that a login may take which was right before its password was set: the session that it gets is ended
/// too. It is longer than anybody waits for an answer.
const LOGIN_MILLIS_MAX: u64 = 60_000;
/// Milliseconds from a new password to the latest expiry of a session that it ends.
pub(crate) const ENDED_MILLIS: u64 = SESSION_MILLIS + AHEAD_MILLIS_MAX + LOGIN_MILLIS_MAX;
/// Milliseconds from a new password to when the next may count from, so that it ends all logins with the one before: these begin
/// behind what that ended, are put ahead by logouts, and are rounded up twice.
pub(crate) const AGAIN_MILLIS: u64 = AHEAD_MILLIS_MAX + 2 * TOKEN_MILLIS;

/// Users that are kept one by one, about 48 bytes each.
const USERS_MAX: usize = 65_536;

/// Until when each user's sessions are ended: those that expire by then. When it is full, the user whose time comes
/// first is dropped, and the sessions of all users that expire by that time count as ended.
#[derive(Debug, Default)]
pub(crate) struct EndedUsers {
    until: Map<UserId, Until>,
    all_until: Timestamp,
    /// Sessions that outlive new passwords which end sessions up to a time, by their [`SessionId::kept`]. One at most for
    /// each change of a password; above the bound, the one whose time comes first is forgotten, and so is ended.
    kept: Map<SessionId, Timestamp>,
}

/// Until when a user's sessions are ended, by what.
#[derive(Clone, Copy, Debug, Default)]
struct Until {
    password: Timestamp,
    logouts: Timestamp,
}

impl Until {
    fn latest(&self) -> Timestamp {
        self.password.max(self.logouts)
    }
}

impl EndedUsers {
    pub(crate) fn end(&mut self, user_id: UserId, until: Timestamp, by: EndedBy) {
        let known = self.until.entry(user_id).or_default();
        let known = match by {
            EndedBy::Password => &mut known.password,
            EndedBy::Logouts => &mut known.logouts,
        };
        *known = until.max(*known);
        if self.until.len() > USERS_MAX {
            let all = self.until.iter().map(|(id, it)| (*id, it.latest()));
            if let Some((user_id, until)) = all.min_by_key(|(_, until)| *until) {
                self.until.remove(&user_id);
                self.all_until = until.max(self.all_until);
            }
        }
    }

    /// A session outlives the new password that ends sessions up to this time.
    pub(crate) fn keep(&mut self, session_id: SessionId, until: Timestamp) {
        let known = self.kept.entry(session_id.kept()).or_default();
        *known = until.max(*known);
        if self.kept.len() > USERS_MAX
            && let Some(first) = self.kept.iter().min_by_key(|(_, until)| **until)
        {
            let session_id = *first.0;
            self.kept.remove(&session_id);
        }
    }

    /// Whether a user's session is among those that are ended.
    pub(crate) fn ends(&self, user_id: UserId, session: Session) -> bool {
        let of = self.of(user_id);
        let expires_at = session.usual_expiry();
        // Of one that tells when it was issued, no room need be left for those that were being issued.
        let ended_by_password = match session.issued_at {
            Some(at) => Timestamp::from_millis(at.millis() + ENDED_MILLIS),
            None => expires_at,
        };
        expires_at <= of.logouts.max(self.all_until)
            || ended_by_password <= of.password && !self.is_kept(session, of.password)
    }

    /// Whether a session was kept by the password that ended others until then.
    fn is_kept(&self, session: Session, until: Timestamp) -> bool {
        let kept = self.kept.get(&session.session_id.kept());
        kept.is_some_and(|kept| *kept >= until)
    }

    /// Until when a user's sessions are ended by one of these alone, as far as that is kept.
    pub(crate) fn until_by(&self, user_id: UserId, by: EndedBy) -> Timestamp {
        match by {
            EndedBy::Password => self.of(user_id).password,
            EndedBy::Logouts => self.of(user_id).logouts,
        }
    }

    fn of(&self, user_id: UserId) -> Until {
        self.until.get(&user_id).copied().unwrap_or_default()
    }

    /// Until when the sessions of all users are ended.
    pub(crate) const fn all_until(&self) -> Timestamp {
        self.all_until
    }

    /// Forgets those whose sessions have all expired.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.until.retain(|_, until| until.latest() > now);
        self.kept.retain(|_, until| *until > now);
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

    /// Until when a user's sessions are ended.
    fn until(ended: &EndedUsers, n: u64) -> Timestamp {
        ended.of(user(n)).latest().max(ended.all_until)
    }

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_user_s_sessions_are_ended_until_they_have_expired() {
        let mut ended = EndedUsers::default();
        ended.end(user(1), at(20), EndedBy::Logouts);
        ended.end(user(1), at(10), EndedBy::Logouts);
        assert_eq!((until(&ended, 1), until(&ended, 2)), (at(20), at(0)));
        ended.expire(at(19));
        assert_eq!(until(&ended, 1), at(20));
        ended.expire(at(20));
        assert!(ended.until.is_empty());
    }

    #[test]
    fn a_session_is_kept_by_one_password_and_ended_by_the_next() {
        let session = |n: u8| Session::new(SessionId::from_bytes([n; 16]), at(10));
        let mut ended = EndedUsers::default();
        ended.keep(session(1).session_id, at(20));
        ended.end(user(1), at(20), EndedBy::Password);
        assert!(!ended.ends(user(1), session(1)) && ended.ends(user(1), session(2)));
        ended.end(user(1), at(9), EndedBy::Logouts);
        assert!(!ended.ends(user(1), session(1)), "it expires later");
        let mut logged_out = EndedUsers::default();
        logged_out.keep(session(1).session_id, at(20));
        logged_out.end(user(1), at(10), EndedBy::Logouts);
        assert!(logged_out.ends(user(1), session(1)), "by another hand");
        ended.keep(session(2).session_id, at(30));
        ended.end(user(1), at(30), EndedBy::Password);
        assert!(ended.ends(user(1), session(1)) && !ended.ends(user(1), session(2)));
        ended.expire(at(30));
        assert!(ended.kept.is_empty());
    }

    #[test]
    fn what_was_ended_stays_so_however_many_are() {
        let mut ended = EndedUsers::default();
        let all = USERS_MAX as u64 + 3;
        for n in 1..=all {
            ended.end(user(n), at(n), EndedBy::Password);
        }
        assert_eq!(ended.until.len(), USERS_MAX);
        assert!((1..=all).all(|n| until(&ended, n) >= at(n)));
        assert_eq!(until(&ended, 0), at(3), "and all that expire by then");
    }

    #[test]
    fn what_a_password_ended_is_kept_apart_from_what_logouts_ended() {
        use EndedBy::{Logouts, Password};
        for (first, second) in [(Logouts, Password), (Password, Logouts)] {
            let mut ended = EndedUsers::default();
            ended.end(user(1), at(10), first);
            ended.end(user(1), at(20), second);
            assert_eq!(ended.until_by(user(1), first), at(10));
            assert_eq!(ended.until_by(user(1), second), at(20));
            assert_eq!(until(&ended, 1), at(20));
            ended.expire(at(19));
            assert_eq!(until(&ended, 1), at(20), "until the last has come");
        }
    }

    /// Of another issuer, whose tokens may live for any time.
    #[test]
    fn a_session_that_tells_when_it_was_issued_is_ended_by_what_came_behind_that() {
        let issued = |millis, expires_at| Session {
            session_id: SessionId::from_bytes([1; 16]),
            expires_at: at(expires_at),
            issued_at: Some(at(millis)),
        };
        let (ended_at, long) = (1000, 10 * SESSION_MILLIS);
        let mut by_password = EndedUsers::default();
        by_password.end(user(1), at(ended_at + ENDED_MILLIS), EndedBy::Password);
        let mut by_logout = EndedUsers::default();
        by_logout.end(user(1), at(ended_at + SESSION_MILLIS), EndedBy::Logouts);
        for ended in [by_password, by_logout] {
            for expires_at in [ended_at + 1, long] {
                assert!(ended.ends(user(1), issued(ended_at, expires_at)));
                assert!(!ended.ends(user(1), issued(ended_at + 1, expires_at)));
            }
        }
    }
}

//! Logins that were ended and tickets that were spent: their signatures are still valid, but they must not be accepted
//! again.

use std::collections::BTreeSet;

use rookery_schema::{SessionId, Timestamp};

/// Ids that are kept one by one, about 40 bytes each.
const REVOKED_MAX: usize = 1 << 20;

/// Revoked ids, until they expire by themselves, or are too many: then the one that expires first is dropped. With an
/// id that is forgotten, everything that expires no later counts as revoked. So no login that was ended works again,
/// whatever becomes of the clock; where there were too many, users of old logins may have to log in again. The result
/// does not depend on the order of revocations, so all shards agree.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    ids: BTreeSet<(Timestamp, SessionId)>,
    /// Everything that expires by then is revoked: the latest expiry of what was forgotten.
    all_until: Timestamp,
}

impl Revoked {
    /// Revokes an id; false if it was revoked before.
    pub(crate) fn revoke(&mut self, id: SessionId, expires_at: Timestamp) -> bool {
        if expires_at <= self.all_until || !self.ids.insert((expires_at, id)) {
            return false;
        }
        if self.ids.len() > REVOKED_MAX {
            self.forget_first();
        }
        true
    }

    /// Revokes everything that expires by then.
    pub(crate) fn revoke_all_until(&mut self, expires_at: Timestamp) {
        self.all_until = self.all_until.max(expires_at);
    }

    /// Everything that expires by then is revoked.
    pub(crate) const fn all_until(&self) -> Timestamp {
        self.all_until
    }

    pub(crate) fn contains(&self, id: SessionId, expires_at: Timestamp) -> bool {
        expires_at <= self.all_until || self.ids.contains(&(expires_at, id))
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while self.ids.first().is_some_and(|(first, _)| *first <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((first, _)) = self.ids.pop_first() {
            self.revoke_all_until(first);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> SessionId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        SessionId::from_bytes(bytes)
    }

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_id_is_revoked_until_it_expires() {
        let mut revoked = Revoked::default();
        assert!(revoked.revoke(id(1), at(10)));
        assert!(!revoked.revoke(id(1), at(10)), "twice");
        assert!(revoked.contains(id(1), at(10)));
        assert!(!revoked.contains(id(2), at(10)));
        assert!(revoked.revoke(id(2), at(20)));
        revoked.expire(at(10));
        assert_eq!(revoked.len(), 1, "what has expired is forgotten");
        assert!(revoked.contains(id(2), at(20)));
    }

    #[test]
    fn an_id_that_was_forgotten_stays_revoked_whatever_becomes_of_the_clock() {
        let mut revoked = Revoked::default();
        revoked.revoke(id(1), at(10));
        revoked.expire(at(1000));
        assert_eq!(revoked.len(), 0);
        assert!(revoked.contains(id(1), at(10)));
        assert!(!revoked.revoke(id(1), at(10)), "a ticket is spent once");
        assert!(
            !revoked.contains(id(2), at(11)),
            "later than what was forgotten"
        );
    }

    #[test]
    fn what_was_revoked_stays_so_however_much_is() {
        const MORE: u64 = 1000;
        let all = REVOKED_MAX as u64 + MORE;
        let (mut upwards, mut downwards) = (Revoked::default(), Revoked::default());
        for n in 1..=all {
            upwards.revoke(id(n), at(n));
            let n = all + 1 - n;
            downwards.revoke(id(n), at(n));
        }
        for revoked in [upwards, downwards] {
            assert_eq!(revoked.len(), REVOKED_MAX, "memory is bounded");
            assert!((1..=all).all(|n| revoked.contains(id(n), at(n))));
            assert!(
                revoked.contains(id(0), at(MORE)),
                "as old as one that was dropped"
            );
            assert!(
                !revoked.contains(id(0), at(MORE + 1)),
                "younger than all of those"
            );
        }
    }
}

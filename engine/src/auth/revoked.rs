//! Logins that were ended and tickets that were spent: their signatures are still valid, but they must not be accepted
//! again.

use std::collections::BTreeSet;

use rookery_schema::{SessionId, Timestamp};

/// Ids that are kept one by one, about 40 bytes each.
const REVOKED_MAX: usize = 1 << 20;

/// Revoked ids, until they expire by themselves. When it is full, the entry that expires first is dropped, and
/// everything that expires no later counts as revoked: users of old logins may have to log in again, but no login
/// that was ended works again. The result does not depend on the order of revocations, so all shards agree.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    ids: BTreeSet<(Timestamp, SessionId)>,
    /// Everything that expires by then is revoked.
    all_until: Timestamp,
}

impl Revoked {
    /// Revokes an id; false if it was revoked before.
    pub(crate) fn revoke(&mut self, id: SessionId, expires_at: Timestamp) -> bool {
        if expires_at <= self.all_until || !self.ids.insert((expires_at, id)) {
            return false;
        }
        if self.ids.len() > REVOKED_MAX
            && let Some((first, _)) = self.ids.pop_first()
        {
            self.all_until = first;
        }
        true
    }

    pub(crate) fn contains(&self, id: SessionId, expires_at: Timestamp) -> bool {
        expires_at <= self.all_until || self.ids.contains(&(expires_at, id))
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while self.ids.first().is_some_and(|(first, _)| *first <= now) {
            self.ids.pop_first();
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

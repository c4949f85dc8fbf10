//! Logins that were ended and tickets that were spent: their signatures are still valid, but they must not be accepted
//! again.

use std::collections::BTreeMap;

use rookery_schema::{SessionId, Timestamp, UserId};

use crate::map::Map;

/// Ids that are kept one by one, about 60 bytes each.
const REVOKED_MAX: usize = 1 << 20;

/// Revoked ids, until they expire by themselves, or are too many: then the one that expires first is dropped. With an
/// id that is forgotten, everything that expires no later counts as revoked. So no login that was ended works again,
/// whatever becomes of the clock; where there were too many, users of old logins may have to log in again. The result
/// does not depend on the order of revocations, so all shards agree.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    /// With the user whose logout it was, where that is known.
    ids: BTreeMap<(Timestamp, SessionId), Option<UserId>>,
    /// How many ids are known to be each user's.
    counts: Map<UserId, usize>,
    /// Everything that expires by then is revoked: the latest expiry of what was forgotten.
    all_until: Timestamp,
}

impl Revoked {
    /// Revokes an id; false if it was revoked before.
    pub(crate) fn revoke(
        &mut self,
        id: SessionId,
        expires_at: Timestamp,
        of: Option<UserId>,
    ) -> bool {
        if self.contains(id, expires_at) {
            return false;
        }
        self.ids.insert((expires_at, id), of);
        if let Some(user_id) = of {
            *self.counts.entry(user_id).or_default() += 1;
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
        expires_at <= self.all_until || self.ids.contains_key(&(expires_at, id))
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while let Some(((first, _), _)) = self.ids.first_key_value()
            && *first <= now
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some(((first, _), of)) = self.ids.pop_first() else {
            return;
        };
        self.revoke_all_until(first);
        if let Some(user_id) = of
            && let Some(count) = self.counts.get_mut(&user_id)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&user_id);
            }
        }
    }

    /// How many ids that are kept are known to be a user's.
    pub(crate) fn count_of(&self, user_id: UserId) -> usize {
        self.counts.get(&user_id).copied().unwrap_or_default()
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
        assert!(revoked.revoke(id(1), at(10), None));
        assert!(!revoked.revoke(id(1), at(10), None), "twice");
        assert!(revoked.contains(id(1), at(10)));
        assert!(!revoked.contains(id(2), at(10)));
        assert!(revoked.revoke(id(2), at(20), None));
        revoked.expire(at(10));
        assert_eq!(revoked.len(), 1, "what has expired is forgotten");
        assert!(revoked.contains(id(2), at(20)));
    }

    #[test]
    fn an_id_that_was_forgotten_stays_revoked_whatever_becomes_of_the_clock() {
        let mut revoked = Revoked::default();
        revoked.revoke(id(1), at(10), None);
        revoked.expire(at(1000));
        assert_eq!(revoked.len(), 0);
        assert!(revoked.contains(id(1), at(10)));
        assert!(
            !revoked.revoke(id(1), at(10), None),
            "a ticket is spent once"
        );
        assert!(
            !revoked.contains(id(2), at(11)),
            "later than what was forgotten"
        );
    }

    #[test]
    fn ids_of_a_user_count_until_they_expire() {
        let (mut revoked, user) = (Revoked::default(), UserId::from_bytes([1; 16]));
        for (n, of) in [(1, Some(user)), (2, Some(user)), (2, Some(user)), (3, None)] {
            revoked.revoke(id(n), at(n), of);
        }
        assert_eq!(revoked.count_of(user), 2);
        revoked.expire(at(1));
        assert_eq!(revoked.count_of(user), 1);
        revoked.expire(at(2));
        assert!(revoked.counts.is_empty());
    }

    #[test]
    fn what_was_revoked_stays_so_however_much_is() {
        const MORE: u64 = 1000;
        let all = REVOKED_MAX as u64 + MORE;
        let (mut upwards, mut downwards) = (Revoked::default(), Revoked::default());
        for n in 1..=all {
            upwards.revoke(id(n), at(n), None);
            let n = all + 1 - n;
            downwards.revoke(id(n), at(n), None);
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

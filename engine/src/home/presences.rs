//! How the users of a home are, and which homes want to know.
//!
//! Changes are told once a second, all of a home in as few whispers as they fit. Who closes their last connection goes
//! offline only if they have not come back for a while. A home that wants to know says so again and again; what it is told
//! each time replaces what got lost.

use std::collections::VecDeque;

use rookery_schema::{ShardId, Timestamp, UserId};
use smallvec::SmallVec;

use crate::context::{Context, MICROS_PER_SECOND};
use crate::map::{Map, entry_within};
use crate::mesh::Whisper;
use crate::mesh::whisper::{Presence, PresenceState, WHISPERED_USERS_MAX};

/// Microseconds after the end of their last connection in which a user can come back unnoticed.
const LINGER_MICROS: u64 = 10 * MICROS_PER_SECOND;
/// Microseconds between two times that changes are told.
const TELL_MICROS: u64 = MICROS_PER_SECOND;
/// Users whose changes are told at a time: the others wait for the next time, so that half a ring stays free.
const CHANGES_MAX: usize = 2048;
/// Microseconds for which a home is told of a user after it has said that it wants to be.
const WATCH_MICROS: u64 = 90 * MICROS_PER_SECOND;
/// Microseconds between two looks for homes that no longer want to know.
const SWEEP_MICROS: u64 = 10 * MICROS_PER_SECOND;
/// Users who are offline of whom it is known since when.
const LAST_SEEN_MAX: usize = 1 << 16;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Presences {
    /// Users who count as online; for those without a connection, until when, in microseconds.
    online: Map<UserId, Option<u64>>,
    /// Those without a connection, with that time, and when their last connection ended. The first to go comes first.
    lingering: VecDeque<(u64, UserId, Timestamp)>,
    last_seen: Map<UserId, Timestamp>,
    watched: Map<UserId, SmallVec<[Watcher; 1]>>,
    /// Watched users of whom something is to be told.
    changed: VecDeque<UserId>,
    told_micros: u64,
    swept_micros: u64,
}

/// A home that wants to know of a user.
#[derive(Debug)]
struct Watcher {
    home: ShardId,
    until_micros: u64,
}

impl Presences {
    /// A user has a connection.
    pub(super) fn came(&mut self, user_id: UserId) {
        if self.online.insert(user_id, None).is_none() {
            self.last_seen.remove(&user_id);
            self.note_change(user_id);
        }
    }

    /// A user has no connection any more.
    pub(super) fn left(&mut self, user_id: UserId, cx: &Context<'_>) {
        if let Some(until @ None) = self.online.get_mut(&user_id) {
            let due = cx.now.micros + LINGER_MICROS;
            *until = Some(due);
            self.lingering.push_back((due, user_id, cx.now.wall));
        }
    }

    fn note_change(&mut self, user_id: UserId) {
        if self.watched.contains_key(&user_id) {
            self.changed.push_back(user_id);
        }
    }

    fn presence_of(&self, user_id: UserId) -> Presence {
        let state = match self.online.contains_key(&user_id) {
            true => PresenceState::Online,
            false => PresenceState::Offline {
                last_seen: self.last_seen.get(&user_id).copied(),
            },
        };
        Presence { user_id, state }
    }

    /// A home wants to know of users.
    pub(super) fn watch(&mut self, home: ShardId, users: &[UserId], cx: &mut Context<'_>) {
        let until_micros = cx.now.micros + WATCH_MICROS;
        for user_id in users {
            let watchers = self.watched.entry(*user_id).or_default();
            match watchers.iter_mut().find(|it| it.home == home) {
                Some(watcher) => watcher.until_micros = until_micros,
                None => watchers.push(Watcher { home, until_micros }),
            }
        }
        let told = users.iter().map(|user_id| self.presence_of(*user_id));
        cx.whisper(home, Whisper::Presence(told.collect()));
    }

    pub(super) fn tick(&mut self, cx: &mut Context<'_>) {
        let now = cx.now.micros;
        self.end_lingering(now);
        if now.saturating_sub(self.told_micros) >= TELL_MICROS {
            self.told_micros = now;
            self.tell_changes(cx);
        }
        if now.saturating_sub(self.swept_micros) >= SWEEP_MICROS {
            self.swept_micros = now;
            self.watched.retain(|_, watchers| {
                watchers.retain(|it| it.until_micros > now);
                !watchers.is_empty()
            });
        }
    }

    fn end_lingering(&mut self, now: u64) {
        while let Some((due, user_id, left_at)) =
            self.lingering.pop_front_if(|(due, ..)| *due <= now)
        {
            // They may have come back, and even left again.
            if self.online.get(&user_id) == Some(&Some(due)) {
                self.online.remove(&user_id);
                *entry_within(&mut self.last_seen, user_id, LAST_SEEN_MAX) = left_at;
                self.note_change(user_id);
            }
        }
    }

    fn tell_changes(&mut self, cx: &mut Context<'_>) {
        let mut told: Map<ShardId, Vec<Presence>> = Map::default();
        for _ in 0..self.changed.len().min(CHANGES_MAX) {
            let Some(user_id) = self.changed.pop_front() else {
                break;
            };
            let presence = self.presence_of(user_id);
            for watcher in self.watched.get(&user_id).into_iter().flatten() {
                if watcher.until_micros > cx.now.micros {
                    told.entry(watcher.home).or_default().push(presence);
                }
            }
        }
        for (home, all) in told {
            for some in all.chunks(WHISPERED_USERS_MAX) {
                cx.whisper(home, Whisper::Presence(some.to_vec()));
            }
        }
    }
}

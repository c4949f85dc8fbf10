//! How far users have come in a chat by what they did in it: by their newest posts, and by joining. Their homes know of
//! neither. It is noted with each post, and written as marks from time to time, all new ones together.

use rookery_schema::UserId;
use rookery_schema::row::Mark;

use crate::map::Map;
use crate::owner::budget::allocated_table;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Those that are to be written.
    new: Map<UserId, Mark>,
    /// Those that were written last. They stay for as long as somebody may have read the user's marks before that.
    written: Map<UserId, Mark>,
    /// Those of the newest events that were read with the chat. Whoever reads it again finds them again, as long as no
    /// others follow.
    loaded: Map<UserId, Mark>,
    /// When the new ones are due, where that is set, in microseconds.
    pub(crate) due_micros: Option<u64>,
}

impl Notes {
    /// A user has come as far as that.
    pub(crate) fn add(&mut self, user_id: UserId, mark: Mark) {
        if !self.loaded.is_empty() {
            self.new = std::mem::take(&mut self.loaded);
        }
        self.new.insert(user_id, mark);
    }

    /// The same of an event that was read with the chat; they come in order.
    pub(crate) fn load(&mut self, user_id: UserId, mark: Mark) {
        self.loaded.insert(user_id, mark);
    }

    /// How far a user has come.
    pub(crate) fn of(&self, user_id: UserId) -> Mark {
        let all = [&self.new, &self.written, &self.loaded];
        let known = all.into_iter().filter_map(|notes| notes.get(&user_id));
        known.copied().max().unwrap_or_default()
    }

    /// Takes those that are to be written, and forgets those that were written the last time.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (UserId, Mark)> + '_ {
        self.written = std::mem::take(&mut self.new);
        self.written.iter().map(|(user_id, mark)| (*user_id, *mark))
    }

    /// Whether there are some that are to be written.
    pub(crate) fn has_new(&self) -> bool {
        !self.new.is_empty()
    }

    /// Whether there is something to write, or to forget.
    pub(crate) fn is_due_again(&self) -> bool {
        self.has_new() || !self.written.is_empty()
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        let all = [&self.new, &self.written, &self.loaded];
        let bytes = |notes: &Map<UserId, Mark>| {
            allocated_table(notes.capacity(), size_of::<(UserId, Mark)>())
        };
        all.map(bytes).iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schema::Seq;

    fn user(n: u8) -> UserId {
        UserId::from_bytes([n; 16])
    }

    fn mark(seq: u64) -> Mark {
        Mark {
            seq: Seq(seq),
            messages: seq,
        }
    }

    fn taken(notes: &mut Notes) -> Vec<(UserId, Mark)> {
        let mut taken: Vec<_> = notes.take().collect();
        taken.sort_unstable();
        taken
    }

    #[test]
    fn the_newest_of_each_user_is_written_once_and_known_until_the_next_time() {
        let mut notes = Notes::default();
        for (n, seq) in [(1, 3), (2, 4), (1, 5)] {
            notes.add(user(n), mark(seq));
        }
        assert_eq!(taken(&mut notes), [(user(1), mark(5)), (user(2), mark(4))]);
        notes.add(user(2), mark(6));
        assert_eq!([1, 2, 3].map(|n| notes.of(user(n)).seq.0), [5, 6, 0]);
        assert_eq!(taken(&mut notes), [(user(2), mark(6))]);
        assert_eq!([1, 2].map(|n| notes.of(user(n)).seq.0), [0, 6]);
        assert!(notes.is_due_again());
        assert_eq!(taken(&mut notes), []);
        assert!(!notes.is_due_again());
        assert_eq!(notes.of(user(2)), Mark::default());
    }

    #[test]
    fn what_was_read_with_the_chat_is_written_only_if_more_follows() {
        let mut notes = Notes::default();
        notes.load(user(1), mark(3));
        notes.load(user(1), mark(4));
        assert_eq!(taken(&mut notes), []);
        assert_eq!(notes.of(user(1)), mark(4));
        notes.add(user(2), mark(5));
        assert_eq!(taken(&mut notes), [(user(1), mark(4)), (user(2), mark(5))]);
    }
}

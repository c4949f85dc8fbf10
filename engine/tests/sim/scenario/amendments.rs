//! Messages that are edited and deleted by rows that are written into the store behind the shards' backs.
//!
//! A chat that is in memory does not learn of them: it shows each message as it stood at some time since the process
//! began, and what is sent live is what was said.

use rookery_schema::row::{Amendment, AmendmentRow};
use rookery_schema::{ChatId, Seq, Timestamp};

use crate::scenario::Scenario;
use crate::scenario::shown::Amended;

/// The seqs of amendments begin here, which no event of a chat comes near.
const FIRST_SEQ: u64 = 1 << 32;

impl Scenario {
    /// Somebody amends a message of some room that is in the store, a few times.
    pub(super) fn amend(&mut self) {
        let room = self.world.dice.below(self.rooms.len());
        for _ in 0..=self.world.dice.below(3) {
            self.amend_in(room);
        }
    }

    /// Amends a message of a room, most often the newest one. Later amendments are written before earlier ones, as
    /// they may be when a partition moves; none is written before its message, as rows of a chat are not.
    pub(super) fn amend_in(&mut self, room: usize) {
        let room = &self.rooms[room];
        let chat_id: ChatId = room.id.parse().unwrap();
        let messages = self.world.store.messages(chat_id);
        let dice = &mut self.world.dice;
        let target = match messages.last() {
            Some(newest) if dice.one_in(2) => newest.0,
            Some(_) => dice.pick(&messages).0,
            None => return,
        };
        let change = if dice.one_in(4) {
            Amendment::Deleted
        } else {
            let content = format!("edit {}", self.amendments.all.len());
            Amendment::Edited { content }
        };
        let seq = FIRST_SEQ + dice.below(1 << 32) as u64;
        self.world.store.amend(AmendmentRow {
            chat_id,
            target,
            seq: Seq(seq),
            by: self.users[room.host()].id.parse().unwrap(),
            at: Timestamp::from_millis(seq),
            change: change.clone(),
        });
        self.amendments.all.push(Amended {
            chat_id: room.id.clone(),
            target: target.0,
            seq,
            change,
        });
    }
}

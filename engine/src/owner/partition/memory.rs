//! How much of its chats a partition keeps in memory.

use rookery_schema::ChatId;

use crate::context::Context;
use crate::owner::budget::{Sweep, Swept};
use crate::owner::partition::Partition;

impl Partition {
    /// Bytes of memory that its chats take.
    pub(crate) const fn chat_bytes(&self) -> usize {
        self.chats.bytes()
    }

    /// Bytes of memory that those take who listen to chats that were forgotten.
    pub(crate) const fn kept_bytes(&self) -> usize {
        self.chats.kept_bytes()
    }

    /// Has chats give up memory.
    pub(crate) fn sweep_chats(&mut self, sweep: Sweep, cx: &mut Context<'_>) -> Swept {
        let stored = self.progress.stored();
        let swept = self.chats.sweep(sweep, stored, &self.readings, cx);
        self.write_marks_of_forgotten(cx);
        swept
    }

    /// Trims chats that kept more than they may since the store did not have it.
    pub(super) fn trim_stored(&mut self) {
        while let Some(chat_id) = self.chats.next_untrimmed(self.progress.stored()) {
            self.trim(chat_id);
        }
    }

    fn trim(&mut self, chat_id: ChatId) {
        let (stored, reading) = (self.progress.stored(), self.readings.of(chat_id));
        let again = self.chats.change(chat_id, |chat| {
            chat.awaits_trim = chat.timeline.trim(stored, reading);
            chat.awaits_trim.then_some(chat.timeline.head_offset())
        });
        if let Some(Some(last)) = again {
            self.chats.trim_later(chat_id, last);
        }
    }
}

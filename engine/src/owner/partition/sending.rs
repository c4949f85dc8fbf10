//! What was applied is sent to those who listen.

use rookery_schema::ChatId;

use crate::context::Context;
use crate::mesh::Leaver;
use crate::owner::partition::Partition;
use crate::owner::partition::marks::NOTED_MICROS;

impl Partition {
    /// Sends what was applied.
    pub(super) fn flush_touched(&mut self, cx: &mut Context<'_>) {
        let mut touched = std::mem::take(&mut self.touched);
        for chat_id in touched.drain(..) {
            self.flush_chat(chat_id, None, cx);
        }
        self.touched = touched;
    }

    /// Sends what was applied to one chat, and counts what it takes of memory since.
    pub(super) fn flush_chat(
        &mut self,
        chat_id: ChatId,
        leaver: Option<Leaver>,
        cx: &mut Context<'_>,
    ) {
        let (stored, reading) = (self.progress.stored(), self.readings.of(chat_id));
        // A chat that was never created has nothing to send, and neither has one that was forgotten since.
        let due = cx.now.micros + NOTED_MICROS;
        let flushed = self.chats.change(chat_id, |chat| {
            chat.flush(leaver, cx);
            let is_first = !chat.awaits_trim;
            chat.awaits_trim |= chat.timeline.trim(stored, reading);
            let is_noted = chat.notes.has_new() && chat.notes.due_micros.is_none();
            if is_noted {
                chat.notes.due_micros = Some(due);
            }
            let untrimmed = (is_first && chat.awaits_trim).then_some(chat.timeline.head_offset());
            (untrimmed, is_noted)
        });
        let Some((untrimmed, is_noted)) = flushed else {
            return;
        };
        if let Some(last) = untrimmed {
            self.chats.trim_later(chat_id, last);
        }
        if is_noted {
            self.write_later(chat_id, due);
        }
    }
}

//! How much of its chats an owner keeps in memory.

use crate::context::Context;
use crate::owner::chat::RECENT_BYTES_MAX;
use crate::owner::{Owner, Slot};

/// Chats that a shard keeps in memory; above it, those that nobody uses are forgotten.
const CHATS_MAX: usize = 200_000;
/// Bytes of stored events of all chats that are kept in memory, once each was looked at.
const RECENT_BYTES_TOTAL: usize = 256 << 20;
/// Chats looked at in one tick to find some to forget.
const CHATS_SWEPT: usize = 4096;
/// Microseconds a chat is kept at least after it was used.
const CHAT_IDLE_MICROS: u64 = 10_000_000;

impl Owner {
    /// Bytes of stored events that one chat may keep in memory: the more chats, the fewer each.
    pub(super) fn recent_bytes_max(&self) -> usize {
        RECENT_BYTES_MAX.min(RECENT_BYTES_TOTAL / self.chats.len().max(1))
    }

    /// Takes memory from chats once there are many, and forgets those that nobody used for a while when
    /// there are too many.
    pub(super) fn sweep_chats(&mut self, cx: &mut Context<'_>) {
        let recent_bytes_max = self.recent_bytes_max();
        if recent_bytes_max == RECENT_BYTES_MAX {
            return;
        }
        let (topology, too_many) = (cx.topology(), self.chats.len() > CHATS_MAX);
        let mut forgettable = Vec::new();
        for (id, slot) in self.chats.iter_mut().skip(self.swept).take(CHATS_SWEPT) {
            let partition = self.partitions.get(&topology.partition_of_chat(*id));
            let (Slot::Active(chat), Some(partition)) = (slot, partition) else {
                continue;
            };
            chat.trim(partition.stored, recent_bytes_max);
            let idle = chat.used_micros + CHAT_IDLE_MICROS < cx.now.micros;
            if too_many && idle && chat.is_stored(partition.stored) && !chat.has_subscribers() {
                forgettable.push(*id);
            }
        }
        self.swept = (self.swept + CHATS_SWEPT) % self.chats.len();
        for id in forgettable {
            self.chats.remove(&id);
        }
    }
}

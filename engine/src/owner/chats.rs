//! The chats of one partition that are in memory, or on their way there.

use std::collections::VecDeque;

use bytes::Bytes;
use rookery_schema::{ChatId, Offset, UserId};

use crate::context::Context;
use crate::map::Map;
use crate::mesh::{Asker, ChatCommand, Subscription};
use crate::owner::admissions::Admission;
use crate::owner::budget::{Sweep, Swept};
use crate::owner::chat::Chat;
use crate::owner::progress::SpanId;
use crate::owner::retries::Retries;

/// Commands that may wait for one chat to be read from the store.
const PARKED_COMMANDS_MAX: usize = 1024;

/// What is known of a chat.
#[derive(Debug)]
pub(crate) enum Slot {
    /// It is being read from the store, or will be again after a pause.
    Loading(Parking),
    /// It was made here and its creation is on its way through the log.
    Fresh,
    Active(Box<Chat>),
}

/// Everything that waits for a chat to be read, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    parked: Vec<Parked>,
    /// How many of them are commands.
    commands: usize,
}

/// What waits for a chat to be read.
#[derive(Debug)]
pub(crate) enum Parked {
    /// At most [`PARKED_COMMANDS_MAX`].
    Command { asker: Asker, command: ChatCommand },
    /// A command whose users were admitted while its chat was forgotten. They count among the commands.
    Admitted(Admission),
    /// At most one for each connected member: a home asks once, and takes it back when they are gone.
    Subscribe(Subscription),
    /// Bounded as all records that are on their way into the store.
    Record(ParkedRecord),
}

/// A record whose chat is being read from the store.
#[derive(Debug)]
pub(crate) struct ParkedRecord {
    pub(crate) offset: Offset,
    pub(crate) span: SpanId,
    pub(crate) bytes: Bytes,
}

impl Parking {
    /// Whether no more commands may wait.
    pub(crate) const fn is_full(&self) -> bool {
        self.commands >= PARKED_COMMANDS_MAX
    }

    pub(crate) fn push(&mut self, parked: Parked) {
        self.commands += usize::from(matches!(
            parked,
            Parked::Command { .. } | Parked::Admitted(_)
        ));
        self.parked.push(parked);
    }

    /// Takes back the subscriptions of users who have disconnected.
    pub(crate) fn unsubscribe(&mut self, users: &[UserId]) {
        let is_over =
            |it: &Parked| matches!(it, Parked::Subscribe(it) if users.contains(&it.user_id));
        self.parked.retain(|it| !is_over(it));
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Chats {
    slots: Map<ChatId, Slot>,
    /// Chats that could not be read.
    unread: Retries<ChatId>,
    /// Those that are in memory, in the order in which they are looked at to find some to forget.
    sweep: VecDeque<ChatId>,
    /// Those with more events than they may keep, none of which the store has yet, and where in the log the last of
    /// these lies.
    untrimmed: VecDeque<(Offset, ChatId)>,
    /// Bytes of memory that those take which are in memory.
    bytes: usize,
}

impl Chats {
    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn get_mut(&mut self, chat_id: ChatId) -> Option<&mut Slot> {
        self.slots.get_mut(&chat_id)
    }

    /// Bytes of memory that chats take.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A chat that is in memory. What changes how much of that it takes is counted by [`Self::change`].
    pub(crate) fn active(&mut self, chat_id: ChatId) -> Option<&mut Chat> {
        match self.slots.get_mut(&chat_id) {
            Some(Slot::Active(chat)) => Some(chat),
            Some(Slot::Loading(_) | Slot::Fresh) | None => None,
        }
    }

    /// Changes a chat that is in memory, and counts what it takes from then on.
    pub(crate) fn change<T>(
        &mut self,
        chat_id: ChatId,
        change: impl FnOnce(&mut Chat) -> T,
    ) -> Option<T> {
        let Some(Slot::Active(chat)) = self.slots.get_mut(&chat_id) else {
            return None;
        };
        let changed = change(chat);
        let before = chat.count_bytes();
        self.bytes = self.bytes + chat.counted_bytes() - before;
        Some(changed)
    }

    /// A chat is in memory from now on.
    pub(crate) fn insert(&mut self, mut chat: Box<Chat>, now_micros: u64) {
        chat.used_micros = now_micros;
        chat.was_used_since_swept();
        chat.count_bytes();
        self.bytes += chat.counted_bytes();
        self.sweep.push_back(chat.id);
        self.slots.insert(chat.id, Slot::Active(chat));
    }

    /// A chat keeps more than it may until the store has everything up to here.
    pub(crate) fn trim_later(&mut self, chat_id: ChatId, stored: Offset) {
        self.untrimmed.push_back((stored, chat_id));
    }

    /// Takes a chat that can be trimmed; the store has all records below `stored`.
    pub(crate) fn next_untrimmed(&mut self, stored: Offset) -> Option<ChatId> {
        let next = self.untrimmed.pop_front_if(|(last, _)| *last < stored);
        next.map(|(_, chat_id)| chat_id)
    }

    /// A chat's creation is on its way through the log.
    pub(crate) fn begin_creation(&mut self, chat_id: ChatId) {
        self.slots.insert(chat_id, Slot::Fresh);
    }

    /// A chat's creation failed.
    pub(crate) fn abandon_creation(&mut self, chat_id: ChatId) {
        if matches!(self.slots.get(&chat_id), Some(Slot::Fresh)) {
            self.slots.remove(&chat_id);
        }
    }

    /// Parks something until a chat is read; true where the read has to be started.
    pub(crate) fn park(&mut self, chat_id: ChatId, parked: Parked, cx: &mut Context<'_>) -> bool {
        let is_new = !self.slots.contains_key(&chat_id);
        let slot = self.slots.entry(chat_id);
        match slot.or_insert_with(|| Slot::Loading(Parking::default())) {
            Slot::Loading(parking) => parking.push(parked),
            Slot::Fresh | Slot::Active(_) => cx.bug("a chat is waited for that need not be read"),
        }
        is_new
    }

    /// A chat was read: takes what waited for it; `None` where it was not being read.
    pub(crate) fn end_loading(&mut self, chat_id: ChatId) -> Option<Vec<Parked>> {
        match self.slots.remove(&chat_id)? {
            Slot::Loading(parking) => Some(parking.parked),
            other @ (Slot::Fresh | Slot::Active(_)) => {
                self.slots.insert(chat_id, other);
                None
            }
        }
    }

    /// Schedules another read of a chat, after a pause.
    pub(crate) fn load_later(&mut self, chat_id: ChatId, kept: Vec<Parked>, now_micros: u64) {
        self.unread.add(chat_id, now_micros);
        let mut parking = Parking::default();
        kept.into_iter().for_each(|parked| parking.push(parked));
        self.slots.insert(chat_id, Slot::Loading(parking));
    }

    /// Takes a chat whose next read is due.
    pub(crate) fn next_unread(&mut self, now_micros: u64) -> Option<ChatId> {
        self.unread.next(now_micros)
    }

    /// Has chats give up memory, those first that were not used for longest, as near as that can be told by looking at
    /// them in turn: of who was used since, nothing is taken the first time. Their events go first, then they do; but
    /// nothing that the store does not have, and nobody who is listened to. It has all records below `stored`.
    pub(crate) fn sweep(&mut self, sweep: Sweep, stored: Offset, cx: &mut Context<'_>) -> Swept {
        let mut swept = Swept::default();
        // The second time, nobody is spared.
        let chats = sweep.chats.min(2 * self.sweep.len());
        while swept.bytes < sweep.bytes
            && swept.looked_at < chats
            && let Some(chat_id) = self.sweep.pop_front()
        {
            swept.looked_at += 1;
            let Some(Slot::Active(chat)) = self.slots.get_mut(&chat_id) else {
                cx.bug("a chat is gone that was in memory");
                continue;
            };
            let before = chat.count_bytes();
            if before != chat.counted_bytes() {
                cx.bug("a chat takes more or less memory than was counted");
            }
            if !chat.was_used_since_swept() {
                if chat.forget_events(stored) {
                    chat.count_bytes();
                } else if chat.is_stored(stored) && chat.audience.is_empty() {
                    self.bytes -= before;
                    swept.bytes += before;
                    swept.forgotten += 1;
                    self.slots.remove(&chat_id);
                    continue;
                }
            }
            let after = chat.counted_bytes();
            self.bytes = self.bytes + after - before;
            swept.bytes += before.saturating_sub(after);
            self.sweep.push_back(chat_id);
        }
        swept
    }

    /// Takes everything that waits for chats to be read.
    pub(crate) fn drain_parked(&mut self) -> impl Iterator<Item = (ChatId, Parked)> + '_ {
        self.slots.drain().flat_map(|(chat_id, slot)| {
            let parked = match slot {
                Slot::Loading(parking) => parking.parked,
                Slot::Fresh | Slot::Active(_) => Vec::new(),
            };
            parked.into_iter().map(move |it| (chat_id, it))
        })
    }
}

//! The chats of one partition that are in memory, or on their way there.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;
use rookery_schema::row::Row;
use rookery_schema::{ChatId, Offset, UserId};

use crate::context::Context;
use crate::map::Map;
use crate::mesh::{Asker, ChatCommand, Subscription};
use crate::owner::admissions::Admission;
use crate::owner::budget::{Sweep, Swept, allocated};
use crate::owner::chat::{Audience, Chat};
use crate::owner::progress::SpanId;
use crate::owner::readings::Readings;
use crate::owner::retries::Retries;

/// Commands that may wait for one chat to be read from the store.
const PARKED_COMMANDS_MAX: usize = 1024;
/// Bytes of memory that an audience takes which is kept, besides what is in it: itself, and its place in the table of
/// chats, which may be half empty.
const KEPT_BYTES: usize = allocated(size_of::<Audience>()) + 2 * (size_of::<(ChatId, Slot)>() + 1);

/// What is known of a chat.
#[derive(Debug)]
pub(crate) enum Slot {
    /// It is being read from the store, or will be again after a pause.
    Loading(Box<Parking>),
    /// It was made here and its creation is on its way through the log.
    Fresh,
    Active(Box<Chat>),
    /// It was forgotten, but for those who listen: they go on hearing what comes.
    Forgotten(Box<Audience>),
}

/// Everything that waits for a chat to be read, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    parked: Vec<Parked>,
    /// How many of them are commands.
    commands: usize,
    /// Who has listened since before it was forgotten.
    pub(crate) audience: Audience,
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

    /// Takes all that waits.
    pub(crate) fn take(&mut self) -> Vec<Parked> {
        self.commands = 0;
        mem::take(&mut self.parked)
    }

    /// Takes back the subscriptions of users who have disconnected.
    fn unsubscribe(&mut self, users: &[UserId]) {
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
    /// Marks of those that were forgotten.
    marks: Vec<Row>,
    /// Bytes of memory that those take which are in memory.
    bytes: usize,
    /// The same of the audiences of others.
    kept_bytes: usize,
}

impl Chats {
    /// How many are in memory.
    pub(crate) fn len(&self) -> usize {
        self.sweep.len()
    }

    pub(crate) fn get_mut(&mut self, chat_id: ChatId) -> Option<&mut Slot> {
        self.slots.get_mut(&chat_id)
    }

    /// Bytes of memory that those take which are in memory.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of memory that the audiences of forgotten ones take.
    pub(crate) const fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// A chat that is in memory. What changes how much of that it takes is counted by [`Self::change`].
    pub(crate) fn active(&mut self, chat_id: ChatId) -> Option<&mut Chat> {
        match self.slots.get_mut(&chat_id) {
            Some(Slot::Active(chat)) => Some(chat),
            Some(Slot::Loading(_) | Slot::Fresh | Slot::Forgotten(_)) | None => None,
        }
    }

    /// Who listens to a chat, where that is in memory.
    pub(crate) fn audience(&self, chat_id: ChatId) -> Option<&Audience> {
        match self.slots.get(&chat_id)? {
            Slot::Active(chat) => Some(&chat.audience),
            Slot::Loading(parking) => Some(&parking.audience),
            Slot::Forgotten(audience) => Some(audience),
            Slot::Fresh => None,
        }
    }

    /// Whether whoever listens to a chat is blocked in it, or may be: of a direct chat that is not in memory nobody knows.
    pub(crate) fn may_be_blocked(&self, chat_id: ChatId, user_id: UserId) -> bool {
        match self.slots.get(&chat_id) {
            Some(Slot::Active(chat)) => chat.is_blocked(user_id),
            Some(Slot::Loading(parking)) => chat_id.is_direct_of(parking.audience.users()),
            Some(Slot::Forgotten(audience)) => chat_id.is_direct_of(audience.users()),
            Some(Slot::Fresh) | None => false,
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
        let audience = match self.slots.get_mut(&chat_id) {
            Some(Slot::Loading(parking)) => {
                parking.push(parked);
                return false;
            }
            Some(Slot::Fresh | Slot::Active(_)) => {
                cx.bug("a chat is waited for that need not be read");
                return false;
            }
            Some(Slot::Forgotten(audience)) => mem::take(audience.as_mut()),
            None => Audience::default(),
        };
        let mut parking = Box::new(Parking {
            audience,
            ..Parking::default()
        });
        parking.push(parked);
        self.slots.insert(chat_id, Slot::Loading(parking));
        true
    }

    /// A chat was read: takes what waited for it; `None` where it was not being read.
    pub(crate) fn end_loading(&mut self, chat_id: ChatId) -> Option<Parking> {
        match self.slots.remove(&chat_id)? {
            Slot::Loading(parking) => {
                self.kept_bytes -= kept_bytes(&parking.audience);
                Some(*parking)
            }
            other @ (Slot::Fresh | Slot::Active(_) | Slot::Forgotten(_)) => {
                self.slots.insert(chat_id, other);
                None
            }
        }
    }

    /// A chat could not be read. Where something goes on waiting for it, another read is scheduled, after a pause.
    pub(crate) fn not_loaded(&mut self, chat_id: ChatId, parking: Parking, now_micros: u64) {
        self.kept_bytes += kept_bytes(&parking.audience);
        if !parking.parked.is_empty() {
            self.unread.add(chat_id, now_micros);
            self.slots.insert(chat_id, Slot::Loading(Box::new(parking)));
        } else if !parking.audience.is_empty() {
            let audience = Box::new(parking.audience);
            self.slots.insert(chat_id, Slot::Forgotten(audience));
        }
    }

    /// Users do not listen to a chat any more.
    pub(crate) fn unsubscribe(&mut self, chat_id: ChatId, users: &[UserId], cx: &Context<'_>) {
        let leave = |audience: &mut Audience| {
            for &user in users {
                audience.remove(user, cx.routing.home(user));
            }
        };
        let audience = match self.slots.get_mut(&chat_id) {
            Some(Slot::Active(_)) => {
                self.change(chat_id, |chat| leave(&mut chat.audience));
                return;
            }
            Some(Slot::Loading(parking)) => {
                parking.unsubscribe(users);
                &mut parking.audience
            }
            Some(Slot::Forgotten(audience)) => audience,
            Some(Slot::Fresh) | None => return,
        };
        let before = kept_bytes(audience);
        leave(audience);
        self.kept_bytes = self.kept_bytes + kept_bytes(audience) - before;
        if matches!(self.slots.get(&chat_id), Some(Slot::Forgotten(audience)) if audience.is_empty())
        {
            self.slots.remove(&chat_id);
        }
    }

    /// Takes a chat whose next read is due.
    pub(crate) fn next_unread(&mut self, now_micros: u64) -> Option<ChatId> {
        self.unread.next(now_micros)
    }

    /// Has chats give up memory, those first that were not used for longest, as near as that can be told by looking at
    /// them in turn: of who was used since, nothing is taken the first time. Their events go first, then they do, but for
    /// those who listen to them; but nothing that the store does not have, and no chat whose messages are being read. It has
    /// all records below `stored`.
    pub(crate) fn sweep(
        &mut self,
        sweep: Sweep,
        stored: Offset,
        readings: &Readings,
        cx: &mut Context<'_>,
    ) -> Swept {
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
                if chat.timeline.forget_events(stored) {
                    chat.count_bytes();
                } else if chat.is_stored(stored) && !readings.has(chat_id) {
                    self.marks.extend(chat.take_marks());
                    let audience = mem::take(&mut chat.audience);
                    self.bytes -= before;
                    swept.bytes += before.saturating_sub(kept_bytes(&audience));
                    swept.forgotten += 1;
                    self.forget(chat_id, audience);
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

    /// Takes the marks that are to be written of chats that were forgotten.
    pub(crate) fn take_marks(&mut self) -> Vec<Row> {
        mem::take(&mut self.marks)
    }

    /// Forgets a chat, but for those who listen to it.
    fn forget(&mut self, chat_id: ChatId, audience: Audience) {
        self.kept_bytes += kept_bytes(&audience);
        if audience.is_empty() {
            self.slots.remove(&chat_id);
        } else {
            self.slots
                .insert(chat_id, Slot::Forgotten(Box::new(audience)));
        }
    }

    /// Takes everything that waits for chats to be read.
    pub(crate) fn drain_parked(&mut self) -> impl Iterator<Item = (ChatId, Parked)> + '_ {
        self.slots.drain().flat_map(|(chat_id, slot)| {
            let parked = match slot {
                Slot::Loading(parking) => parking.parked,
                Slot::Fresh | Slot::Active(_) | Slot::Forgotten(_) => Vec::new(),
            };
            parked.into_iter().map(move |it| (chat_id, it))
        })
    }
}

/// Bytes of memory that an audience takes whose chat is not in memory.
fn kept_bytes(audience: &Audience) -> usize {
    match audience.is_empty() {
        true => 0,
        false => KEPT_BYTES + audience.bytes(),
    }
}

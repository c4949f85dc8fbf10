//! Chats on their way from the store into memory.

use std::mem;

use rookery_schema::ChatId;

use crate::context::Context;
use crate::edge::port::{Found, Read, StoreFault};
use crate::mesh::problem::Problem;
use crate::owner::chat::{Chat, RECENT_EVENTS_LOADED};
use crate::owner::chats::Parked;
use crate::owner::filling::{Filling, MEMBERS_PER_ROUND_MAX};
use crate::owner::partition::Partition;
use crate::owner::partition::admissions::refuse;
use crate::owner::partition::reads::PartitionRead;

impl Partition {
    pub(super) fn read_chat(&mut self, chat_id: ChatId, cx: &mut Context<'_>) {
        let read = Read::Chat {
            chat_id,
            recent: RECENT_EVENTS_LOADED,
        };
        self.read(PartitionRead::Chat(chat_id), read, cx);
    }

    /// Puts something behind the reading of a chat, beginning that where it is not under way.
    pub(super) fn park(&mut self, chat_id: ChatId, parked: Parked, cx: &mut Context<'_>) {
        if self.chats.park(chat_id, parked, cx) {
            self.read_chat(chat_id, cx);
        }
    }

    /// The store answered a read of a chat.
    pub(super) fn chat_read(
        &mut self,
        chat_id: ChatId,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        match cx.found(outcome, Found::chat) {
            Some(Some(stored)) => {
                let filling = Filling::new(*stored, cx);
                if filling.waiting() <= MEMBERS_PER_ROUND_MAX {
                    self.chat_loaded(chat_id, Some(filling.finish()), cx);
                } else {
                    self.filling.push_back(filling);
                }
            }
            Some(None) => self.chat_loaded(chat_id, None, cx),
            None => self.chat_not_read(chat_id, cx),
        }
    }

    /// Takes over more members of a chat that was read, as far as one of so many partitions may in a round.
    pub(crate) fn go_on_filling(&mut self, partitions: usize, cx: &mut Context<'_>) {
        let Some(filling) = self.filling.front_mut() else {
            return;
        };
        let count = MEMBERS_PER_ROUND_MAX.div_ceil(partitions);
        filling.take_over(count);
        if filling.waiting() == 0
            && let Some(filled) = self.filling.pop_front()
        {
            let chat = filled.finish();
            self.chat_loaded(chat.id, Some(chat), cx);
        }
        cx.effects.another_round |= !self.filling.is_empty();
    }

    /// A chat is in memory from now on, if it exists: whatever waited for that is done.
    fn chat_loaded(&mut self, chat_id: ChatId, chat: Option<Box<Chat>>, cx: &mut Context<'_>) {
        let Some(mut parking) = self.chats.end_loading(chat_id) else {
            return cx.bug("a chat was read that nobody asked for");
        };
        let audience = mem::take(&mut parking.audience);
        match chat {
            Some(mut chat) => {
                chat.audience = audience;
                self.chats.insert(chat, cx.now.micros);
            }
            None if audience.is_empty() => {}
            None => cx.bug("the store has lost a chat that somebody listens to"),
        }
        for waiting in parking.take() {
            // What came before it counts, and goes to those who listened by then.
            if !matches!(waiting, Parked::Record(_)) {
                self.flush_touched(cx);
            }
            match waiting {
                Parked::Record(record) => self.apply_parked(chat_id, &record, cx),
                Parked::Command { asker, command } => {
                    self.serve_loaded(asker, chat_id, command, cx);
                }
                Parked::Admitted(admission) => self.serve_admitted(admission, cx),
                Parked::Subscribe(wanted) => self.subscribe_loaded(wanted, cx),
            }
        }
        self.flush_touched(cx);
    }

    /// Refuses what can be refused; records stay until the chat can be read.
    fn chat_not_read(&mut self, chat_id: ChatId, cx: &mut Context<'_>) {
        let Some(mut parking) = self.chats.end_loading(chat_id) else {
            return cx.bug("a chat was read that nobody asked for");
        };
        for waiting in parking.take() {
            match waiting {
                Parked::Command { asker, .. } => cx.refuse(asker, Problem::STORE_UNAVAILABLE),
                Parked::Admitted(admission) => refuse(&admission, Problem::STORE_UNAVAILABLE, cx),
                Parked::Subscribe(_) | Parked::Record(_) => parking.push(waiting),
            }
        }
        self.chats.not_loaded(chat_id, parking, cx.now.micros);
    }
}

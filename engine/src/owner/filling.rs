//! A chat that was read, and whose members are being taken over: so many that it takes several rounds.

use std::mem;
use std::vec;

use crate::context::Context;
use crate::edge::port::{StoredChat, StoredMember};
use crate::owner::chat::Chat;

/// Members of chats that were read which a shard takes over in one round: about a tenth of a millisecond.
pub(crate) const MEMBERS_PER_ROUND_MAX: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(crate) struct Filling {
    chat: Box<Chat>,
    members: vec::IntoIter<StoredMember>,
}

impl Filling {
    pub(crate) fn new(mut stored: StoredChat, cx: &mut Context<'_>) -> Self {
        let members = mem::take(&mut stored.members).into_iter();
        let events = stored.recent.len();
        let chat = Chat::stored(stored, members.len());
        if chat.timeline.recent().events() < events {
            cx.bug("the store holds an event that can't be read");
        }
        Self {
            chat: Box::new(chat),
            members,
        }
    }

    /// How many members wait to be taken over.
    pub(crate) fn waiting(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn take_over(&mut self, count: usize) {
        self.chat.add_members(self.members.by_ref().take(count));
    }

    /// Takes over the rest.
    pub(crate) fn finish(mut self) -> Box<Chat> {
        self.take_over(usize::MAX);
        self.chat
    }
}

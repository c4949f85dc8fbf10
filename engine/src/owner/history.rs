//! Pages of a chat's messages: newest ones from memory, older ones from the store, identical reads of
//! which are made once.

use rookery_schema::message::Message;
use rookery_schema::{ChatId, Seq};

use crate::mesh::{Asker, Outcome, Page, PageStart};
use crate::owner::chat::{Chat, RecentEvent, Shown};
use crate::port::Read;

/// A read of the store that several pages may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PageKey {
    Before {
        before: Seq,
        limit: usize,
    },
    /// The store need not have what is in memory, from `below` on: a read made for one boundary may
    /// lack events for a later one.
    After {
        after: Seq,
        below: Seq,
        limit: usize,
    },
}

impl PageKey {
    pub(crate) const fn read(self, chat_id: ChatId) -> Read {
        match self {
            Self::Before { before, limit } => Read::MessagesBefore {
                chat_id,
                before,
                limit,
            },
            Self::After { after, limit, .. } => Read::MessagesAfter {
                chat_id,
                after,
                limit,
            },
        }
    }
}

/// A page that waits for the store.
#[derive(Debug)]
pub(crate) struct PageWait {
    asker: Asker,
    page: Page,
    /// What memory had when it was asked: the store has everything else, and memory may forget it.
    in_memory: Vec<(Seq, Shown)>,
    /// Messages from this seq on are among the above.
    in_memory_from: Seq,
}

/// What became of a page.
pub(crate) enum Paged {
    /// Memory had all of it.
    Whole(Outcome),
    /// The store must be read.
    Wait(PageKey, PageWait),
}

/// Serves a page from memory, or says what to read.
pub(crate) fn page(chat: &Chat, page: Page, asker: Asker) -> Paged {
    let in_memory_from = chat.recent_from();
    let messages = chat.recent().iter().filter(|event| event.is_message);
    let taken = |event: &RecentEvent| (event.seq, Shown::Event(event.json.clone()));
    let in_memory: Vec<_> = match page.from {
        PageStart::Newest => messages.rev().take(page.limit).map(taken).collect(),
        PageStart::Before(before) => messages
            .rev()
            .filter(|event| event.seq < before)
            .take(page.limit)
            .map(taken)
            .collect(),
        PageStart::After(after) => messages
            .filter(|event| event.seq > after)
            .take(page.limit)
            .map(taken)
            .collect(),
    };
    let wait = PageWait {
        asker,
        page,
        in_memory,
        in_memory_from,
    };
    match wait.missing() {
        Some(key) => Paged::Wait(key, wait),
        None => Paged::Whole(encode_page(wait.page, wait.in_memory)),
    }
}

impl PageWait {
    pub(crate) const fn asker(&self) -> Asker {
        self.asker
    }

    /// What the store must add to what memory had.
    fn missing(&self) -> Option<PageKey> {
        let older_exist = self.in_memory_from > Seq(1);
        match self.page.from {
            PageStart::After(after) => {
                let covered = after.next() >= self.in_memory_from;
                (older_exist && !covered).then_some(PageKey::After {
                    after,
                    below: self.in_memory_from,
                    limit: self.page.limit,
                })
            }
            PageStart::Newest | PageStart::Before(_) => {
                let limit = self.page.limit - self.in_memory.len();
                let before = match self.page.from {
                    PageStart::Before(before) => before.min(self.in_memory_from),
                    _ => self.in_memory_from,
                };
                let exhausted = before <= Seq(1);
                (older_exist && limit > 0 && !exhausted)
                    .then_some(PageKey::Before { before, limit })
            }
        }
    }

    /// The page, now that the store has been read.
    pub(crate) fn complete(self, stored: &[Message]) -> (Asker, Outcome) {
        let stored = stored
            .iter()
            .filter(|message| message.seq < self.in_memory_from)
            .map(|message| (message.seq, Shown::Stored(message.clone())));
        let limit = self.page.limit;
        let messages = match self.page.from {
            PageStart::After(_) => stored.chain(self.in_memory).take(limit).collect(),
            _ => self
                .in_memory
                .into_iter()
                .chain(stored)
                .take(limit)
                .collect(),
        };
        (self.asker, encode_page(self.page, messages))
    }
}

fn encode_page(page: Page, messages: Vec<(Seq, Shown)>) -> Outcome {
    let mut body = Vec::new();
    body.push(b'[');
    for (index, (_, message)) in messages.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        message.encode(&mut body);
    }
    body.push(b']');
    let last = messages
        .last()
        .filter(|_| messages.len() == page.limit)
        .map(|&(seq, _)| seq);
    let next = match page.from {
        PageStart::After(_) => last.map(PageStart::After),
        _ => last.filter(|&seq| seq > Seq(1)).map(PageStart::Before),
    };
    Outcome::Messages { body, next }
}

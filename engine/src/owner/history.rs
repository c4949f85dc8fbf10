//! Pages of a chat's messages: the newest from memory, older ones from the store. Identical reads of the store are
//! made once.

use std::rc::Rc;

use rookery_schema::message::Message;
use rookery_schema::{ChatId, Seq};

use crate::edge::port::Read;
use crate::json_page::JsonPage;
use crate::mesh::{Outcome, Page, PageCursor, PageStart};
use crate::owner::chat::{Chat, Shown};

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
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PartialPage {
    page: Page,
    /// The first that may be shown.
    since: Seq,
    /// What memory had when it was asked: the store has everything else, and memory may forget it.
    in_memory: Vec<(Seq, Shown)>,
    /// Rows from this seq on are among the above.
    in_memory_from: Seq,
}

/// A page, or what it takes to complete it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Paged {
    /// Memory had all of it.
    Whole(Outcome),
    /// The store must be read.
    Partial(PageKey, PartialPage),
}

/// Serves a page of messages from `since` on from memory, or says what to read.
pub(crate) fn page(chat: &Chat, page: Page, since: Seq) -> Paged {
    let in_memory_from = chat.timeline.recent_from();
    let messages = chat
        .timeline
        .recent()
        .messages()
        .filter(|(seq, _)| *seq >= since);
    let limit = page.limit;
    let in_memory: Vec<_> = match page.from {
        PageStart::Newest => messages.rev().take(limit).collect(),
        PageStart::Before(before) => {
            let older = messages.rev().filter(|(seq, _)| *seq < before);
            older.take(limit).collect()
        }
        PageStart::After(after) => {
            let newer = messages.filter(|(seq, _)| *seq > after);
            newer.take(limit).collect()
        }
    };
    let partial = PartialPage {
        page,
        since,
        in_memory,
        in_memory_from,
    };
    match partial.missing() {
        Some(key) => Paged::Partial(key, partial),
        None => Paged::Whole(encode_page(page, since, &partial.in_memory)),
    }
}

impl PartialPage {
    /// What the store must add to what memory had.
    fn missing(&self) -> Option<PageKey> {
        let older_exist = self.in_memory_from > self.since;
        match self.page.from {
            PageStart::After(after) => {
                let after = after.max(self.since.before());
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
                    PageStart::Newest | PageStart::After(_) => self.in_memory_from,
                };
                let exhausted = before <= self.since;
                (older_exist && limit > 0 && !exhausted)
                    .then_some(PageKey::Before { before, limit })
            }
        }
    }

    /// The page, now that the store has been read: what has amended its messages since it was asked for, or was not in
    /// the store by then, is laid over them.
    pub(crate) fn complete(self, stored: &[Message], chat: &Chat) -> Outcome {
        let shown = self.since..self.in_memory_from;
        let older = stored.iter().filter(|it| shown.contains(&it.seq));
        let stored = older.map(|it| (it.seq, Shown::Standing(Rc::new(it.clone()))));
        let limit = self.page.limit;
        let mut messages: Vec<_> = match self.page.from {
            PageStart::After(_) => stored.chain(self.in_memory).take(limit).collect(),
            PageStart::Newest | PageStart::Before(_) => {
                let all = self.in_memory.into_iter().chain(stored);
                all.take(limit).collect()
            }
        };
        let (unstored, erased) = (chat.timeline.unstored(), chat.timeline.erased());
        if !unstored.is_empty() || !erased.is_empty() {
            let amended = |(seq, shown): (Seq, Shown)| (seq, shown.amended(seq, unstored, erased));
            messages = messages.into_iter().map(amended).collect();
        }
        encode_page(self.page, self.since, &messages)
    }
}

fn encode_page(page: Page, since: Seq, messages: &[(Seq, Shown)]) -> Outcome {
    let mut json = JsonPage::new(page.limit);
    let shown = messages
        .iter()
        .take_while(|(_, message)| json.push(|out| message.put(out)));
    let last = shown.last().map(|&(seq, _)| seq);
    let last = last.filter(|_| json.is_full());
    let next = match page.from {
        PageStart::After(_) => last.map(PageCursor::After),
        PageStart::Newest | PageStart::Before(_) => {
            last.filter(|&seq| seq > since).map(PageCursor::Before)
        }
    };
    Outcome::Page {
        body: json.finish(),
        next,
    }
}

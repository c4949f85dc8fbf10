//! Events of chats for whoever missed them.

use rookery_schema::roles::History;
use rookery_schema::{ChatId, Seq};

use crate::context::Context;
use crate::edge::port::{Found, Membership, StoreFault};
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, EventsPage, Outcome};
use crate::owner::events::{self, StoreKey, Wanted};
use crate::owner::partition::Partition;
use crate::owner::partition::reads::{PartitionRead, READ_OF_FORGOTTEN};

impl Partition {
    /// Shows events of a chat, or reads from the store what memory lacks. Identical reads are made once.
    pub(super) fn show_events(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        wanted: Wanted,
        cx: &mut Context<'_>,
    ) {
        let Some(chat) = self.chats.active(chat_id) else {
            cx.bug(READ_OF_FORGOTTEN);
            return cx.refuse(asker, Problem::STORE_UNAVAILABLE);
        };
        match events::find(chat, wanted, cx.config.resume_events) {
            events::Found::Here(events) => cx.answer(asker, events.into()),
            events::Found::TooMany { last } => cx.answer(asker, Outcome::TooFarBehind { last }),
            events::Found::InStore(key) => {
                let waiting = self.events.entry((chat_id, key)).or_default();
                waiting.push(asker);
                if waiting.len() == 1 {
                    let reading = self.readings.begin(chat_id);
                    let what = PartitionRead::Events(chat_id, key, reading);
                    self.read(what, key.read(chat_id), cx);
                }
            }
        }
    }

    /// Events were read from the store.
    pub(super) fn events_read(
        &mut self,
        chat_id: ChatId,
        key: StoreKey,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let waiting = self.events.remove(&(chat_id, key)).unwrap_or_default();
        // The chat was deleted meanwhile.
        if waiting.is_empty() {
            return;
        }
        let chat = self.chats.active(chat_id);
        if chat.is_none() {
            cx.bug(READ_OF_FORGOTTEN);
        }
        let Some((stored, chat)) = cx.found(outcome, Found::events).zip(chat) else {
            for asker in waiting {
                cx.refuse(asker, Problem::STORE_UNAVAILABLE);
            }
            return;
        };
        let (events, last) = (key.complete(&stored, chat), key.last(chat));
        if events.is_none() {
            cx.bug("an event is missing in the store, or can't be read");
        }
        for asker in waiting {
            // What is not there will not be later: whoever asks goes on behind it, instead of asking again.
            let outcome = match &events {
                Some(events) => Outcome::from(events.clone()),
                None => Outcome::TooFarBehind { last },
            };
            cx.answer(asker, outcome);
        }
    }

    /// The store told whether somebody who is no member of a chat was one.
    pub(super) fn former_read(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        (page, history): (EventsPage, History),
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        // It may have been deleted meanwhile.
        let chat = self.chats.active(chat_id);
        let deleted = chat.and_then(|it| it.deleted().map(|by| (it.timeline.seq(), by)));
        if let Some(deleted) = deleted {
            return self.farewell_read(asker, page, deleted, outcome, cx);
        }
        match cx.found(outcome, Found::membership) {
            Some(Membership::Removed {
                added_seq,
                removed_seq,
            }) => {
                let since = match history {
                    History::All => Seq(1),
                    History::Joined => added_seq,
                };
                let after = page.after.max(since.before());
                let wanted = Wanted {
                    page: EventsPage { after, ..page },
                    removed: Some(removed_seq),
                };
                self.show_events(asker, chat_id, wanted, cx);
            }
            Some(Membership::Never) => cx.refuse(asker, Problem::NO_SUCH_CHAT),
            // It does not know of their removal yet.
            Some(Membership::Member { .. }) | None => {
                cx.refuse(asker, Problem::STORE_UNAVAILABLE);
            }
        }
    }
}

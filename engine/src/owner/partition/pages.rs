//! Pages of chats' messages.

use rookery_schema::ChatId;

use crate::context::Context;
use crate::edge::port::{Found, StoreFault};
use crate::mesh::Asker;
use crate::mesh::problem::Problem;
use crate::owner::history::{PageKey, Paged, PartialPage};
use crate::owner::partition::Partition;
use crate::owner::partition::reads::{PartitionRead, READ_OF_FORGOTTEN};

impl Partition {
    /// Shows a page, or reads what memory lacks of it. Identical reads are made once.
    pub(super) fn show_page(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        paged: Paged,
        cx: &mut Context<'_>,
    ) {
        match paged {
            Paged::Whole(outcome) => cx.answer(asker, outcome),
            Paged::Partial(key, page) => {
                if self.wait_for_page(chat_id, key, asker, page) {
                    let reading = self.readings.begin(chat_id);
                    let page = PartitionRead::Page(chat_id, key, reading);
                    self.read(page, key.read(chat_id), cx);
                }
            }
        }
    }

    /// True where the page must be read for the first to wait for it.
    fn wait_for_page(
        &mut self,
        chat_id: ChatId,
        key: PageKey,
        asker: Asker,
        page: PartialPage,
    ) -> bool {
        let waiting = self.pages.entry((chat_id, key)).or_default();
        waiting.push((asker, page));
        waiting.len() == 1
    }

    /// A page of older messages was read from the store.
    pub(super) fn page_read(
        &mut self,
        chat_id: ChatId,
        key: PageKey,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let waiting = self.pages.remove(&(chat_id, key)).unwrap_or_default();
        // The chat was deleted meanwhile.
        if waiting.is_empty() {
            return;
        }
        let rows = cx.found(outcome, Found::messages);
        let chat = self.chats.active(chat_id);
        if chat.is_none() {
            cx.bug(READ_OF_FORGOTTEN);
        }
        for (asker, page) in waiting {
            match rows.as_ref().zip(chat.as_deref()) {
                Some((rows, chat)) => cx.answer(asker, page.complete(rows, chat)),
                None => cx.refuse(asker, Problem::STORE_UNAVAILABLE),
            }
        }
    }
}

//! What deleted users said in chats is overwritten in the store, little by little.

use crate::context::Context;
use crate::edge::port::{Found, Part, StoreFault, Token};
use crate::owner::partition::Partition;
use crate::owner::partition::reads::PartitionRead;
use crate::owner::progress::SpanId;
use crate::owner::rewriting::Next;

impl Partition {
    /// Once a span is stored, the store has something that a deleted user said.
    pub(super) fn rewrite_when_stored(&mut self, span: SpanId, cx: &mut Context<'_>) {
        if let Some(on_stored) = self.progress.on_stored(span, cx) {
            on_stored.any_to_rewrite = true;
        }
    }

    /// Does the next step, unless one is under way, or the store has too much else to do.
    pub(super) fn go_on_rewriting(&mut self, cx: &mut Context<'_>) {
        if self.paused {
            return;
        }
        match self.rewriting.next(self.id, cx.now.micros) {
            Some(Next::Senders(read)) => self.read(PartitionRead::Rewrites, read, cx),
            Some(Next::Events(read)) => self.read(PartitionRead::RewrittenEvents, read, cx),
            None => {}
        }
    }

    /// The store told whose content there is to overwrite.
    pub(super) fn rewrites_read(
        &mut self,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        match cx.found(outcome, Found::rewrites) {
            Some(senders) => {
                self.rewriting.found_senders(senders, cx.now.micros);
                self.go_on_rewriting(cx);
            }
            None => self.rewriting.failed(cx.now.micros),
        }
    }

    /// The store told the next events of a chat.
    pub(super) fn rewritten_events_read(
        &mut self,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(events) = cx.found(outcome, Found::events) else {
            return self.rewriting.failed(cx.now.micros);
        };
        let rows = self.rewriting.found_events(&events);
        if rows.is_empty() {
            return self.go_on_rewriting(cx);
        }
        let token = Token {
            part: Part::Rewriting(self.id),
            number: self.number_base,
        };
        cx.write(token, rows);
    }

    /// A step is in the store.
    pub(crate) fn rewrite_written(&mut self, number: u64, cx: &mut Context<'_>) {
        // It may be of an earlier time that the partition was open.
        if number == self.number_base {
            self.rewriting.written();
            self.go_on_rewriting(cx);
        }
    }
}

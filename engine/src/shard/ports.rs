//! What log, store and hashers have done, for the part that asked for it.

use crate::api::Api;
use crate::context::Context;
use crate::edge::port::{Found, Part, PasswordOutcome, StoreEvent, StoreFault, Token};
use crate::mesh::ShardMessage;
use crate::shard::Parts;

impl Parts<'_> {
    pub(super) fn store_event(&mut self, event: StoreEvent, cx: &mut Context<'_>) {
        match event {
            StoreEvent::Written { token, micros } => {
                cx.stats.db.observe(micros);
                self.written(token, cx);
            }
            StoreEvent::Synced { .. } => self.owner.synced(cx),
            StoreEvent::Read { token, outcome } => self.store_read(token, outcome, cx),
        }
    }

    fn written(&mut self, token: Token, cx: &mut Context<'_>) {
        match token.part {
            Part::Partition(id) => self.owner.written(id, token.number, cx),
            Part::Purging(id) => self.owner.purge_written(id, token.number, cx),
            Part::Erasing(id) => self.owner.erasure_written(id, token.number, cx),
            Part::Rewriting(id) => self.owner.rewrite_written(id, token.number, cx),
            Part::Home => self.home.written(token.number, cx),
            Part::Owner | Part::Connection(_) | Part::Sessions => {
                cx.bug("a part of the shard wrote a row that writes none");
            }
        }
    }

    fn store_read(
        &mut self,
        token: Token,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let number = token.number;
        match token.part {
            Part::Partition(id) => self.owner.store_read(id, number, outcome, cx),
            Part::Home => self.home.store_read(number, outcome, self.connections, cx),
            Part::Connection(conn) => {
                let api = Api::new(self.gate);
                self.connections.store_read(conn, number, outcome, api, cx);
            }
            Part::Sessions => self.ended_sessions_read(outcome, cx),
            Part::Owner | Part::Purging(_) | Part::Erasing(_) | Part::Rewriting(_) => {
                cx.bug("a part of the shard read the store that reads nothing");
            }
        }
    }

    pub(super) fn password_done(
        &mut self,
        token: Token,
        outcome: PasswordOutcome,
        cx: &mut Context<'_>,
    ) {
        match token.part {
            Part::Partition(id) => self.owner.password_done(id, token.number, outcome, cx),
            Part::Owner
            | Part::Purging(_)
            | Part::Erasing(_)
            | Part::Rewriting(_)
            | Part::Home
            | Part::Connection(_)
            | Part::Sessions => {
                cx.bug("a part of the shard asked about a password that asks about none");
            }
        }
    }

    fn ended_sessions_read(&mut self, outcome: Result<Found, StoreFault>, cx: &mut Context<'_>) {
        let ended = cx.found(outcome, Found::ended_sessions);
        cx.readiness.end_sessions(ended.is_some());
        if let Some(ended) = ended {
            self.gate.sessions_ended(ended);
        }
        self.announce_when_ready(cx);
    }

    pub(super) fn announce_when_ready(&self, cx: &mut Context<'_>) {
        if cx.readiness.is_announced() || !self.owner.is_ready(cx) {
            return;
        }
        if cx.readiness.announce() {
            let (from, stamp) = (cx.id(), cx.stamp());
            cx.send_to_all(|| ShardMessage::Ready { from, stamp });
        }
    }
}

//! The answers to the requests of an HTTP connection, and how they are written.

use crate::api::{Api, Reply};
use crate::connection::http::Http;
use crate::connection::link::Link;
use crate::connection::replies::Framing;
use crate::context::Context;
use crate::edge::port::{Found, StoreFault};
use crate::http::{CONTINUE, Refusal, Version};
use crate::mesh::Outcome;

impl Http {
    /// A request was answered by the shard that it was for.
    pub(in crate::connection) fn answered(
        &mut self,
        link: &mut Link,
        ticket: u64,
        outcome: Outcome,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        // It may have been overdue, and answered.
        let Some(to) = self.replies.take_reply_to(ticket) else {
            return;
        };
        let outcome = match self.upgrade.take() {
            None => outcome,
            Some(upgrade) => match outcome.accepted() {
                Ok(Outcome::Done) => return self.upgrade(link, ticket, &upgrade, cx),
                Ok(other) => {
                    cx.bug("a ticket was spent, and something else answered");
                    other
                }
                Err(problem) => Outcome::Refused(problem),
            },
        };
        let reply = api.reply_to(to, outcome, cx);
        self.reply(link, ticket, reply, cx);
        self.go_on(link, api, cx);
    }

    /// A request was answered by the store.
    pub(in crate::connection) fn store_read(
        &mut self,
        link: &mut Link,
        ticket: u64,
        outcome: Result<Found, StoreFault>,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        // It may have been overdue, and answered.
        if let Some(to) = self.replies.take_reply_to(ticket) {
            let reply = api.reply_to_read(to, outcome, cx);
            self.reply(link, ticket, reply, cx);
            self.go_on(link, api, cx);
        }
    }

    pub(super) fn reply(
        &mut self,
        link: &mut Link,
        ticket: u64,
        reply: Reply,
        cx: &mut Context<'_>,
    ) {
        if let Some(code) = reply.refusal {
            cx.stats.count_refusal(code, reply.limit);
        }
        if let Some(next) = self.replies.take_turn(ticket, reply) {
            self.write_replies(link, next, cx);
        }
    }

    /// Writes the reply that is next in order, and those behind it that are there.
    fn write_replies(&mut self, link: &mut Link, next: Reply, cx: &mut Context<'_>) {
        let replies = &mut self.replies;
        let ends = link.write(cx, |out, cx| replies.write(next, out, cx));
        if ends {
            return link.end(cx);
        }
        self.continue_if_due(link, cx);
    }

    /// Sends `100 Continue`, once all earlier replies are written.
    pub(super) fn continue_if_due(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        if self.replies.is_empty() && std::mem::take(&mut self.continue_due) {
            link.write(cx, |out, _| out.extend_from_slice(CONTINUE));
        }
    }

    /// Refuses what the connection is used for, behind all that is waiting, and closes it.
    pub(super) fn refuse_and_close(
        &mut self,
        link: &mut Link,
        refusal: &Refusal,
        cx: &mut Context<'_>,
    ) {
        self.last_request_read = true;
        self.request_began_micros = None;
        let ticket = self.replies.expect(Framing {
            version: Version::Http11,
            head_only: self.reader.is_head(&self.input),
            keep_alive: false,
            cors: None,
        });
        self.reply(link, ticket, Reply::refusal(refusal), cx);
    }
}

//! The deadlines of an HTTP connection, and how it ends.

use crate::api::Api;
use crate::connection::http::Http;
use crate::connection::link::Link;
use crate::context::{Context, MICROS_PER_SECOND};
use crate::http::Refusal;

/// Microseconds that a request may take to arrive, once it has begun.
const REQUEST_MICROS_MAX: u64 = 10 * MICROS_PER_SECOND;
/// Microseconds that a connection may stay open without a request.
const IDLE_MICROS_MAX: u64 = 75 * MICROS_PER_SECOND;
/// The same while the process stops: for a request that is on its way, or the first one of a client that has just
/// connected.
const LAST_IDLE_MICROS_MAX: u64 = MICROS_PER_SECOND;

impl Http {
    /// When its deadlines must be looked at, in microseconds.
    pub(in crate::connection) fn due_micros(&self, link: &Link, cx: &Context<'_>) -> u64 {
        let due = match self.request_began_micros {
            Some(began) => began + REQUEST_MICROS_MAX,
            None if self.is_idle() => self.idle_until_micros(link),
            None => cx.now.micros + IDLE_MICROS_MAX,
        };
        let stuck = link.stuck_micros(cx);
        let others = self.replies.due_micros().into_iter().chain(stuck);
        others.fold(due, u64::min)
    }

    /// Whether all that came was answered, and nothing waits for its client to take an answer.
    fn is_idle(&self) -> bool {
        self.replies.is_empty() && !self.halted
    }

    /// When it has been idle for too long, in microseconds, unless its client sends or takes something before.
    fn idle_until_micros(&self, link: &Link) -> u64 {
        let idle_max = match self.owed_bytes {
            Some(_) => LAST_IDLE_MICROS_MAX,
            None => IDLE_MICROS_MAX,
        };
        self.active_micros.max(link.taken_micros()) + idle_max
    }

    /// Since when it holds what came and is not begun, in microseconds.
    pub(in crate::connection) const fn holds_since_micros(&self) -> Option<u64> {
        self.holds_since_micros
    }

    /// The client sends no more. What it has sent is answered before the connection ends.
    pub(in crate::connection) fn finished(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        self.is_finished = true;
        self.request_began_micros = None;
        self.end_if_answered(link, cx);
    }

    /// Ends the connection if its client sends no more and has been answered.
    pub(super) fn end_if_answered(&self, link: &mut Link, cx: &mut Context<'_>) {
        let answered = self.is_idle() && self.held.is_none();
        if self.is_finished && answered {
            link.end(cx);
        }
    }

    /// Ends what is overdue.
    pub(in crate::connection) fn tick(
        &mut self,
        link: &mut Link,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        let now = cx.now.micros;
        if link.is_stuck(cx) {
            return self.cut_off(link, cx);
        }
        if link.is_full() && self.request_began_micros.is_some() {
            // It is not read while its outbox is full, so its time starts then.
            self.request_began_micros = Some(now);
        }
        self.refuse_overdue(link, api, cx);
        if link.is_closing() {
            return;
        }
        let began = self.request_began_micros;
        if began.is_some_and(|began| began + REQUEST_MICROS_MAX <= now) {
            self.refuse_and_close(link, &Refusal::REQUEST_TIMEOUT, cx);
        } else if self.is_idle() && self.idle_until_micros(link) <= now {
            link.end(cx);
        }
    }

    /// Ends the connection at once, and drops all that is held for it.
    pub(in crate::connection) fn cut_off(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        self.drop_input();
        link.cut_off(cx);
    }

    /// The connection is gone, and with it whoever was to be answered.
    pub(in crate::connection) fn gone(&self, cx: &mut Context<'_>) {
        for to in self.replies.unanswered_to() {
            to.unanswered(cx);
        }
    }

    /// Refuses the requests that were not answered by their deadlines.
    fn refuse_overdue(&mut self, link: &mut Link, api: Api<'_>, cx: &mut Context<'_>) {
        let overdue = self.replies.overdue(cx.now.micros);
        for &(ticket, changes) in &overdue {
            cx.stats.overdue_requests += 1;
            self.upgrade = None;
            if let Some(to) = self.replies.take_reply_to(ticket) {
                let reply = to.overdue(changes, cx);
                self.reply(link, ticket, reply, cx);
            }
        }
        if !overdue.is_empty() {
            self.go_on(link, api, cx);
        }
    }

    /// The process stops, and of what had come, so many bytes are still to be received: what has begun among them is
    /// served, and what comes within a moment; then the connection ends.
    pub(in crate::connection) fn retire(&mut self, unread: usize, cx: &Context<'_>) {
        let owed = self.input.len() + unread;
        self.owed_bytes = Some(owed);
        self.active_micros = cx.now.micros;
        if owed == 0 && self.held.is_none() && self.replies.end_behind_last() {
            self.last_request_read = true;
        }
    }
}

//! What one WebSocket has sent that is not answered yet: messages, and up to where its user has read.

use std::collections::VecDeque;

use rookery_schema::ChatId;

use crate::connection::websocket::client_message::About;
use crate::limits::Limit;
use crate::mesh::problem::Problem;

/// Sends of one connection that may wait for their answers.
const SENDS_IN_FLIGHT_MAX: usize = 1024;
/// Messages above a rate after which the connection is closed.
const RATE_STRIKES_MAX: u32 = 3;
/// Microseconds after which a strike does not count any more.
const STRIKE_MICROS: u64 = 60_000_000;

/// See the module.
#[derive(Default)]
pub(super) struct Sends {
    /// Oldest first.
    waiting: VecDeque<WaitingSend>,
    last_ticket: u64,
    /// How many messages were refused for a rate since the last send that was accepted.
    strikes: u32,
    /// When the last of them was.
    struck_micros: u64,
}

/// What a client has sent.
#[derive(Debug)]
pub(super) enum Sent {
    /// A message, and the client's own id of it.
    Message(Option<Box<str>>),
    /// How far the user has read this chat: nothing is said when that is done.
    Mark(ChatId),
}

impl Sent {
    pub(super) fn about(&self) -> About<'_> {
        match self {
            Self::Message(client_id) => About::Send(client_id.as_deref()),
            Self::Mark(chat_id) => About::Chat(*chat_id),
        }
    }
}

pub(super) struct WaitingSend {
    ticket: u64,
    pub(super) sent: Sent,
    /// It is answered by then, in microseconds.
    due_micros: u64,
}

impl Sends {
    /// Notes a send, and gives the ticket under which it is answered.
    pub(super) fn add(&mut self, sent: Sent, due_micros: u64) -> u64 {
        self.last_ticket += 1;
        self.waiting.push_back(WaitingSend {
            ticket: self.last_ticket,
            sent,
            due_micros,
        });
        self.last_ticket
    }

    pub(super) fn take(&mut self, ticket: u64) -> Option<WaitingSend> {
        let index = self.waiting.iter().position(|it| it.ticket == ticket)?;
        self.waiting.remove(index)
    }

    /// Takes those that should have been answered by now.
    pub(super) fn take_overdue(&mut self, now_micros: u64) -> Vec<WaitingSend> {
        let waiting = &mut self.waiting;
        std::iter::from_fn(|| waiting.pop_front_if(|send| send.due_micros <= now_micros)).collect()
    }

    /// When the oldest must be answered, in microseconds.
    pub(super) fn due_micros(&self) -> Option<u64> {
        self.waiting.front().map(|send| send.due_micros)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn are_full(&self) -> bool {
        self.waiting.len() >= SENDS_IN_FLIGHT_MAX
    }

    /// A message was refused. Other limits than rates are met by who does not know of them, not by who does not wait.
    pub(super) fn refused(&mut self, problem: &Problem, now_micros: u64) {
        if !problem.limit.is_some_and(Limit::is_rate_of_user) {
            return;
        }
        if now_micros > self.struck_micros + STRIKE_MICROS {
            self.strikes = 0;
        }
        self.strikes += 1;
        self.struck_micros = now_micros;
    }

    /// One was accepted.
    pub(super) const fn accepted(&mut self) {
        self.strikes = 0;
    }

    /// Whether the client goes on sending when it was told to wait.
    pub(super) const fn have_struck_out(&self) -> bool {
        self.strikes >= RATE_STRIKES_MAX
    }
}

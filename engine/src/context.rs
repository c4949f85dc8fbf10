//! What every part of a shard works with during one step.

#[cfg(test)]
pub(crate) mod sample;

use std::collections::VecDeque;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::Rng;
use rookery_schema::row::Row;
use rookery_schema::{Placement, Route, Routing, ShardId, Timestamp, UserId};

use crate::config::ShardConfig;
use crate::edge::effect::{Effects, Notice};
use crate::edge::input::Now;
use crate::edge::port::{Found, PasswordJob, Read, StoreFault, StoreRequest, Token};
use crate::hashing::{self, Hashing};
use crate::held_bytes::HeldBytes;
use crate::http::HttpDate;
use crate::ids::ConnId;
use crate::leases::{Credit, Leases};
use crate::limits::Network;
use crate::mesh::command::asker::Waiting;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, Outcome, ShardMessage, Spending, Whisper};
use crate::pages::{Pages, Wanted};
use crate::readiness::Readiness;
use crate::security::{SecurityEvent, SecurityLog};
use crate::stamps::Stamps;
use crate::stats::Stats;

/// Microseconds in a second.
pub(crate) const MICROS_PER_SECOND: u64 = 1_000_000;

/// One step's surroundings.
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a ShardConfig,
    pub(crate) routing: &'a Routing,
    pub(crate) readiness: &'a mut Readiness,
    pub(crate) effects: &'a mut Effects,
    pub(crate) stats: &'a mut Stats,
    pub(crate) random: &'a mut ChaCha12Rng,
    /// Passwords on their way to the hashers.
    pub(crate) hashing: &'a mut Hashing,
    /// Which security events are told.
    pub(crate) security: &'a mut SecurityLog,
    /// Messages from this shard to itself, handled before the step ends.
    pub(crate) local: &'a mut VecDeque<ShardMessage>,
    /// What it whispers to itself, handled behind these.
    pub(crate) local_whispers: &'a mut VecDeque<Whisper>,
    /// What is held for the connections of this shard.
    pub(crate) held: &'a HeldBytes,
    /// Pages that its connections ask for.
    pub(crate) pages: &'a mut Pages,
    /// What users may send by this shard.
    pub(crate) leases: &'a mut Leases,
    pub(crate) stamps: &'a mut Stamps,
    /// The current date, as replies carry it.
    pub(crate) date: &'a HttpDate,
    /// There is room on the disk for small changes alone.
    pub(crate) disk_full: bool,
    /// When this shard stood still last, in microseconds.
    pub(crate) resumed_micros: u64,
    /// Microseconds that the bytes of this step waited to be read.
    pub(crate) input_waited_micros: u64,
}

impl Context<'_> {
    pub(crate) const fn id(&self) -> ShardId {
        self.config.id
    }

    pub(crate) const fn placement(&self) -> Placement {
        self.routing.placement()
    }

    /// The time that a record is stamped with now.
    pub(crate) fn stamp(&self) -> Timestamp {
        self.stamps.at(self.now)
    }

    /// So many seconds from now, in microseconds of the monotonic clock.
    pub(crate) const fn micros_in(&self, seconds: u64) -> u64 {
        self.now.micros + seconds * MICROS_PER_SECOND
    }

    /// Reports a broken invariant: a panic in debug builds; otherwise it is counted, and logged once for each kind.
    /// The caller continues as well as it can.
    pub(crate) fn bug(&mut self, what: &'static str) {
        debug_assert!(false, "a bug: {what}");
        self.report_bug(what);
    }

    /// Counts a bug, and tells the operator of it where it is the first of its kind.
    fn report_bug(&mut self, what: &'static str) {
        if self.stats.count_bug(what) {
            self.effects.notices.push(Notice::Bug { what });
        }
    }

    /// Counts a security event, and tells of it unless there are too many of its kind.
    pub(crate) fn note_security(&mut self, event: SecurityEvent) {
        self.stats.count_security_event(event.act);
        if self.security.admits(event.act, self.now.micros) {
            self.effects.notices.push(Notice::Security(event));
        }
    }

    /// Sends a message to a shard, this one included.
    pub(crate) fn send(&mut self, to: ShardId, message: ShardMessage) {
        if to == self.config.id {
            self.local.push_back(message);
        } else {
            self.stats.mesh_messages += 1;
            self.effects.mesh[to.index()].push(message);
        }
    }

    /// Tells a shard, this one included, what may get lost.
    pub(crate) fn whisper(&mut self, to: ShardId, whisper: Whisper) {
        if to == self.config.id {
            self.local_whispers.push_back(whisper);
        } else {
            self.stats.whispers += 1;
            self.effects.whispers[to.index()].push(whisper);
        }
    }

    pub(crate) fn send_to_all(&mut self, message: impl Fn() -> ShardMessage) {
        for shard in self.routing.all_shards() {
            self.send(shard, message());
        }
    }

    /// Sends a command to the shard that serves it. Where none does, the answer is [`Outcome::Elsewhere`], unless
    /// something was done already.
    pub(crate) fn ask(&mut self, asker: Asker, command: Command) {
        match command.to(self.routing) {
            Route::Here(shard) => self.send(shard, ShardMessage::Ask { asker, command }),
            Route::Nobody if command.ends_what_was_begun() => {
                self.refuse(asker, Problem::OUTCOME_UNKNOWN);
            }
            Route::Nobody => self.answer(asker, Outcome::Elsewhere),
        }
    }

    /// Asks for a page of a chat, for a request of a connection, when its turn comes.
    pub(crate) fn ask_page(&mut self, network: Network, wanted: Wanted) {
        if let Some(displaced) = self.pages.add(network, wanted) {
            let asker = self.asker(displaced.conn, displaced.ticket);
            self.refuse(asker, Problem::PAGES_WAITING);
        }
        self.go_on_with_pages();
    }

    /// Has as many pages made as may be.
    fn go_on_with_pages(&mut self) {
        while let Some(wanted) = self.pages.next(self.held, self.now.micros) {
            self.ask(self.asker(wanted.conn, wanted.ticket), wanted.command);
        }
    }

    /// A request of a connection was answered: if it was for a page, another can be made.
    pub(crate) fn page_answered(&mut self, conn: ConnId, ticket: u64) {
        if self.pages.answered(conn, ticket) {
            self.go_on_with_pages();
        }
    }

    /// Gives up pages whose askers have been refused by now.
    pub(crate) fn tick_pages(&mut self) {
        self.pages.tick(self.now.micros);
        self.go_on_with_pages();
    }

    /// A request of a connection of this shard.
    pub(crate) const fn asker(&self, conn: ConnId, ticket: u64) -> Asker {
        Asker {
            shard: self.id(),
            waiting: Waiting::Connection { conn, ticket },
        }
    }

    pub(crate) fn answer(&mut self, asker: Asker, outcome: Outcome) {
        self.send(asker.shard, ShardMessage::Answer { asker, outcome });
    }

    pub(crate) fn refuse(&mut self, asker: Asker, problem: Problem) {
        self.answer(asker, Outcome::Refused(problem));
    }

    /// Refuses a new message if its bytes waited for too long to be read: the shard is overloaded, and refusing is
    /// cheaper than serving.
    pub(crate) fn admit_message(&self) -> Result<(), Problem> {
        if self.is_over_lag_limit(self.input_waited_micros) {
            return Err(Problem::LATE);
        }
        Ok(())
    }

    /// Counts a new message for its sender's quotas.
    ///
    /// # Errors
    /// Which of them is used up.
    pub(crate) fn spend(&mut self, sender_id: UserId, bytes: usize) -> Result<(), Problem> {
        let credit = Credit::of(self.config);
        let told = self
            .leases
            .spend(sender_id, bytes, credit, self.now.micros)?;
        if let Some(spending) = told {
            self.tell_spending(spending);
        }
        Ok(())
    }

    fn tell_spending(&mut self, spending: Spending) {
        let (home, from) = (self.routing.home(spending.user_id), self.id());
        self.send(home, ShardMessage::Spent { from, spending });
    }

    /// Forgets what users sent by this shard long ago.
    pub(crate) fn tick_leases(&mut self) {
        let untold = self.leases.tick(Credit::of(self.config), self.now.micros);
        untold
            .into_iter()
            .for_each(|spending| self.tell_spending(spending));
    }

    /// Whether something has waited for longer than `--lag-limit`.
    pub(crate) fn is_over_lag_limit(&self, waited_micros: u64) -> bool {
        u128::from(waited_micros) > self.config.lag_limit.as_micros()
    }

    /// Reads the store; the answer comes back to the part that the token names.
    pub(crate) fn read(&mut self, token: Token, read: Read) {
        self.effects.store.push(StoreRequest::Read { token, read });
    }

    /// What the store found, if it could read it. An answer to another read is a bug, and nothing was found then.
    pub(crate) fn found<T>(
        &mut self,
        outcome: Result<Found, StoreFault>,
        wanted: impl FnOnce(Found) -> Result<T, &'static str>,
    ) -> Option<T> {
        wanted(outcome.ok()?).map_err(|what| self.bug(what)).ok()
    }

    /// Has a password hashed or compared when its turn comes; the answer comes back to the part that the token names.
    pub(crate) fn hash(&mut self, job: PasswordJob, kind: hashing::Kind, network: Network) {
        let hashers = &mut self.effects.passwords;
        self.hashing.add(job, kind, network, hashers);
    }

    /// Writes to the store; the confirmation comes back to the part that the token names.
    pub(crate) fn write(&mut self, token: Token, rows: Vec<Row>) {
        self.effects.store.push(StoreRequest::Write { token, rows });
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::sample::Surroundings;
    use crate::stats::metrics::Value;

    #[test]
    fn a_bug_is_told_once_and_counted_each_time() {
        let mut surroundings = Surroundings::new();
        for what in ["one", "two", "one"] {
            surroundings.at(0).report_bug(what);
        }
        let told = ["one", "two"].map(|what| Notice::Bug { what });
        assert_eq!(surroundings.effects.notices, told);
        let metrics = surroundings.stats.metrics();
        let bugs = metrics.iter().find(|it| it.name == "rookery_bugs_total");
        assert_eq!(bugs.map(|it| &it.value), Some(&Value::Counter(3.0)));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a bug: it can't be")]
    fn a_bug_ends_a_test() {
        Surroundings::new().at(0).bug("it can't be");
    }
}

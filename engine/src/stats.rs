//! The statistics of one shard: plain counters that only it touches, sent by value to the shard that asks.

pub mod metrics;

use crate::limits::Limit;
use crate::security::Act;
use crate::ws::CloseCode;

/// Upper bounds in microseconds of a latency histogram's buckets; one more counts what is above.
pub const LATENCY_BOUNDS_MICROS: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

/// How often a latency fell between two bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Not cumulative; the last counts what is above every bound.
    pub buckets: [u64; LATENCY_BOUNDS_MICROS.len() + 1],
    pub sum_micros: u64,
}

impl Histogram {
    /// Counts one latency.
    pub fn observe(&mut self, micros: u64) {
        self.observe_many(micros, 1);
    }

    /// Counts the same latency several times.
    pub fn observe_many(&mut self, micros: u64, times: u64) {
        let bucket = LATENCY_BOUNDS_MICROS.partition_point(|&bound| bound < micros);
        self.buckets[bucket] += times;
        self.sum_micros += micros * times;
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// The first of the close codes that have no meaning in RFC 6455, section 7.4.2.
const PRIVATE_CODES: u16 = 3000;

/// Everything one shard counts.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub messages_posted: u64,
    pub messages_processed: u64,
    /// Messages in the log that are not in the store yet.
    pub lag_messages: u64,
    /// Age of the oldest of them, in microseconds.
    pub lag_micros: u64,
    /// Age from which on changes are refused, in microseconds.
    pub lag_limit_micros: u64,
    pub db: Histogram,
    pub broadcast: Histogram,
    pub processing: Histogram,
    pub append: Histogram,
    /// From acceptance to being queued on a receiver's connection.
    pub delivery: Histogram,
    pub http_connections: u64,
    pub websocket_connections: u64,
    pub connections_accepted: u64,
    pub http_requests: u64,
    pub deliveries: u64,
    pub outbox_bytes: u64,
    pub outbox_distinct_bytes: u64,
    pub duplicate_sends: u64,
    /// Logins whose password was compared a second time, as it was typed.
    pub password_retries: u64,
    /// Logins that were given though they may not be in the log.
    pub logins_unrecorded: u64,
    /// Chats of which clients have all events that they missed.
    pub chats_resumed: u64,
    /// Chats of which clients miss too much, or which are not theirs.
    pub chats_not_resumed: u64,
    /// Events that clients had missed.
    pub resumed_events: u64,
    pub poison_records: u64,
    pub panics: u64,
    /// Requests that were not answered by their deadline.
    pub overdue_requests: u64,
    /// Broken invariants, by what was noticed.
    pub bugs: Vec<(&'static str, u64)>,
    /// Chats whose state is in memory.
    pub chats_loaded: u64,
    /// Bytes of memory that they take.
    pub chats_bytes: u64,
    /// Chats that made room for others.
    pub chats_forgotten: u64,
    /// Logins that were ended before their tokens expired.
    pub ended_sessions: u64,
    pub mesh_messages: u64,
    /// Batches that wait for room in the rings to other shards.
    pub mesh_depth: u64,
    pub mesh_stalls: u64,
    /// Times that what was sent to another shard woke it.
    pub mesh_wakeups: u64,
    /// Times that the shard slept until something came, or it was time for something.
    pub sleeps: u64,
    pub whispers: u64,
    /// Whispers for which the ring to another shard had no room.
    pub whispers_dropped_by_rings: u64,
    /// Whispers for clients who had not taken what they were sent before.
    pub whispers_dropped_for_clients: u64,
    /// Whispers for chats to which too many listen.
    pub whispers_dropped_for_crowds: u64,
    /// Microseconds in which this shard had work.
    pub busy_micros: u64,
    /// Connections cut off, since their clients did not take what waited for them.
    pub cut_connections: u64,
    /// Connections that waited for their clients, and were closed so that new ones have room.
    pub displaced_connections: u64,
    /// WebSockets closed, by code; `None` counts those whose client made up a code.
    pub closes: Vec<(Option<u16>, u64)>,
    /// Requests refused, by code.
    pub refusals: Vec<(&'static str, u64)>,
    /// Requests and connections refused since a limit was met, by its name.
    pub limits_met: Vec<(&'static str, u64)>,
    /// Security events, by act.
    pub security_events: Vec<(&'static str, u64)>,
    /// Logins, registrations and operators' calls that named their client, and came from no trusted proxy.
    pub untrusted_forwards: u64,
}

impl Stats {
    /// Counts the batches of events that were written to connections by `now_micros`; `applied` says
    /// when the owner had applied each.
    pub fn count_broadcasts(&mut self, applied: impl Iterator<Item = u64>, now_micros: u64) {
        for applied_micros in applied {
            self.broadcast
                .observe(now_micros.saturating_sub(applied_micros));
        }
    }

    /// Counts a WebSocket that the server closes.
    pub fn count_close(&mut self, code: CloseCode) {
        count(&mut self.closes, Some(code.into()));
    }

    /// Counts a WebSocket that its client closed, or whose connection broke. Clients choose codes from 3000 on:
    /// these share one count, or a client could make up thousands of them, or pass for a slow reader.
    pub fn count_close_by_client(&mut self, code: u16) {
        count(
            &mut self.closes,
            Some(code).filter(|code| *code < PRIVATE_CODES),
        );
    }

    /// Counts a broken invariant; true where it is the first of its kind.
    pub fn count_bug(&mut self, what: &'static str) -> bool {
        let is_first = self.bugs.iter().all(|(known, _)| *known != what);
        count(&mut self.bugs, what);
        is_first
    }

    /// Counts a refused request, and the limit that it met, if any.
    pub fn count_refusal(&mut self, code: &'static str, limit: Option<Limit>) {
        count(&mut self.refusals, code);
        if let Some(limit) = limit {
            self.count_limit(limit);
        }
    }

    /// Counts that a limit was met.
    pub fn count_limit(&mut self, limit: Limit) {
        count(&mut self.limits_met, limit.name());
    }

    /// Counts a security event, told or left out.
    pub(crate) fn count_security_event(&mut self, act: Act) {
        count(&mut self.security_events, act.name());
    }
}

fn count<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K) {
    match counts.iter_mut().find(|(known, _)| *known == key) {
        Some((_, value)) => *value += 1,
        None => counts.push((key, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_the_bucket_of_its_bound() {
        let mut histogram = Histogram::default();
        histogram.observe(50);
        histogram.observe(51);
        histogram.observe_many(20_000_000, 3);
        assert_eq!(histogram.buckets[..2], [1, 1]);
        assert_eq!(histogram.buckets[LATENCY_BOUNDS_MICROS.len()], 3);
        assert_eq!((histogram.count(), histogram.sum_micros), (5, 60_000_101));
    }

    #[test]
    fn refusals_are_counted_by_code() {
        let mut stats = Stats::default();
        stats.count_refusal("unavailable", None);
        stats.count_refusal("too_many_requests", Some(Limit::UserRate));
        stats.count_refusal("too_many_requests", Some(Limit::LoginRate));
        let refusals = [("unavailable", 1), ("too_many_requests", 2)];
        assert_eq!(stats.refusals, refusals);
        assert_eq!(stats.limits_met, [("user-rate", 1), ("login-rate", 1)]);
    }
}

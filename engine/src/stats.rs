//! The statistics of one shard: plain counters that only it touches, sent by value to the shard that asks.

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

/// One metric's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Counter(f64),
    Gauge(f64),
    Histogram(Box<Histogram>),
}

/// One metric of one shard, without the label `core` that the reader adds.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub name: &'static str,
    pub help: &'static str,
    /// A label's name and value, where there is one.
    pub label: Option<(&'static str, String)>,
    pub value: Value,
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

    /// Every metric, ready to be rendered; the names are the contract's.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut all = self.flow();
        all.extend(self.latencies());
        all.extend(self.load());
        all.extend(self.by_reason());
        all
    }

    fn flow(&self) -> Vec<Metric> {
        vec![
            counter(
                "chat_messages_posted_total",
                "Messages accepted.",
                self.messages_posted,
            ),
            counter(
                "consumer_messages_processed_total",
                "Messages consumed from the log and stored.",
                self.messages_processed,
            ),
            gauge(
                "consumer_lag",
                "Messages in the log not yet consumed and stored.",
                self.lag_messages as f64,
            ),
            gauge(
                "consumer_lag_seconds",
                "Age of the oldest message not yet consumed and stored.",
                self.lag_micros as f64 / 1e6,
            ),
            gauge(
                "rookery_lag_limit_seconds",
                "Age of the oldest such message above which new ones are refused.",
                self.lag_limit_micros as f64 / 1e6,
            ),
            counter(
                "rookery_deliveries_total",
                "Events queued to connections.",
                self.deliveries,
            ),
            counter(
                "rookery_duplicate_sends_total",
                "Sends recognised as repeats of an earlier one.",
                self.duplicate_sends,
            ),
            counter(
                "rookery_password_retries_total",
                "Logins whose password was compared a second time, as it was typed.",
                self.password_retries,
            ),
            counter(
                "rookery_chats_resumed_total",
                "Chats of which clients got all events that they had missed.",
                self.chats_resumed,
            ),
            counter(
                "rookery_chats_not_resumed_total",
                "Chats of which clients missed more than is resumed, or that are not theirs.",
                self.chats_not_resumed,
            ),
            counter(
                "rookery_resumed_events_total",
                "Events that clients had missed and got.",
                self.resumed_events,
            ),
            counter(
                "rookery_poison_records_total",
                "Log records that could not be understood and were passed over.",
                self.poison_records,
            ),
        ]
    }

    fn latencies(&self) -> Vec<Metric> {
        vec![
            histogram(
                "consumer_db_duration_seconds",
                "Inserting a batch into the database.",
                self.db,
            ),
            histogram(
                "consumer_broadcast_duration_seconds",
                "From applying a batch to having written it to its recipients' connections.",
                self.broadcast,
            ),
            histogram(
                "consumer_processing_duration_seconds",
                "The whole loop for a batch.",
                self.processing,
            ),
            histogram(
                "rookery_append_duration_seconds",
                "From submitting a batch to the log until it is durable.",
                self.append,
            ),
            histogram(
                "rookery_delivery_duration_seconds",
                "From accepting a message to queueing it to a receiver.",
                self.delivery,
            ),
        ]
    }

    fn load(&self) -> Vec<Metric> {
        vec![
            gauge(
                "rookery_http_connections",
                "Open HTTP connections.",
                self.http_connections as f64,
            ),
            gauge(
                "rookery_websocket_connections",
                "Open WebSockets.",
                self.websocket_connections as f64,
            ),
            counter(
                "rookery_connections_accepted_total",
                "Connections accepted.",
                self.connections_accepted,
            ),
            counter(
                "rookery_http_requests_total",
                "HTTP requests read.",
                self.http_requests,
            ),
            gauge(
                "rookery_outbox_bytes",
                "Bytes queued to connections.",
                self.outbox_bytes as f64,
            ),
            gauge(
                "rookery_outbox_distinct_bytes",
                "Bytes held for connections: output (shared bytes once), input in part, pages being made.",
                self.outbox_distinct_bytes as f64,
            ),
            gauge(
                "rookery_chats_loaded",
                "Chats held in memory.",
                self.chats_loaded as f64,
            ),
            gauge(
                "rookery_chats_bytes",
                "Memory that these chats take.",
                self.chats_bytes as f64,
            ),
            counter(
                "rookery_chats_forgotten_total",
                "Chats that were no longer held in memory, so that others could be.",
                self.chats_forgotten,
            ),
            gauge(
                "rookery_ended_sessions",
                "Logins ended before their tokens expired; every shard keeps all of them.",
                self.ended_sessions as f64,
            ),
            counter(
                "rookery_mesh_messages_total",
                "Messages sent to shards.",
                self.mesh_messages,
            ),
            gauge(
                "rookery_mesh_depth",
                "Batches that wait for room in the rings to other shards.",
                self.mesh_depth as f64,
            ),
            counter(
                "rookery_mesh_stalls_total",
                "Times that sockets were not read because a ring was full.",
                self.mesh_stalls,
            ),
            counter(
                "rookery_whispers_total",
                "Whispers (typing, presence) sent to shards.",
                self.whispers,
            ),
            dropped_whispers("ring", self.whispers_dropped_by_rings),
            dropped_whispers("client", self.whispers_dropped_for_clients),
            dropped_whispers("crowd", self.whispers_dropped_for_crowds),
            counter(
                "rookery_panics_total",
                "Connections ended by a panic in their handler.",
                self.panics,
            ),
            counter(
                "rookery_overdue_requests_total",
                "Requests that no part of the server answered in time.",
                self.overdue_requests,
            ),
            counter(
                "rookery_connections_cut_total",
                "Connections cut off, since their clients did not take what waited for them.",
                self.cut_connections,
            ),
            counter(
                "rookery_connections_displaced_total",
                "Connections that waited for their clients, and were closed so that new ones have room.",
                self.displaced_connections,
            ),
            counter(
                "rookery_untrusted_forwards_total",
                "Logins, registrations and operators' calls that named their client, and came from no trusted proxy.",
                self.untrusted_forwards,
            ),
            counter(
                "rookery_bugs_total",
                "Broken invariants: any is a bug to report, with the line of the log that names it.",
                self.bugs.iter().map(|(_, times)| times).sum(),
            ),
            Metric {
                name: "rookery_core_busy_seconds_total",
                help: "Time in which the shard had work.",
                label: None,
                value: Value::Counter(self.busy_micros as f64 / 1e6),
            },
        ]
    }

    fn by_reason(&self) -> Vec<Metric> {
        let closes = self.closes.iter().map(|(code, value)| {
            labelled(
                "rookery_connections_closed_total",
                "WebSockets closed, by close code.",
                (
                    "code",
                    code.map_or_else(|| "other".to_owned(), |code| code.to_string()),
                ),
                *value,
            )
        });
        let refusals = self.refusals.iter().map(|(code, value)| {
            labelled(
                "rookery_refusals_total",
                "Requests refused, by code.",
                ("reason", (*code).to_owned()),
                *value,
            )
        });
        let limits = self.limits_met.iter().map(|(limit, value)| {
            labelled(
                "rookery_limits_met_total",
                "Requests and connections refused since a limit was met, by its name.",
                ("limit", (*limit).to_owned()),
                *value,
            )
        });
        let security = self.security_events.iter().map(|(act, value)| {
            labelled(
                "rookery_security_events_total",
                "Failed logins, registrations, logouts past the limit, foreign origins and hosts, and what operators \
                 did, told in the security log or left out.",
                ("event", (*act).to_owned()),
                *value,
            )
        });
        closes
            .chain(refusals)
            .chain(limits)
            .chain(security)
            .collect()
    }
}

fn count<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K) {
    match counts.iter_mut().find(|(known, _)| *known == key) {
        Some((_, value)) => *value += 1,
        None => counts.push((key, 1)),
    }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Metric {
    Metric {
        name,
        help,
        label: None,
        value: Value::Counter(value as f64),
    }
}

fn dropped_whispers(at: &str, value: u64) -> Metric {
    labelled(
        "rookery_whispers_dropped_total",
        "Whispers dropped: the ring to a shard was full, a client was behind, or too many listen to a chat.",
        ("at", at.to_owned()),
        value,
    )
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Metric {
    Metric {
        name,
        help,
        label: None,
        value: Value::Gauge(value),
    }
}

fn histogram(name: &'static str, help: &'static str, value: Histogram) -> Metric {
    Metric {
        name,
        help,
        label: None,
        value: Value::Histogram(Box::new(value)),
    }
}

fn labelled(
    name: &'static str,
    help: &'static str,
    label: (&'static str, String),
    value: u64,
) -> Metric {
    Metric {
        name,
        help,
        label: Some(label),
        value: Value::Counter(value as f64),
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

    #[test]
    fn a_client_can_t_make_labels_up() {
        let mut stats = Stats::default();
        stats.count_close(CloseCode::SlowReader);
        for code in [1000, 1005, 4008].into_iter().chain(3000..5000) {
            stats.count_close_by_client(code);
        }
        let closes: Vec<(String, Value)> = stats
            .metrics()
            .into_iter()
            .filter(|metric| metric.name == "rookery_connections_closed_total")
            .filter_map(|metric| Some((metric.label?.1, metric.value)))
            .collect();
        let expected = [
            ("4008", 1.0),
            ("1000", 1.0),
            ("1005", 1.0),
            ("other", 2001.0),
        ]
        .map(|(code, count)| (code.to_owned(), Value::Counter(count)));
        assert_eq!(closes, expected);
    }
}

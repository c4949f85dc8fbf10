//! What a shard counts, as metrics with the names of the contract.

use crate::stats::{Histogram, Stats};

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

impl Stats {
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
                "rookery_logins_unrecorded_total",
                "Logins that the log did not take, so that their users do not see them listed.",
                self.logins_unrecorded,
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
                "rookery_mesh_wakeups_total",
                "Times that what was sent to another shard woke it.",
                self.mesh_wakeups,
            ),
            counter(
                "rookery_sleeps_total",
                "Times that the shard had nothing to do, slept and was woken.",
                self.sleeps,
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
    use crate::ws::CloseCode;

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

//! The metrics are the contract's, and count what happened.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::collections::BTreeMap;

use support::api::Api;
use support::http::Request;
use support::prometheus::Metrics;
use support::{Options, any_user, eventually};

const CONTRACT: [(&str, &str); 7] = [
    ("chat_messages_posted_total", "counter"),
    ("consumer_messages_processed_total", "counter"),
    ("consumer_lag", "gauge"),
    ("consumer_lag_seconds", "gauge"),
    ("consumer_db_duration_seconds", "histogram"),
    ("consumer_broadcast_duration_seconds", "histogram"),
    ("consumer_processing_duration_seconds", "histogram"),
];

/// As all client libraries of Prometheus have them, but for the open descriptors, which older kernels don't tell.
const OF_PROCESS: [&str; 6] = [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_max_fds",
    "process_start_time_seconds",
    "process_threads",
];

const SHARDS: usize = 3;
const MESSAGES: usize = 200;

#[test]
fn every_sample_tells_its_core() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(SHARDS).start();
    let reply = server.http().call(&Request::get("/metrics")).unwrap();
    let media_type = reply.header("content-type").unwrap();
    assert!(media_type.starts_with("text/plain"), "{media_type}");

    let metrics = server.metrics();
    for (name, kind) in CONTRACT {
        assert_eq!(
            metrics.types.get(name).map(String::as_str),
            Some(kind),
            "{name}"
        );
        let sample = if kind == "histogram" {
            format!("{name}_count")
        } else {
            name.to_owned()
        };
        assert_eq!(metrics.named(&sample).count(), SHARDS, "{sample}");
    }
    assert_eq!(metrics.named("rookery_lag_limit_seconds").count(), SHARDS);
    for name in OF_PROCESS {
        assert_eq!(metrics.named(name).count(), 1, "{name}");
        assert!(metrics.sum(name) > 0.0, "{name}");
    }
    for sample in &metrics.samples {
        let core = sample.labels.get("core").map(|core| core.parse::<usize>());
        assert!(
            matches!(core, Some(Ok(core)) if core < SHARDS),
            "{sample:?}"
        );
    }
    for (name, kind) in &metrics.types {
        assert!(
            kind == "counter" || !name.ends_with("_total"),
            "only counters are totals: {name}"
        );
    }
}

#[test]
fn what_is_posted_is_processed_and_nothing_lags() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(SHARDS).start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chats: Vec<String> = (0..8)
        .map(|n| alice.create_chat(&n.to_string(), &[]))
        .collect();
    let mut device = alice.listen();
    let before = server.metrics();
    for n in 0..MESSAGES {
        let chat = &chats[n % chats.len()];
        alice.say_as(chat, "hello", Some(&n.to_string()));
    }
    alice.say_as(&chats[0], "hello", Some("0"));
    for _ in 0..MESSAGES {
        device.next_of("message", &[]);
    }
    let after = eventually("everything is stored", || {
        let metrics = server.metrics();
        let processed = grown(&before, &metrics, "consumer_messages_processed_total");
        (processed >= MESSAGES && metrics.sum("consumer_lag") == 0.0).then_some(metrics)
    });
    for name in [
        "chat_messages_posted_total",
        "consumer_messages_processed_total",
    ] {
        assert_eq!(grown(&before, &after, name), MESSAGES, "{name}");
    }
    assert_eq!(grown(&before, &after, "rookery_deliveries_total"), MESSAGES);
    assert!(after.sum("consumer_lag_seconds") == 0.0);
    for (name, _) in CONTRACT.iter().filter(|(_, kind)| *kind == "histogram") {
        assert!(
            after.sum(&format!("{name}_count")) > 0.0,
            "{name} has measured"
        );
        assert_histogram(&after, name);
    }
}

#[test]
fn a_broadcast_takes_time_on_a_chats_own_shard_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(1).start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let mut device = alice.listen();
    alice.say_as(&chat, "hello", None);
    device.next_of("message", &[]);
    eventually("the broadcast is counted", || {
        let metrics = server.metrics();
        (metrics.sum("consumer_broadcast_duration_seconds_sum") > 0.0).then_some(())
    });
}

fn grown(before: &Metrics, after: &Metrics, name: &str) -> usize {
    (after.sum(name) - before.sum(name)) as usize
}

/// Buckets are cumulative, and the last holds all.
fn assert_histogram(metrics: &Metrics, name: &str) {
    let mut by_core: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    let bucket = format!("{name}_bucket");
    for sample in metrics.named(&bucket) {
        let bound = sample.labels["le"].parse().unwrap();
        by_core
            .entry(&sample.labels["core"])
            .or_default()
            .push((bound, sample.value));
    }
    assert_eq!(by_core.len(), SHARDS, "{name}");
    for (core, buckets) in by_core {
        assert!(buckets.is_sorted(), "{name} of core {core}: {buckets:?}");
        let (bound, all) = *buckets.last().unwrap();
        assert!(bound.is_infinite());
        let count = metrics.sum_with(&format!("{name}_count"), "core", core);
        assert!(
            (all - count).abs() < f64::EPSILON,
            "{name}: {all} of {count}"
        );
    }
}

#[test]
fn refusals_are_counted_by_reason() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(2).start();
    let before = server.metrics();
    let mut alice = Api::trusted(server.addr, &any_user());
    for _ in 0..3 {
        alice.get("/nothing").expect_problem(404, "not_found");
    }
    let after = server.metrics();
    let refused =
        |metrics: &Metrics| metrics.sum_with("rookery_refusals_total", "reason", "not_found");
    assert!((refused(&after) - refused(&before) - 3.0).abs() < f64::EPSILON);
}

#[test]
fn operations_move_to_their_own_listener_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(2).with_admin().start();
    let ask = |addr, method, path: &str| {
        let mut http = support::http::Http::connect(addr).ok()?;
        Some(http.call(&Request::new(method, path)).ok()?.status)
    };
    for path in ["/metrics", "/livez", "/readyz"] {
        for (method, status) in [("GET", 200), ("OPTIONS", 204)] {
            assert_eq!(ask(server.admin, method, path), Some(status), "{path}");
            assert_eq!(ask(server.addr, method, path), Some(404), "{path}");
        }
    }
    for method in ["GET", "OPTIONS"] {
        assert_eq!(ask(server.admin, method, "/chats"), Some(404));
    }
}

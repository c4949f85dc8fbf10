//! The benchmark against the server, both as they are run by people.

mod server;

use std::path::Path;

use serde_json::Value;

use server::{Server, start_server};

/// Runs a scenario; gives its exit code and its JSON.
fn bench(server: &Server, directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let short = ["--duration", "1", "--warmup", "0.2"];
    server.bench(directory, &[arguments, &short[..]].concat())
}

fn assert_clean(arguments: &[&str], (code, report): &(Option<i32>, Value)) {
    assert_eq!(*code, Some(0), "{arguments:?}: {report:#}");
    let count = |field: &str| report[field].as_u64();
    assert!(count("accepted") > Some(0), "{arguments:?}: {report:#}");
    assert_eq!(count("delivered"), count("expected_deliveries"));
    for wrong in ["lost", "duplicated", "reordered"] {
        assert_eq!(count(wrong), Some(0), "{arguments:?}: {report:#}");
    }
}

#[test]
fn listeners_that_pause_are_not_closed_and_miss_nothing() {
    let Some((directory, server)) = start_server("trust") else {
        return;
    };
    let arguments = ["hot-room", "--listeners", "3", "--rate", "500"];
    let pausing = [&arguments[..], &["--pause-listeners", "300"]].concat();
    let outcome = bench(&server, directory.path(), &pausing);
    assert_clean(&pausing, &outcome);
    let report = outcome.1;
    assert!(report["listener_pauses"].as_u64() >= Some(3), "{report:#}");
    assert_eq!(report["broken"].as_u64(), Some(0), "{report:#}");
    let longest = report["latency_ms"]["max"].as_f64();
    assert!(longest > Some(200.0), "they read all the time: {report:#}");
}

#[test]
fn runs_against_a_server_in_order_are_clean() {
    let Some((directory, server)) = start_server("trust") else {
        return;
    };
    for arguments in [
        &["hot-room", "--senders", "4", "--in-flight", "8"][..],
        &[
            "hot-room",
            "--listeners",
            "3",
            "--via",
            "ws",
            "--rate",
            "500",
        ],
        &[
            "rooms",
            "--rooms",
            "20",
            "--listeners",
            "9",
            "--rate",
            "500",
        ],
        &["rooms", "--rooms", "20", "--listeners", "9", "--via", "ws"],
        &["fan-out", "--listeners", "20"],
        &["history", "--messages", "500", "--senders", "2"],
    ] {
        assert_clean(arguments, &bench(&server, directory.path(), arguments));
    }
}

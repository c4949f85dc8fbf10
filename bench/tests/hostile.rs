//! All attacks at once on the server, both as they are run by people.

mod server;

use std::path::Path;

use serde_json::Value;

use server::{LOG, Server, start_server};

/// Runs the scenario for a few seconds, small; gives its exit code and its JSON.
fn bench(server: &Server, directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let small = [
        "hostile",
        "--auth",
        "token",
        "--duration",
        "3",
        "--warmup",
        "1",
        "--listeners",
        "6",
        "--rooms",
        "6",
        "--senders",
        "4",
        "--rate",
        "50",
        "--addresses",
        "5",
        "--intensity",
        "0.02",
    ];
    server.bench(directory, &[&small[..], arguments].concat())
}

#[test]
fn honest_users_lose_nothing_while_strangers_attack() {
    let Some((directory, server)) = start_server("token") else {
        return;
    };
    let (code, report) = bench(&server, directory.path(), &[]);
    assert_eq!(code, Some(0), "{report:#}");
    assert!(report["accepted"].as_u64() > Some(0), "{report:#}");
    assert_eq!(report["delivered"], report["expected_deliveries"]);
    let hostile = &report["hostile"];
    assert_eq!(hostile["attacked"], "target");
    assert!(
        hostile["logins"]["succeeded"].as_u64() > Some(0),
        "{report:#}"
    );
    let latency = &hostile["logins"]["latency_ms"];
    assert!(latency["p99"].as_f64() > Some(0.0), "{report:#}");
    let log = std::fs::read_to_string(directory.path().join(LOG)).unwrap_or_default();
    let registered = |address: &str| {
        let is_there = |line: &&str| line.contains("registration") && line.contains(address);
        log.lines().filter(is_there).count()
    };
    let honest = [r#""127.1.0.1""#, r#""127.1.0.2""#].map(registered);
    assert_eq!(
        honest,
        [5, 1],
        "six honest strangers of two households: {log}"
    );
    let memory = |when: &str| hostile["process"][when].as_u64();
    let max = memory("resident_bytes_max");
    assert!(memory("resident_bytes_before") > Some(0) && max > Some(0));
    let attacks = hostile["attacks"].as_object();
    assert_eq!(attacks.map(serde_json::Map::len), Some(10), "{report:#}");
    for (name, counts) in attacks.into_iter().flatten() {
        assert!(counts["opened"].as_u64() > Some(0), "{name}: {counts:#}");
        let said = counts["bytes_sent"].as_u64() > Some(0);
        assert_eq!(said, name != "churn", "{name}: {counts:#}");
    }
    let replies = |attack: &str, status: &str| {
        let counts = &hostile["attacks"][attack];
        assert!(counts["replies"][status].as_u64() > Some(0), "{counts:#}");
    };
    replies("unknown-logins", "401");
    replies("wrong-passwords", "401");
    replies("registrations", "201");
    replies("pings", "101");
    replies("garbage", "400");
    replies("huge-heads", "414");
    replies("huge-heads", "431");
    let pings = &hostile["attacks"]["pings"];
    assert!(pings["close_codes"]["1008"].as_u64() > Some(0), "{pings:#}");
}

#[test]
fn a_decoy_is_attacked_first_and_the_report_says_by_how_much_the_target_is_slower() {
    let (Some((directory, target)), Some((_decoys, decoy))) =
        (start_server("token"), start_server("token"))
    else {
        return;
    };
    let url = format!("http://{}", decoy.addr);
    let chosen = ["--attacks", "garbage,pings", "--decoy", &url];
    let (code, report) = bench(&target, directory.path(), &chosen);
    let [first, second] = [&report["runs"][0], &report["runs"][1]];
    assert_eq!(first["hostile"]["attacked"], "decoy");
    assert_eq!(second["hostile"]["attacked"], "target");
    assert_eq!(first["hostile"]["p99_ratio"], Value::Null);
    let ratio = second["hostile"]["p99_ratio"].as_f64();
    assert!(ratio > Some(0.0));
    let is_slow = ratio > Some(2.0);
    assert_eq!(code, Some(i32::from(is_slow)), "{report:#}");
    for run in [first, second] {
        let attacks = &run["hostile"]["attacks"];
        assert_eq!(attacks.as_object().map(serde_json::Map::len), Some(2));
        assert!(attacks["garbage"]["replies"]["400"].as_u64() > Some(0));
    }
}

//! What a message costs, and what typing costs others: both scenarios against the server, as they are run by people.

mod server;

use std::path::Path;

use serde_json::Value;

use server::{Server, start_server};

/// Runs a scenario; gives its exit code and its JSON.
fn bench(server: &Server, directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let short = ["--duration", "1", "--warmup", "0.2"];
    server.bench(directory, &[arguments, &short[..]].concat())
}

fn assert_correct(run: &Value) {
    assert!(run["accepted"].as_u64() > Some(0), "{run:#}");
    assert_eq!(run["delivered"], run["expected_deliveries"], "{run:#}");
    for wrong in ["lost", "duplicated", "reordered", "errors"] {
        assert_eq!(run[wrong].as_u64(), Some(0), "{run:#}");
    }
}

#[test]
fn each_rate_is_measured_as_often_as_asked_for() {
    let Some((directory, server)) = start_server("trust") else {
        return;
    };
    let arguments = ["thrift", "--rates", "200,400", "--repeat", "2"];
    let (code, report) = bench(&server, directory.path(), &arguments);
    assert_eq!(code, Some(0), "{report:#}");
    let runs = report["runs"].as_array().map_or(&[][..], Vec::as_slice);
    let rates: Vec<_> = runs
        .iter()
        .filter_map(|run| run["offered_per_s"].as_f64())
        .map(|rate| rate as u64)
        .collect();
    assert_eq!(rates, [200, 200, 400, 400]);
    runs.iter().for_each(assert_correct);
    let columns = report["thrift"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(columns.len(), 2, "{report:#}");
    for column in columns {
        for measure in [
            "server_cpu_us_per_delivery",
            "server_cpu_us_per_post",
            "cpu_percent_shard",
            "voluntary_per_post",
            "voluntary_per_post_shard",
            "voluntary_per_post_log",
            "latency_ms_p50",
            "accept_latency_ms_p999",
        ] {
            let spread = &column["measures"][measure];
            assert_eq!(spread["runs"].as_u64(), Some(2), "{measure}: {column:#}");
            let [least, median, most] =
                ["least", "median", "most"].map(|value| spread[value].as_f64());
            assert!(least > Some(0.0), "{measure}: {column:#}");
            assert!(least <= median && median <= most, "{measure}: {column:#}");
        }
    }
}

#[test]
fn many_rooms_are_measured_too_and_an_absent_peer_is_said() {
    let Some((directory, server)) = start_server("trust") else {
        return;
    };
    let rooms = [
        "thrift",
        "--rooms",
        "20",
        "--listeners",
        "9",
        "--rates",
        "300",
    ];
    let (code, report) = bench(&server, directory.path(), &rooms);
    assert_eq!(code, Some(0), "{report:#}");
    let run = &report["runs"][0];
    assert_correct(run);
    let deliveries = run["accepted"].as_u64().map(|accepted| 3 * accepted);
    assert_eq!(
        run["delivered"].as_u64(),
        deliveries,
        "three members hear each"
    );

    let peer = ["--peer", "centrifuge", "--peer-url", "http://127.0.0.1:1"];
    for scenario in ["thrift", "compare"] {
        let arguments = [&[scenario][..], &peer].concat();
        let (code, _) = bench(&server, directory.path(), &arguments);
        assert_eq!(code, Some(2), "{scenario}");
    }
}

#[test]
fn who_types_is_told_and_others_are_compared_with_the_decoy() {
    let (Some((directory, target)), Some((_decoys, decoy))) =
        (start_server("trust"), start_server("trust"))
    else {
        return;
    };
    let url = format!("http://{}", decoy.addr);
    let arguments = [
        &[
            "typing",
            "--typists",
            "20",
            "--typing-rate",
            "60",
            "--burst",
            "10",
        ][..],
        &[
            "--listeners",
            "9",
            "--rooms",
            "20",
            "--rate",
            "200",
            "--decoy",
            &url,
        ],
    ];
    let (code, report) = bench(&target, directory.path(), &arguments.concat());
    assert_eq!(code, Some(0), "{report:#}");
    for (run, at) in [(0, "decoy"), (1, "target")] {
        let run = &report["runs"][run];
        assert_correct(run);
        let typing = &run["typing"];
        assert_eq!(typing["typed_at"], at);
        let said = typing["said"].as_u64();
        assert!(said >= Some(60), "{run:#}");
        assert_eq!(
            said.map(|said| said % 10),
            Some(0),
            "bursts are whole: {run:#}"
        );
        // The two other members of each chat.
        let dropped = typing["dropped_by_rings"]
            .as_f64()
            .map(|count| count as u64);
        assert_eq!(
            typing["whispers"].as_u64(),
            said.map(|said| 2 * said),
            "{run:#}"
        );
        assert_eq!(dropped, Some(0), "{run:#}");
        let is_compared = typing["accept_p99_ratio"].as_f64() > Some(0.0);
        assert_eq!(is_compared, at == "target", "{run:#}");
    }
}

#[test]
fn nobody_can_type_more_than_they_may() {
    let Some((directory, server)) = start_server("trust") else {
        return;
    };
    let arguments = ["typing", "--typists", "3", "--typing-rate", "31"];
    let (code, report) = bench(&server, directory.path(), &arguments);
    assert_eq!((code, report), (Some(2), Value::Null));
}

//! The benchmark against the server, both as they are run by people. Needs the server's binary beside the
//! benchmark's, where `cargo test` puts it; `cargo test -p rookery-bench` alone does not build it.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rookery_bench::http;
use serde_json::Value;
use tempfile::TempDir;

const READY_WITHIN: Duration = Duration::from_secs(30);

struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    /// None where there is no server to start.
    fn start(data_dir: &Path) -> Option<Self> {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_rookery-bench")).with_file_name("rookery");
        if !binary.exists() {
            return None;
        }
        let addr = free_addr()?;
        let child = Command::new(binary)
            .args(["--auth", "trust", "--shards", "2"])
            .args(["--listen", &addr.to_string()])
            .arg("--data-dir")
            .arg(data_dir)
            .current_dir(data_dir)
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { child, addr })
    }

    fn wait_ready(&self) {
        let began = Instant::now();
        while http::get(self.addr, "/readyz").is_err() {
            assert!(began.elapsed() < READY_WITHIN, "the server is not ready");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on which nobody listens, a moment ago.
fn free_addr() -> Option<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()
}

/// Runs a scenario; gives its exit code and its JSON.
fn bench(server: &Server, directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let json = directory.join("report.json");
    let status = Command::new(env!("CARGO_BIN_EXE_rookery-bench"))
        .args(arguments)
        .args(["--url", &format!("http://{}", server.addr)])
        .args(["--duration", "1", "--warmup", "0.2"])
        .arg("--json")
        .arg(&json)
        .stdout(Stdio::null())
        .status();
    let report = std::fs::read(&json).unwrap_or_default();
    let code = status.ok().and_then(|status| status.code());
    (code, serde_json::from_slice(&report).unwrap_or_default())
}

/// A server that is ready, and its directory; none where there is no server to start.
fn start_server() -> Option<(TempDir, Server)> {
    let Ok(directory) = tempfile::tempdir() else {
        panic!("there is no place for the server's data");
    };
    let Some(server) = Server::start(directory.path()) else {
        eprintln!("SKIPPED: no server's binary; build all with cargo build");
        return None;
    };
    server.wait_ready();
    Some((directory, server))
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
    let Some((directory, server)) = start_server() else {
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
    let Some((directory, server)) = start_server() else {
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

//! The server, as people run it. Needs its binary beside the benchmark's, where `cargo test` puts it;
//! `cargo test -p rookery-bench` alone does not build it.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rookery_bench::http;
use serde_json::Value;
use tempfile::TempDir;

/// What the server says, in its directory.
pub(crate) const LOG: &str = "server.log";
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A server of this machine, until it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// None where there is no server to start.
    fn start(data_dir: &Path, auth: &str) -> Option<Self> {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_rookery-bench")).with_file_name("rookery");
        if !binary.exists() {
            return None;
        }
        let addr = free_addr()?;
        let child = Command::new(binary)
            .args(["--auth", auth, "--shards", "2"])
            .args(["--listen", &addr.to_string()])
            .arg("--data-dir")
            .arg(data_dir)
            .current_dir(data_dir)
            .stderr(File::create(data_dir.join(LOG)).ok()?)
            .spawn()
            .ok()?;
        Some(Self { child, addr })
    }

    /// Runs the benchmark against it; gives its exit code and its JSON.
    pub(crate) fn bench(&self, directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
        let json = directory.join("report.json");
        let status = Command::new(env!("CARGO_BIN_EXE_rookery-bench"))
            .args(arguments)
            .args(["--url", &format!("http://{}", self.addr)])
            .arg("--json")
            .arg(&json)
            .stdout(Stdio::null())
            .status();
        let report = std::fs::read(&json).unwrap_or_default();
        let code = status.ok().and_then(|status| status.code());
        (code, serde_json::from_slice(&report).unwrap_or_default())
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

/// A server that is ready, and its directory; none where there is no server to start.
pub(crate) fn start_server(auth: &str) -> Option<(TempDir, Server)> {
    let Ok(directory) = tempfile::tempdir() else {
        panic!("there is no place for the server's data");
    };
    let Some(server) = Server::start(directory.path(), auth) else {
        eprintln!("SKIPPED: no server's binary; build all with cargo build");
        return None;
    };
    server.wait_ready();
    Some((directory, server))
}

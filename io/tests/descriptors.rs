//! What happens when descriptors run out: the server is a process of its own, because the limit is the
//! process's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod toy;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use toy::{Client, PATIENCE, ToyServer};

/// Holds the path of the file to which the server writes its address.
const ROLE: &str = "ROOKERY_TEST_FEW_DESCRIPTORS";
const DESCRIPTORS: u64 = 100;
const CONNECTIONS: usize = 300;

/// The server of the test below; alone it does nothing.
#[test]
fn serve_with_few_descriptors() {
    let Some(path) = std::env::var_os(ROLE) else {
        return;
    };
    let limit = Rlimit {
        current: Some(DESCRIPTORS),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let server = ToyServer::start(&[None]);
    fs::write(path, server.address.to_string()).unwrap();
    thread::sleep(PATIENCE * 2);
}

struct Served {
    process: Child,
    path: PathBuf,
}

impl Served {
    fn start() -> Self {
        let path = std::env::temp_dir().join(format!("rookery-{}.address", std::process::id()));
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["serve_with_few_descriptors", "--exact"])
            .env(ROLE, &path)
            .spawn()
            .unwrap();
        Self { process, path }
    }

    fn address(&self) -> SocketAddr {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let written = fs::read_to_string(&self.path).unwrap_or_default();
            if let Ok(address) = written.parse() {
                return address;
            }
            assert!(Instant::now() < deadline, "the server does not start");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Time on a CPU, in clock ticks of 10 ms.
    fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<_> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.path);
    }
}

#[test]
fn without_descriptors_accepting_waits_and_open_connections_go_on() {
    let served = Served::start();
    let address = served.address();
    let mut first = Client::connect(address);
    assert_eq!(first.ask("hello"), "hello");
    let crowd: Vec<_> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    thread::sleep(Duration::from_millis(200));
    let (begin, ticks) = (Instant::now(), served.cpu_ticks());
    while begin.elapsed() < Duration::from_secs(1) {
        assert_eq!(first.ask("still here"), "still here");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(served.cpu_ticks() - ticks < 50, "half a CPU");
    drop(crowd);
    let mut last = Client::connect(address);
    assert_eq!(last.ask("welcome"), "welcome");
}

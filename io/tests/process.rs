//! What concerns a whole process: its limit of descriptors, and its end.
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

/// What the server's process is to do: [`PLAIN`] or [`FEW_DESCRIPTORS`].
const ROLE: &str = "ROOKERY_TEST_ROLE";
/// The path of the file to which the server writes its address.
const ADDRESS: &str = "ROOKERY_TEST_ADDRESS";
const PLAIN: &str = "plain";
const FEW_DESCRIPTORS: &str = "few-descriptors";
const DESCRIPTORS: u64 = 100;
const CONNECTIONS: usize = 300;

/// The server of the tests below; alone it does nothing.
#[test]
fn serve() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    if role == FEW_DESCRIPTORS {
        let limit = Rlimit {
            current: Some(DESCRIPTORS),
            ..getrlimit(Resource::Nofile)
        };
        setrlimit(Resource::Nofile, limit).unwrap();
    }
    let server = ToyServer::start(&[None, None]);
    fs::write(
        std::env::var_os(ADDRESS).unwrap(),
        server.address.to_string(),
    )
    .unwrap();
    thread::sleep(PATIENCE * 2);
}

struct Served {
    process: Child,
    path: PathBuf,
}

impl Served {
    fn start(role: &str) -> Self {
        let name = format!("rookery-{role}-{}.address", std::process::id());
        let path = std::env::temp_dir().join(name);
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["serve", "--exact"])
            .env(ROLE, role)
            .env(ADDRESS, &path)
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
    let served = Served::start(FEW_DESCRIPTORS);
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

#[test]
fn a_panic_outside_of_a_connection_ends_the_process() {
    let mut served = Served::start(PLAIN);
    let mut client = Client::connect(served.address());
    assert_eq!(client.ask("hello"), "hello");
    client.write("sabotage\n");
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = served.process.try_wait().unwrap() {
            break status;
        }
        assert!(
            Instant::now() < deadline,
            "a dead shard in a living process"
        );
        thread::sleep(Duration::from_millis(5));
    };
    assert!(!status.success());
}

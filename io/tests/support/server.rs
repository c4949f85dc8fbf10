//! The real binary as a child process.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::engines;
use super::http::{Http, Request};
use super::prometheus::Metrics;

/// How long a start, with replay, may take in a debug build.
pub const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long an end may take: a drain, and lanes that finish behind it.
const EXIT_WITHIN: Duration = Duration::from_secs(45);

/// Shards of a server for which the number does not matter: so many that most chats are owned elsewhere.
pub const SHARDS: usize = 3;
/// Starts that lost their free port to somebody else before they could listen on it.
const PORT_TRIES: u32 = 3;

/// In which `ulimit -f` counts (POSIX).
const ULIMIT_BLOCK_BYTES: u64 = 512;

const BINARY: &str = env!("CARGO_BIN_EXE_rookery");

/// With which flags to start on which data directory.
#[derive(Clone)]
pub struct Options {
    data_dir: PathBuf,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    working_dir: PathBuf,
    /// What a shell does before it becomes the server.
    before: Vec<String>,
    /// Whether operators have an address of their own.
    has_admin: bool,
}

impl Options {
    pub fn new(data_dir: &Path) -> Self {
        Self {
            args: engines::flags(data_dir),
            ..Self::embedded(data_dir)
        }
    }

    /// With the embedded engines in any case, for tests of their files.
    pub fn embedded(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            args: Vec::new(),
            variables: Vec::new(),
            working_dir: env!("CARGO_TARGET_TMPDIR").into(),
            before: Vec::new(),
            has_admin: false,
        }
    }

    /// As [`Self::new`], with `--auth trust`.
    pub fn trusting(data_dir: &Path) -> Self {
        Self::new(data_dir).flag("--auth", "trust")
    }

    pub fn flag(mut self, name: &str, value: impl ToString) -> Self {
        self.args.extend([name.to_owned(), value.to_string()]);
        self
    }

    /// The same with a variable in its environment.
    pub fn variable(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn working_dir(mut self, dir: &Path) -> Self {
        self.working_dir = dir.to_owned();
        self
    }

    /// With these limits of open files, the soft one and the hard one.
    pub fn open_files(self, soft: u64, hard: u64) -> Self {
        self.after(format!("ulimit -Sn {soft} && ulimit -Hn {hard}"))
    }

    /// With files of at most so many bytes.
    pub fn file_bytes_max(self, bytes: u64) -> Self {
        self.after(format!("ulimit -f {}", bytes / ULIMIT_BLOCK_BYTES))
    }

    /// With this mask of permissions, which a shell sets.
    pub fn umask(self, umask: u32) -> Self {
        self.after(format!("umask {umask:o}"))
    }

    fn after(mut self, command: String) -> Self {
        self.before.push(command);
        self
    }

    /// With an address of their own for operators.
    pub const fn with_admin(mut self) -> Self {
        self.has_admin = true;
        self
    }

    pub fn shards(self, count: usize) -> Self {
        self.flag("--shards", count)
    }

    /// Starts, and waits for `/readyz` to say 200.
    pub fn start(&self) -> Server {
        for _ in 1..PORT_TRIES {
            let mut server = self.spawn();
            if server.wait_ready().is_ok() {
                return server;
            }
            assert!(
                server.log().to_lowercase().contains("in use"),
                "the server ended before it was ready"
            );
        }
        let mut server = self.spawn();
        server.wait_ready().unwrap();
        server
    }

    /// Starts without waiting.
    pub fn spawn(&self) -> Server {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let number = STARTS.fetch_add(1, Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!("rookery-{}-{number}.log", std::process::id()));
        let addr = free_addr();
        let mut command = match &*self.before {
            [] => rookery(&log),
            before => in_shell(&before.join(" && "), &log),
        };
        command
            .current_dir(&self.working_dir)
            .arg("--listen")
            .arg(addr.to_string())
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(&self.args)
            .envs(self.variables.iter().cloned());
        let mut admin = addr;
        if self.has_admin {
            admin = free_addr();
            command.arg("--admin-listen").arg(admin.to_string());
        }
        Server {
            child: command.spawn().unwrap(),
            addr,
            admin,
            log,
        }
    }
}

/// The binary with nothing of this environment: no `ROOKERY_*` variable, no `rookery.toml`; what it
/// prints goes to `log`.
pub fn rookery(log: &Path) -> Command {
    run(Command::new(BINARY), log)
}

/// The same in a shell, which runs a command first, and then becomes the server.
fn in_shell(before: &str, log: &Path) -> Command {
    let script = format!(r#"{before} && exec "$0" "$@""#);
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, BINARY]);
    run(shell, log)
}

fn run(mut command: Command, log: &Path) -> Command {
    let output = File::create(log).unwrap();
    command
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ROOKERY_") {
            command.env_remove(name);
        }
    }
    command
}

/// An address on which nobody listens, a moment ago.
pub fn free_addr() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// A server of trust mode with data of its own.
pub fn start_trusting() -> (TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(SHARDS).start();
    (dir, server)
}

/// A server of token mode with data of its own.
pub fn start_with_tokens() -> (TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(SHARDS).start();
    (dir, server)
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub addr: SocketAddr,
    /// Where operators call, and health is asked for: `addr`, if they have none of their own.
    pub admin: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Waits for `/readyz` to say 200, or gives the status with which the process ended instead.
    pub fn wait_ready(&mut self) -> Result<(), ExitStatus> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(status);
            }
            if self.is_ready() {
                return Ok(());
            }
            assert!(Instant::now() < deadline, "not ready in {READY_WITHIN:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_ready(&self) -> bool {
        ask(self.admin, "/readyz").is_some_and(|status| status == 200)
    }

    /// The status of a `GET`, `None` where no answer came.
    pub fn try_get(&self, path: &str) -> Option<u16> {
        ask(self.addr, path)
    }

    pub fn http(&self) -> Http {
        Http::connect(self.addr).unwrap()
    }

    /// The current `/metrics`.
    pub fn metrics(&self) -> Metrics {
        let reply = self.http().call(&Request::get("/metrics")).unwrap();
        assert_eq!(reply.status, 200);
        Metrics::parse(&reply.text())
    }

    /// Ends the process where it stands.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to drain and end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + EXIT_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Everything the process has printed.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Asserts that the process still serves.
    #[track_caller]
    pub fn assert_lives(&self) {
        assert_eq!(self.try_get("/livez"), Some(200), "the server lives on");
    }
}

fn ask(addr: SocketAddr, path: &str) -> Option<u16> {
    let mut http = Http::connect(addr).ok()?;
    Some(http.call(&Request::get(path)).ok()?.status)
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either may fail where the process has ended already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the server at {} ---\n{}", self.addr, self.log());
        }
        let _ = std::fs::remove_file(&self.log);
    }
}

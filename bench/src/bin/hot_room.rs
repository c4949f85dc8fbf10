//! The hot room: `wrk` posts to one chat of a running trust-mode server as fast as it is answered, while
//! listeners count every delivery. Prints rates, what went wrong, and how long the server lagged behind.
//! Exits 1 where a message was lost, repeated or reordered.

#![forbid(unsafe_code)]

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use rookery_bench::check::Tally;
use rookery_bench::http::{self, CallError};
use rookery_bench::listener::Listener;
use rookery_bench::metrics;
use serde_json::{Value, json};

/// What the listeners wait between two looks: long enough for a batch of frames to gather, so that
/// listening takes little from the machine that is measured.
const PAUSE: Duration = Duration::from_millis(1);
/// After the end of the load, for lag to return to zero and the last deliveries to come.
const SETTLE_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at the lag.
const LAG_POLL: Duration = Duration::from_millis(5);
/// How long nothing may come before the deliveries count as complete.
const QUIET: Duration = Duration::from_millis(500);

/// Load on one chat, with listeners.
#[derive(Parser)]
struct Arguments {
    /// Where the server listens; it must run with `--auth trust`.
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: SocketAddr,
    /// WebSocket connections that get every message.
    #[arg(long, default_value_t = 10)]
    listeners: usize,
    /// Connections that post, one message at a time each.
    #[arg(long, default_value_t = 100)]
    connections: usize,
    /// Seconds of load.
    #[arg(long, default_value_t = 10)]
    duration: u64,
    /// Bytes of each message's content.
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Listeners take several messages in a frame.
    #[arg(long)]
    batch: bool,
    /// The script that makes wrk post.
    #[arg(long, default_value = "bench/wrk/post.lua")]
    script: String,
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("listening: {0}")]
    Listen(#[source] io::Error),
    #[error("wrk can't be run (is it installed?): {0}")]
    Wrk(#[source] io::Error),
    #[error("wrk has printed no result:\n{0}")]
    NoResult(String),
    #[error("the server's reply has no {0}")]
    Missing(&'static str),
    #[error("lag has not returned to zero in {SETTLE_WITHIN:?}")]
    Lagging,
    #[error("printing: {0}")]
    Print(#[from] io::Error),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where even this can't be printed, the exit code has to do.
            let _ = writeln!(io::stderr(), "hot_room: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, RunError> {
    let room = Room::create(arguments)?;
    let posted_before = metrics::read_sum(arguments.addr, "chat_messages_posted_total")?;
    let mut listeners = room.listen(arguments)?;
    let began = Instant::now();
    let mut wrk = Wrk::start(arguments, &room)?;
    while wrk.is_running()? {
        poll_all(&mut listeners)?;
    }
    let lag = Lag::measure(arguments.addr)?;
    let result = wrk.result()?;
    let quiet_since = listen_out(&mut listeners)?;
    let posted = metrics::read_sum(arguments.addr, "chat_messages_posted_total")? - posted_before;
    let report = Report {
        result,
        posted: posted as u64,
        tallies: listeners.iter().map(Listener::tally).collect(),
        listening: quiet_since.duration_since(began),
        lag,
        connections: arguments.connections as u64,
    };
    writeln!(io::stdout(), "{report}")?;
    Ok(report.is_clean())
}

/// A chat with a member for each listener.
struct Room {
    chat_id: String,
    users: Vec<String>,
}

impl Room {
    fn create(arguments: &Arguments) -> Result<Self, RunError> {
        let run = std::process::id();
        let users = (0..arguments.listeners.max(1))
            .map(|n| {
                let body = json!({"username": format!("hot-room-{run}-{n}")});
                text(&http::post(arguments.addr, "/users", &body)?, "user_id")
            })
            .collect::<Result<Vec<_>, RunError>>()?;
        let body = json!({"name": "hot room", "members": users});
        let chat = http::post(arguments.addr, "/chats", &body)?;
        Ok(Self {
            chat_id: text(&chat, "chat_id")?,
            users,
        })
    }

    fn listen(&self, arguments: &Arguments) -> Result<Vec<Listener>, RunError> {
        self.users[..arguments.listeners]
            .iter()
            .map(|user| Listener::connect(arguments.addr, user, arguments.batch))
            .collect::<io::Result<_>>()
            .map_err(RunError::Listen)
    }
}

fn text(object: &Value, name: &'static str) -> Result<String, RunError> {
    let value = object[name].as_str().ok_or(RunError::Missing(name))?;
    Ok(value.to_owned())
}

/// Takes in what has come; says whether there was anything.
fn poll_all(listeners: &mut [Listener]) -> Result<bool, RunError> {
    let mut any = false;
    for listener in listeners {
        any |= listener.poll().map_err(RunError::Listen)?;
    }
    thread::sleep(PAUSE);
    Ok(any)
}

/// Listens until nothing comes any more; gives the time of the last delivery.
fn listen_out(listeners: &mut [Listener]) -> Result<Instant, RunError> {
    let mut last = Instant::now();
    while last.elapsed() < QUIET {
        if poll_all(listeners)? {
            last = Instant::now();
        }
    }
    Ok(last)
}

/// `wrk` as a child process.
struct Wrk(Child);

impl Wrk {
    fn start(arguments: &Arguments, room: &Room) -> Result<Self, RunError> {
        Command::new("wrk")
            .args(["-t1", &format!("-c{}", arguments.connections)])
            .arg(format!("-d{}s", arguments.duration))
            .args(["-s", &arguments.script])
            .arg(format!("http://{}", arguments.addr))
            .args(["--", &room.chat_id, &format!("user_id={}", room.users[0])])
            .arg(arguments.size.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .map(Self)
            .map_err(RunError::Wrk)
    }

    fn is_running(&mut self) -> Result<bool, RunError> {
        let ended = self.0.try_wait().map_err(RunError::Wrk)?;
        Ok(ended.is_none())
    }

    fn result(self) -> Result<WrkResult, RunError> {
        let output = self.0.wait_with_output().map_err(RunError::Wrk)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        WrkResult::parse(&text).ok_or(RunError::NoResult(text))
    }
}

/// What the script prints in the end.
#[derive(Debug, PartialEq)]
struct WrkResult {
    accepted: u64,
    refused: u64,
    broken: u64,
    seconds: f64,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
}

impl WrkResult {
    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("wrk "))?;
        let number = |name: &str| -> Option<f64> {
            let pair = line.split(' ').find_map(|pair| pair.strip_prefix(name))?;
            pair.strip_prefix('=')?.parse().ok()
        };
        Some(Self {
            accepted: number("accepted")? as u64,
            refused: number("refused")? as u64,
            broken: number("broken")? as u64,
            seconds: number("seconds")?,
            p50_us: number("p50_us")?,
            p99_us: number("p99_us")?,
            max_us: number("max_us")?,
        })
    }
}

/// How far behind the server was.
struct Lag {
    /// Messages, at the first look after the end of the load.
    messages: f64,
    /// From the end of the load until none was left.
    settled: Duration,
}

impl Lag {
    fn measure(addr: SocketAddr) -> Result<Self, RunError> {
        let ended = Instant::now();
        let mut messages = None;
        while ended.elapsed() < SETTLE_WITHIN {
            let now = metrics::read_sum(addr, "consumer_lag")?;
            let messages = *messages.get_or_insert(now);
            if now == 0.0 {
                let settled = ended.elapsed();
                return Ok(Self { messages, settled });
            }
            thread::sleep(LAG_POLL);
        }
        Err(RunError::Lagging)
    }
}

/// What came of it.
struct Report {
    result: WrkResult,
    /// By the server's count: more than wrk's by the posts that were under way when it stopped.
    posted: u64,
    tallies: Vec<Tally>,
    listening: Duration,
    lag: Lag,
    connections: u64,
}

impl Report {
    fn delivered(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.messages).sum()
    }

    fn sum(&self, part: impl Fn(&Tally) -> u64) -> u64 {
        self.tallies.iter().map(part).sum()
    }

    /// What is missing, in the middle or at either end.
    fn lost(&self) -> u64 {
        self.sum(|tally| self.posted.saturating_sub(tally.messages).max(tally.lost))
    }

    fn duplicated(&self) -> u64 {
        self.sum(|tally| {
            tally
                .messages
                .saturating_sub(self.posted)
                .max(tally.duplicated)
        })
    }

    fn reordered(&self) -> u64 {
        self.sum(|tally| tally.reordered)
    }

    /// Acknowledged to wrk, but not counted by the server, or the other way round.
    fn disputed(&self) -> bool {
        let most = self.result.accepted + self.connections;
        !(self.result.accepted..=most).contains(&self.posted)
    }

    fn is_clean(&self) -> bool {
        let wrong = self.lost() + self.duplicated() + self.reordered() + self.result.refused;
        wrong == 0 && self.result.accepted > 0 && !self.disputed()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrk = &self.result;
        let per_second = |count: u64, seconds: f64| count as f64 / seconds;
        writeln!(
            out,
            "posts        {:>12} accepted, {} refused, {} broken connections",
            wrk.accepted, wrk.refused, wrk.broken
        )?;
        writeln!(
            out,
            "             {:>12.0} a second",
            per_second(wrk.accepted, wrk.seconds)
        )?;
        writeln!(
            out,
            "             {:>12.2} ms p50, {:.2} ms p99, {:.2} ms max",
            wrk.p50_us / 1e3,
            wrk.p99_us / 1e3,
            wrk.max_us / 1e3
        )?;
        writeln!(
            out,
            "deliveries   {:>12} to {} listeners, {} expected",
            self.delivered(),
            self.tallies.len(),
            self.posted * self.tallies.len() as u64
        )?;
        writeln!(
            out,
            "             {:>12.0} a second",
            per_second(self.delivered(), self.listening.as_secs_f64())
        )?;
        writeln!(
            out,
            "             {:>12} lost, {} duplicated, {} reordered",
            self.lost(),
            self.duplicated(),
            self.reordered()
        )?;
        write!(
            out,
            "lag          {:>12} messages at the end, none after {:.0} ms",
            self.lag.messages,
            self.lag.settled.as_secs_f64() * 1e3
        )?;
        if self.disputed() {
            write!(out, "\nthe server has counted {} posts", self.posted)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_s_last_line_is_understood() {
        let text = "Running 1s test\nwrk accepted=10 refused=1 broken=2 seconds=1.500 \
                    p50_us=100 p99_us=200 max_us=300\n";
        let expected = WrkResult {
            accepted: 10,
            refused: 1,
            broken: 2,
            seconds: 1.5,
            p50_us: 100.0,
            p99_us: 200.0,
            max_us: 300.0,
        };
        assert_eq!(WrkResult::parse(text), Some(expected));
        assert_eq!(WrkResult::parse("Running 1s test\n"), None);
    }
}

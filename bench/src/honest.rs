//! Honest users who log in now and then.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::error::BenchError;
use crate::http::{CallError, Client};
use crate::load::ledger::{SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS, histogram};
use crate::refusal;
use crate::report::hostile::Logins;
use crate::report::percentiles::Percentiles;
use crate::schedule::{Clock, Micros, Schedule};
use crate::setup::log_in;

/// Logins a second.
const PER_SECOND: f64 = 2.0;

/// A thread that logs in, each time as another user and over another connection.
pub struct HonestLogins {
    stop: Sender<()>,
    thread: JoinHandle<Logins>,
}

impl HonestLogins {
    /// Begins; names are of users that [`crate::setup::Target::create_users`] made.
    pub fn start(addr: SocketAddr, names: Vec<String>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || log_in_until(&stopped, addr, &names));
        Self { stop, thread }
    }

    /// Ends, once the last is answered.
    pub fn finish(self) -> Logins {
        // It fails where the thread has ended, and then joining says so.
        let _ = self.stop.send(());
        self.thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn log_in_until(stopped: &Receiver<()>, addr: SocketAddr, names: &[String]) -> Logins {
    let (clock, mut schedule) = (Clock::start(), Schedule::new(PER_SECOND));
    let (mut logins, mut latency) = (Logins::default(), histogram());
    for name in names.iter().cycle() {
        let wait = schedule.next_at().saturating_sub(clock.now());
        if stopped.recv_timeout(Duration::from_micros(wait)).is_ok() {
            break;
        }
        let Some(intended) = schedule.take_due(clock.now()) else {
            continue;
        };
        let outcome = Client::connect(addr)
            .map_err(BenchError::from)
            .and_then(|mut client| log_in(&mut client, name));
        note(outcome, clock.now() - intended, &mut logins, &mut latency);
    }
    logins.latency_ms = Percentiles::of_any(&latency);
    logins
}

fn note(
    outcome: Result<String, BenchError>,
    took: Micros,
    logins: &mut Logins,
    latency: &mut Histogram<u64>,
) {
    match outcome {
        Ok(_) => {
            logins.succeeded += 1;
            latency.saturating_record(took);
        }
        Err(BenchError::Call(CallError::Refused {
            status: TOO_MANY_REQUESTS | SERVICE_UNAVAILABLE,
            body,
            ..
        })) => {
            let reason = refusal::reason(body.as_bytes()).to_owned();
            *logins.refused_by.entry(reason).or_default() += 1;
        }
        Err(error) => {
            logins.failed += 1;
            logins
                .first_failure
                .get_or_insert_with(|| error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(status: u16) -> Logins {
        let refused = CallError::Refused {
            path: "/login".to_owned(),
            status,
            body: r#"{"limit":"address-logins"}"#.to_owned(),
        };
        let mut logins = Logins::default();
        note(Err(refused.into()), 1, &mut logins, &mut histogram());
        logins
    }

    #[test]
    fn a_limit_is_a_refusal_and_anything_else_a_failure() {
        let limited = noted(429);
        assert_eq!(limited.refused_by["address-logins"], 1);
        assert_eq!(limited.failed, 0);
        assert_eq!(noted(401).failed, 1);
    }
}

//! Honest users who log in now and then.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::error::BenchError;
use crate::http::{CallError, Client};
use crate::load::ledger::{SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS, histogram};
use crate::report::hostile::Logins;
use crate::report::percentiles::Percentiles;
use crate::schedule::{Clock, Micros, Schedule};
use crate::setup::{Target, log_in};
use crate::world::User;

/// Logins a second.
const PER_SECOND: f64 = 2.0;
/// Logins that may be under way at a time: users don't wait for each other, unless each takes four seconds.
const AT_ONCE: usize = 8;

/// Threads that log in, each time as another user, and over another connection.
pub struct HonestLogins(Vec<(Sender<()>, JoinHandle<Seen>)>);

/// What came of the logins of a thread.
struct Seen {
    logins: Logins,
    latency: Histogram<u64>,
}

/// A user, and where they come from.
type Caller = (String, Option<IpAddr>);

impl HonestLogins {
    /// Begins; the users are those that [`Target::create_users`] made, in order.
    pub fn start(target: &Target, users: &[User]) -> Self {
        let begin = |first: usize| {
            let callers = users.iter().enumerate().skip(first).step_by(AT_ONCE);
            let callers: Vec<Caller> = callers
                .map(|(n, user)| (user.name.clone(), target.users_from.of_user(n)))
                .collect();
            let (stop, stopped) = mpsc::channel();
            let addr = target.addr;
            let begins = Duration::from_secs_f64(first as f64 / PER_SECOND);
            let thread = thread::spawn(move || log_in_until(&stopped, addr, &callers, begins));
            (stop, thread)
        };
        Self((0..users.len().min(AT_ONCE)).map(begin).collect())
    }

    /// Ends, once the last is answered.
    pub fn finish(self) -> Logins {
        let mut all = Seen::default();
        for (stop, thread) in self.0 {
            // It fails where the thread has ended, and then joining says so.
            let _ = stop.send(());
            let seen = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.add(seen);
        }
        all.logins.latency_ms = Percentiles::of_any(&all.latency);
        all.logins
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            logins: Logins::default(),
            latency: histogram(),
        }
    }
}

fn log_in_until(
    stopped: &Receiver<()>,
    addr: SocketAddr,
    callers: &[Caller],
    begins: Duration,
) -> Seen {
    let mut seen = Seen::default();
    if stopped.recv_timeout(begins).is_ok() {
        return seen;
    }
    let (clock, mut schedule) = (Clock::start(), Schedule::new(PER_SECOND / AT_ONCE as f64));
    for (name, from) in callers.iter().cycle() {
        let wait = schedule.next_at().saturating_sub(clock.now());
        if stopped.recv_timeout(Duration::from_micros(wait)).is_ok() {
            break;
        }
        let Some(intended) = schedule.take_due(clock.now()) else {
            continue;
        };
        let outcome = Client::connect_from(*from, addr)
            .map_err(BenchError::from)
            .and_then(|mut client| log_in(&mut client, name));
        seen.note(outcome, clock.now() - intended);
    }
    seen
}

impl Seen {
    fn note(&mut self, outcome: Result<String, BenchError>, took: Micros) {
        match outcome {
            Ok(_) => {
                self.logins.succeeded += 1;
                self.latency.saturating_record(took);
            }
            Err(BenchError::Call(CallError::Refused {
                status: TOO_MANY_REQUESTS | SERVICE_UNAVAILABLE,
                body,
                ..
            })) => {
                self.logins.refused_by.note(body.as_bytes());
            }
            Err(error) => {
                self.logins.failed += 1;
                self.logins
                    .first_failure
                    .get_or_insert_with(|| error.to_string());
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.latency += other.latency;
        self.logins.succeeded += other.logins.succeeded;
        self.logins.failed += other.logins.failed;
        self.logins.refused_by.add(other.logins.refused_by);
        let failure = other.logins.first_failure;
        self.logins.first_failure = self.logins.first_failure.take().or(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(status: u16) -> Seen {
        let refused = CallError::Refused {
            path: "/login".to_owned(),
            status,
            body: r#"{"limit":"address-logins"}"#.to_owned(),
        };
        let mut seen = Seen::default();
        seen.note(Err(refused.into()), 1);
        seen
    }

    #[test]
    fn a_limit_is_a_refusal_and_anything_else_a_failure() {
        let mut all = noted(429);
        assert_eq!(all.logins.refused_by.to_string(), "address-logins 1");
        assert_eq!(all.logins.failed, 0);
        all.add(noted(429));
        all.add(noted(401));
        assert_eq!(all.logins.refused_by.to_string(), "address-logins 2");
        assert_eq!(all.logins.failed, 1);
        assert!(all.logins.first_failure.is_some());
    }
}

//! Whether the configured backends answer.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs as _},
    thread,
    time::Duration,
};

use super::finding::{Finding, Verdict};
use crate::config::{Config, Endpoint, LogEngine, StoreEngine};
use crate::log::embedded::{self, LogLayout};
use crate::log::{Partitions, redpanda};
use crate::store::scylla;

/// Time for one address to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for the store to tell its version.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let log = match config.log {
        LogEngine::Embedded => embedded(config),
        LogEngine::Redpanda => redpanda(config),
    };
    let store = match config.store {
        StoreEngine::Embedded => Finding::ok("store", "embedded"),
        StoreEngine::Scylla => scylla(config),
    };
    vec![log, store]
}

fn embedded(config: &Config) -> Finding {
    let dir = config.data_dir.join(embedded::DIR);
    match LogLayout::find(&dir, Partitions::of(config)) {
        Ok(found) => {
            let partitions = found.map_or(config.partitions, |log| log.partitions);
            with_shards(Finding::ok("log", "embedded"), partitions, config)
        }
        Err(error) => Finding::fail("log", "embedded", error.to_string()),
    }
}

/// A shard without a partition owns no chats.
fn with_shards(finding: Finding, partitions: u32, config: &Config) -> Finding {
    let shards = config.placement.shards.len();
    let found = format!(
        "{}, {partitions} partitions on {shards} shards",
        finding.found
    );
    if partitions as usize >= shards {
        return Finding { found, ..finding };
    }
    let remedy = format!(
        "{partitions} shards own all chats: run with --shards {partitions}; a log keeps its number of partitions"
    );
    Finding::warn(finding.check, found, remedy)
}

/// What takes connections may still not answer, or have a topic that does not fit.
fn redpanda(config: &Config) -> Finding {
    let mut finding = reach("log", "redpanda", "--brokers", &config.brokers);
    if finding.verdict == Verdict::Fail {
        return finding;
    }
    match redpanda::look(&redpanda::Settings::of(config)) {
        Ok(Some(topic)) => {
            finding = with_shards(finding, topic.partitions, config);
            let what = format!("topic {}", config.topic);
            with_copies(finding, topic.copies, topic.copies_wanted, &what)
        }
        Ok(None) => {
            finding.found += ", topic not made yet";
            with_shards(finding, config.partitions, config)
        }
        Err(error) => Finding::fail("log", finding.found, error.to_string()),
    }
}

/// A port that takes connections is not a store that answers yet.
fn scylla(config: &Config) -> Finding {
    let reached = reach("store", "scylla", "--scylla", &config.scylla);
    if reached.verdict == Verdict::Fail {
        return reached;
    }
    let answer =
        scylla::Settings::of(config).and_then(|settings| scylla::probe(&settings, ANSWER_TIMEOUT));
    match answer {
        Ok(answer) => {
            let finding = Finding {
                found: format!(
                    "{}, answers as {} in {}",
                    reached.found, answer.release, answer.datacenter
                ),
                ..reached
            };
            match answer.copies {
                Some(copies) => {
                    let what = format!("keyspace {}", config.keyspace);
                    with_copies(finding, copies, answer.copies_wanted, &what)
                }
                None => finding,
            }
        }
        Err(error) => Finding::fail(reached.check, reached.found, error.to_string()),
    }
}

/// What was made when there were fewer nodes stays on as many as there were then.
fn with_copies(finding: Finding, copies: usize, wanted: usize, what: &str) -> Finding {
    let found = format!("{}, {copies} of {wanted} copies", finding.found);
    if copies >= wanted {
        return Finding { found, ..finding };
    }
    let remedy = format!(
        "a lost disk may lose messages: give {what} {wanted} copies, with the tools of the engine"
    );
    Finding::warn(finding.check, found, remedy)
}

/// One endpoint is enough to start with; each of the others is one to lose.
fn reach(check: &'static str, engine: &str, flag: &str, endpoints: &[Endpoint]) -> Finding {
    let refusals = refusals(endpoints);
    let reached = endpoints.len() - refusals.len();
    let found = format!("{engine}, {reached} of {} reached", endpoints.len());
    let remedy = || format!("start it, or correct {flag} ({})", refusals.join("; "));
    match (reached, refusals.len()) {
        (0, _) => Finding::fail(check, found, remedy()),
        (_, 0) => Finding::ok(check, found),
        _ => Finding::warn(check, found, remedy()),
    }
}

/// All are tried at once, so that many that are silent take no longer than one.
fn refusals(endpoints: &[Endpoint]) -> Vec<String> {
    thread::scope(|scope| {
        let tries: Vec<_> = endpoints
            .iter()
            .map(|endpoint| scope.spawn(move || connect(endpoint).err()))
            .collect();
        let refused = endpoints
            .iter()
            .zip(tries)
            .filter_map(|(endpoint, attempt)| {
                let error = attempt
                    .join()
                    .unwrap_or_else(|_| Some(io::Error::other("panicked")))?;
                Some(format!("{endpoint}: {error}"))
            });
        refused.collect()
    })
}

fn connect(endpoint: &Endpoint) -> io::Result<()> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in (endpoint.host.as_str(), endpoint.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::net::TcpListener;

    use super::*;

    fn listening() -> (TcpListener, Endpoint) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (
            listener,
            Endpoint {
                host: "127.0.0.1".into(),
                port,
            },
        )
    }

    /// Port 1 of the loopback: nothing listens there, and it refuses at once.
    fn absent() -> Endpoint {
        Endpoint {
            host: "127.0.0.1".into(),
            port: 1,
        }
    }

    #[test]
    fn fewer_copies_than_there_could_be_are_worth_a_warning() {
        let with =
            |copies, wanted| with_copies(Finding::ok("log", "up"), copies, wanted, "topic t");
        assert_eq!(with(1, 1).verdict, Verdict::Ok);
        assert_eq!(
            (with(3, 3).verdict, &*with(3, 3).found),
            (Verdict::Ok, "up, 3 of 3 copies")
        );
        let few = with(1, 3);
        assert_eq!(few.verdict, Verdict::Warn);
        assert!(few.remedy.contains("give topic t 3 copies"), "{few:?}");
    }

    #[test]
    fn a_backend_is_judged_by_the_endpoints_that_answer() {
        let (_listener, present) = listening();
        let reach = |endpoints: &[Endpoint]| reach("log", "redpanda", "--brokers", endpoints);

        assert_eq!(reach(std::slice::from_ref(&present)).verdict, Verdict::Ok);
        let some = reach(&[present, absent()]);
        assert_eq!(
            (some.verdict, &*some.found),
            (Verdict::Warn, "redpanda, 1 of 2 reached")
        );
        let none = reach(&[absent()]);
        assert_eq!(none.verdict, Verdict::Fail);
        assert!(none.remedy.contains("--brokers (127.0.0.1:1: "), "{none:?}");
    }
}

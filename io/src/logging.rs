//! Log lines to stderr: text for a person at a terminal, JSON for a collector.

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use tracing::{Subscriber, level_filters::LevelFilter, subscriber::SetGlobalDefaultError};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for stderr. A shard never waits for a terminal or a pipe: beyond this, lines
/// are dropped and counted.
const LINES_WAITING_MAX: usize = 8192;

/// Counts what was dropped, once there is a log.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Lines of this process that were not written, because stderr was too slow for them.
pub fn dropped_lines() -> usize {
    DROPPED.get().map_or(0, ErrorCounter::dropped_lines)
}

/// How a line is written.
#[derive(Clone, Copy)]
enum Format {
    Text,
    Json,
}

/// Keeps the log going. Dropping it writes what is still waiting.
#[must_use = "lines are lost once this is dropped"]
pub struct Logging {
    _writer: WorkerGuard,
}

/// Starts the log of the process, on a thread of its own, so that it is to be called when the CPUs
/// have been read.
///
/// # Errors
///
/// The process has a log already.
pub fn init(level: LevelFilter) -> Result<Logging, SetGlobalDefaultError> {
    let format = if io::stderr().is_terminal() {
        Format::Text
    } else {
        Format::Json
    };
    let (writer, guard) = writer(io::stderr());
    let dropped = writer.error_counter();
    tracing::subscriber::set_global_default(subscriber(writer, level, format))?;
    DROPPED.get_or_init(|| dropped);
    Ok(Logging { _writer: guard })
}

fn writer(to: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log")
        .finish(to)
}

fn subscriber<W>(writer: W, level: LevelFilter, format: Format) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(level))
        .with_writer(writer);
    match format {
        Format::Text => Box::new(builder.with_target(false).finish()),
        Format::Json => Box::new(builder.json().flatten_event(true).finish()),
    }
}

/// The store's driver tells of each connection what concerns its own authors, and while the store is away the
/// same several times a second: what an operator needs of it, the lanes say.
fn filter(level: LevelFilter) -> EnvFilter {
    if level <= LevelFilter::INFO {
        EnvFilter::new(format!("{level},scylla=off"))
    } else {
        EnvFilter::new(level.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::io::Write as _;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, mpsc};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    fn lines(level: LevelFilter, format: Format) -> Vec<String> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let writer = move || Sink(Arc::clone(&sink));
        tracing::subscriber::with_default(subscriber(writer, level, format), || {
            tracing::debug!("not worth a line");
            tracing::info!(shard = 3, "ready");
            tracing::warn!("anybody can be anybody");
        });
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Takes nothing until the other end of the channel is dropped, and counts lines then.
    struct Gate(mpsc::Receiver<()>, Arc<AtomicUsize>);

    impl io::Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.fetch_add(1, Ordering::Relaxed);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_stderr_is_too_slow_for_are_dropped_and_counted() {
        let (release, closed) = mpsc::channel();
        let written = Arc::new(AtomicUsize::new(0));
        let (mut writer, _guard) = writer(Gate(closed, Arc::clone(&written)));
        let lines = LINES_WAITING_MAX + 100;
        for _ in 0..lines {
            writer.write_all(b"a line\n").unwrap();
        }
        let dropped = writer.error_counter().dropped_lines();
        // The thread may have taken one of those that wait.
        assert!((99..=100).contains(&dropped), "{dropped}");
        drop(release);
        let deadline = Instant::now() + Duration::from_secs(10);
        while written.load(Ordering::Relaxed) < lines - dropped {
            assert!(Instant::now() < deadline, "the others are written");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_collector_gets_an_object_for_each_line() {
        let lines = lines(LevelFilter::INFO, Format::Json);
        let first: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(first["level"], "INFO");
        assert_eq!(first["message"], "ready");
        assert_eq!(first["shard"], 3);
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_person_gets_text() {
        let lines = lines(LevelFilter::INFO, Format::Text);
        assert!(
            lines[0].contains("INFO") && lines[0].contains("ready"),
            "{}",
            lines[0]
        );
        assert!(serde_json::from_str::<serde_json::Value>(&lines[0]).is_err());
    }

    #[test]
    fn what_the_driver_says_of_its_connections_is_for_those_who_look_closer() {
        let written = |level| {
            let count = Arc::new(AtomicUsize::new(0));
            let (gate, closed) = mpsc::channel();
            drop(gate);
            let sink = Mutex::new(Some(Gate(closed, Arc::clone(&count))));
            let writer = move || sink.lock().unwrap().take().unwrap();
            tracing::subscriber::with_default(subscriber(writer, level, Format::Text), || {
                tracing::error!(target: "scylla::network::connection", "no control connection");
            });
            count.load(Ordering::Relaxed)
        };
        assert_eq!(written(LevelFilter::INFO), 0);
        assert_eq!(written(LevelFilter::DEBUG), 1);
    }

    #[test]
    fn the_level_bounds_what_is_written() {
        assert_eq!(lines(LevelFilter::WARN, Format::Text).len(), 1);
        assert_eq!(lines(LevelFilter::DEBUG, Format::Text).len(), 3);
    }
}

//! What is watched beside a run, on a thread of its own: the server's CPU time, its threads and lag, and the progress
//! on a terminal.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::load::ledger::Counts;
use crate::metrics;
use crate::process;
use crate::schedule::{Clock, Micros, SECOND};
use crate::threads::{Threads, UsedByGroup};

/// Between two looks at the time, at which CPU time is read: its error at either end of the window.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Looks at the time from one look at the metrics to the next.
const LOOKS_PER_SCRAPE: u64 = 10;

/// What the worker lets others see of a run.
#[derive(Debug, Default)]
pub struct Progress {
    began: OnceLock<(Clock, Range<Micros>)>,
    sent: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    expected: AtomicU64,
    delivered: AtomicU64,
    ended: AtomicBool,
}

impl Progress {
    /// Load begins, and is measured in this window.
    pub(crate) fn begin(&self, clock: Clock, window: Range<Micros>) {
        // A progress is of one run, and has one beginning.
        let _ = self.began.set((clock, window));
    }

    pub(crate) fn show(&self, counts: &Counts) {
        self.sent.store(counts.sent, Relaxed);
        self.accepted.store(counts.accepted, Relaxed);
        self.refused.store(counts.refused, Relaxed);
        self.expected.store(counts.expected, Relaxed);
        self.delivered.store(counts.delivered, Relaxed);
    }
}

/// The server, as far as it can be watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched {
    /// Its process, if it is one of this machine.
    pub pid: Option<u32>,
    /// Where its metrics are, if it has any.
    pub metrics: Option<SocketAddr>,
}

impl Watched {
    /// Seconds of CPU time so far: of the process, or, where that is elsewhere, of its shards by its own count.
    pub fn cpu_seconds(self) -> Option<f64> {
        let of_process = self.pid.and_then(process::cpu_seconds);
        of_process
            .or_else(|| metrics::read_sum(self.metrics?, "rookery_core_busy_seconds_total").ok())
    }

    fn threads(self) -> Option<Threads> {
        self.pid.and_then(Threads::look)
    }
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Seconds of CPU time of the server in the window.
    pub server_cpu: Option<f64>,
    /// The same of this process.
    pub generator_cpu: Option<f64>,
    /// What the server's threads used in the window.
    pub server_threads: Option<UsedByGroup>,
    /// Seconds for which the machine's CPUs were kept from their work in the window.
    pub stolen_cpu: Option<f64>,
    /// The most messages in the log that were not stored.
    pub lag_messages_max: Option<f64>,
    /// The greatest age of one of them, in seconds, of any core.
    pub lag_seconds_max: Option<f64>,
}

/// A thread that watches.
pub struct Monitor {
    progress: Arc<Progress>,
    thread: JoinHandle<Seen>,
}

impl Monitor {
    /// Begins to watch; `title` stands before the progress.
    pub fn start(progress: Arc<Progress>, watched: Watched, title: String) -> Self {
        let shared = Arc::clone(&progress);
        let thread = thread::spawn(move || watch(&shared, watched, title));
        Self { progress, thread }
    }

    /// Ends watching.
    pub fn finish(self) -> Seen {
        self.progress.ended.store(true, Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn watch(progress: &Progress, watched: Watched, title: String) -> Seen {
    let bar = ProgressBar::new(0).with_prefix(title).with_style(style());
    let mut seen = Seen::default();
    let mut used = UsedInWindow::default();
    for look in 0.. {
        if let Some((clock, window)) = progress.began.get() {
            let now = clock.now();
            used.look(now, window, watched);
            bar.set_length(window.end / SECOND);
            bar.set_position(now.min(window.end) / SECOND);
        }
        if look % LOOKS_PER_SCRAPE == 0 {
            seen.look_at_lag(watched);
            bar.set_message(describe(progress));
        }
        if progress.ended.load(Relaxed) {
            break;
        }
        thread::sleep(LOOK_EVERY);
    }
    bar.finish_and_clear();
    seen.server_cpu = used.server.difference();
    seen.server_threads = used.threads.both().map(|(first, last)| last.since(first));
    seen.generator_cpu = used.generator.difference();
    seen.stolen_cpu = used.stolen.difference();
    seen
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} s {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn describe(progress: &Progress) -> String {
    format!(
        "{} sent, {} accepted, {} refused, {} of {} delivered",
        progress.sent.load(Relaxed),
        progress.accepted.load(Relaxed),
        progress.refused.load(Relaxed),
        progress.delivered.load(Relaxed),
        progress.expected.load(Relaxed),
    )
}

impl Seen {
    fn look_at_lag(&mut self, watched: Watched) {
        let Some(addr) = watched.metrics else { return };
        // A server that is too busy to say so is watched again at the next look.
        if let Ok(text) = metrics::read(addr) {
            keep_max(&mut self.lag_messages_max, text.sum("consumer_lag"));
            keep_max(&mut self.lag_seconds_max, text.max("consumer_lag_seconds"));
        }
    }
}

fn keep_max(kept: &mut Option<f64>, value: f64) {
    *kept = Some(kept.unwrap_or_default().max(value));
}

/// What was used at the ends of the window.
#[derive(Default)]
struct UsedInWindow {
    server: Ends<f64>,
    threads: Ends<Threads>,
    generator: Ends<f64>,
    stolen: Ends<f64>,
}

impl UsedInWindow {
    fn look(&mut self, now: Micros, window: &Range<Micros>, watched: Watched) {
        let generator = || process::cpu_seconds(std::process::id());
        self.server.look(now, window, || watched.cpu_seconds());
        self.threads.look(now, window, || watched.threads());
        self.generator.look(now, window, generator);
        self.stolen.look(now, window, process::stolen_seconds);
    }
}

struct Ends<T> {
    first: Option<T>,
    last: Option<T>,
}

impl<T> Default for Ends<T> {
    fn default() -> Self {
        Self {
            first: None,
            last: None,
        }
    }
}

impl<T> Ends<T> {
    fn look(&mut self, now: Micros, window: &Range<Micros>, read: impl FnOnce() -> Option<T>) {
        if now >= window.end && self.last.is_none() {
            self.last = read();
        } else if now >= window.start && self.first.is_none() {
            self.first = read();
        }
    }

    fn both(&self) -> Option<(&T, &T)> {
        self.first.as_ref().zip(self.last.as_ref())
    }
}

impl Ends<f64> {
    fn difference(&self) -> Option<f64> {
        self.both().map(|(first, last)| last - first)
    }
}

//! What the kernel says of this process, by the names that all Prometheus client libraries use.
//!
//! `prometheus` has a collector of its own. It tells CPU in whole seconds, has no label `core`, and counts descriptors by
//! listing them: with 100,000 connections that would hold up the shard that renders the metrics.

use std::fs;
use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit};

const STAT: &str = "/proc/self/stat";
const DESCRIPTORS: &str = "/proc/self/fd";
/// Of the fields of [`STAT`] behind the name of the program, those that are told here; see proc_pid_stat(5).
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;
const THREADS: usize = 17;
const START_TICKS: usize = 19;
const VIRTUAL_BYTES: usize = 20;
const RESIDENT_PAGES: usize = 21;

/// One number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ProcessMetric {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) value: f64,
}

/// All numbers that can be read; those that can't are left out.
pub(crate) fn metrics() -> Vec<ProcessMetric> {
    let mut metrics = Vec::with_capacity(7);
    if let Some(stat) = fs::read_to_string(STAT)
        .ok()
        .as_deref()
        .and_then(Stat::parse)
    {
        metrics.extend(stat.metrics());
    }
    let mut add = |name, help, value: Option<u64>| {
        let value = value.map(|value| value as f64);
        metrics.extend(value.map(|value| ProcessMetric { name, help, value }));
    };
    add(
        "process_open_fds",
        "Number of open file descriptors.",
        open_descriptors(),
    );
    add(
        "process_max_fds",
        "Maximum number of open file descriptors.",
        getrlimit(Resource::Nofile).current,
    );
    metrics
}

/// Open descriptors, which the kernel tells as the size of their directory since Linux 6.2.
fn open_descriptors() -> Option<u64> {
    let size = fs::metadata(DESCRIPTORS).ok()?.len();
    Some(size).filter(|size| *size > 0)
}

/// What is told of `/proc/self/stat`, in its own units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// The name of the program, in parentheses, may have any characters.
    fn parse(text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(USER_TICKS)? + field(SYSTEM_TICKS)?,
            threads: field(THREADS)?,
            start_ticks: field(START_TICKS)?,
            virtual_bytes: field(VIRTUAL_BYTES)?,
            resident_pages: field(RESIDENT_PAGES)?,
        })
    }

    fn metrics(self) -> impl Iterator<Item = ProcessMetric> {
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let seconds = |ticks: u64| ticks as f64 / ticks_per_second;
        let resident_bytes = self.resident_pages * rustix::param::page_size() as u64;
        let started = boot_seconds().map(|boot| boot as f64 + seconds(self.start_ticks));
        [
            (
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
                Some(seconds(self.cpu_ticks)),
            ),
            (
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
                Some(resident_bytes as f64),
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes.",
                Some(self.virtual_bytes as f64),
            ),
            (
                "process_start_time_seconds",
                "Start time of the process since the Unix epoch in seconds.",
                started,
            ),
            (
                "process_threads",
                "Number of OS threads in the process.",
                Some(self.threads as f64),
            ),
        ]
        .into_iter()
        .filter_map(|(name, help, value)| {
            let value = value?;
            Some(ProcessMetric { name, help, value })
        })
    }
}

/// When the machine was started, in seconds since the Unix epoch. Read once: the file tells much besides.
fn boot_seconds() -> Option<u64> {
    static BOOT: OnceLock<Option<u64>> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn the_name_of_the_program_may_look_like_fields() {
        let fields: Vec<String> = (3..=52).map(|n| n.to_string()).collect();
        let text = format!("1 (a) b (c) 7 8) {}\n", fields.join(" "));
        let stat = Stat {
            cpu_ticks: 14 + 15,
            threads: 20,
            start_ticks: 22,
            virtual_bytes: 23,
            resident_pages: 24,
        };
        assert_eq!(Stat::parse(&text), Some(stat), "numbered as in its manual");
        for cut in ["", "1 (a", "1 (a) S 1 2"] {
            assert_eq!(Stat::parse(cut), None, "{cut}");
        }
    }

    #[test]
    fn this_process_has_just_begun_and_takes_memory() {
        let all = metrics();
        let value = |name: &str| {
            let metric = all.iter().find(|it| it.name == name);
            metric.expect("it can be read").value
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("a time of day").as_secs_f64();
        let age = now - value("process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "{age} s");
        assert!(value("process_cpu_seconds_total") < 3600.0);
        assert!(value("process_threads") >= 1.0);
        let resident = value("process_resident_memory_bytes");
        assert!((1e6..1e11).contains(&resident), "{resident}");
        assert!(value("process_virtual_memory_bytes") >= resident);
        // An older kernel does not tell how many are open.
        if let Some(open) = open_descriptors() {
            assert!((3.0..value("process_max_fds")).contains(&(open as f64)));
        }
    }
}

//! The kernel, its limits and its tuning.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::{
    finding::Finding,
    preflight::{self, Kernel, MEMLOCK_BYTES_MIN, PreflightError, kib, preflight},
};
use crate::net::admission::Others;
use crate::net::socket::WEBSOCKET_SEND_BYTES;

/// From this kernel on, the memory of rings counts towards the control group and no longer towards
/// the limit of locked memory.
const KERNEL_WITHOUT_MEMLOCK: Kernel = Kernel {
    major: 5,
    minor: 12,
};
/// Rings of an executor: one for latency, one for bulk, one to poll.
const RINGS_PER_SHARD: u64 = 3;
/// Open files: a connection is one.
const OPEN_FILES_ADVISED: u64 = 65_536;
/// Connections that may wait to be accepted: a storm of reconnects comes all at once.
const BACKLOG_ADVISED: u64 = 4096;
/// Clock sources that are read without a system call.
const FAST_CLOCKS: [&str; 4] = [
    "tsc",
    "arch_sys_counter",
    "kvm-clock",
    "hyperv_clocksource_tsc_page",
];

const GOVERNOR: &str = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
const BACKLOG: &str = "/proc/sys/net/core/somaxconn";
const SEND_BUFFER: &str = "/proc/sys/net/core/wmem_max";

/// Everything about the host, for a server of which this is open besides its clients.
pub(super) fn findings(others: Others) -> Vec<Finding> {
    let release = preflight::release();
    let kernel = preflight::kernel(&release);
    let memlock = preflight::memlock_limit();
    let is_old = kernel
        .as_ref()
        .is_ok_and(|kernel| *kernel < KERNEL_WITHOUT_MEMLOCK);
    let rings = if is_old {
        others.shards as u64 * RINGS_PER_SHARD
    } else {
        0
    };
    vec![
        essential("kernel", kernel.map(|_| format!("Linux {release}"))),
        // With all that comes before it: an executor on too old a kernel ends the process.
        essential("io_uring", preflight().map(|()| "usable".into())),
        locked_memory(memlock, rings),
        // A start raises the soft limit to it.
        open_files(getrlimit(Resource::Nofile).maximum, others),
        governor(read(GOVERNOR).as_deref()),
        clock_source(read(CLOCK_SOURCE).as_deref()),
        huge_pages(read(HUGE_PAGES).as_deref()),
        backlog(read(BACKLOG).as_deref()),
        send_buffer(read(SEND_BUFFER).as_deref()),
    ]
}

fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

fn essential(check: &'static str, result: Result<String, PreflightError>) -> Finding {
    match result {
        Ok(found) => Finding::ok(check, found),
        Err(error) => Finding::fail(check, error.found(), error.remedy()),
    }
}

/// `rings` are those that count towards the limit.
fn locked_memory(limit: Option<u64>, rings: u64) -> Finding {
    const CHECK: &str = "locked memory";
    let found = limit.map_or("unlimited".into(), kib);
    let wanted = rings * MEMLOCK_BYTES_MIN;
    match (preflight::memlock(limit), limit) {
        (Err(error), _) => essential(CHECK, Err(error)),
        (Ok(()), Some(bytes)) if bytes < wanted => Finding::warn(
            CHECK,
            found,
            format!(
                "allow {} for {rings} rings: ulimit -l unlimited",
                kib(wanted)
            ),
        ),
        _ => Finding::ok(CHECK, found),
    }
}

/// `None` is no limit.
fn open_files(limit: Option<u64>, others: Others) -> Finding {
    const CHECK: &str = "open files";
    let found = limit.map_or("unlimited".into(), |files| files.to_string());
    let limit = limit.unwrap_or(u64::MAX);
    match others.leave(limit) {
        // So would a start.
        Err(error) => Finding::fail(CHECK, found, error.to_string()),
        Ok(_) if limit < OPEN_FILES_ADVISED => Finding::warn(
            CHECK,
            found,
            format!(
                "ulimit -n {OPEN_FILES_ADVISED}, or LimitNOFILE={OPEN_FILES_ADVISED} (systemd)"
            ),
        ),
        Ok(_) => Finding::ok(CHECK, found),
    }
}

fn governor(found: Option<&str>) -> Finding {
    const CHECK: &str = "CPU governor";
    match found {
        None => Finding::ok(CHECK, "not ours to choose"),
        Some("performance") => Finding::ok(CHECK, "performance"),
        Some(other) => Finding::warn(CHECK, other, "cpupower frequency-set -g performance"),
    }
}

fn clock_source(found: Option<&str>) -> Finding {
    const CHECK: &str = "clock source";
    match found {
        None => Finding::ok(CHECK, "not told"),
        Some(fast) if FAST_CLOCKS.contains(&fast) => Finding::ok(CHECK, fast),
        Some(slow) => Finding::warn(
            CHECK,
            slow,
            "each look at the clock is a system call; boot with clocksource=tsc tsc=reliable",
        ),
    }
}

/// The kernel puts brackets around the mode in force.
fn huge_pages(found: Option<&str>) -> Finding {
    const CHECK: &str = "huge pages";
    let mode = found.and_then(|text| text.split_once('[')?.1.split_once(']'));
    match mode {
        None => Finding::ok(CHECK, "not told"),
        Some(("always", _)) => Finding::warn(
            CHECK,
            "always",
            format!("many small buffers grow to 2 MiB each; echo madvise > {HUGE_PAGES}"),
        ),
        Some((mode, _)) => Finding::ok(CHECK, mode),
    }
}

fn backlog(found: Option<&str>) -> Finding {
    let remedy = format!("sysctl -w net.core.somaxconn={BACKLOG_ADVISED}");
    let shown = |backlog: u64| backlog.to_string();
    at_least("accept backlog", found, BACKLOG_ADVISED, shown, remedy)
}

/// The kernel gives a WebSocket no more than this, and says nothing.
fn send_buffer(found: Option<&str>) -> Finding {
    let remedy =
        format!("busy rooms take more CPU; sysctl -w net.core.wmem_max={WEBSOCKET_SEND_BYTES}");
    let advised = WEBSOCKET_SEND_BYTES as u64;
    at_least("send buffer", found, advised, kib, remedy)
}

/// A number that the kernel tells, and that should be at least this.
fn at_least(
    check: &'static str,
    found: Option<&str>,
    advised: u64,
    shown: fn(u64) -> String,
    remedy: String,
) -> Finding {
    match found.and_then(|text| text.parse::<u64>().ok()) {
        None => Finding::ok(check, "not told"),
        Some(found) if found < advised => Finding::warn(check, shown(found), remedy),
        Some(found) => Finding::ok(check, shown(found)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::check::Verdict;

    const OTHERS: Others = Others {
        shards: 2,
        backend: 400,
    };

    #[test]
    fn a_well_tuned_host_needs_no_remedy() {
        for finding in [
            locked_memory(None, 24),
            locked_memory(Some(8 << 20), 0),
            open_files(Some(OPEN_FILES_ADVISED), OTHERS),
            open_files(None, OTHERS),
            governor(Some("performance")),
            governor(None),
            clock_source(Some("tsc")),
            huge_pages(Some("always [madvise] never")),
            huge_pages(None),
            backlog(Some("4096")),
            send_buffer(Some("524288")),
        ] {
            assert_eq!(finding.verdict, Verdict::Ok, "{finding:?}");
            assert_eq!(finding.remedy, "", "{finding:?}");
        }
    }

    #[test]
    fn what_could_be_better_is_a_warning_with_its_remedy() {
        for (finding, remedy) in [
            (locked_memory(Some(8 << 20), 24), "12288 KiB for 24 rings"),
            (open_files(Some(1024), OTHERS), "ulimit -n 65536"),
            (governor(Some("powersave")), "-g performance"),
            (clock_source(Some("hpet")), "clocksource=tsc"),
            (huge_pages(Some("[always] madvise never")), "echo madvise"),
            (backlog(Some("128")), "net.core.somaxconn=4096"),
            (send_buffer(Some("212992")), "net.core.wmem_max=524288"),
        ] {
            assert_eq!(finding.verdict, Verdict::Warn, "{finding:?}");
            assert!(finding.remedy.contains(remedy), "{finding:?}");
        }
    }

    #[test]
    fn too_few_open_files_for_a_start_fail_by_the_sum_of_a_start() {
        let others = Others {
            backend: 6 * 4096,
            ..OTHERS
        };
        for (limit, others) in [(256, OTHERS), (1024, others)] {
            let refused = others.leave(limit).unwrap_err();
            let finding = open_files(Some(limit), others);
            assert_eq!(finding.verdict, Verdict::Fail, "{finding:?}");
            let needed = refused.needed.to_string();
            assert!(finding.remedy.contains(&needed), "{finding:?}");
        }
    }

    #[test]
    fn too_little_locked_memory_fails_on_any_kernel() {
        assert_eq!(locked_memory(Some(64 << 10), 0).verdict, Verdict::Fail);
    }
}

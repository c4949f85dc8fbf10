//! The disk of the data directory: whether it can be written, how full it is, how fast it syncs.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::finding::Finding;
use crate::embedded::{ROOM_BYTES, Space, check_protected};

/// Writes that are synced and timed.
const SYNCS: usize = 50;
/// Bytes of each: a page, as a small batch of the log would take.
const SYNC_BYTES: usize = 4096;
/// Time after which a slow disk need not prove itself any further.
const SYNC_BUDGET: Duration = Duration::from_secs(3);
/// A median beyond this is a spinning disk, or one shared with too many.
const SYNC_MEDIAN_ADVISED: Duration = Duration::from_millis(10);
/// Free bytes that a quiet server fills in days.
const FREE_BYTES_ADVISED: u64 = 10 << 30;

const FREE_SPACE: &str = "free space";
const SYNC: &str = "fsync latency";

/// Everything about a data directory, or, as checking makes nothing that stays, about the nearest
/// directory above it that exists.
pub(super) fn findings(data_dir: &Path) -> Vec<Finding> {
    let directory = existing(data_dir);
    vec![
        writable(data_dir, &directory),
        free_space(&directory),
        sync(&directory),
    ]
}

fn existing(data_dir: &Path) -> PathBuf {
    let parents = data_dir
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty());
    let found = parents.into_iter().find(|path| path.exists());
    found.unwrap_or(Path::new(".")).to_owned()
}

fn writable(data_dir: &Path, directory: &Path) -> Finding {
    const CHECK: &str = "data directory";
    match Scratch::new(directory) {
        Ok(_) if data_dir == directory => match check_protected(directory) {
            Ok(()) => Finding::ok(CHECK, data_dir.display().to_string()),
            Err(error) => Finding::fail(
                CHECK,
                error.to_string(),
                "a server refuses it: let this user alone write there",
            ),
        },
        Ok(_) => Finding::ok(CHECK, format!("{} (to be made)", data_dir.display())),
        Err(error) => Finding::fail(
            CHECK,
            format!("{}: {error}", directory.display()),
            "let this user write there, or name another with --data-dir",
        ),
    }
}

fn free_space(directory: &Path) -> Finding {
    match Space::of(directory) {
        Ok(disk) => space(disk),
        Err(error) => Finding::warn(FREE_SPACE, error.to_string(), "look at the disk"),
    }
}

/// It fails where only small changes would be taken.
fn space(disk: Space) -> Finding {
    let found = format!("{} MiB", disk.free >> 20);
    let remedy = "make room, or name a larger disk with --data-dir";
    if disk.free < disk.reserve(ROOM_BYTES) {
        Finding::fail(FREE_SPACE, found, remedy)
    } else if disk.free < FREE_BYTES_ADVISED {
        Finding::warn(FREE_SPACE, found, remedy)
    } else {
        Finding::ok(FREE_SPACE, found)
    }
}

fn sync(directory: &Path) -> Finding {
    match Scratch::new(directory).and_then(|mut scratch| scratch.time_syncs()) {
        Ok(times) => latency(times),
        Err(error) => Finding::fail(SYNC, error.to_string(), "look at the disk and at dmesg"),
    }
}

fn latency(mut times: Vec<Duration>) -> Finding {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let max = times.last().copied().unwrap_or_default();
    let found = format!("median {}, max {}", millis(median), millis(max));
    if median > SYNC_MEDIAN_ADVISED {
        let remedy =
            "use a disk with power-loss protection (NVMe); an acknowledgement waits for it";
        Finding::warn(SYNC, found, remedy)
    } else {
        Finding::ok(SYNC, found)
    }
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// A file that is gone when this is.
struct Scratch {
    path: PathBuf,
    file: File,
}

impl Scratch {
    fn new(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!(".rookery-check-{}", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok(Self { path, file })
    }

    /// Appends, as a log does, and syncs after each write.
    fn time_syncs(&mut self) -> io::Result<Vec<Duration>> {
        let started = Instant::now();
        let mut times = Vec::with_capacity(SYNCS);
        while times.len() < SYNCS && started.elapsed() < SYNC_BUDGET {
            let before = Instant::now();
            self.file.write_all(&[0x5a; SYNC_BYTES])?;
            self.file.sync_data()?;
            times.push(before.elapsed());
        }
        Ok(times)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing is lost with it, and whoever could not remove it could not write either.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::check::Verdict;

    #[test]
    fn a_directory_that_does_not_exist_yet_is_not_made() {
        let root = tempfile::tempdir().unwrap();
        let data_dir = root.path().join("a/b");
        let findings = findings(&data_dir);
        assert_eq!(findings[0].verdict, Verdict::Ok);
        assert!(findings[0].found.ends_with("(to be made)"), "{findings:?}");
        assert_eq!(
            fs::read_dir(root.path()).unwrap().count(),
            0,
            "something was left behind"
        );
    }

    #[test]
    fn a_relative_directory_is_below_the_working_directory() {
        assert_eq!(
            existing(Path::new("no-such-directory/data")),
            Path::new(".")
        );
        assert_eq!(existing(Path::new("./no-such-directory")), Path::new("."));
    }

    #[test]
    fn a_data_directory_that_is_a_file_fails() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        fs::write(&path, "").unwrap();
        let finding = writable(&path, &existing(&path));
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.remedy.contains("--data-dir"), "{finding:?}");
    }

    #[test]
    fn a_data_directory_that_others_may_change_fails() {
        let root = tempfile::tempdir().unwrap();
        let set = |mode| fs::set_permissions(root.path(), Permissions::from_mode(mode)).unwrap();
        set(0o770);
        let finding = writable(root.path(), root.path());
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.found.contains("mode 0770"), "{finding:?}");
        set(0o755);
        assert_eq!(writable(root.path(), root.path()).verdict, Verdict::Ok);
    }

    #[test]
    fn space_and_latency_are_judged() {
        let verdict = |free, total| space(Space { free, total }).verdict;
        assert_eq!(verdict(ROOM_BYTES - 1, 1 << 40), Verdict::Fail);
        assert_eq!(verdict(ROOM_BYTES, 1 << 40), Verdict::Warn);
        assert_eq!(verdict(FREE_BYTES_ADVISED, 1 << 40), Verdict::Ok);
        let small = 256 << 20;
        assert_eq!(verdict(small / 8 - 1, small), Verdict::Fail);
        assert_eq!(
            verdict(small / 8, small),
            Verdict::Warn,
            "it starts and takes posts"
        );

        let times = |millis: [u64; 3]| millis.map(Duration::from_millis).to_vec();
        let fast = latency(times([100, 1, 2]));
        assert_eq!(
            (fast.verdict, &*fast.found),
            (Verdict::Ok, "median 2.00 ms, max 100.00 ms")
        );
        assert_eq!(latency(times([1, 11, 12])).verdict, Verdict::Warn);
    }
}

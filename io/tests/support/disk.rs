//! A small disk, for tests of what happens when it is full.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(unreachable_pub, reason = "a module of test binaries has no outside")]

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set where a test runs in namespaces of its own, in which it may mount what it likes.
const INSIDE: &str = "TEST_INSIDE";
/// Set where a test that can't have a disk fails instead of being skipped.
const REQUIRED: &str = "TEST_DISKS";
/// How `unshare` gets such namespaces: for root, and for everybody else.
const NAMESPACES: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];

/// A file system of its own; gone with the last process that sees it.
pub struct SmallDisk(tempfile::TempDir);

/// Runs a test, in a process of its own, with a disk of so many MiB. Where that is not permitted, the
/// test is skipped.
pub fn with_small_disk<T: Fn(&SmallDisk)>(mib: u64, test: T) {
    if env::var_os(INSIDE).is_some() {
        return test(&SmallDisk::mount(mib));
    }
    let Some(namespaces) = NAMESPACES.into_iter().find(|it| may_mount(it)) else {
        assert!(env::var_os(REQUIRED).is_none(), "no permission to mount");
        eprintln!("SKIPPED: this needs the permission to mount, or user namespaces");
        return;
    };
    let again = Command::new("unshare")
        .args(namespaces)
        .arg(env::current_exe().unwrap())
        .args([name_of(&test), "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let output = [again.stdout, again.stderr].concat();
    let output = String::from_utf8_lossy(&output);
    assert!(
        again.status.success() && output.contains("1 passed"),
        "{output}"
    );
}

fn may_mount(namespaces: &[&str]) -> bool {
    let tried = Command::new("unshare")
        .args(namespaces)
        .args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"])
        .output();
    tried.is_ok_and(|output| output.status.success())
}

/// The name of the test that a closure was made in, as the harness has it.
fn name_of<T>(_: &T) -> &'static str {
    let closure = std::any::type_name::<T>();
    let path = closure.strip_suffix("::{{closure}}").unwrap();
    path.split_once("::").unwrap().1
}

impl SmallDisk {
    fn mount(mib: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(dir.path())
            .status();
        assert!(mount.unwrap().success());
        Self(dir)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Takes all room but so many bytes, also what has become free since it was last taken.
    pub fn fill(&self, leave_bytes: u64) {
        let mut options = fs::File::options();
        let mut ballast = options
            .create(true)
            .append(true)
            .open(self.ballast())
            .unwrap();
        for chunk in [64 << 10, 4 << 10, 1] {
            while ballast.write_all(&vec![1; chunk]).is_ok() {}
        }
        let bytes = ballast.metadata().unwrap().len();
        ballast.set_len(bytes.saturating_sub(leave_bytes)).unwrap();
    }

    /// Gives it back.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // So that its place can be removed.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status();
    }
}

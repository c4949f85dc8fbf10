//! What the tests of log and store have in common.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// A small disk of its own, where this process may mount one.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub fn mount(mib: u64) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(dir.path())
            .output();
        if !mount.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: this needs the permission to mount a tmpfs");
            return None;
        }
        Some(Self(dir))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all room but so many bytes.
    pub fn fill(&self, leave_bytes: u64) {
        let mut ballast = fs::File::create(self.0.path().join("ballast")).unwrap();
        let chunk = vec![1; 1 << 16];
        while ballast.write_all(&chunk).is_ok() {}
        let bytes = ballast.metadata().unwrap().len();
        ballast.set_len(bytes.saturating_sub(leave_bytes)).unwrap();
    }

    /// Gives it back.
    pub fn free(&self) {
        fs::remove_file(self.0.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
    }
}

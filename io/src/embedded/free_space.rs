//! The free space of a disk.

use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

/// Free bytes below which only small changes are taken: what the store may still need when nothing more comes
/// (320 MiB), and a segment of the log.
pub(crate) const ROOM_BYTES: u64 = 384 << 20;
/// On a smaller disk, all reserves shrink in proportion: so that the largest takes an eighth.
const SMALL_DISK_BYTES: u64 = 8 * ROOM_BYTES;

/// The space of a disk, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    pub(crate) free: u64,
    pub(crate) total: u64,
}

impl Space {
    /// The space of the disk that holds a directory.
    pub(crate) fn of(dir: &Path) -> rustix::io::Result<Self> {
        let disk = statvfs(dir)?;
        Ok(Self {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            total: disk.f_blocks.saturating_mul(disk.f_frsize),
        })
    }

    /// Bytes that must be free: what is wanted, or less on a small disk, where a write may then fail after all.
    pub(crate) fn reserve(self, wanted: u64) -> u64 {
        let total = self.total.min(SMALL_DISK_BYTES);
        (u128::from(wanted) * u128::from(total) / u128::from(SMALL_DISK_BYTES)) as u64
    }
}

/// Watches the free space of a disk. A log or store that hits a full disk halfway through a write may
/// have to be reopened.
#[derive(Debug)]
pub(crate) struct FreeSpace {
    dir: PathBuf,
    reserve_bytes: u64,
    /// What is done without it, for the operator.
    without: &'static str,
    found: Option<Space>,
    refusing: bool,
}

impl FreeSpace {
    pub(crate) const fn new(dir: PathBuf, reserve_bytes: u64, without: &'static str) -> Self {
        Self {
            dir,
            reserve_bytes,
            without,
            found: None,
            refusing: false,
        }
    }

    /// What the last look has found.
    pub(crate) const fn found(&self) -> Option<Space> {
        self.found
    }

    /// Looks whether there is enough to write. After a refusal, a quarter more than the reserve must be free.
    pub(crate) fn is_enough(&mut self) -> bool {
        // If the disk can't be asked, the write itself will tell.
        self.found = Space::of(&self.dir).ok();
        let Some(space) = self.found else {
            return true;
        };
        let (free, reserve) = (space.free, space.reserve(self.reserve_bytes));
        let resume = reserve + reserve / 4;
        let needed = if self.refusing { resume } else { reserve };
        let refusing = free < needed;
        if refusing != self.refusing {
            self.refusing = refusing;
            let (dir, free_mib, resume_mib) = (self.dir.display(), free >> 20, resume >> 20);
            let without = self.without;
            if refusing {
                tracing::error!(%dir, free_mib, resume_mib, without, "the disk is full; make room");
            } else {
                tracing::info!(%dir, free_mib, "the disk has room again");
            }
        }
        !refusing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserves_shrink_on_small_disks_and_keep_their_order() {
        let reserve = |total, wanted| Space { free: 0, total }.reserve(wanted);
        for total in [SMALL_DISK_BYTES, 1 << 40, u64::MAX] {
            assert_eq!(reserve(total, ROOM_BYTES), ROOM_BYTES);
        }
        assert_eq!(reserve(80 << 20, ROOM_BYTES), 10 << 20);
        assert!(reserve(80 << 20, ROOM_BYTES / 2) < reserve(80 << 20, ROOM_BYTES));
        assert_eq!(reserve(0, ROOM_BYTES), 0);
    }
}

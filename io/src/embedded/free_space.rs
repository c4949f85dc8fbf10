//! The free space of a disk.

use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

/// A reserve takes at most one part in this many of a disk. On a small disk a write may then fail after all.
const RESERVE_PART_MAX: u64 = 8;

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

    /// Bytes that must be free for anything to be written: what is wanted, or less on a small disk.
    pub(crate) fn reserve(self, wanted: u64) -> u64 {
        wanted.min(self.total / RESERVE_PART_MAX)
    }
}

/// Watches the free space of a disk. A log or store that hits a full disk halfway through a write may
/// have to be reopened.
#[derive(Debug)]
pub(crate) struct FreeSpace {
    dir: PathBuf,
    reserve_bytes: u64,
    refusing: bool,
}

impl FreeSpace {
    pub(crate) const fn new(dir: PathBuf, reserve_bytes: u64) -> Self {
        Self {
            dir,
            reserve_bytes,
            refusing: false,
        }
    }

    /// Whether there is enough to write. After a refusal, a quarter more than the reserve must be free.
    pub(crate) fn is_enough(&mut self) -> bool {
        // If the disk can't be asked, the write itself will tell.
        let Ok(space) = Space::of(&self.dir) else {
            return true;
        };
        let (free, reserve) = (space.free, space.reserve(self.reserve_bytes));
        let resume = reserve + reserve / 4;
        let needed = if self.refusing { resume } else { reserve };
        let refusing = free < needed;
        if refusing != self.refusing {
            self.refusing = refusing;
            let (dir, free_mib, resume_mib) = (self.dir.display(), free >> 20, resume >> 20);
            if refusing {
                tracing::error!(%dir, free_mib, resume_mib, "the disk is full: nothing is written until there is room");
            } else {
                tracing::info!(%dir, free_mib, "the disk has room again");
            }
        }
        !refusing
    }
}

//! The disk of the data directory, as the whole process sees it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::free_space::{FreeSpace, ROOM_BYTES};

/// What is done on a disk without room for more.
const SMALL_CHANGES_ALONE: &str = "only logouts and passwords that operators set are taken";

/// What the last look at a disk has found.
#[derive(Debug, Default)]
pub struct Disk {
    free_bytes: AtomicU64,
    room_bytes: AtomicU64,
    is_full: AtomicBool,
}

impl Disk {
    /// Whether there is room for small changes alone.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Bytes that are free.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that must be free for more than small changes to be taken.
    pub(crate) fn room_bytes(&self) -> u64 {
        self.room_bytes.load(Ordering::Relaxed)
    }
}

/// Looks at a disk for all who want to know. A look takes microseconds on a local disk and may wait on others, so no
/// shard does it.
#[derive(Debug)]
pub(crate) struct DiskWatch {
    free_space: FreeSpace,
    disk: Arc<Disk>,
}

impl DiskWatch {
    /// Of the disk that holds a directory.
    pub(crate) fn new(dir: &Path) -> Self {
        let mut watch = Self {
            free_space: FreeSpace::new(dir.to_owned(), ROOM_BYTES, SMALL_CHANGES_ALONE),
            disk: Arc::default(),
        };
        watch.look();
        watch
    }

    pub(crate) fn disk(&self) -> Arc<Disk> {
        Arc::clone(&self.disk)
    }

    pub(crate) fn look(&mut self) {
        let is_full = !self.free_space.is_enough();
        if let Some(space) = self.free_space.found() {
            let room = space.reserve(ROOM_BYTES);
            self.disk.free_bytes.store(space.free, Ordering::Relaxed);
            self.disk.room_bytes.store(room, Ordering::Relaxed);
        }
        self.disk.is_full.store(is_full, Ordering::Relaxed);
    }
}

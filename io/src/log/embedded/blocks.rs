//! The blocks of a segment's file: allocated before they are written, and given back where a write failed.

use std::fs::File;
use std::io;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::{Errno, retry_on_intr};

/// Which blocks an append may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocks {
    /// As many as leave the reserve.
    KeepReserve,
    /// Also those of the reserve.
    UseReserve,
}

/// Allocates blocks of a file, also beyond its length, which stays. They read as zeros until they are written, also
/// after a crash. Where a file system can't allocate, the writes have to tell that there is no room.
pub(super) fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    let allocated = retry_on_intr(|| fallocate(file, FallocateFlags::KEEP_SIZE, from, to - from));
    match allocated {
        Err(Errno::OPNOTSUPP) => Ok(()),
        allocated => Ok(allocated?),
    }
}

/// Makes everything from `at` on read as zeros, and gives its blocks back.
pub(super) fn blank_from(file: &File, at: u64, len: u64) -> io::Result<()> {
    file.set_len(at)?;
    file.set_len(len)?;
    file.sync_all()
}

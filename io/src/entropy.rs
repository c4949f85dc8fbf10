//! Random bytes of the kernel, for keys, ids and the seeds of shards.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// Fills all of `bytes`, which are 256 at most: so many the kernel gives whole, once its generator is seeded
/// (getrandom(2)).
///
/// # Errors
/// The kernel gives none, or fewer.
pub(crate) fn fill(bytes: &mut [u8]) -> io::Result<()> {
    match getrandom(&mut *bytes, GetRandomFlags::empty())? {
        filled if filled == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

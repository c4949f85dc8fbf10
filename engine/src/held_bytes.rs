//! How many bytes a shard holds for its connections: output that waits, and input that can't be used yet. Bytes
//! that several outboxes share count once, until the last of them has sent or dropped them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// The count. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct HeldBytes(Arc<AtomicU64>);

/// What one holder adds to the count, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    held: HeldBytes,
    bytes: usize,
}

/// Bytes that count as long as they are in memory.
struct Counted {
    bytes: Vec<u8>,
    held: HeldBytes,
}

impl HeldBytes {
    /// The count, in bytes.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Makes bytes that can be shared. All of them count until the last reference to any of them is gone.
    pub fn hold(&self, bytes: Vec<u8>) -> Bytes {
        self.add(bytes.capacity());
        let held = self.clone();
        Bytes::from_owner(Counted { bytes, held })
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn subtract(&self, bytes: usize) {
        self.0.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

impl Holding {
    /// Nothing yet.
    pub(crate) const fn new(held: HeldBytes) -> Self {
        Self { held, bytes: 0 }
    }

    /// So many bytes.
    pub(crate) fn of(held: &HeldBytes, bytes: usize) -> Self {
        let mut holding = Self::new(held.clone());
        holding.set(bytes);
        holding
    }

    /// The count that it adds to.
    pub(crate) const fn held(&self) -> &HeldBytes {
        &self.held
    }

    /// From now on it adds so many bytes.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes != self.bytes {
            self.held.add(bytes);
            self.held.subtract(self.bytes);
            self.bytes = bytes;
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.held.subtract(self.bytes.capacity());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_bytes_count_once_until_the_last_reference_is_gone() {
        let held = HeldBytes::default();
        let first = held.hold(vec![0; 1000]);
        let second = first.clone();
        let end = second.slice(999..);
        assert_eq!(held.get(), 1000);
        drop((first, second));
        assert_eq!(held.get(), 1000, "a part keeps all of it in memory");
        drop(end);
        assert_eq!(held.get(), 0);
    }
}

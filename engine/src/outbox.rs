//! What waits to be sent on one connection: its own bytes and shared ones, in order, bounded in bytes.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Bytes that may wait on one connection before its reader counts as too slow.
pub const OUTBOX_BYTES_MAX: usize = 1 << 20;

/// An own buffer above this many bytes is given back when it has been sent, so that idle connections
/// stay small.
const KEPT_BUFFER_BYTES_MAX: usize = 4096;

/// Bytes to send, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Shared and sealed bytes, oldest first.
    chunks: VecDeque<Bytes>,
    /// Bytes of the chunks.
    chunk_bytes: usize,
    /// What is being written behind the chunks.
    tail: Vec<u8>,
    /// How much of the tail was sent; only where there are no chunks.
    tail_sent: usize,
}

impl Outbox {
    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.chunk_bytes + self.tail.len() - self.tail_sent
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether as much waits as may wait.
    pub fn is_full(&self) -> bool {
        self.len() >= OUTBOX_BYTES_MAX
    }

    /// The buffer to append own bytes to.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Queues a reference to bytes that others get too.
    pub fn share(&mut self, bytes: Bytes) {
        self.seal();
        self.chunk_bytes += bytes.len();
        self.chunks.push_back(bytes);
    }

    /// Fills `slices` with what comes next and says how many were filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = Some(&self.tail[self.tail_sent..]).filter(|tail| !tail.is_empty());
        let next = self.chunks.iter().map(Bytes::as_ref).chain(tail);
        slices
            .iter_mut()
            .zip(next)
            .map(|(slot, bytes)| *slot = IoSlice::new(bytes))
            .count()
    }

    /// Takes `sent` bytes off the front.
    pub fn advance(&mut self, mut sent: usize) {
        while let Some(front) = self.chunks.front_mut() {
            let taken = sent.min(front.len());
            front.advance(taken);
            self.chunk_bytes -= taken;
            sent -= taken;
            if !front.is_empty() {
                return;
            }
            self.chunks.pop_front();
        }
        self.tail_sent += sent;
        if self.tail_sent == self.tail.len() {
            self.tail_sent = 0;
            self.reset_tail();
        }
    }

    /// Drops all but the chunk that is next, which may be sent in part already.
    pub fn drop_behind_front(&mut self) {
        self.seal();
        self.chunks.truncate(1);
        self.chunks.shrink_to_fit();
        self.chunk_bytes = self.chunks.front().map_or(0, Bytes::len);
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn seal(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let mut sealed = Bytes::from(std::mem::take(&mut self.tail));
        sealed.advance(std::mem::take(&mut self.tail_sent));
        self.chunk_bytes += sealed.len();
        self.chunks.push_back(sealed);
    }

    fn reset_tail(&mut self) {
        if self.tail.capacity() > KEPT_BUFFER_BYTES_MAX {
            self.tail = Vec::new();
        } else {
            self.tail.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Own(Vec<u8>),
        Share(Vec<u8>),
        Send(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
        prop_oneof![
            bytes().prop_map(Step::Own),
            bytes().prop_map(Step::Share),
            (0usize..40).prop_map(Step::Send),
        ]
    }

    fn send(outbox: &mut Outbox, at_most: usize, sent: &mut Vec<u8>) {
        let mut slices = [IoSlice::new(&[]); 3];
        let filled = outbox.slices(&mut slices);
        let available: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
        let taken = at_most.min(available.len());
        sent.extend_from_slice(&available[..taken]);
        outbox.advance(taken);
    }

    proptest! {
        #[test]
        fn bytes_leave_in_the_order_they_came(steps in proptest::collection::vec(step(), 0..60)) {
            let (mut outbox, mut put, mut sent) = (Outbox::default(), Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Own(bytes) => {
                        put.extend_from_slice(&bytes);
                        outbox.buffer().extend_from_slice(&bytes);
                    }
                    Step::Share(bytes) => {
                        put.extend_from_slice(&bytes);
                        outbox.share(bytes.into());
                    }
                    Step::Send(at_most) => send(&mut outbox, at_most, &mut sent),
                }
                prop_assert_eq!(outbox.len(), put.len() - sent.len());
            }
            while !outbox.is_empty() {
                send(&mut outbox, 7, &mut sent);
            }
            prop_assert_eq!(sent, put);
        }
    }

    #[test]
    fn a_partly_sent_chunk_is_finished_when_the_rest_is_dropped() {
        let mut outbox = Outbox::default();
        outbox.share(Bytes::from_static(b"first"));
        outbox.share(Bytes::from_static(b"second"));
        outbox.advance(2);
        outbox.drop_behind_front();
        outbox.buffer().extend_from_slice(b"!");
        let mut sent = Vec::new();
        send(&mut outbox, 100, &mut sent);
        assert_eq!(sent, b"rst!");
    }
}

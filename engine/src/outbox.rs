//! What waits to be sent on one connection: its own bytes and shared ones, in order, each with its age.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

use crate::held_bytes::{HeldBytes, Holding};

/// Own bytes that may wait on an HTTP connection before no further request of it is begun, and nothing more is read.
/// A reply of any size goes out whole. With a usual one behind these, they fit in a buffer of 8 KiB.
pub const OUTBOX_BYTES_MAX: usize = 7 << 10;
/// The same of a WebSocket, which is not read any more: the acknowledgements of all sends that may be in flight.
pub const WEBSOCKET_OUTBOX_BYTES_MAX: usize = 128 << 10;
/// Bytes that a shard may hold for all of its connections, shared ones counted once: output that waits, and input that
/// can't be used yet.
pub const OUTBOXES_BYTES_MAX: u64 = 256 << 20;

/// An own buffer above this many bytes is given back when it has been sent, so that idle connections
/// stay small. Up to here it does not count as held.
const KEPT_BUFFER_BYTES_MAX: usize = 4096;
/// The same for a queue with room for more chunks than this.
const KEPT_CHUNKS_MAX: usize = 64;
/// Microseconds within which own bytes count as queued together: an age need not be more exact, and each chunk
/// costs.
const SAME_AGE_MICROS: u64 = 100_000;

/// Bytes to send, in order.
#[derive(Debug)]
pub struct Outbox {
    /// How many own bytes may wait.
    own_bytes_max: usize,
    /// Shared and sealed bytes, oldest first.
    chunks: VecDeque<Chunk>,
    /// Bytes of the chunks.
    chunk_bytes: usize,
    /// Own bytes among them.
    own_chunk_bytes: usize,
    /// The first chunk was sent in part.
    front_begun: bool,
    /// Own bytes of nearly one moment, behind the chunks.
    tail: Vec<u8>,
    /// How much of the tail was sent; only where there are no chunks.
    tail_sent: usize,
    /// When the first byte of the tail was queued, in microseconds.
    tail_micros: u64,
    /// When something was sent last, in microseconds.
    sent_micros: u64,
    /// The tail and the queue of chunks.
    buffers: Holding,
}

#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    /// When it was queued, in microseconds.
    queued_micros: u64,
    is_own: bool,
}

impl Outbox {
    /// An empty one, in which so many own bytes may wait, and which adds what it holds to a count.
    pub const fn new(own_bytes_max: usize, held: HeldBytes) -> Self {
        Self {
            own_bytes_max,
            chunks: VecDeque::new(),
            chunk_bytes: 0,
            own_chunk_bytes: 0,
            front_begun: false,
            tail: Vec::new(),
            tail_sent: 0,
            tail_micros: 0,
            sent_micros: 0,
            buffers: Holding::new(held),
        }
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.chunk_bytes + self.tail.len() - self.tail_sent
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether as many own bytes wait as may.
    pub fn is_full(&self) -> bool {
        self.own_chunk_bytes + self.tail.len() - self.tail_sent >= self.own_bytes_max
    }

    /// When the oldest byte that waits was queued, in microseconds; up to a tenth of a second too early.
    pub fn oldest_micros(&self) -> Option<u64> {
        match self.chunks.front() {
            Some(front) => Some(front.queued_micros),
            None => (self.tail_sent < self.tail.len()).then_some(self.tail_micros),
        }
    }

    /// Since when something waits and nothing was sent, in microseconds.
    pub fn stuck_since_micros(&self) -> Option<u64> {
        let oldest = self.oldest_micros()?;
        Some(oldest.max(self.sent_micros))
    }

    /// When something was sent last, in microseconds.
    pub const fn sent_micros(&self) -> u64 {
        self.sent_micros
    }

    /// Appends own bytes.
    pub fn write<T>(&mut self, now_micros: u64, append: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        if now_micros.saturating_sub(self.tail_micros) >= SAME_AGE_MICROS {
            self.seal();
        }
        if self.tail.is_empty() {
            self.tail_micros = now_micros;
        }
        let appended = append(&mut self.tail);
        self.count_buffers();
        appended
    }

    /// Queues a reference to bytes that others get too.
    pub fn share(&mut self, bytes: Bytes, now_micros: u64) {
        self.seal();
        if !bytes.is_empty() {
            self.push(Chunk {
                bytes,
                queued_micros: now_micros,
                is_own: false,
            });
        }
    }

    /// Fills `slices` with what comes next and says how many were filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = Some(&self.tail[self.tail_sent..]).filter(|tail| !tail.is_empty());
        let chunks = self.chunks.iter().map(|chunk| chunk.bytes.as_ref());
        slices
            .iter_mut()
            .zip(chunks.chain(tail))
            .map(|(slot, bytes)| *slot = IoSlice::new(bytes))
            .count()
    }

    /// Takes `sent` bytes off the front.
    pub fn advance(&mut self, sent: usize, now_micros: u64) {
        debug_assert!(sent <= self.len(), "more was sent than was queued");
        if sent > 0 {
            self.sent_micros = now_micros;
        }
        let left = self.advance_chunks(sent);
        self.tail_sent += left;
        if self.tail_sent == self.tail.len() {
            self.reset_tail();
        }
    }

    /// Takes `sent` bytes off the chunks; returns how many were more than that.
    fn advance_chunks(&mut self, mut sent: usize) -> usize {
        while sent > 0
            && let Some(front) = self.chunks.front_mut()
        {
            let taken = sent.min(front.bytes.len());
            front.bytes.advance(taken);
            sent -= taken;
            self.chunk_bytes -= taken;
            if front.is_own {
                self.own_chunk_bytes -= taken;
            }
            self.front_begun = !front.bytes.is_empty();
            if !self.front_begun {
                self.chunks.pop_front();
            }
        }
        if self.chunks.is_empty() && self.chunks.capacity() > KEPT_CHUNKS_MAX {
            self.chunks = VecDeque::new();
            self.count_buffers();
        }
        sent
    }

    /// Drops all but a chunk that was sent in part, so that what comes behind it can be understood.
    pub fn drop_unsent(&mut self) {
        self.seal();
        let kept = usize::from(self.front_begun);
        self.chunks.truncate(kept);
        self.chunks.shrink_to_fit();
        self.count_buffers();
        self.chunk_bytes = 0;
        self.own_chunk_bytes = 0;
        if let Some(begun) = self.chunks.front() {
            self.chunk_bytes = begun.bytes.len();
            self.own_chunk_bytes = if begun.is_own { begun.bytes.len() } else { 0 };
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.own_bytes_max, self.buffers.held().clone());
    }

    fn push(&mut self, chunk: Chunk) {
        self.chunk_bytes += chunk.bytes.len();
        if chunk.is_own {
            self.own_chunk_bytes += chunk.bytes.len();
        }
        let grows = self.chunks.len() == self.chunks.capacity();
        self.chunks.push_back(chunk);
        if grows {
            self.count_buffers();
        }
    }

    fn seal(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let mut bytes = self.buffers.held().hold(std::mem::take(&mut self.tail));
        if self.tail_sent > 0 {
            self.front_begun = true;
            bytes.advance(std::mem::take(&mut self.tail_sent));
        }
        self.push(Chunk {
            bytes,
            queued_micros: self.tail_micros,
            is_own: true,
        });
        self.count_buffers();
    }

    fn reset_tail(&mut self) {
        self.tail_sent = 0;
        if self.tail.capacity() > KEPT_BUFFER_BYTES_MAX {
            self.tail = Vec::new();
            self.count_buffers();
        } else {
            self.tail.clear();
        }
    }

    /// Brings the count to what tail and queue take now. They change it seldom.
    fn count_buffers(&mut self) {
        let above = |size, kept| if size > kept { size } else { 0 };
        let tail = above(self.tail.capacity(), KEPT_BUFFER_BYTES_MAX);
        let chunks = above(self.chunks.capacity(), KEPT_CHUNKS_MAX);
        self.buffers.set(tail + chunks * size_of::<Chunk>());
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
        Pass(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let short = || proptest::collection::vec(any::<u8>(), 0..20);
        let long = (
            any::<u8>(),
            KEPT_BUFFER_BYTES_MAX..KEPT_BUFFER_BYTES_MAX + 10,
        )
            .prop_map(|(byte, len)| vec![byte; len]);
        let step = prop_oneof![
            8 => short().prop_map(Step::Own),
            1 => long.prop_map(Step::Own),
            8 => short().prop_map(Step::Share),
            8 => (0usize..40).prop_map(Step::Send),
            1 => Just(Step::Send(usize::MAX)),
            8 => (1..SAME_AGE_MICROS * 2).prop_map(Step::Pass),
        ];
        proptest::collection::vec(step, 0..80)
    }

    fn send(outbox: &mut Outbox, at_most: usize, now: u64) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 3];
        let filled = outbox.slices(&mut slices);
        let mut taken: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
        taken.truncate(at_most);
        outbox.advance(taken.len(), now);
        taken
    }

    fn append(outbox: &mut Outbox, bytes: &[u8], now: u64) {
        outbox.write(now, |out| out.extend_from_slice(bytes));
    }

    proptest! {
        /// Held to a queue of bytes, each of which knows when it came and whether it is shared.
        #[test]
        fn every_byte_has_its_place_and_its_age(steps in steps()) {
            let (held, frames) = (HeldBytes::default(), HeldBytes::default());
            let mut outbox = Outbox::new(OUTBOX_BYTES_MAX, held.clone());
            let mut model: VecDeque<(u8, u64, bool)> = VecDeque::new();
            let (mut now, mut sent_micros) = (1, 0);
            for step in steps {
                match step {
                    Step::Own(bytes) => {
                        model.extend(bytes.iter().map(|byte| (*byte, now, true)));
                        append(&mut outbox, &bytes, now);
                    }
                    Step::Share(bytes) => {
                        model.extend(bytes.iter().map(|byte| (*byte, now, false)));
                        outbox.share(frames.hold(bytes), now);
                    }
                    Step::Send(at_most) => {
                        for byte in send(&mut outbox, at_most, now) {
                            prop_assert_eq!(Some(byte), model.pop_front().map(|it| it.0));
                            sent_micros = now;
                        }
                    }
                    Step::Pass(micros) => now += micros,
                }
                let exact = model.front().map(|it| it.1);
                let oldest = outbox.oldest_micros();
                prop_assert_eq!(outbox.len(), model.len());
                prop_assert_eq!(oldest.is_some(), exact.is_some());
                let early = exact.unwrap_or(0).checked_sub(oldest.unwrap_or(0));
                prop_assert!(early.is_some_and(|early| early < SAME_AGE_MICROS));
                let stuck = oldest.map(|oldest| oldest.max(sent_micros));
                prop_assert_eq!(outbox.stuck_since_micros(), stuck);
                let is_empty = outbox.is_empty();
                prop_assert!(!is_empty || held.get() == 0, "what was sent is not held");
                let own = model.iter().filter(|it| it.2).count() as u64;
                let shared = model.len() as u64 - own;
                prop_assert!(held.get() + KEPT_BUFFER_BYTES_MAX as u64 >= own);
                prop_assert!(frames.get() >= shared);
            }
            while !outbox.is_empty() {
                send(&mut outbox, 1000, now);
            }
            prop_assert_eq!((held.get(), frames.get()), (0, 0));
        }
    }

    #[test]
    fn a_chunk_that_was_sent_in_part_is_finished_when_the_rest_is_dropped() {
        let held = HeldBytes::default();
        for begun in [false, true] {
            let mut outbox = Outbox::new(OUTBOX_BYTES_MAX, held.clone());
            append(&mut outbox, b"own", 1);
            outbox.share(held.hold(b"shared".to_vec()), 1);
            outbox.share(held.hold(vec![0; 1000]), 1);
            outbox.advance(if begun { 5 } else { 3 }, 1);
            outbox.drop_unsent();
            assert!(held.get() < 1000);
            append(&mut outbox, b"!", 2);
            let rest: &[u8] = if begun { b"ared!" } else { b"!" };
            assert_eq!(send(&mut outbox, 100, 2), rest);
        }
        assert_eq!(held.get(), 0);
    }

    #[test]
    fn what_waits_counts_until_it_is_dropped() {
        let held = HeldBytes::default();
        let mut outbox = Outbox::new(OUTBOX_BYTES_MAX, held.clone());
        append(&mut outbox, &[0; 10_000], 1);
        append(&mut outbox, &[0; 10_000], 2);
        outbox.share(held.hold(vec![0; 10_000]), 2);
        append(&mut outbox, &[0; 10_000], 2);
        assert!((40_000..80_000).contains(&held.get()), "{}", held.get());
        for _ in 0..10_000 {
            outbox.share(Bytes::from_static(b"x"), 2);
        }
        assert!(held.get() > 10_000 * size_of::<Chunk>() as u64);
        outbox.advance(outbox.len(), 3);
        assert_eq!(held.get(), 0);
        append(&mut outbox, &[0; 10_000], 4);
        drop(outbox);
        assert_eq!(held.get(), 0);
    }

    #[test]
    fn only_own_bytes_make_it_full() {
        let mut outbox = Outbox::new(OUTBOX_BYTES_MAX, HeldBytes::default());
        outbox.share(vec![0; OUTBOX_BYTES_MAX].into(), 1);
        assert!(!outbox.is_full());
        append(&mut outbox, &vec![0; OUTBOX_BYTES_MAX], 1);
        outbox.share(Bytes::from_static(b"x"), 1);
        assert!(outbox.is_full());
        outbox.advance(OUTBOX_BYTES_MAX + 1, 1);
        assert!(!outbox.is_full());
    }
}

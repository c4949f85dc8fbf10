//! Events as WebSocket frames: made once, shared by all who get them.

use bytes::Bytes;
use memchr::{memchr, memchr_iter, memrchr};

use crate::held_bytes::HeldBytes;
use crate::ws::{text_frame_len, write_text_frame};

/// Bytes of events that share one frame under the batch protocol.
const BATCH_FRAME_BYTES_MAX: usize = 64 * 1024;

/// Lines as frames, made when the first receiver of each kind wants them.
pub(crate) struct Frames<'a> {
    lines: &'a [u8],
    count: u32,
    held: &'a HeldBytes,
    single: Option<Bytes>,
    batched: Option<Bytes>,
}

impl<'a> Frames<'a> {
    /// So many events, each a line that ends with a break.
    pub(crate) const fn new(lines: &'a [u8], count: u32, held: &'a HeldBytes) -> Self {
        Self {
            lines,
            count,
            held,
            single: None,
            batched: None,
        }
    }

    pub(crate) fn get(&mut self, batches: bool) -> Bytes {
        let made = match batches {
            true => &mut self.batched,
            false => &mut self.single,
        };
        made.get_or_insert_with(|| self.held.hold(framed(self.lines, self.count, batches)))
            .clone()
    }
}

/// So many events, each a line, as frames.
pub(super) fn framed(lines: &[u8], count: u32, batches: bool) -> Vec<u8> {
    match batches {
        true => frame_together(lines),
        false => frame_each(lines, count),
    }
}

/// One frame for each event.
fn frame_each(events: &[u8], count: u32) -> Vec<u8> {
    let headers = count as usize * (text_frame_len(BATCH_FRAME_BYTES_MAX) - BATCH_FRAME_BYTES_MAX);
    let mut frames = Vec::with_capacity(events.len() + headers);
    for line in lines(events) {
        write_text_frame(&mut frames, line);
    }
    frames
}

/// As many events in a frame as fit.
fn frame_together(events: &[u8]) -> Vec<u8> {
    let mut frames = Vec::with_capacity(text_frame_len(events.len()));
    let mut rest = events;
    while !rest.is_empty() {
        let (frame, tail) = rest.split_at(frame_end(rest));
        // The last line's break separates it from nothing.
        write_text_frame(&mut frames, &frame[..frame.len() - 1]);
        rest = tail;
    }
    frames
}

/// Where the first frame of these lines ends: behind the last line break within its size, or behind
/// the first line where that alone is larger.
fn frame_end(lines: &[u8]) -> usize {
    if lines.len() <= BATCH_FRAME_BYTES_MAX {
        return lines.len();
    }
    memrchr(b'\n', &lines[..BATCH_FRAME_BYTES_MAX])
        .or_else(|| memchr(b'\n', lines))
        .map_or(lines.len(), |at| at + 1)
}

/// The lines of a batch, each of which ends with a break.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', bytes).map(move |end| &bytes[std::mem::replace(&mut start, end + 1)..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The payloads of unmasked frames without any extension.
    fn payloads(mut frames: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while let [0x81, length, rest @ ..] = frames {
            let (header, length) = match length {
                126 => (2, usize::from(rest[0]) << 8 | usize::from(rest[1])),
                127 => (8, rest[..8].iter().fold(0, |n, b| n << 8 | usize::from(*b))),
                short => (0, usize::from(*short)),
            };
            found.push(rest[header..header + length].to_vec());
            frames = &rest[header + length..];
        }
        assert!(frames.is_empty());
        found
    }

    proptest! {
        #[test]
        fn both_framings_carry_the_same_events(
            lengths in proptest::collection::vec(
                prop_oneof![1usize..300, 30_000usize..40_000],
                1..40,
            ),
        ) {
            let lines: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            let events: Vec<u8> = lines.iter().flat_map(|line| [line, "\n"].concat().into_bytes()).collect();
            let count = lines.len() as u32;
            let each: Vec<Vec<u8>> = lines.iter().map(|line| line.clone().into_bytes()).collect();
            prop_assert_eq!(payloads(&framed(&events, count, false)), each.clone());
            let together = payloads(&framed(&events, count, true));
            prop_assert!(together.iter().all(|frame| frame.len() <= BATCH_FRAME_BYTES_MAX));
            prop_assert_eq!(together.join(&b'\n').split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>(), each);
        }
    }
}

//! One batch of records as it lies in a segment: a header of 32 bytes, then the batch.
//!
//! ```text
//! magic "RKL1" | payload length u32 | base offset u64 | record count u32 | 0 u32 | xxh3-64 u64 | payload
//! ```
//! All little-endian. The checksum covers the payload and the header fields before it.

use bytes::Bytes;
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatch;
use xxhash_rust::xxh3::Xxh3;

/// Bytes in front of each batch.
pub(super) const HEADER_BYTES: usize = 32;
const MAGIC: [u8; 4] = *b"RKL1";
/// The kernel writes whole pages: one that a power cut kept from the disk reads as zeros.
const PAGE_BYTES: usize = 4096;
/// Zeros up to the end of a page (or of the frame) that are taken for such a page.
const HOLE_BYTES: usize = 32;

/// A whole frame that was read back.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) base: Offset,
    pub(super) batch: RecordBatch,
    /// Bytes of header and payload.
    pub(super) len: usize,
}

/// What the bytes at some place of a segment are.
#[derive(Debug)]
pub(super) enum Parsed {
    Frame(Frame),
    /// Nothing was ever written here.
    Blank,
    /// A frame that did not get to the disk whole, as a crash leaves it.
    Torn,
    /// Something that no crash explains.
    Damaged,
}

/// Appends a frame.
pub(super) fn put_frame(out: &mut Vec<u8>, base: Offset, batch: &RecordBatch) {
    let payload = batch.as_bytes();
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&base.0.to_le_bytes());
    out.extend_from_slice(&batch.len().to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let checksum = checksum(&out[start..], payload);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(payload);
}

fn checksum(fields: &[u8], payload: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(fields);
    hasher.update(payload);
    hasher.digest()
}

/// Reads the frame at the front of `bytes`, which go on to the end of the segment; `next` is the
/// offset that it must have.
pub(super) fn parse(bytes: &Bytes, next: Offset) -> Parsed {
    let Some(header) = bytes.get(..HEADER_BYTES) else {
        return if is_zero(bytes) {
            Parsed::Blank
        } else {
            Parsed::Torn
        };
    };
    if is_zero(header) {
        return if is_zero(bytes) {
            Parsed::Blank
        } else {
            Parsed::Damaged
        };
    }
    let length = u32::from_le_bytes(field(header, 4)) as usize;
    let end = HEADER_BYTES.saturating_add(length);
    let Some(payload) = bytes.get(HEADER_BYTES..end) else {
        return if header.starts_with(&MAGIC) {
            Parsed::Torn
        } else {
            Parsed::Damaged
        };
    };
    let (fields, expected) = header.split_at(HEADER_BYTES - 8);
    if !header.starts_with(&MAGIC) || checksum(fields, payload).to_le_bytes() != expected {
        return if has_hole(&bytes[..end]) {
            Parsed::Torn
        } else {
            Parsed::Damaged
        };
    }
    let base = Offset(u64::from_le_bytes(field(header, 8)));
    match RecordBatch::from_bytes(bytes.slice(HEADER_BYTES..end)) {
        Ok(batch) if base == next => Parsed::Frame(Frame {
            base,
            batch,
            len: end,
        }),
        _ => Parsed::Damaged,
    }
}

fn field<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    header
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or([0; N])
}

pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Whether a part of the frame looks like pages that never got to the disk: zeros up to the end of a
/// page or of the frame. The frame's own place within a page does not matter much for that, since a
/// batch of records has no runs of zeros as long.
fn has_hole(frame: &[u8]) -> bool {
    let tail = frame.len().saturating_sub(HOLE_BYTES);
    is_zero(&frame[tail..])
        || frame
            .windows(HOLE_BYTES)
            .step_by(PAGE_BYTES / 8)
            .any(is_zero)
}

/// Whether a whole frame with this or a later offset begins somewhere in `bytes`: then what is in
/// front of it was written whole once.
pub(super) fn has_later_frame(bytes: &Bytes, next: Offset) -> bool {
    memchr::memmem::find_iter(bytes, &MAGIC).any(|at| {
        let Some(header) = bytes.get(at..at + HEADER_BYTES) else {
            return false;
        };
        let base = Offset(u64::from_le_bytes(field(header, 8)));
        base >= next && matches!(parse(&bytes.slice(at..), base), Parsed::Frame(_))
    })
}

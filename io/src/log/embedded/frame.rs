//! One batch of records as it lies in a segment: a header of 44 bytes, the batch, and an end mark.
//!
//! ```text
//! magic "RKL2" | payload length u32 | base offset u64 | record count u32 | unsynced u32
//! | blank sectors u32 | xxh3-64 of the payload u64 | xxh3-64 of the header so far u64 | payload | 0xFF
//! ```
//! All little-endian. `unsynced` counts the records right in front of this frame that the disk had not
//! confirmed when it was written; all before those are known to have been whole.
//!
//! What a crash leaves is told from damage by what a crash can do: a sector that was not written reads
//! as zeros, and nothing that was synced is missing. A frame begins and ends with bytes that are not
//! zero, and says how many sectors between are zeros by nature, so that a missing one shows.
//!
//! Both checksums start from a [`Seed`] of the log's own: what a frame carries is written by anybody.

use bytes::Bytes;
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatch;
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Bytes in front of each batch.
pub(super) const HEADER_BYTES: usize = 44;
const MAGIC: [u8; 4] = *b"RKL2";
/// What the header's checksum covers.
const CHECKED_BYTES: usize = HEADER_BYTES - 8;
/// Behind each batch: no single flipped bit makes it zero.
const END_MARK: u8 = 0xFF;
/// What a disk writes at once. The kernel writes pages, which are made of sectors.
const SECTOR_BYTES: usize = 512;

/// What the checksums of a log start from. Who posts content does not know it: else content could hold a
/// whole frame, which would be found where a torn one is searched for what was written later.
#[derive(Clone, Copy, Debug)]
pub struct Seed(u64);

impl Seed {
    /// The one of the log with this id.
    pub fn of(log_id: Uuid) -> Self {
        Self(xxh3_64(log_id.as_bytes()))
    }

    fn checksum(self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.0)
    }
}

/// What a frame says about itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    payload: usize,
    base: Offset,
    count: u32,
    unsynced: u32,
    blank_sectors: u32,
    checksum: u64,
}

/// A whole frame that was read back.
#[derive(Debug)]
pub struct Frame {
    /// The place of its first record.
    pub base: Offset,
    /// Its records.
    pub batch: RecordBatch,
    /// Whether all in front of it was synced when it was written.
    pub is_first_unsynced: bool,
    /// Bytes of header, payload and end mark.
    pub len: usize,
}

/// What the bytes at some place of a segment are.
#[derive(Debug)]
pub enum Parsed {
    /// A whole frame.
    Frame(Frame),
    /// Nothing was ever written here.
    Blank,
    /// A frame that did not get to the disk whole, as a crash leaves it.
    Torn,
    /// Something that no crash explains.
    Damaged,
}

/// Appends a frame to bytes that go to `position` of a segment; the records from `synced` on are not
/// known to be on the disk.
pub fn put_frame(
    out: &mut Vec<u8>,
    seed: Seed,
    position: u64,
    base: Offset,
    synced: Offset,
    batch: &RecordBatch,
) {
    let payload = batch.as_bytes();
    let start = out.len();
    let payload_at = position as usize + start + HEADER_BYTES;
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&base.0.to_le_bytes());
    out.extend_from_slice(&batch.len().to_le_bytes());
    // A segment is synced before the next begins, and has fewer records than bytes.
    out.extend_from_slice(&(base.0.saturating_sub(synced.0) as u32).to_le_bytes());
    out.extend_from_slice(&blank_sectors(payload, payload_at).to_le_bytes());
    out.extend_from_slice(&seed.checksum(payload).to_le_bytes());
    let checksum = seed.checksum(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(payload);
    out.push(END_MARK);
}

/// Bytes of the frame of a batch.
pub(super) fn frame_bytes(batch: &RecordBatch) -> u64 {
    HEADER_BYTES as u64 + batch.as_bytes().len() as u64 + 1
}

impl Header {
    /// The header in front, where it is whole.
    pub(super) fn parse(seed: Seed, bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let (checked, checksum) = header.split_at(CHECKED_BYTES);
        if !header.starts_with(&MAGIC) || seed.checksum(checked).to_le_bytes() != checksum {
            return None;
        }
        Some(Self {
            payload: u32::from_le_bytes(field(header, 4)) as usize,
            base: Offset(u64::from_le_bytes(field(header, 8))),
            count: u32::from_le_bytes(field(header, 16)),
            unsynced: u32::from_le_bytes(field(header, 20)),
            blank_sectors: u32::from_le_bytes(field(header, 24)),
            checksum: u64::from_le_bytes(field(header, 28)),
        })
    }

    /// Bytes of the whole frame.
    pub(super) const fn frame_bytes(&self) -> usize {
        HEADER_BYTES.saturating_add(self.payload).saturating_add(1)
    }

    /// Records below were known to be on the disk.
    const fn synced(&self) -> Offset {
        Offset(self.base.0.saturating_sub(self.unsynced as u64))
    }

    /// The frame that this is the header of, from the bytes of just that frame.
    fn frame(&self, seed: Seed, bytes: &Bytes) -> Option<Frame> {
        let payload = bytes.slice(HEADER_BYTES..HEADER_BYTES + self.payload);
        if bytes.last() != Some(&END_MARK) || seed.checksum(&payload) != self.checksum {
            return None;
        }
        let batch = RecordBatch::from_bytes(payload).ok()?;
        (batch.len() == self.count).then_some(Frame {
            base: self.base,
            batch,
            is_first_unsynced: self.unsynced == 0,
            len: bytes.len(),
        })
    }
}

fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|index| header[at + index])
}

/// Reads the frame at `at` in a segment whose bytes end with the file; `next` is the offset that the
/// frame must have.
pub fn parse(seed: Seed, segment: &Bytes, at: usize, next: Offset) -> Parsed {
    let rest = &segment[at..];
    if is_blank(rest) {
        return Parsed::Blank;
    }
    let Some(header) = Header::parse(seed, rest) else {
        return torn_if(is_header_missing(segment, at), seed, segment, at, next);
    };
    let end = at.saturating_add(header.frame_bytes());
    if end > segment.len() {
        return torn_if(true, seed, segment, at, next);
    }
    match header.frame(seed, &segment.slice(at..end)) {
        Some(frame) if frame.base == next => Parsed::Frame(frame),
        Some(_) => Parsed::Damaged,
        None => torn_if(
            segment[end - 1] == 0 || missing_sectors(segment, at, end) > header.blank_sectors,
            seed,
            segment,
            at,
            next,
        ),
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// A frame that lacks something is torn, unless a later one says that it was once on the disk.
fn torn_if(lacks_something: bool, seed: Seed, segment: &[u8], at: usize, next: Offset) -> Parsed {
    let was_synced = || {
        memchr::memmem::find_iter(&segment[at..], &MAGIC)
            .filter_map(|found| Header::parse(seed, &segment[at + found..]))
            .any(|later| later.synced() > next)
    };
    if lacks_something && !was_synced() {
        Parsed::Torn
    } else {
        Parsed::Damaged
    }
}

/// Whether the header at `at` was not written, or only a part in front of it was.
fn is_header_missing(segment: &[u8], at: usize) -> bool {
    let end = (at + HEADER_BYTES).min(segment.len());
    let last_sector_end = end.next_multiple_of(SECTOR_BYTES).min(segment.len());
    is_blank(&segment[end..]) || missing_sectors(segment, at, last_sector_end) > 0
}

/// How many sectors have nothing but zeros of a range.
fn missing_sectors(segment: &[u8], from: usize, to: usize) -> u32 {
    let (mut start, mut missing) = (from, 0);
    while start < to {
        let end = (start + 1).next_multiple_of(SECTOR_BYTES).min(to);
        missing += u32::from(is_blank(&segment[start..end]));
        start = end;
    }
    missing
}

/// How many whole sectors of a payload that begins at `position` are zeros.
fn blank_sectors(payload: &[u8], position: usize) -> u32 {
    let ahead = position.next_multiple_of(SECTOR_BYTES) - position;
    let sectors = payload.get(ahead..).unwrap_or_default();
    let sectors = sectors.chunks_exact(SECTOR_BYTES);
    sectors.map(|sector| u32::from(is_blank(sector))).sum()
}

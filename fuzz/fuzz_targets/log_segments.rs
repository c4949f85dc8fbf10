//! Segments of the embedded log: what a crash or a bad disk makes of them, and any bytes.

#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rookery_io::log::embedded::frame::{Parsed, Seed, parse, put_frame};
use rookery_schema::Offset;
use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use uuid::Uuid;

#[derive(Arbitrary, Debug)]
enum Segment {
    Written {
        batches: Vec<Batch>,
        damage: Damage,
        /// Bytes behind what was written, given to the file before.
        room: u16,
    },
    Foreign(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Batch {
    records: Vec<Vec<u8>>,
    /// Zeros, to reach over sectors.
    zeros: u16,
    /// Whether all before it is known to be on the disk.
    is_synced: bool,
}

#[derive(Arbitrary, Debug)]
enum Damage {
    None,
    /// What comes behind was never written.
    Cut(u16),
    /// A sector was never written.
    Hole(u8),
    Flipped {
        at: u16,
        bit: u8,
    },
}

const SECTOR_BYTES: usize = 512;

fuzz_target!(|segment: Segment| {
    let seed = Seed::of(Uuid::from_u128(7));
    match segment {
        Segment::Written {
            batches,
            damage,
            room,
        } => check_written(seed, &batches, &damage, room),
        Segment::Foreign(bytes) => {
            let (read, _, _) = read(seed, &bytes.into());
            assert!(read.is_empty(), "nobody else knows the seed");
        }
    }
});

/// The batches in front, the end of them, and what comes behind.
fn read(seed: Seed, bytes: &Bytes) -> (Vec<RecordBatch>, usize, Parsed) {
    let (mut batches, mut at, mut next) = (Vec::new(), 0, Offset(0));
    loop {
        match parse(seed, bytes, at, next) {
            Parsed::Frame(frame) => {
                assert_eq!(frame.base, next);
                next = next.plus(u64::from(frame.batch.len()));
                at += frame.len;
                batches.push(frame.batch);
            }
            end @ (Parsed::Blank | Parsed::Torn | Parsed::Damaged) => return (batches, at, end),
        }
    }
}

fn check_written(seed: Seed, batches: &[Batch], damage: &Damage, room: u16) {
    let (mut bytes, mut written, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    let (mut base, mut synced) = (Offset(0), Offset(0));
    for batch in batches {
        if batch.is_synced {
            synced = base;
        }
        let batch = batch_of(batch);
        put_frame(&mut bytes, seed, 0, base, synced, &batch);
        base = base.plus(u64::from(batch.len()));
        ends.push(bytes.len());
        written.push(batch);
    }
    let len = bytes.len();
    bytes.resize(len + usize::from(room), 0);
    let before = bytes.clone();
    let hit = inflict(damage, &mut bytes, len);
    let is_hit = bytes != before;
    let (found, at, end) = read(seed, &bytes.into());
    // Whatever happened, nothing is read that was not written.
    assert_eq!(found, written[..found.len()]);
    let whole = ends.iter().filter(|end| **end <= hit).count();
    if !is_hit {
        assert_eq!((found.len(), at), (written.len(), len));
        assert!(matches!(end, Parsed::Blank));
        return;
    }
    assert_eq!(found.len(), whole, "all is read up to the damage");
    match damage {
        Damage::Cut(_) => assert!(!matches!(end, Parsed::Damaged), "a crash leaves that"),
        Damage::None | Damage::Hole(_) | Damage::Flipped { .. } => {
            assert!(!matches!(end, Parsed::Frame(_)));
        }
    }
}

fn batch_of(batch: &Batch) -> RecordBatch {
    let mut builder = RecordBatchBuilder::default();
    for record in &batch.records {
        builder.push_encoded(record);
    }
    builder.push_encoded(&vec![0; usize::from(batch.zeros)]);
    builder.take()
}

/// The first byte that is not what was written.
fn inflict(damage: &Damage, bytes: &mut [u8], len: usize) -> usize {
    match *damage {
        Damage::None => len,
        Damage::Cut(at) => {
            let at = usize::from(at).min(len);
            bytes[at..].fill(0);
            at
        }
        Damage::Hole(sector) => {
            let from = (usize::from(sector) * SECTOR_BYTES).min(len);
            let to = (from + SECTOR_BYTES).min(len);
            let hit = bytes[from..to].iter().position(|byte| *byte != 0);
            bytes[from..to].fill(0);
            hit.map_or(len, |hit| from + hit)
        }
        Damage::Flipped { at, bit } => {
            let at = usize::from(at);
            if at >= len {
                return len;
            }
            bytes[at] ^= 1 << (bit % 8);
            at
        }
    }
}

//! Up to where a partition's records are in the store: two slots written in turn, so that a torn write
//! costs one commit, which only means that more is replayed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rookery_schema::Offset;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a slot: the number of the write, the offset, and the checksum of both.
const SLOT_BYTES: usize = 24;
const CHECKED_BYTES: usize = SLOT_BYTES - 8;

/// See the module.
#[derive(Debug)]
pub(super) struct Committed {
    file: File,
    newest: Option<Slot>,
}

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    number: u64,
    offset: Offset,
}

impl Committed {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let newest = read_slot(&file, 0).max(read_slot(&file, 1));
        Ok(Self { file, newest })
    }

    /// The last offset that was written, where it can be read.
    pub(super) fn offset(&self) -> Option<Offset> {
        self.newest.map(|slot| slot.offset)
    }

    pub(super) fn write(&mut self, offset: Offset) -> io::Result<()> {
        let number = self.newest.map_or(0, |slot| slot.number.wrapping_add(1));
        let mut slot = [0; SLOT_BYTES];
        slot[..8].copy_from_slice(&number.to_le_bytes());
        slot[8..CHECKED_BYTES].copy_from_slice(&offset.0.to_le_bytes());
        let checksum = xxh3_64(&slot[..CHECKED_BYTES]);
        slot[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        self.file
            .write_all_at(&slot, number % 2 * SLOT_BYTES as u64)?;
        self.newest = Some(Slot { number, offset });
        Ok(())
    }

    /// Makes what was written survive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn read_slot(file: &File, slot: u64) -> Option<Slot> {
    let mut bytes = [0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64)
        .ok()?;
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    let (offset, checksum) = rest.split_first_chunk::<8>()?;
    (xxh3_64(&bytes[..CHECKED_BYTES]).to_le_bytes() == checksum).then(|| Slot {
        number: u64::from_le_bytes(*number),
        offset: Offset(u64::from_le_bytes(*offset)),
    })
}

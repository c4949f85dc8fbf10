//! Up to where a partition's records are in the store: two slots written in turn, so that a torn write
//! costs one commit, which only means that more is replayed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rookery_schema::Offset;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a slot: the offset and its checksum.
const SLOT_BYTES: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Committed {
    file: File,
    offset: Offset,
    next_slot: u64,
}

impl Committed {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let slots = [read_slot(&file, 0), read_slot(&file, 1)];
        let newest = if slots[1] > slots[0] { 1 } else { 0 };
        Ok(Self {
            file,
            offset: slots[newest].unwrap_or_default(),
            next_slot: 1 - newest as u64,
        })
    }

    pub(super) const fn offset(&self) -> Offset {
        self.offset
    }

    pub(super) fn write(&mut self, offset: Offset) -> io::Result<()> {
        let mut slot = [0; SLOT_BYTES];
        let value = offset.0.to_le_bytes();
        slot[..8].copy_from_slice(&value);
        slot[8..].copy_from_slice(&xxh3_64(&value).to_le_bytes());
        self.file
            .write_all_at(&slot, self.next_slot * SLOT_BYTES as u64)?;
        self.offset = offset;
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }
}

fn read_slot(file: &File, slot: u64) -> Option<Offset> {
    let mut bytes = [0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64)
        .ok()?;
    let (value, checksum) = bytes.split_first_chunk::<8>()?;
    (xxh3_64(value).to_le_bytes() == checksum).then(|| Offset(u64::from_le_bytes(*value)))
}

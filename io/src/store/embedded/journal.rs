//! Tells a journal that was cut off from one that was damaged, before the database opens it.
//!
//! The database itself cuts a journal off, on disk, wherever it finds something that it can't read:
//! after a crash that is right, but a flipped bit would silently take every acknowledged record behind
//! it along. So its journals are read here first, in the format of fjall 3: batches of
//! `1 count:u32 seqno:u64`, then items `2 type:u8 compression:u8 keyspace:u64 key_len:u16 value_len:u32
//! stored_len:u32 key value` or clears `4 keyspace:u64`, then `3 xxh3:u64 "FJL\x03"`, all
//! little-endian; behind the last batch, zeros.
//!
//! A damaged batch does not tell where the next one begins: that is searched for in all that follows, and
//! what follows holds what anybody may write, like the bytes of a whole batch. So ours bear a mark.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Buf;
use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64;

const JOURNAL_SUFFIX: &str = "jnl";
const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const MAGIC: &[u8] = b"FJL\x03";

/// What the kernel writes to the disk at once: after a power cut, a page is there whole or not at all.
const PAGE_BYTES: usize = 4096;
/// Zeros at the end of a page that are taken for a part of it that was never written.
const HOLE_BYTES: usize = 16;

/// A journal does not hold what was written.
#[derive(Debug)]
pub(super) enum Damage {
    Io(io::Error),
    /// The file, and the byte from which on it is damaged.
    Corrupt(PathBuf, usize),
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a journal is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is whole.
    Clean,
    /// It ends at this byte, with part of a batch behind.
    Torn(usize),
    /// It is damaged from this byte on.
    Corrupt(usize),
}

/// The journals of a database, oldest first.
pub(super) fn journals(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let Some(number) = number
            && path
                .extension()
                .is_some_and(|suffix| suffix == JOURNAL_SUFFIX)
        {
            journals.push((number, path));
        }
    }
    journals.sort_unstable();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// Cuts the torn end off the newest journal of a closed database. Each batch in it bears `mark` among its
/// items, which nobody knows who has a part in what they say.
///
/// # Errors
/// [`Damage::Corrupt`] where something else than that end is missing.
pub(super) fn mend(dir: &Path, mark: &[u8]) -> Result<(), Damage> {
    let journals = journals(dir)?;
    let Some((newest, sealed)) = journals.split_last() else {
        return Ok(());
    };
    for path in sealed {
        match examine(&fs::read(path)?, mark, Age::Sealed) {
            Verdict::Clean => {}
            Verdict::Torn(at) | Verdict::Corrupt(at) => {
                return Err(Damage::Corrupt(path.clone(), at));
            }
        }
    }
    match examine(&fs::read(newest)?, mark, Age::Newest) {
        Verdict::Clean => Ok(()),
        Verdict::Torn(end) => {
            tracing::info!(journal = %newest.display(), end, "cut off what a crash left unfinished");
            let file = File::options().write(true).open(newest)?;
            file.set_len(end as u64)?;
            Ok(file.sync_all()?)
        }
        Verdict::Corrupt(at) => Err(Damage::Corrupt(newest.clone(), at)),
    }
}

/// Whether a journal is still written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// A crash may have taken any number of batches from its end.
    Newest,
    /// Nothing may be missing from it.
    Sealed,
}

/// Reads a journal, of which each batch bears `mark` among its items.
pub fn examine(journal: &[u8], mark: &[u8], age: Age) -> Verdict {
    let (mut end, mut last_seqno) = (0, None);
    while let Some(batch) = Batch::parse(&journal[end..])
        && batch.is_whole
        && last_seqno < Some(batch.seqno)
    {
        last_seqno = Some(batch.seqno);
        end += batch.len;
    }
    let rest = &journal[end..];
    if rest.iter().all(|&byte| byte == 0) {
        return Verdict::Clean;
    }
    let is_ours = |batch: Batch<'_>| batch.is_whole && batch.bears(mark);
    let next = (1..rest.len()).find(|&at| Batch::parse(&rest[at..]).is_some_and(is_ours));
    let is_torn = match (age, next, Batch::parse(rest)) {
        (Age::Sealed, ..) => false,
        (Age::Newest, Some(next), _) => has_hole(journal, end, end + next),
        (Age::Newest, None, Some(batch)) => {
            !batch.is_whole && has_hole(journal, end, end + batch.len)
        }
        (Age::Newest, None, None) => true,
    };
    if is_torn {
        Verdict::Torn(end)
    } else {
        Verdict::Corrupt(end)
    }
}

/// Whether a page, or what was last written of it, is missing between two places.
fn has_hole(journal: &[u8], from: usize, to: usize) -> bool {
    (from + HOLE_BYTES..=to)
        .filter(|at| at.is_multiple_of(PAGE_BYTES))
        .any(|page_end| {
            journal[page_end - HOLE_BYTES..page_end]
                .iter()
                .all(|&byte| byte == 0)
        })
}

#[derive(Clone, Copy, Debug)]
struct Batch<'a> {
    len: usize,
    seqno: u64,
    items: &'a [u8],
    /// Whether its items are those that its checksum was made of.
    is_whole: bool,
}

impl<'a> Batch<'a> {
    /// The batch in front, where it is framed as one.
    fn parse(journal: &'a [u8]) -> Option<Self> {
        let mut rest = journal;
        take_tag(&mut rest, START)?;
        let count = rest.try_get_u32_le().ok()?;
        let seqno = rest.try_get_u64_le().ok()?;
        let items = rest;
        for _ in 0..count {
            skip_item(&mut rest)?;
        }
        let items = &items[..items.len() - rest.len()];
        take_tag(&mut rest, END)?;
        let checksum = rest.try_get_u64_le().ok()?;
        let rest = rest.strip_prefix(MAGIC)?;
        Some(Self {
            len: journal.len() - rest.len(),
            seqno,
            items,
            is_whole: xxh3_64(items) == checksum,
        })
    }

    fn bears(&self, mark: &[u8]) -> bool {
        memmem::find(self.items, mark).is_some()
    }
}

fn take_tag(rest: &mut &[u8], tag: u8) -> Option<()> {
    (rest.try_get_u8().ok()? == tag).then_some(())
}

fn skip_item(rest: &mut &[u8]) -> Option<()> {
    match rest.try_get_u8().ok()? {
        ITEM => {
            skip(rest, 1 + 1 + 8)?;
            let key_len = rest.try_get_u16_le().ok()?;
            rest.try_get_u32_le().ok()?;
            let stored_len = rest.try_get_u32_le().ok()?;
            skip(rest, usize::from(key_len) + stored_len as usize)
        }
        CLEAR => skip(rest, 8),
        _ => None,
    }
}

fn skip(rest: &mut &[u8], len: usize) -> Option<()> {
    *rest = rest.get(len..)?;
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use fjall::{CompressionType, Database, KeyspaceCreateOptions, PersistMode};

    const MARK: &[u8] = b"known to nobody";

    fn examine(journal: &[u8], age: Age) -> Verdict {
        super::examine(journal, MARK, age)
    }

    /// A journal as the database writes it, and where each of its batches ends.
    fn journal(values: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let text = |len| Vec::from_iter((0..len).map(|at| (at % 251) as u8 + 1));
        journal_of(&Vec::from_iter(values.iter().map(|&len| text(len))), MARK)
    }

    fn journal_of(values: &[Vec<u8>], mark: &[u8]) -> (Vec<u8>, Vec<usize>) {
        let dir = tempfile::tempdir().unwrap();
        let builder = Database::builder(dir.path()).journal_compression(CompressionType::None);
        let database = builder.open().unwrap();
        let keyspace = database
            .keyspace("log", KeyspaceCreateOptions::default)
            .unwrap();
        for (number, value) in values.iter().enumerate() {
            let mut batch = database.batch().durability(Some(PersistMode::Buffer));
            batch.insert(&keyspace, (number as u64).to_be_bytes(), &value[..]);
            batch.insert(&keyspace, "mark", mark);
            batch.commit().unwrap();
        }
        let mut journal = fs::read(&journals(dir.path()).unwrap()[0]).unwrap();
        let mut ends = Vec::new();
        let mut end = 0;
        while let Some(batch) = Batch::parse(&journal[end..]) {
            end += batch.len;
            ends.push(end);
        }
        assert_eq!(ends.len(), values.len());
        journal.truncate(end + 8192);
        (journal, ends)
    }

    #[test]
    fn a_journal_cut_anywhere_is_torn_behind_its_last_whole_batch() {
        let (journal, ends) = journal(&[100, 1500, 300, 700]);
        for cut in 1..ends[3] {
            let whole = ends
                .iter()
                .rev()
                .find(|&&end| end <= cut)
                .copied()
                .unwrap_or(0);
            let expected = if whole == cut {
                Verdict::Clean
            } else {
                Verdict::Torn(whole)
            };
            for zeros in [0, 4096] {
                let mut torn = journal[..cut].to_vec();
                torn.resize(cut + zeros, 0);
                let found = examine(&torn, Age::Newest);
                assert_eq!(found, expected, "cut at {cut}, {zeros} zeros behind");
            }
        }
        assert_eq!(examine(&journal, Age::Sealed), Verdict::Clean);
    }

    #[test]
    fn a_flipped_bit_in_front_of_the_last_batch_is_damage() {
        let (journal, ends) = journal(&[100, 700, 300, 50]);
        for at in 0..ends[2] {
            for bit in [0x01, 0x80] {
                let mut flipped = journal.clone();
                flipped[at] ^= bit;
                let batch = ends.iter().find(|&&end| at < end).unwrap();
                let start = ends
                    .iter()
                    .rev()
                    .find(|&&end| end < *batch)
                    .copied()
                    .unwrap_or(0);
                let verdict = examine(&flipped, Age::Newest);
                // The seqno has no checksum; what rises still is in order.
                let seqno = start + 5..start + 13;
                let fine = verdict == Verdict::Clean && seqno.contains(&at);
                // One that rises too far makes its successor look old.
                let named =
                    matches!(verdict, Verdict::Corrupt(from) if from >= start && from <= *batch);
                assert!(fine || named, "bit {bit:x} of byte {at}: {verdict:?}");
            }
        }
    }

    #[test]
    fn a_torn_batch_that_holds_a_forged_one_is_cut_off_like_any_other() {
        let (forged, ends) = journal_of(&[vec![b'f'; 9], vec![b'g'; 9]], b"guessed");
        let forged = &forged[ends[0]..ends[1]];
        assert!(Batch::parse(forged).unwrap().is_whole);
        let value = [&[b'x'; 5000], forged, &[b'x'; 5000]].concat();
        let (journal, ends) = journal_of(&[vec![b'a'; 100], value], MARK);
        for cut in ends[0] + 1..ends[1] {
            let mut torn = journal.clone();
            torn[cut..].fill(0);
            let found = examine(&torn, Age::Newest);
            assert_eq!(found, Verdict::Torn(ends[0]), "killed at byte {cut}");
        }
        for page in 1..ends[1].div_ceil(PAGE_BYTES) {
            let mut hole = journal.clone();
            hole[page * PAGE_BYTES..][..PAGE_BYTES].fill(0);
            let found = examine(&hole, Age::Newest);
            assert_eq!(found, Verdict::Torn(ends[0]), "without page {page}");
        }
    }

    #[test]
    fn a_sealed_journal_has_no_torn_end() {
        let (journal, ends) = journal(&[100, 200]);
        let torn = &journal[..ends[1] - 3];
        assert_eq!(examine(torn, Age::Sealed), Verdict::Corrupt(ends[0]));
    }

    #[test]
    fn pages_that_a_power_cut_left_out_are_told_from_damage() {
        let (journal, ends) = journal(&[100, 20_000, 60]);
        let mut hole = journal.clone();
        hole[8192..12_288].fill(0);
        assert_eq!(examine(&hole, Age::Newest), Verdict::Torn(ends[0]));
        hole[ends[1]..].fill(0);
        assert_eq!(examine(&hole, Age::Newest), Verdict::Torn(ends[0]));
        let mut flipped = journal;
        flipped[9000] ^= 1;
        assert_eq!(examine(&flipped, Age::Newest), Verdict::Corrupt(ends[0]));
    }
}

//! One partition's log on disk: segment files of frames, the newest of which is appended to.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::mem;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use bytes::Bytes;
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatch;

use super::error::LogError;
use super::frame::{Seed, frame_bytes, put_frame};
use super::reserve::{Blocks, Reserve};
use super::segment::{Contents, Cursor, Segment, blank_from, list};
use crate::embedded::{Directory, create_private_dir, sync_dir};

/// See the module.
#[derive(Debug)]
pub(super) struct Segments {
    dir: Directory,
    /// It is not known whether the last removal of a segment is durable, and never will be.
    keeps_all: bool,
    seed: Seed,
    /// Bytes of a segment, given to it at once so that an append does not change its length. A single
    /// larger append makes a larger segment.
    segment_bytes: u64,
    reserve: Reserve,
    /// Those that are full, oldest first.
    sealed: VecDeque<Segment>,
    newest: Segment,
    /// That of the newest segment.
    file: File,
    /// Where the next record goes.
    end: Offset,
    /// Records below are on the disk.
    synced: Offset,
    /// How far the newest segment is written.
    written: u64,
    buffer: Vec<u8>,
}

/// Sizes of files, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) segment: u64,
    pub(super) reserve: u64,
}

/// Why records could not be appended.
#[derive(Debug)]
pub(super) enum WriteError {
    /// Nothing of them is left on the disk.
    Undone(io::Error),
    /// What is on the disk is not known.
    Broken(io::Error),
}

impl WriteError {
    fn into_io(self) -> io::Error {
        match self {
            Self::Undone(error) | Self::Broken(error) => error,
        }
    }
}

impl Segments {
    /// Opens a partition's log, checks every byte of it, and cuts off what a crash left unfinished. One
    /// without segments begins at `first`.
    pub(super) fn open(
        dir: &Path,
        seed: Seed,
        sizes: Sizes,
        first: Offset,
    ) -> Result<Self, LogError> {
        if !dir.exists() {
            create_private_dir(dir).map_err(LogError::io(dir))?;
            let parent = dir.parent().unwrap_or(dir);
            sync_dir(parent).map_err(LogError::io(parent))?;
        }
        let dir = Directory::open(dir).map_err(LogError::io(dir))?;
        let reserve = Reserve::find(dir.path(), sizes.reserve);
        let mut bases = list(dir.path())?;
        let newest = bases.pop();
        let (mut end, mut sealed) = (bases.first().or(newest.as_ref()).copied(), VecDeque::new());
        for base in bases {
            let segment = Segment::at(dir.path(), base);
            let (bytes, found) = read_whole(&segment, seed, end, false)?;
            end = Some(found.end);
            sealed.push_back(segment.with_len(bytes.len() as u64));
        }
        let (newest, file, end, written) = match newest {
            Some(base) => {
                let segment = Segment::at(dir.path(), base);
                let (bytes, found) = read_whole(&segment, seed, end, true)?;
                let segment = segment.with_len(sizes.segment.max(bytes.len() as u64));
                let file = restore(&segment, &bytes, found).map_err(LogError::io(&segment.path))?;
                (segment, file, found.end, found.written as u64)
            }
            None => {
                let created = create(&dir, first, sizes.segment).map_err(WriteError::into_io);
                let (segment, file) = created.map_err(LogError::io(dir.path()))?;
                (segment, file, first, 0)
            }
        };
        let mut this = Self {
            dir,
            keeps_all: false,
            seed,
            segment_bytes: sizes.segment,
            reserve,
            sealed,
            newest,
            file,
            end,
            synced: end,
            written,
            buffer: Vec::new(),
        };
        // A log whose disk is full can be read, and the next append tries again.
        let _ = this.reserve.make(&this.dir);
        Ok(this)
    }

    /// The place behind the last record.
    pub(super) const fn end(&self) -> Offset {
        self.end
    }

    fn oldest(&self) -> &Segment {
        self.sealed.front().unwrap_or(&self.newest)
    }

    /// The oldest record that is kept.
    pub(super) fn start(&self) -> Offset {
        self.oldest().base
    }

    /// Writes batches, which are safe once [`Self::sync`] was called; gives their base offsets.
    pub(super) fn append<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a RecordBatch> + Clone,
        blocks: Blocks,
    ) -> Result<Vec<Offset>, WriteError> {
        if blocks == Blocks::KeepReserve {
            self.reserve.make(&self.dir).map_err(WriteError::Undone)?;
        }
        match self.write(batches.clone()) {
            Err(WriteError::Undone(error)) if blocks == Blocks::UseReserve => {
                self.begin_reserve(error)?;
                self.write(batches)
            }
            written => written,
        }
    }

    fn write<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a RecordBatch> + Clone,
    ) -> Result<Vec<Offset>, WriteError> {
        self.make_room(batches.clone().map(frame_bytes).sum())?;
        let mut bases = Vec::new();
        let mut end = self.end;
        self.buffer.clear();
        for batch in batches {
            put_frame(
                &mut self.buffer,
                self.seed,
                self.written,
                end,
                self.synced,
                batch,
            );
            bases.push(end);
            end = end.plus(u64::from(batch.len()));
        }
        if let Err(error) = self.file.write_all_at(&self.buffer, self.written) {
            return Err(
                match blank_from(&self.file, self.written, self.newest.len) {
                    Ok(()) => WriteError::Undone(error),
                    Err(error) => WriteError::Broken(error),
                },
            );
        }
        self.written += self.buffer.len() as u64;
        self.end = end;
        Ok(bases)
    }

    /// Makes everything that was appended survive a power cut.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.synced = self.end;
        Ok(())
    }

    /// Fails where the newest segment has no name any more: what was written to it is found by nobody.
    ///
    /// # Errors
    /// [`LogError::Removed`], and where the kernel does not tell.
    pub(super) fn check_linked(&self) -> Result<(), LogError> {
        let path = &self.newest.path;
        let found = self.file.metadata().map_err(LogError::io(path))?;
        if found.nlink() == 0 {
            return Err(LogError::Removed(path.clone()));
        }
        Ok(())
    }

    /// Sees to a newest segment with so many bytes left.
    fn make_room(&mut self, bytes: u64) -> Result<(), WriteError> {
        let needed = self.written + bytes;
        if needed <= self.newest.len {
            return Ok(());
        }
        // An empty one has the name that its successor would have.
        if self.newest.base == self.end {
            self.file.set_len(needed).map_err(WriteError::Undone)?;
            self.newest.len = needed;
            return self.file.sync_all().map_err(WriteError::Broken);
        }
        self.sync().map_err(WriteError::Broken)?;
        let (segment, file) = create(&self.dir, self.end, self.segment_bytes.max(bytes))?;
        self.go_on_in(segment, file);
        Ok(())
    }

    /// Goes on in the blocks of the reserve, which becomes the newest segment; fails with `why` where it is used up.
    pub(super) fn begin_reserve(&mut self, why: io::Error) -> Result<(), WriteError> {
        self.sync().map_err(WriteError::Broken)?;
        let segment = Segment::at(self.dir.path(), self.end).with_len(self.reserve.bytes());
        let renamed = self.reserve.rename(&segment.path);
        let file = renamed.map_err(WriteError::Undone)?;
        let file = file.ok_or(WriteError::Undone(why))?;
        self.dir.sync().map_err(WriteError::Broken)?;
        self.go_on_in(segment, file);
        Ok(())
    }

    /// Seals the newest segment, whose file is closed by that, unless it is empty: then it had the same name.
    fn go_on_in(&mut self, segment: Segment, file: File) {
        let before = mem::replace(&mut self.newest, segment);
        if before.base != self.newest.base {
            self.sealed.push_back(before);
        }
        self.file = file;
        self.written = 0;
    }

    /// Whether a segment ends at or before `offset`, the newest not counted.
    pub(super) fn has_older_than(&self, offset: Offset) -> bool {
        let second = self.sealed.get(1).unwrap_or(&self.newest);
        !self.sealed.is_empty() && second.base <= offset
    }

    /// Removes segments that end at or before `offset`, but never the newest.
    ///
    /// # Errors
    /// Where one could not be removed; it and those after it are kept.
    pub(super) fn trim(&mut self, offset: Offset) -> io::Result<()> {
        while self.has_older_than(offset) && !self.keeps_all {
            match fs::remove_file(&self.oldest().path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                // Somebody else may have removed it.
                Ok(()) | Err(_) => {}
            }
            self.sealed.pop_front();
            // Else a power cut could bring back this one, but not its successor. A sync that is tried again proves
            // nothing.
            self.dir.sync().inspect_err(|_| self.keeps_all = true)?;
        }
        Ok(())
    }

    /// The beginning of the segment that has `offset`.
    pub(super) fn cursor_at(&self, offset: Offset) -> Cursor {
        self.segment_of(offset).beginning()
    }

    /// The one that has `offset`, or else the oldest.
    fn segment_of(&self, offset: Offset) -> &Segment {
        if self.newest.base <= offset {
            return &self.newest;
        }
        let behind = self.sealed.partition_point(|it| it.base <= offset);
        let segment = self.sealed.get(behind.saturating_sub(1));
        segment.unwrap_or(&self.newest)
    }

    /// The batch at the cursor, which moves on; `None` behind the last one.
    pub(super) fn read(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Option<(Offset, RecordBatch)>, LogError> {
        if cursor.next >= self.end {
            return Ok(None);
        }
        let frame = self.segment_of(cursor.next).read(self.seed, cursor)?;
        Ok(Some((frame.base, frame.batch)))
    }
}

/// All bytes of a segment that is to begin where another one ended, if there is one, and what is in them.
fn read_whole(
    segment: &Segment,
    seed: Seed,
    expected: Option<Offset>,
    is_newest: bool,
) -> Result<(Bytes, Contents), LogError> {
    if let Some(expected) = expected.filter(|&expected| expected != segment.base) {
        return Err(LogError::Missing {
            path: segment.path.clone(),
            expected,
        });
    }
    let bytes = fs::read(&segment.path).map_err(LogError::io(&segment.path))?;
    let bytes = Bytes::from(bytes);
    let found = segment.check(seed, &bytes, is_newest)?;
    Ok((bytes, found))
}

/// Opens the newest segment, so that all that was found in it is on the disk, and nothing else.
fn restore(segment: &Segment, bytes: &Bytes, found: Contents) -> io::Result<File> {
    let file = File::options().write(true).open(&segment.path)?;
    // What a failed sync left in the page cache looks fine and may not be on the disk, where
    // only writing it again gets it (Rebello et al., "Can Applications Recover from fsync
    // Failures?", USENIX ATC 2020).
    let unsynced = &bytes[found.unsynced..found.written];
    file.write_all_at(unsynced, found.unsynced as u64)?;
    blank_from(&file, found.written as u64, segment.len)?;
    Ok(file)
}

/// Makes the segment that begins at an offset, with so many bytes.
fn create(dir: &Directory, base: Offset, len: u64) -> Result<(Segment, File), WriteError> {
    let segment = Segment::at(dir.path(), base).with_len(len);
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    let file = options.open(&segment.path).map_err(WriteError::Undone)?;
    if let Err(error) = file.set_len(len) {
        // The older segment may still have room, and this one's name would become a lie.
        let removed = fs::remove_file(&segment.path).and_then(|()| dir.sync());
        return Err(match removed {
            Ok(()) => WriteError::Undone(error),
            Err(error) => WriteError::Broken(error),
        });
    }
    file.sync_all().map_err(WriteError::Broken)?;
    dir.sync().map_err(WriteError::Broken)?;
    Ok((segment, file))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use super::*;

    fn record(bytes: u32) -> RecordBatch {
        let run = [&bytes.to_le_bytes()[..], &vec![b'x'; bytes as usize]].concat();
        RecordBatch::from_bytes(run.into()).unwrap()
    }

    #[test]
    fn a_segment_that_can_not_be_sized_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let seed = Seed::of(Uuid::from_u128(7));
        let sizes = Sizes {
            segment: 16 << 10,
            reserve: 4 << 10,
        };
        let open = || Segments::open(dir.path(), seed, sizes, Offset(0)).unwrap();
        let append = |log: &mut Segments, bytes| {
            log.append([&record(bytes)].into_iter(), Blocks::KeepReserve)
        };
        let mut log = open();
        append(&mut log, 10_000).unwrap();
        log.segment_bytes = u64::MAX;
        let refused = append(&mut log, 10_000);
        assert!(matches!(refused, Err(WriteError::Undone(_))), "{refused:?}");
        // What is smaller fits into the older segment, and goes beyond the name of the one refused.
        append(&mut log, 100).unwrap();
        drop(log);
        assert_eq!(open().end(), Offset(2));
    }
}

//! One partition's log on disk: segment files of frames, the newest of which is appended to.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rookery_schema::batch::RecordBatch;
use rookery_schema::{Offset, format};

use super::error::LogError;
use super::frame::{Frame, HEADER_BYTES, Header, Parsed, Seed, frame_bytes, parse, put_frame};
use super::reserve::{Blocks, Reserve};
use crate::embedded::{Directory, create_private_dir, sync_dir};

const SEGMENT_SUFFIX: &str = "segment";

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
    /// Oldest first; the last is appended to.
    files: Vec<Segment>,
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

#[derive(Debug)]
struct Segment {
    base: Offset,
    path: PathBuf,
    file: File,
    len: u64,
}

/// A place to read on from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    base: Offset,
    at: u64,
    pub(super) next: Offset,
}

/// Why records could not be appended.
#[derive(Debug)]
pub(super) enum WriteError {
    /// Nothing of them is left on the disk.
    Undone(io::Error),
    /// What is on the disk is not known.
    Broken(io::Error),
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
        let mut bases = list(dir)?;
        bases.sort_unstable();
        let mut this = Self {
            dir: Directory::open(dir).map_err(LogError::io(dir))?,
            keeps_all: false,
            seed,
            segment_bytes: sizes.segment,
            reserve: Reserve::find(dir, sizes.reserve),
            files: Vec::new(),
            end: bases.first().copied().unwrap_or(first),
            synced: Offset(0),
            written: 0,
            buffer: Vec::new(),
        };
        let newest = bases.last().copied();
        for base in bases {
            let path = segment_path(dir, base);
            if base != this.end {
                return Err(LogError::Missing {
                    path,
                    expected: this.end,
                });
            }
            this.open_segment(path, base, Some(base) == newest)?;
        }
        this.synced = this.end;
        if this.files.is_empty() {
            this.add_segment(0).map_err(|error| match error {
                WriteError::Undone(error) | WriteError::Broken(error) => LogError::io(dir)(error),
            })?;
        }
        // A log whose disk is full can be read, and the next append tries again.
        let _ = this.reserve.make(&this.dir);
        Ok(this)
    }

    fn open_segment(&mut self, path: PathBuf, base: Offset, newest: bool) -> Result<(), LogError> {
        let failed = |error| LogError::io(&path)(error);
        let bytes = Bytes::from(fs::read(&path).map_err(failed)?);
        let (end, unsynced) = self.check(&path, &bytes, newest)?;
        let file = File::options().read(true).write(true).open(&path);
        let file = file.map_err(failed)?;
        let mut len = bytes.len() as u64;
        if newest {
            len = len.max(self.segment_bytes);
            // What a failed sync left in the page cache looks fine and may not be on the disk, where
            // only writing it again gets it (Rebello et al., "Can Applications Recover from fsync
            // Failures?", USENIX ATC 2020).
            file.write_all_at(&bytes[unsynced..end], unsynced as u64)
                .map_err(failed)?;
            blank_from(&file, end as u64, len).map_err(failed)?;
        }
        self.written = end as u64;
        self.files.push(Segment {
            base,
            path,
            file,
            len,
        });
        Ok(())
    }

    /// Reads a segment to its end; says where that is, and from where on it may not be on the disk.
    fn check(
        &mut self,
        path: &Path,
        bytes: &Bytes,
        newest: bool,
    ) -> Result<(usize, usize), LogError> {
        let (mut at, mut unsynced) = (0, 0);
        loop {
            match parse(self.seed, bytes, at, self.end) {
                Parsed::Frame(frame) => {
                    check_kinds(path, &frame)?;
                    if frame.is_first_unsynced {
                        unsynced = at;
                    }
                    at += frame.len;
                    self.end = frame.base.plus(u64::from(frame.batch.len()));
                }
                Parsed::Blank => return Ok((at, unsynced)),
                Parsed::Torn if newest => {
                    tracing::warn!(
                        file = %path.display(),
                        at,
                        "cut off a batch that was being written when the server was stopped"
                    );
                    return Ok((at, unsynced));
                }
                Parsed::Torn | Parsed::Damaged => {
                    return Err(LogError::Corrupt {
                        path: path.to_owned(),
                        at: at as u64,
                    });
                }
            }
        }
    }

    /// The place behind the last record.
    pub(super) const fn end(&self) -> Offset {
        self.end
    }

    /// The oldest record that is kept.
    pub(super) fn start(&self) -> Offset {
        self.files.first().map_or(self.end, |oldest| oldest.base)
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
        let Some(newest) = self.files.last() else {
            return Ok(Vec::new());
        };
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
        if let Err(error) = newest.file.write_all_at(&self.buffer, self.written) {
            return Err(match blank_from(&newest.file, self.written, newest.len) {
                Ok(()) => WriteError::Undone(error),
                Err(error) => WriteError::Broken(error),
            });
        }
        self.written += self.buffer.len() as u64;
        self.end = end;
        Ok(bases)
    }

    /// Makes everything that was appended survive a power cut.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if let Some(newest) = self.files.last() {
            newest.file.sync_data()?;
        }
        self.synced = self.end;
        Ok(())
    }

    /// Sees to a newest segment with so many bytes left.
    fn make_room(&mut self, bytes: u64) -> Result<(), WriteError> {
        let needed = self.written + bytes;
        match self.files.last_mut() {
            Some(newest) if needed <= newest.len => Ok(()),
            // An empty one has the name that its successor would have.
            Some(newest) if newest.base == self.end => {
                newest.file.set_len(needed).map_err(WriteError::Undone)?;
                newest.len = needed;
                newest.file.sync_all().map_err(WriteError::Broken)
            }
            _ => {
                self.sync().map_err(WriteError::Broken)?;
                self.add_segment(bytes)
            }
        }
    }

    /// Goes on in the blocks of the reserve, which becomes the newest segment; fails with `why` where it is used up.
    pub(super) fn begin_reserve(&mut self, why: io::Error) -> Result<(), WriteError> {
        self.sync().map_err(WriteError::Broken)?;
        let path = segment_path(self.dir.path(), self.end);
        let renamed = self.reserve.rename(&path).map_err(WriteError::Undone)?;
        let file = renamed.ok_or(WriteError::Undone(why))?;
        self.dir.sync().map_err(WriteError::Broken)?;
        // An empty one had the same name.
        self.files.pop_if(|newest| newest.base == self.end);
        self.files.push(Segment {
            base: self.end,
            path,
            file,
            len: self.reserve.bytes(),
        });
        self.written = 0;
        Ok(())
    }

    fn add_segment(&mut self, at_least: u64) -> Result<(), WriteError> {
        let path = segment_path(self.dir.path(), self.end);
        let len = self.segment_bytes.max(at_least);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(WriteError::Undone)?;
        if let Err(error) = file.set_len(len) {
            // The older segment may still have room, and this one's name would become a lie.
            let removed = fs::remove_file(&path).and_then(|()| self.dir.sync());
            return Err(match removed {
                Ok(()) => WriteError::Undone(error),
                Err(error) => WriteError::Broken(error),
            });
        }
        file.sync_all().map_err(WriteError::Broken)?;
        self.dir.sync().map_err(WriteError::Broken)?;
        self.files.push(Segment {
            base: self.end,
            path,
            file,
            len,
        });
        self.written = 0;
        Ok(())
    }

    /// Whether a segment ends at or before `offset`, the newest not counted.
    pub(super) fn has_older_than(&self, offset: Offset) -> bool {
        self.files
            .get(1)
            .is_some_and(|second| second.base <= offset)
    }

    /// Removes segments that end at or before `offset`, but never the newest.
    ///
    /// # Errors
    /// Where one could not be removed; it and those after it are kept.
    pub(super) fn trim(&mut self, offset: Offset) -> io::Result<()> {
        while self.has_older_than(offset) && !self.keeps_all {
            match fs::remove_file(&self.files[0].path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                // Somebody else may have removed it.
                Ok(()) | Err(_) => {}
            }
            self.files.remove(0);
            // Else a power cut could bring back this one, but not its successor. A sync that is tried again proves
            // nothing.
            self.dir.sync().inspect_err(|_| self.keeps_all = true)?;
        }
        Ok(())
    }

    /// The beginning of the segment that has `offset`.
    pub(super) fn cursor_at(&self, offset: Offset) -> Cursor {
        let base = self
            .segment_of(offset)
            .map_or_else(|| self.start(), |segment| segment.base);
        Cursor {
            base,
            at: 0,
            next: base,
        }
    }

    fn segment_of(&self, offset: Offset) -> Option<&Segment> {
        let mut newest_first = self.files.iter().rev();
        newest_first.find(|segment| segment.base <= offset)
    }

    /// The batch at the cursor, which moves on; `None` behind the last one.
    pub(super) fn read(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Option<(Offset, RecordBatch)>, LogError> {
        if cursor.next >= self.end {
            return Ok(None);
        }
        let Some(segment) = self.segment_of(cursor.next) else {
            return Ok(None);
        };
        if segment.base != cursor.base {
            *cursor = self.cursor_at(cursor.next);
        }
        let frame = segment.read_frame(self.seed, cursor)?;
        cursor.at += frame.len as u64;
        cursor.next = frame.base.plus(u64::from(frame.batch.len()));
        Ok(Some((frame.base, frame.batch)))
    }
}

impl Segment {
    /// The frame at the cursor, which was whole when the log was opened.
    fn read_frame(&self, seed: Seed, cursor: &Cursor) -> Result<Frame, LogError> {
        let mut header = [0; HEADER_BYTES];
        self.read_at(&mut header, cursor.at)?;
        let header = Header::parse(seed, &header).ok_or_else(|| self.corrupt(cursor))?;
        let bytes = header.frame_bytes();
        if cursor.at + bytes as u64 > self.len {
            return Err(self.corrupt(cursor));
        }
        let mut frame = vec![0; bytes];
        self.read_at(&mut frame, cursor.at)?;
        match parse(seed, &frame.into(), 0, cursor.next) {
            Parsed::Frame(frame) => Ok(frame),
            _ => Err(self.corrupt(cursor)),
        }
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<(), LogError> {
        let read = self.file.read_exact_at(bytes, at);
        read.map_err(LogError::io(&self.path))
    }

    fn corrupt(&self, cursor: &Cursor) -> LogError {
        LogError::Corrupt {
            path: self.path.clone(),
            at: cursor.at,
        }
    }
}

/// Refuses records that only a newer version can apply. All records are read when a log is opened, so
/// that this costs a look at the first byte of each, and none while it is in use.
fn check_kinds(path: &Path, frame: &Frame) -> Result<(), LogError> {
    for (record, number) in frame.batch.slices().zip(frame.base.0..) {
        if let Some(&kind) = record.first()
            && format::of_record(record) > format::NEWEST
        {
            return Err(LogError::UnknownKind {
                path: path.to_owned(),
                offset: Offset(number),
                kind,
            });
        }
    }
    Ok(())
}

/// Makes everything from `at` on read as zeros, and gives its blocks back.
fn blank_from(file: &File, at: u64, len: u64) -> io::Result<()> {
    file.set_len(at)?;
    file.set_len(len)?;
    file.sync_all()
}

fn segment_path(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{:020}.{SEGMENT_SUFFIX}", base.0))
}

fn list(dir: &Path) -> Result<Vec<Offset>, LogError> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(dir).map_err(LogError::io(dir))? {
        let path = entry.map_err(LogError::io(dir))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == SEGMENT_SUFFIX)
        {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let base = stem.and_then(|stem| stem.parse().ok());
            bases.push(Offset(base.ok_or(LogError::Corrupt { path, at: 0 })?));
        }
    }
    Ok(bases)
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

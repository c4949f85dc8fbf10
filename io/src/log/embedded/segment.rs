//! One segment file: its name, and reading its frames.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rookery_schema::{Offset, format};

use super::error::LogError;
use super::frame::{Frame, HEADER_BYTES, Header, Parsed, Seed, parse};

const SUFFIX: &str = "segment";

/// A segment file. It is open only while it is written or read: a partition has many of them, and a process has
/// few descriptors.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: Offset,
    pub(super) path: PathBuf,
    pub(super) len: u64,
}

/// A place to read on from.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The beginning of its segment.
    base: Offset,
    /// That segment, once something of it was read.
    file: Option<File>,
    at: u64,
    pub(super) next: Offset,
}

/// What was found in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contents {
    /// Behind its last record.
    pub(super) end: Offset,
    /// Behind its last byte.
    pub(super) written: usize,
    /// From here on it may not be on the disk.
    pub(super) unsynced: usize,
}

impl Segment {
    /// The one whose first record has this offset. It has no bytes yet.
    pub(super) fn at(dir: &Path, base: Offset) -> Self {
        Self {
            base,
            path: dir.join(format!("{:020}.{SUFFIX}", base.0)),
            len: 0,
        }
    }

    pub(super) fn with_len(self, len: u64) -> Self {
        Self { len, ..self }
    }

    /// Reads all of it. What a crash left unfinished at the end of the newest is no part of it.
    pub(super) fn check(
        &self,
        seed: Seed,
        bytes: &Bytes,
        is_newest: bool,
    ) -> Result<Contents, LogError> {
        let mut found = Contents {
            end: self.base,
            written: 0,
            unsynced: 0,
        };
        loop {
            match parse(seed, bytes, found.written, found.end) {
                Parsed::Frame(frame) => {
                    self.check_kinds(&frame)?;
                    if frame.is_first_unsynced {
                        found.unsynced = found.written;
                    }
                    found.written += frame.len;
                    found.end = frame.base.plus(u64::from(frame.batch.len()));
                }
                Parsed::Blank => return Ok(found),
                Parsed::Torn if is_newest => {
                    tracing::warn!(
                        file = %self.path.display(),
                        at = found.written,
                        "cut off a batch that was being written when the server was stopped"
                    );
                    return Ok(found);
                }
                Parsed::Torn | Parsed::Damaged => return Err(self.corrupt(found.written as u64)),
            }
        }
    }

    /// Refuses records that only a newer version can apply. All records are read when a log is opened, so
    /// that this costs a look at the first byte of each, and none while it is in use.
    fn check_kinds(&self, frame: &Frame) -> Result<(), LogError> {
        for (record, number) in frame.batch.slices().zip(frame.base.0..) {
            if let Some(&kind) = record.first()
                && format::of_record(record) > format::NEWEST
            {
                return Err(LogError::UnknownKind {
                    path: self.path.clone(),
                    offset: Offset(number),
                    kind,
                });
            }
        }
        Ok(())
    }

    pub(super) const fn beginning(&self) -> Cursor {
        Cursor {
            base: self.base,
            file: None,
            at: 0,
            next: self.base,
        }
    }

    /// The frame at a cursor in it, which moves on. It was whole when the log was opened.
    pub(super) fn read(&self, seed: Seed, cursor: &mut Cursor) -> Result<Frame, LogError> {
        if cursor.base != self.base {
            *cursor = self.beginning();
        }
        let file = match cursor.file.take() {
            Some(file) => file,
            None => File::open(&self.path).map_err(LogError::io(&self.path))?,
        };
        let frame = self.read_frame(seed, cursor, &file)?;
        cursor.file = Some(file);
        cursor.at += frame.len as u64;
        cursor.next = frame.base.plus(u64::from(frame.batch.len()));
        Ok(frame)
    }

    fn read_frame(&self, seed: Seed, cursor: &Cursor, file: &File) -> Result<Frame, LogError> {
        let read_at = |bytes: &mut [u8]| {
            let read = file.read_exact_at(bytes, cursor.at);
            read.map_err(LogError::io(&self.path))
        };
        let mut header = [0; HEADER_BYTES];
        read_at(&mut header)?;
        let header = Header::parse(seed, &header).ok_or_else(|| self.corrupt(cursor.at))?;
        let bytes = header.frame_bytes();
        if cursor.at + bytes as u64 > self.len {
            return Err(self.corrupt(cursor.at));
        }
        let mut frame = vec![0; bytes];
        read_at(&mut frame)?;
        match parse(seed, &frame.into(), 0, cursor.next) {
            Parsed::Frame(frame) => Ok(frame),
            _ => Err(self.corrupt(cursor.at)),
        }
    }

    fn corrupt(&self, at: u64) -> LogError {
        LogError::Corrupt {
            path: self.path.clone(),
            at,
        }
    }
}

/// Makes everything from `at` on read as zeros, and gives its blocks back.
pub(super) fn blank_from(file: &File, at: u64, len: u64) -> io::Result<()> {
    file.set_len(at)?;
    file.set_len(len)?;
    file.sync_all()
}

/// The first offsets of all segments in a directory, in order.
pub(super) fn list(dir: &Path) -> Result<Vec<Offset>, LogError> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(dir).map_err(LogError::io(dir))? {
        let path = entry.map_err(LogError::io(dir))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == SUFFIX)
        {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let base = stem.and_then(|stem| stem.parse().ok());
            bases.push(Offset(base.ok_or(LogError::Corrupt { path, at: 0 })?));
        }
    }
    bases.sort_unstable();
    Ok(bases)
}

//! One partition's log on disk: segment files of frames, the newest of which is appended to.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatch;

use super::LogError;
use super::frame::{Frame, Parsed, has_later_frame, parse, put_frame};

/// Bytes of a segment, given to it at once so that an append changes no metadata. A single larger
/// append makes a larger segment.
const SEGMENT_BYTES: u64 = 64 << 20;
const SEGMENT_SUFFIX: &str = "segment";

/// See the module.
#[derive(Debug)]
pub(super) struct Segments {
    dir: PathBuf,
    /// Oldest first; the last is appended to.
    files: Vec<Segment>,
    /// Where the next record goes.
    end: Offset,
    /// How far the newest segment is written.
    written: u64,
    buffer: Vec<u8>,
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
    Undone,
    /// What is on the disk is not known.
    Broken(io::Error),
}

impl Segments {
    /// Opens a partition's log, checks every byte of it, and cuts off what a crash left unfinished.
    pub(super) fn open(dir: &Path) -> Result<Self, LogError> {
        fs::create_dir_all(dir).map_err(LogError::io(dir))?;
        let mut bases = list(dir)?;
        bases.sort_unstable();
        let mut this = Self {
            dir: dir.to_owned(),
            files: Vec::new(),
            end: bases.first().copied().unwrap_or_default(),
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
            this.check(&path, base, Some(base) == newest)?;
        }
        if this.files.is_empty() {
            this.add_segment(0).map_err(LogError::io(dir))?;
        }
        Ok(this)
    }

    /// Reads a segment to its end.
    fn check(&mut self, path: &Path, base: Offset, is_newest: bool) -> Result<(), LogError> {
        let bytes = Bytes::from(fs::read(path).map_err(LogError::io(path))?);
        let mut at = 0;
        loop {
            let rest = bytes.slice(at..);
            match parse(&rest, self.end) {
                Parsed::Frame(frame) => {
                    at += frame.len;
                    self.end = frame.base.plus(u64::from(frame.batch.len()));
                }
                Parsed::Blank => break,
                Parsed::Torn if is_newest && !has_later_frame(&rest, self.end) => {
                    tracing::warn!(
                        file = %path.display(),
                        at,
                        "cut off a batch that was being written when the server was stopped"
                    );
                    break;
                }
                Parsed::Torn | Parsed::Damaged => {
                    return Err(LogError::Corrupt {
                        path: path.to_owned(),
                        at: at as u64,
                    });
                }
            }
        }
        let file = File::options().read(true).write(true).open(path);
        let file = file.map_err(LogError::io(path))?;
        let mut len = bytes.len() as u64;
        if is_newest {
            len = len.max(SEGMENT_BYTES);
            blank_from(&file, at as u64, len).map_err(LogError::io(path))?;
        }
        self.written = at as u64;
        self.files.push(Segment {
            base,
            path: path.to_owned(),
            file,
            len,
        });
        Ok(())
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
    pub(super) fn append(&mut self, batches: &[RecordBatch]) -> Result<Vec<Offset>, WriteError> {
        let mut bases = Vec::with_capacity(batches.len());
        let mut end = self.end;
        self.buffer.clear();
        for batch in batches {
            put_frame(&mut self.buffer, end, batch);
            bases.push(end);
            end = end.plus(u64::from(batch.len()));
        }
        let len = self.buffer.len() as u64;
        if self
            .files
            .last()
            .is_none_or(|newest| self.written + len > newest.len)
        {
            self.sync().map_err(WriteError::Broken)?;
            self.add_segment(len).map_err(undone)?;
        }
        let Some(newest) = self.files.last() else {
            return Ok(Vec::new());
        };
        if let Err(error) = newest.file.write_all_at(&self.buffer, self.written) {
            return Err(match blank_from(&newest.file, self.written, newest.len) {
                Ok(()) => undone(error),
                Err(error) => WriteError::Broken(error),
            });
        }
        self.written += len;
        self.end = end;
        Ok(bases)
    }

    /// Makes everything that was appended survive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.files
            .last()
            .map_or(Ok(()), |newest| newest.file.sync_data())
    }

    fn add_segment(&mut self, at_least: u64) -> io::Result<()> {
        let path = segment_path(&self.dir, self.end);
        let len = SEGMENT_BYTES.max(at_least);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        file.set_len(len)?;
        file.sync_all()?;
        File::open(&self.dir)?.sync_all()?;
        self.files.push(Segment {
            base: self.end,
            path,
            file,
            len,
        });
        self.written = 0;
        Ok(())
    }

    /// Removes segments that end at or before `offset`, but never the newest.
    pub(super) fn trim(&mut self, offset: Offset) -> io::Result<()> {
        while let [oldest, second, ..] = self.files.as_slice() {
            if second.base > offset {
                break;
            }
            fs::remove_file(&oldest.path)?;
            self.files.remove(0);
        }
        Ok(())
    }

    /// The beginning of the segment that has `offset`.
    pub(super) fn cursor_at(&self, offset: Offset) -> Cursor {
        let segment = self
            .files
            .iter()
            .rev()
            .find(|segment| segment.base <= offset);
        let base = segment.map_or_else(|| self.start(), |segment| segment.base);
        Cursor {
            base,
            at: 0,
            next: base,
        }
    }

    /// The batch at the cursor, which moves on; `None` behind the last one.
    pub(super) fn read(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Option<(Offset, RecordBatch)>, LogError> {
        while cursor.next < self.end {
            let Some(index) = self.files.iter().position(|it| it.base == cursor.base) else {
                break;
            };
            let segment = &self.files[index];
            if let Some(frame) = segment.read_frame(cursor)? {
                cursor.at += frame.len as u64;
                cursor.next = frame.base.plus(u64::from(frame.batch.len()));
                return Ok(Some((frame.base, frame.batch)));
            }
            let Some(following) = self.files.get(index + 1) else {
                break;
            };
            *cursor = Cursor {
                base: following.base,
                at: 0,
                next: following.base,
            };
        }
        Ok(None)
    }
}

impl Segment {
    fn read_frame(&self, cursor: &Cursor) -> Result<Option<Frame>, LogError> {
        let corrupt = || LogError::Corrupt {
            path: self.path.clone(),
            at: cursor.at,
        };
        let mut header = [0; super::frame::HEADER_BYTES];
        if cursor.at + header.len() as u64 > self.len {
            return Ok(None);
        }
        self.file
            .read_exact_at(&mut header, cursor.at)
            .map_err(LogError::io(&self.path))?;
        let [_, _, _, _, a, b, c, d, ..] = header;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        if super::frame::is_zero(&header) {
            return Ok(None);
        }
        if cursor.at + header.len() as u64 + length > self.len {
            return Err(corrupt());
        }
        let mut bytes = vec![0; header.len() + length as usize];
        self.file
            .read_exact_at(&mut bytes, cursor.at)
            .map_err(LogError::io(&self.path))?;
        match parse(&bytes.into(), cursor.next) {
            Parsed::Frame(frame) => Ok(Some(frame)),
            _ => Err(corrupt()),
        }
    }
}

/// Says why nothing was written.
fn undone(error: io::Error) -> WriteError {
    tracing::warn!(%error, "the log could not be written; nothing of the batch is left in it");
    WriteError::Undone
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

//! One partition: its segments, its committed offset, and how far its records were delivered.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use rookery_engine::port::{AppendFault, LogEvent, Opened};
use rookery_schema::batch::RecordBatch;
use rookery_schema::{Offset, PartitionId, format};

use super::committed::Committed;
use super::dead_letters;
use super::error::LogError;
use super::frame::Seed;
use super::layout::LogLayout;
use super::reserve::Blocks;
use super::segment::Cursor;
use super::segments::{Segments, Sizes, WriteError};
use super::settings::Settings;
use crate::descriptors;
use crate::embedded::Durability;
use crate::log::stored::Stored;
use crate::throttle::Throttle;

/// Descriptors of a partition: its directory, commits, reserve and newest segment; for a moment, the segment behind
/// that; and the one that is replayed.
pub(crate) const PARTITION_DESCRIPTORS: u64 = 6;
/// Bytes of records that are delivered in one go when they are read back.
const REPLAY_BYTES: usize = 1 << 20;

/// See the module.
pub(super) struct Partition {
    id: PartitionId,
    layout: LogLayout,
    dir: PathBuf,
    segments: Segments,
    committed: Committed,
    /// How far what was in the log is delivered; `None` once all was.
    replay: Option<Replay>,
    paused: bool,
    settings: Settings,
    throttle: Throttle,
}

/// A batch that is to be appended.
#[derive(Clone)]
pub(super) struct Append {
    pub(super) batch: RecordBatch,
    /// It may use up the blocks that are kept for small changes.
    pub(super) is_small: bool,
}

struct Replay {
    cursor: Cursor,
    /// The end of the log when it was opened.
    opened_end: Offset,
    caught_up: bool,
}

impl Partition {
    pub(super) fn open(
        id: PartitionId,
        layout: &LogLayout,
        stored: Stored,
        settings: Settings,
    ) -> Result<(Self, LogEvent), LogError> {
        let dir = layout.partition_dir(id);
        let seed = Seed::of(layout.log_id);
        let stored = stored.offset();
        let path = dir.join("committed");
        // Where an operator moved a damaged log away, it goes on where the store is.
        let first = if path.exists() { Offset(0) } else { stored };
        let sizes = Sizes {
            segment: settings.segment_bytes,
            reserve: settings.reserve_bytes,
        };
        let segments = Segments::open(&dir, seed, sizes, first)?;
        let mut committed = Committed::open(&path).map_err(LogError::io(&path))?;
        let (start, end) = (segments.start(), segments.end());
        if stored > end {
            return Err(LogError::BehindStore {
                path: dir,
                end,
                stored,
            });
        }
        // A store that lost what was committed gets it again; where that is not known, all there is. Only
        // what was committed is ever removed.
        let offset = committed.offset().unwrap_or(start).max(start).min(stored);
        if offset < start {
            return Err(LogError::AheadOfStore {
                path: dir,
                start,
                stored,
            });
        }
        if committed.offset() > Some(offset) {
            // The store is filled out of order, and its newest record alone must not count next time.
            let lowered = committed.write(offset).and_then(|()| committed.sync());
            lowered.map_err(LogError::io(&path))?;
        }
        let cursor = segments.cursor_at(settings.kept_at(offset));
        let start = cursor.next;
        let replay = Replay {
            cursor,
            opened_end: end,
            caught_up: false,
        };
        let this = Self {
            id,
            layout: layout.clone(),
            segments,
            committed,
            replay: Some(replay),
            paused: false,
            dir,
            settings,
            throttle: Throttle::default(),
        };
        Ok((
            this,
            LogEvent::Opened {
                partition: id,
                opened: Opened {
                    start,
                    committed: offset,
                    end,
                },
            },
        ))
    }

    pub(super) const fn id(&self) -> PartitionId {
        self.id
    }

    pub(super) const fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Notes that all below is in the store, and removes segments that nobody will read again.
    pub(super) fn commit(&mut self, offset: Offset) {
        let kept = self.settings.kept_at(offset);
        let unread = self
            .replay
            .as_ref()
            .map_or(kept, |replay| replay.cursor.next.min(kept));
        let mut noted = self.committed.write(offset);
        if self.segments.has_older_than(unread) {
            // What a power cut may leave of an older commit would have to be replayed from there.
            noted = noted.and_then(|()| self.committed.sync());
        }
        if let Err(error) = noted {
            // As long as the records stay, this means a longer replay, and nothing else.
            tracing::warn!(%error, partition = %self.id, "could not note how far the store is");
        } else if let Err(error) = self.segments.trim(unread) {
            tracing::warn!(
                %error,
                partition = %self.id,
                "a segment that nobody needs could not be removed; it takes room until it can"
            );
        }
    }

    /// Keeps a record that can't be understood for longer than its segment.
    pub(super) fn keep_dead_letter(&self, offset: Offset, record: &[u8], reason: &str) {
        if let Err(error) = dead_letters::append(&self.dir, offset, record, reason) {
            // It stays in its segment for as long as that is there.
            tracing::error!(%error, partition = %self.id, %offset, "a record could not be set aside");
        }
    }

    /// Appends batches and says what became of each.
    ///
    /// # Errors
    /// Where it is not known what the disk holds, or nobody would find it there: the process must end.
    pub(super) fn append(
        &mut self,
        appends: Vec<Append>,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let (all, small) = (|_: &Append| true, |append: &Append| append.is_small);
        let mut written = self.write(&appends, Blocks::KeepReserve, all)?;
        if written.is_empty() && appends.iter().any(small) {
            written = self.write(&appends, Blocks::UseReserve, small)?;
        }
        let is_all = written.len() == appends.len();
        let mut bases = written.into_iter();
        for append in appends {
            let is_taken = is_all || append.is_small;
            let base = is_taken.then(|| bases.next()).flatten();
            self.answer(base, append.batch, events);
        }
        Ok(())
    }

    /// Writes those of some batches that are taken, and syncs them. Gives their bases, or none where nothing was
    /// written.
    fn write(
        &mut self,
        appends: &[Append],
        blocks: Blocks,
        is_taken: impl Fn(&Append) -> bool,
    ) -> Result<Vec<Offset>, LogError> {
        let taken = appends.iter().filter(|append| is_taken(append));
        let batches = taken.map(|append| &append.batch);
        let needed = batches.clone().map(format::of_batch).max();
        if let Err(error) = self.layout.raise_format(needed.unwrap_or(format::OLDEST)) {
            self.warn(
                &error,
                "the log's format could not be raised; nothing of the batch is written",
            );
            return Ok(Vec::new());
        }
        let bases = match self.segments.append(batches, blocks) {
            Ok(bases) => bases,
            Err(WriteError::Undone(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LogError::Removed(self.dir.clone()));
            }
            Err(WriteError::Undone(error)) => {
                self.warn(
                    &error,
                    "the log could not be written; nothing of the batch is left in it",
                );
                return Ok(Vec::new());
            }
            Err(WriteError::Broken(error)) => return Err(LogError::Sync(error)),
        };
        if self.settings.durability == Durability::Fsync {
            // After a failed sync the kernel forgets which pages it failed for: trying again would
            // succeed and prove nothing.
            self.segments.sync().map_err(LogError::Sync)?;
        }
        self.segments.check_linked()?;
        Ok(bases)
    }

    fn warn(&self, error: &io::Error, what: &'static str) {
        if let Some(held_back) = self.throttle.pass(Instant::now()) {
            let partition = self.id;
            tracing::warn!(%error, %partition, held_back, "{what}");
        }
    }

    /// Says what became of a batch, which has a base if it was written.
    fn answer(&self, base: Option<Offset>, batch: RecordBatch, events: &mut Vec<LogEvent>) {
        let partition = self.id;
        let end = base.map(|base| base.plus(u64::from(batch.len())));
        let outcome = end.ok_or(AppendFault::Unavailable);
        events.push(LogEvent::Appended { partition, outcome });
        if let (Some(base), None) = (base, &self.replay) {
            events.push(LogEvent::Records {
                partition,
                base,
                batch,
            });
        }
    }

    /// Whether records wait to be read back.
    pub(super) const fn wants_replay(&self) -> bool {
        self.replay.is_some() && !self.paused
    }

    /// Reads some records back; false where there is no descriptor for that now.
    pub(super) fn replay(&mut self, events: &mut Vec<LogEvent>) -> Result<bool, LogError> {
        let partition = self.id;
        let Some(replay) = &mut self.replay else {
            return Ok(true);
        };
        let mut bytes = 0;
        while bytes < REPLAY_BYTES {
            let (base, batch) = match self.segments.read(&mut replay.cursor) {
                Ok(Some(read)) => read,
                Ok(None) => break,
                Err(LogError::Io { source, .. }) if descriptors::are_missing(&source) => {
                    self.warn(&source, "the log can't be read on for now");
                    return Ok(false);
                }
                Err(error) => return Err(error),
            };
            bytes += batch.as_bytes().len();
            events.push(LogEvent::Records {
                partition,
                base,
                batch,
            });
        }
        if !replay.caught_up && replay.cursor.next >= replay.opened_end {
            replay.caught_up = true;
            events.push(LogEvent::CaughtUp { partition });
        }
        if replay.cursor.next >= self.segments.end() {
            self.replay = None;
        }
        Ok(true)
    }
}

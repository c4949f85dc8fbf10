//! One partition: its segments, its committed offset, and how far its records were delivered.

use std::path::PathBuf;

use rookery_engine::port::{AppendFault, LogEvent, Opened};
use rookery_schema::batch::RecordBatch;
use rookery_schema::{Offset, PartitionId, format};

use super::committed::Committed;
use super::dead_letters;
use super::error::LogError;
use super::frame::Seed;
use super::layout::LogLayout;
use super::segments::{Cursor, Segments, WriteError};
use super::settings::Settings;
use crate::embedded::{Durability, FreeSpace};
use crate::log::stored::Stored;

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
    free_space: FreeSpace,
    settings: Settings,
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
        let segments = Segments::open(&dir, seed, settings.segment_bytes, first)?;
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
            free_space: FreeSpace::new(dir.clone(), settings.reserve_bytes),
            dir,
            settings,
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
    /// Where it is not known what the disk holds: the process must end.
    pub(super) fn append(
        &mut self,
        batches: Vec<RecordBatch>,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let partition = self.id;
        if !self.free_space.is_enough() {
            refuse(partition, &batches, events);
            return Ok(());
        }
        let needed = batches.iter().map(format::of_batch).max();
        if let Err(error) = self.layout.raise_format(needed.unwrap_or(format::OLDEST)) {
            tracing::warn!(%error, %partition, "the log's format could not be raised; nothing was written");
            refuse(partition, &batches, events);
            return Ok(());
        }
        let bases = match self.segments.append(&batches) {
            Ok(bases) => bases,
            Err(WriteError::Undone(error)) => {
                tracing::warn!(%error, %partition, "the log could not be written; nothing of the batch is left in it");
                refuse(partition, &batches, events);
                return Ok(());
            }
            Err(WriteError::Broken(error)) => return Err(LogError::Sync(error)),
        };
        if self.settings.durability == Durability::Fsync {
            // After a failed sync the kernel forgets which pages it failed for: trying again would
            // succeed and prove nothing.
            self.segments.sync().map_err(LogError::Sync)?;
        }
        for (base, batch) in bases.into_iter().zip(batches) {
            events.push(LogEvent::Appended {
                partition,
                outcome: Ok(base.plus(u64::from(batch.len()))),
            });
            if self.replay.is_none() {
                events.push(LogEvent::Records {
                    partition,
                    base,
                    batch,
                });
            }
        }
        Ok(())
    }

    /// Whether records wait to be read back.
    pub(super) const fn wants_replay(&self) -> bool {
        self.replay.is_some() && !self.paused
    }

    /// Reads some records back.
    pub(super) fn replay(&mut self, events: &mut Vec<LogEvent>) -> Result<(), LogError> {
        let partition = self.id;
        let Some(replay) = &mut self.replay else {
            return Ok(());
        };
        let mut bytes = 0;
        while bytes < REPLAY_BYTES {
            let Some((base, batch)) = self.segments.read(&mut replay.cursor)? else {
                break;
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
        Ok(())
    }
}

/// Answers for batches of which nothing was written.
fn refuse(partition: PartitionId, batches: &[RecordBatch], events: &mut Vec<LogEvent>) {
    events.extend(batches.iter().map(|_| LogEvent::Appended {
        partition,
        outcome: Err(AppendFault::Unavailable),
    }));
}

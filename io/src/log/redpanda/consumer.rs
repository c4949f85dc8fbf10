//! The consuming client: records come out of it, and offsets are committed through it.

use std::collections::BTreeMap;
use std::mem;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset as Position, TopicPartitionList};
use rookery_engine::port::LogEvent;
use rookery_schema::claims::{Claim, STAMP_HEADER, Stamp};
use rookery_schema::{Offset, PartitionId, format};

use super::commits::{self, Commits};
use super::error::RedpandaError;
use super::ownership::Mark;
use super::partition::Partition;
use super::settings::Settings;
use super::silence::Silence;

/// Bytes of records that are taken from the client at once, before they are handed on.
const POLL_BYTES: usize = 1 << 20;
/// How long after a commit that failed the next is tried.
const COMMIT_PAUSE: Duration = Duration::from_secs(1);
/// How long the last commit may take before the process ends without it.
const LAST_COMMIT_MAX: Duration = Duration::from_secs(2);
/// How long one look at the brokers' answers takes at the end.
const LAST_COMMIT_POLL: Duration = Duration::from_millis(10);

/// See the module.
pub(super) struct Consumer {
    client: BaseConsumer<Commits>,
    settings: Settings,
    /// Up to where each partition is to be committed, and the mark that goes with it.
    wanted: BTreeMap<PartitionId, (Offset, Mark)>,
    state: CommitState,
    /// What has come since the last look at whether this client still works.
    news: News,
    /// Patience with records that are there, and with commits.
    reading: Silence,
    committing: Silence,
    /// Ends the client before this one.
    closing: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct News {
    records: bool,
    commits: bool,
}

/// Up to where a store was, as the brokers keep it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commit {
    pub(super) offset: Offset,
    /// Absent where an older version made the commit, or none did.
    pub(super) mark: Option<Mark>,
}

/// How the commit of what is wanted stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CommitState {
    /// What is wanted is committed.
    Done,
    /// Something new is wanted; not to be asked for before then, where there is a time.
    Wanted(Option<Instant>),
    /// Asked for; `more` where something new was wanted since.
    Asked { more: bool },
}

impl Consumer {
    /// Makes a client that reads nothing yet; its threads may run wherever the caller may.
    pub(super) fn new(settings: &Settings) -> Result<Self, RedpandaError> {
        let client =
            BaseConsumer::from_config_and_context(&settings.consumer(), Commits::default());
        Ok(Self {
            client: client.map_err(RedpandaError::Client)?,
            settings: settings.clone(),
            wanted: BTreeMap::new(),
            state: CommitState::Done,
            news: News::default(),
            reading: Silence::new(settings.silence_max),
            committing: Silence::new(settings.silence_max),
            closing: None,
        })
    }

    /// Whether this client gets nothing any more, though records are there or a commit is to be made; not while one
    /// before it is still ending.
    pub(super) fn is_stuck(&mut self, is_to_be_read: bool, now: Instant) -> bool {
        let News { records, commits } = mem::take(&mut self.news);
        let to_commit = self.state != CommitState::Done;
        let reading = self.reading.is_over(is_to_be_read, records, now);
        let committing = self.committing.is_over(to_commit, commits, now);
        (reading || committing) && self.closing.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Another client instead of this one, which reads these partitions from these offsets on. What was to be
    /// committed still is.
    pub(super) fn renew(&mut self, from: &[(PartitionId, Offset)]) -> Result<(), RedpandaError> {
        let fresh = Self::new(&self.settings)?.client;
        let stuck = mem::replace(&mut self.client, fresh);
        // To close a client waits for its commits, however long that takes.
        let closing = thread::Builder::new().name("log-close".into());
        let closing = closing.spawn(move || drop(stuck));
        self.closing = Some(closing.map_err(RedpandaError::Thread)?);
        if self.state != CommitState::Done {
            self.state = CommitState::Wanted(None);
        }
        self.read(from)
    }

    /// The first offset of a partition, and the one behind its last.
    pub(super) fn bounds(&self, id: PartitionId, patience: Duration) -> KafkaResult<(i64, i64)> {
        self.client
            .fetch_watermarks(&self.settings.topic, id.0 as i32, patience)
    }

    /// The commit of each of these partitions, where it has one.
    pub(super) fn committed(
        &self,
        ids: &[PartitionId],
        patience: Duration,
    ) -> KafkaResult<Vec<Option<Commit>>> {
        let asked = self.positions(ids.iter().map(|&id| (id, Position::Invalid)));
        let answered = self.client.committed_offsets(asked, patience)?;
        ids.iter()
            .map(|id| {
                let Some(found) = answered.find_partition(&self.settings.topic, id.0 as i32) else {
                    return Ok(None);
                };
                found.error()?;
                Ok(match found.offset() {
                    Position::Offset(offset) => u64::try_from(offset).ok().map(|offset| Commit {
                        offset: Offset(offset),
                        mark: Mark::parse(found.metadata()),
                    }),
                    _ => None,
                })
            })
            .collect()
    }

    /// Commits offsets and waits until they are.
    pub(super) fn commit_now(&self, offsets: &[(PartitionId, Offset)]) -> KafkaResult<()> {
        self.client
            .commit(&self.at(offsets.iter().copied()), CommitMode::Sync)
    }

    /// Begins to read these partitions from these offsets on.
    pub(super) fn read(&self, from: &[(PartitionId, Offset)]) -> Result<(), RedpandaError> {
        self.client
            .assign(&self.at(from.iter().copied()))
            .map_err(RedpandaError::Client)
    }

    /// Leaves this client without anything to read, which it is not told of.
    #[cfg(test)]
    pub(super) fn break_off(&self) {
        self.client.unassign().expect("a client has an assignment");
    }

    fn marked(&self) -> TopicPartitionList {
        let wanted = self.wanted.iter();
        let list = self.at(wanted.clone().map(|(&id, &(offset, _))| (id, offset)));
        for (&id, (_, mark)) in wanted {
            if let Some(mut position) = list.find_partition(&self.settings.topic, id.0 as i32) {
                position.set_metadata(mark.text());
            }
        }
        list
    }

    fn at(&self, offsets: impl Iterator<Item = (PartitionId, Offset)>) -> TopicPartitionList {
        self.positions(offsets.map(|(id, offset)| (id, Position::Offset(offset.0 as i64))))
    }

    fn positions(
        &self,
        positions: impl Iterator<Item = (PartitionId, Position)>,
    ) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (id, position) in positions {
            let mut added = list.add_partition(&self.settings.topic, id.0 as i32);
            // It refuses only what is no offset.
            let _ = added.set_offset(position);
        }
        list
    }

    /// Stops or goes on to read a partition.
    pub(super) fn set_paused(&self, id: PartitionId, paused: bool) {
        let list = self.positions([(id, Position::Invalid)].into_iter());
        let done = if paused {
            self.client.pause(&list)
        } else {
            self.client.resume(&list)
        };
        if let Err(error) = done {
            // It is of a partition that is not read: there is nothing to stop.
            tracing::error!(%error, partition = %id, "the log's reader could not be steered");
        }
    }

    /// Hands on what is there, and waits for the first of it as long as it may.
    ///
    /// # Errors
    /// Where records are missing, only a newer version can apply them, or another process owns the partition.
    pub(super) fn deliver(
        &mut self,
        wait: Duration,
        partitions: &mut [Partition],
        events: &mut Vec<LogEvent>,
    ) -> Result<(), RedpandaError> {
        let (mut wait, mut bytes) = (wait, 0);
        while bytes < POLL_BYTES {
            let Some(polled) = self.client.poll(wait) else {
                break;
            };
            wait = Duration::ZERO;
            match polled {
                Ok(message) => {
                    self.news.records = true;
                    let record = message.payload().unwrap_or_default();
                    bytes += record.len();
                    let offset = Offset(message.offset().max(0) as u64);
                    self.check_kind(message.partition(), offset, record)?;
                    if let Some(partition) = find(partitions, message.partition()) {
                        let stamp = stamp(&message);
                        partition.read(&self.settings.topic, (offset, record, stamp), events)?;
                    }
                }
                Err(error) if is_loss(&error) => return Err(RedpandaError::Lost(error)),
                // It goes on reading by itself when it can.
                Err(error) => self.client.context().warn(error),
            }
        }
        for partition in partitions {
            partition.flush(events);
        }
        Ok(())
    }

    /// A topic has no place for a format that every client would look at; each record tells its own. Those
    /// that the store does not have yet all pass here, at the start before the server is ready.
    fn check_kind(
        &self,
        partition: i32,
        offset: Offset,
        record: &[u8],
    ) -> Result<(), RedpandaError> {
        match record.first() {
            Some(&kind)
                if format::of_record(record) > format::NEWEST
                    && Claim::decode(record).is_none() =>
            {
                Err(RedpandaError::UnknownKind {
                    topic: self.settings.topic.clone(),
                    partition: PartitionId(partition.max(0) as u32),
                    offset,
                    kind,
                })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Notes that everything below is in the store.
    pub(super) fn commit(&mut self, id: PartitionId, offset: Offset, mark: Mark) {
        self.wanted.insert(id, (offset, mark));
        self.state = match self.state {
            CommitState::Done => CommitState::Wanted(None),
            CommitState::Asked { .. } => CommitState::Asked { more: true },
            waiting @ CommitState::Wanted(_) => waiting,
        };
    }

    /// Asks for the commit that is wanted, one at a time. A commit that failed is part of the next.
    pub(super) fn keep_committing(&mut self, now: Instant) {
        if let CommitState::Asked { more } = self.state
            && let Some(succeeded) = self.client.context().take_outcome()
        {
            self.news.commits |= succeeded;
            self.state = match (succeeded, more) {
                (true, false) => CommitState::Done,
                (true, true) => CommitState::Wanted(None),
                (false, _) => CommitState::Wanted(Some(now + COMMIT_PAUSE)),
            };
        }
        if let CommitState::Wanted(from) = self.state
            && from.is_none_or(|from| from <= now)
        {
            self.state = match commits::ask(&self.client, &self.marked()) {
                Ok(()) => CommitState::Asked { more: false },
                Err(error) => {
                    self.client.context().failed(&error);
                    CommitState::Wanted(Some(now + COMMIT_PAUSE))
                }
            };
        }
    }

    /// Commits what is wanted, unless that takes too long, and ends the client.
    pub(super) fn finish(mut self) {
        let deadline = Instant::now() + LAST_COMMIT_MAX;
        while self.state != CommitState::Done && Instant::now() < deadline {
            self.keep_committing(Instant::now());
            // What is still read is of no use any more.
            let _ = self.client.poll(LAST_COMMIT_POLL);
        }
        if self.state != CommitState::Done {
            tracing::warn!("the brokers did not take the last commit; the next start replays more");
            // To close a client waits for its commits, however long that takes.
            std::mem::forget(self.client);
        }
    }
}

fn find(partitions: &mut [Partition], id: i32) -> Option<&mut Partition> {
    partitions.iter_mut().find(|it| it.id().0 as i32 == id)
}

/// What a message tells of its writer.
fn stamp(message: &BorrowedMessage<'_>) -> Stamp {
    let headers = message.headers().into_iter().flat_map(|all| all.iter());
    let mut stamps = headers.filter(|header| header.key == STAMP_HEADER);
    let found = stamps.next().and_then(|header| header.value);
    found.and_then(Stamp::decode).unwrap_or_default()
}

/// Whether records that should be there are not.
fn is_loss(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
    )
}

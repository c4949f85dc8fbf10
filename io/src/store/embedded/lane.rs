//! The thread that writes and reads the store for one shard.
//!
//! Reads go first: one of them never waits for more than the one commit that is under way. So a read
//! sees the writes that were answered before it was asked for, and perhaps later ones. For that the ring is
//! always emptied: how much waits to be written is bounded by the shard, which takes no more changes than
//! `--lag-limit` that are not stored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rookery_engine::port::{Found, Read, Store, StoreEvent, StoreFault, StoreRequest, Token};
use rookery_schema::ShardId;
use rookery_schema::row::Row;

use super::error::{ReadError, StoreError};
use super::progress::Progress;
use super::shared::EmbeddedStore;
use super::tables::Tables;
use crate::embedded::{Durability, FreeSpace};
use crate::lane::{self, Lane, Requests};
use crate::mailbox::{Mailbox, Receiver, Sender};
use crate::store::backoff::Backoff;
use crate::throttle::Throttle;
use crate::vital::Shutdown;

/// Requests that may wait in the ring.
const REQUESTS_MAX: usize = 1024;
/// Events that may wait.
const EVENTS_MAX: usize = 1024;
/// Rows of one commit; a commit of so many takes a few milliseconds.
const COMMIT_ROWS_MAX: usize = 2048;
/// What is done on a disk without room for more.
const NOTHING_IS_STORED: &str = "the store is not written";
/// How long the lane sleeps at a stretch where there is nothing to do.
const IDLE_SLEEP: Duration = Duration::from_secs(3600);

/// Starts a shard's store lane.
///
/// # Errors
/// Where no thread can be made, or the store can't be read.
pub fn spawn_lane(
    store: &EmbeddedStore,
    shard: ShardId,
    cpu: Option<usize>,
    mailbox: &Mailbox,
    shutdown: &Shutdown,
) -> Result<(impl Store + 'static + use<>, Receiver<StoreEvent>, Lane), StoreError> {
    let (requests, ring) = lane::requests(REQUESTS_MAX);
    let (events, receiver) = mailbox.channel(EVENTS_MAX);
    let lane = StoreLane {
        free_space: FreeSpace::new(
            store.shared.dir.clone(),
            store.settings.reserve_bytes,
            NOTHING_IS_STORED,
        ),
        progress: store.progress(shard)?,
        store: store.clone(),
        shard,
        ring,
        events,
        waiting: VecDeque::new(),
        retry: None,
        reopened: 0,
        throttle: Throttle::default(),
    };
    let lane = lane::spawn(&format!("store-{shard}"), cpu, shutdown, move || lane.run())
        .map_err(StoreError::Thread)?;
    Ok((requests, receiver, lane))
}

/// What is to be done in the order in which it was asked for.
enum Work {
    Write { token: Token, rows: Vec<Row> },
    Sync { token: Token },
}

/// When a failed commit or sync is tried again, and since when it has been tried.
struct Retry {
    at: Instant,
    since: Instant,
    backoff: Backoff,
}

struct StoreLane {
    store: EmbeddedStore,
    shard: ShardId,
    ring: Requests<StoreRequest>,
    events: Sender<StoreEvent>,
    waiting: VecDeque<Work>,
    free_space: FreeSpace,
    progress: Progress,
    retry: Option<Retry>,
    /// How often the store was opened again when this lane wrote last.
    reopened: u64,
    throttle: Throttle,
}

impl StoreLane {
    /// Serves requests until the shard is gone and everything is written.
    fn run(mut self) -> Result<(), StoreError> {
        let mut requests = Vec::with_capacity(REQUESTS_MAX);
        let mut events = Vec::new();
        loop {
            let closed = self.ring.is_closed();
            self.ring.drain_into(&mut requests, REQUESTS_MAX);
            if requests.is_empty() && closed && self.waiting.is_empty() {
                return Ok(());
            }
            let idle = requests.is_empty();
            self.take(&mut requests, &mut events);
            let is_due = self.is_due();
            if is_due {
                self.work(&mut events)?;
            } else if idle {
                self.ring.wait(self.idle_time());
            }
            if !events.is_empty() {
                // A shard that is gone needs no events: its ring of requests is closed as well then.
                let _ = self.events.send_all(events.drain(..));
            }
            if is_due {
                self.attempt(Tables::maintain)?;
            }
        }
    }

    fn take(&mut self, requests: &mut Vec<StoreRequest>, events: &mut Vec<StoreEvent>) {
        for request in requests.drain(..) {
            match request {
                StoreRequest::Write { token, rows } => {
                    self.waiting.push_back(Work::Write { token, rows });
                }
                StoreRequest::Sync { token } => self.waiting.push_back(Work::Sync { token }),
                StoreRequest::Read { token, read } => {
                    events.push(StoreEvent::Read {
                        token,
                        outcome: self.read(&read),
                    });
                }
            }
        }
    }

    fn read(&mut self, read: &Read) -> Result<Found, StoreFault> {
        let error = match self.store.shared.with(|tables, _| tables.read(read)) {
            Some(Ok(found)) => return Ok(found),
            Some(Err(error)) => error.to_string(),
            None => "it is closed until it can be opened again".to_owned(),
        };
        if let Some(held_back) = self.throttle.pass(Instant::now()) {
            let dir = self.store.shared.dir.display();
            tracing::warn!(store = %dir, error, held_back, "the store could not be read");
        }
        Err(StoreFault)
    }

    fn is_due(&self) -> bool {
        let may_try = self
            .retry
            .as_ref()
            .is_none_or(|retry| retry.at <= Instant::now());
        !self.waiting.is_empty() && may_try
    }

    fn idle_time(&self) -> Duration {
        let until = |retry: &Retry| retry.at.saturating_duration_since(Instant::now());
        self.retry.as_ref().map_or(IDLE_SLEEP, until)
    }

    /// One commit or one sync.
    fn work(&mut self, events: &mut Vec<StoreEvent>) -> Result<(), StoreError> {
        let since = self
            .retry
            .as_ref()
            .map_or_else(Instant::now, |retry| retry.since);
        let is_done = match self.waiting.front() {
            Some(&Work::Sync { token }) => self.sync(token, events)?,
            Some(Work::Write { .. }) | None => self.commit(since, events)?,
        };
        let retry = self.retry.take();
        if !is_done {
            let mut backoff = retry.map_or_else(Backoff::default, |retry| retry.backoff);
            self.retry = Some(Retry {
                at: Instant::now() + backoff.next(),
                since,
                backoff,
            });
        }
        Ok(())
    }

    /// Commits the oldest writes together, up to the next sync; false where it has to be tried again.
    fn commit(&mut self, since: Instant, events: &mut Vec<StoreEvent>) -> Result<bool, StoreError> {
        if !self.free_space.is_enough() {
            return Ok(false);
        }
        let group = self.take_group();
        let rows = || group.iter().flat_map(|(_, rows)| rows);
        let progress = self.progress.after(rows());
        let shard = self.shard;
        if self.attempt(|tables| tables.write(shard, &progress, rows()))? {
            self.progress.advance(progress);
            let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
            events.extend(
                group
                    .iter()
                    .map(|&(token, _)| StoreEvent::Written { token, micros }),
            );
            return Ok(true);
        }
        for (token, rows) in group.into_iter().rev() {
            self.waiting.push_front(Work::Write { token, rows });
        }
        Ok(false)
    }

    fn take_group(&mut self) -> Vec<(Token, Vec<Row>)> {
        let (mut group, mut count) = (Vec::new(), 0);
        while count < COMMIT_ROWS_MAX {
            match self.waiting.pop_front() {
                Some(Work::Write { token, rows }) => {
                    count += rows.len();
                    group.push((token, rows));
                }
                Some(sync) => {
                    self.waiting.push_front(sync);
                    break;
                }
                None => break,
            }
        }
        group
    }

    /// Without a log that survives a power cut, a store that does is of no use.
    fn sync(&mut self, token: Token, events: &mut Vec<StoreEvent>) -> Result<bool, StoreError> {
        let is_synced = match self.store.settings.durability {
            Durability::Fsync => self.attempt(Tables::sync)?,
            Durability::Os => true,
        };
        if is_synced {
            self.waiting.pop_front();
            events.push(StoreEvent::Synced { token });
        }
        Ok(is_synced)
    }

    /// Does something that may fail. If it does, the store is opened again, to be tried again later,
    /// provided that it still has everything that this lane wrote.
    fn attempt<E: Into<ReadError>>(
        &mut self,
        act: impl FnOnce(&Tables) -> Result<(), E>,
    ) -> Result<bool, StoreError> {
        let (shard, batches, seen) = (self.shard, self.progress.batches, self.reopened);
        let shared = Arc::clone(&self.store.shared);
        let outcome = shared.with(|tables, reopened| {
            let is_complete = reopened == seen || tables.meta.batches(shard)? >= batches;
            if is_complete {
                act(tables).map_err(Into::into)?;
            }
            Ok::<_, ReadError>((is_complete, reopened))
        });
        match outcome {
            Some(Ok((true, reopened))) => {
                self.reopened = reopened;
                return Ok(true);
            }
            Some(Ok((false, _))) => {
                return Err(StoreError::RowsLost {
                    path: shared.dir.clone(),
                });
            }
            Some(Err(error)) => {
                let store = shared.dir.display();
                tracing::error!(%store, %error, "the store could not be written; opening it again");
            }
            None => {}
        }
        match shared.reopen(seen) {
            Err(error @ StoreError::Io { .. }) => {
                tracing::warn!(%error, "the store is still closed");
                Ok(false)
            }
            reopened => reopened.map(|()| false),
        }
    }
}

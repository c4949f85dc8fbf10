//! The lane of a shard's partitions: takes all appends that wait, writes and syncs them, completes
//! them together.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rookery_engine::port::{Log, LogEvent, LogRequest};
use rookery_schema::PartitionId;

use super::error::LogError;
use super::layout::LogLayout;
use super::partition::{Append, Partition};
use super::settings::Settings;
use crate::lane::{self, Lane, Requests};
use crate::log::stored::Stored;
use crate::mailbox::{Mailbox, Receiver, Sender};
use crate::vital::Shutdown;

/// Requests that may wait for the lane.
const REQUESTS_MAX: usize = 256;
/// Events that may wait for the shard.
const EVENTS_MAX: usize = 1024;
/// How long replays wait for a descriptor at a stretch.
const DESCRIPTOR_WAIT: Duration = Duration::from_millis(10);

/// Opens a shard's partitions and starts the lane that serves them.
///
/// # Errors
/// A [`LogError`] where a partition can't be opened; nothing was started then.
pub fn open_lane(
    name: &str,
    cpu: Option<usize>,
    layout: &LogLayout,
    partitions: &[(PartitionId, Stored)],
    settings: Settings,
    (mailbox, shutdown): (&Mailbox, &Shutdown),
) -> Result<(impl Log + Send + use<>, Receiver<LogEvent>, Lane), LogError> {
    let mut opened = Vec::new();
    let mut first_events = Vec::new();
    for &(id, stored) in partitions {
        let (partition, event) = Partition::open(id, layout, stored, settings)?;
        opened.push(partition);
        first_events.push(event);
    }
    let (requests, ring) = lane::requests(REQUESTS_MAX);
    let (events, receiver) = mailbox.channel(EVENTS_MAX);
    let mut lane = LogLane {
        partitions: opened,
        ring,
        events,
    };
    let spawned = lane::spawn(name, cpu, shutdown, move || lane.run(first_events));
    let thread = |error: io::Error| LogError::Io {
        path: PathBuf::from(name),
        source: error,
    };
    Ok((requests, receiver, spawned.map_err(thread)?))
}

struct LogLane {
    partitions: Vec<Partition>,
    ring: Requests<LogRequest>,
    events: Sender<LogEvent>,
}

impl LogLane {
    fn run(&mut self, first_events: Vec<LogEvent>) -> Result<(), LogError> {
        let mut events = first_events;
        let mut requests = Vec::new();
        loop {
            let mut reads_on = true;
            for partition in self.partitions.iter_mut().filter(|it| it.wants_replay()) {
                reads_on &= partition.replay(&mut events)?;
            }
            if !reads_on && events.is_empty() {
                thread::sleep(DESCRIPTOR_WAIT);
            }
            // A shard that is gone needs no events: its ring is closed as well then.
            let _ = self.events.send_all(events.drain(..));
            let replaying = self.partitions.iter().any(Partition::wants_replay);
            if replaying {
                let closed = self.ring.is_closed();
                if self.ring.drain_into(&mut requests, REQUESTS_MAX) == 0 && closed {
                    return Ok(());
                }
            } else if !self.ring.next_batch(&mut requests, REQUESTS_MAX) {
                return Ok(());
            }
            self.serve(&mut requests, &mut events)?;
            let _ = self.events.send_all(events.drain(..));
        }
    }

    fn serve(
        &mut self,
        requests: &mut Vec<LogRequest>,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let mut appends: Vec<Vec<Append>> = vec![Vec::new(); self.partitions.len()];
        for request in requests.drain(..) {
            match request {
                LogRequest::Append {
                    partition,
                    batch,
                    is_small,
                } => {
                    if let Some(index) = self.index(partition) {
                        appends[index].push(Append { batch, is_small });
                    }
                }
                LogRequest::Commit { partition, offset } => {
                    if let Some(index) = self.index(partition) {
                        self.partitions[index].commit(offset);
                    }
                }
                LogRequest::DeadLetter {
                    partition,
                    offset,
                    record,
                    reason,
                } => {
                    if let Some(index) = self.index(partition) {
                        self.partitions[index].keep_dead_letter(offset, &record, &reason);
                    }
                    events.push(LogEvent::DeadLettered { partition });
                }
                LogRequest::Pause { partition } => self.set_paused(partition, true),
                LogRequest::Resume { partition } => self.set_paused(partition, false),
            }
        }
        for (partition, appends) in self.partitions.iter_mut().zip(appends) {
            if !appends.is_empty() {
                partition.append(appends, events)?;
            }
        }
        Ok(())
    }

    fn index(&self, id: PartitionId) -> Option<usize> {
        self.partitions
            .iter()
            .position(|partition| partition.id() == id)
    }

    fn set_paused(&mut self, id: PartitionId, paused: bool) {
        if let Some(index) = self.index(id) {
            self.partitions[index].set_paused(paused);
        }
    }
}

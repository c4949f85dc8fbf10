//! A log in memory: what it has confirmed survives a crash, what it was asked for may. It delivers records
//! before their append is answered, or long after, and to nobody but the shard that has their partition open.

use std::collections::VecDeque;

use rookery_engine::port::{AppendFault, LogEvent, LogRequest, Opened};
use rookery_schema::batch::RecordBatch;
use rookery_schema::{Offset, PartitionId};
use rookery_testing::dice::Dice;

/// One partition's batches with their base offsets.
#[derive(Default)]
struct SimPartition {
    batches: Vec<(Offset, RecordBatch)>,
    end: Offset,
    committed: Offset,
    opening: Option<Opening>,
}

/// A shard has a partition open.
struct Opening {
    shard: usize,
    /// Tells it from other times.
    number: u64,
    /// How many batches were delivered since.
    delivered: usize,
    /// How many there were when it was opened.
    before: usize,
    /// It was told that it has them.
    is_caught_up: bool,
    /// It was asked to deliver no records.
    is_paused: bool,
    /// Outcomes of appends that were not told yet.
    outcomes: VecDeque<Result<Offset, AppendFault>>,
}

impl Opening {
    /// Whether it may deliver one more of so many batches.
    const fn delivers(&self, batches: usize) -> bool {
        self.delivered < batches && !self.is_paused
    }

    const fn is_caught_up_now(&self) -> bool {
        self.delivered >= self.before && !self.is_caught_up
    }
}

impl SimPartition {
    /// Appends a batch, and says where the log ends behind it.
    fn write(&mut self, batch: RecordBatch) -> Offset {
        let base = self.end;
        self.end = base.plus(u64::from(batch.len()));
        self.batches.push((base, batch));
        self.end
    }

    /// The opening, where it is still this one.
    fn still_open(&mut self, number: u64) -> Option<&mut Opening> {
        self.opening.as_mut().filter(|it| it.number == number)
    }

    fn has_news(&self) -> bool {
        let is_behind = |it: &Opening| {
            let delivers = it.delivers(self.batches.len());
            delivers || it.is_caught_up_now() || !it.outcomes.is_empty()
        };
        self.opening.as_ref().is_some_and(is_behind)
    }
}

pub(crate) struct SimLog {
    partitions: Vec<SimPartition>,
    /// For each shard, what it asked for and was not done, and in which opening.
    lanes: Vec<VecDeque<(u64, LogRequest)>>,
    openings: u64,
    /// How often it was asked to deliver no more.
    pub(crate) pauses: u64,
    pub(crate) append_failures: bool,
}

impl SimLog {
    pub(crate) fn new(partitions: u32) -> Self {
        let partitions = (0..partitions).map(|_| SimPartition::default()).collect();
        Self {
            partitions,
            lanes: Vec::new(),
            openings: 0,
            pauses: 0,
            append_failures: false,
        }
    }

    /// Begins again with so many shards.
    pub(crate) fn restart(&mut self, shards: u16) {
        self.lanes = (0..shards).map(|_| VecDeque::new()).collect();
    }

    pub(crate) fn submit(&mut self, shard: usize, request: LogRequest) {
        let partition = partition_of(&request);
        let opening = self.partitions[partition.index()].opening.as_ref();
        let opening = opening.filter(|it| it.shard == shard);
        let number = opening.expect("it asks for what it has open").number;
        self.lanes[shard].push_back((number, request));
    }

    /// The shards that asked for something that was not done.
    pub(crate) fn busy_lanes(&self) -> impl Iterator<Item = usize> + '_ {
        let lanes = self.lanes.iter().enumerate();
        lanes
            .filter(|(_, lane)| !lane.is_empty())
            .map(|(shard, _)| shard)
    }

    /// The partitions that have something to tell.
    pub(crate) fn with_news(&self) -> impl Iterator<Item = PartitionId> + '_ {
        let all = (0..).map(PartitionId).zip(&self.partitions);
        all.filter(|(_, it)| it.has_news()).map(|(id, _)| id)
    }

    /// Whether all that is in the log is committed.
    pub(crate) fn is_committed(&self) -> bool {
        self.partitions.iter().all(|it| it.committed == it.end)
    }

    /// Records land in a partition that nobody here has asked for.
    pub(crate) fn land(&mut self, id: PartitionId, batch: RecordBatch) {
        self.partitions[id.index()].write(batch);
    }

    /// Records that a partition has told its shard.
    pub(crate) fn delivered(&self, id: PartitionId) -> u64 {
        let partition = &self.partitions[id.index()];
        let delivered = partition.opening.as_ref().map_or(0, |it| it.delivered);
        let batches = partition.batches.iter().take(delivered);
        batches.map(|(_, batch)| u64::from(batch.len())).sum()
    }

    /// Opens a partition for a shard, which is told this first.
    pub(crate) fn open(&mut self, id: PartitionId, shard: usize) -> LogEvent {
        let partition = &mut self.partitions[id.index()];
        assert!(partition.opening.is_none(), "one shard has it open");
        self.openings += 1;
        partition.opening = Some(Opening {
            shard,
            number: self.openings,
            delivered: 0,
            before: partition.batches.len(),
            is_caught_up: false,
            is_paused: false,
            outcomes: VecDeque::new(),
        });
        LogEvent::Opened {
            partition: id,
            opened: Opened {
                start: Offset(0),
                committed: partition.committed,
                end: partition.end,
            },
        }
    }

    /// Closes a partition: appends of its shard that are under way may still come to be, and are not answered.
    pub(crate) fn close(&mut self, id: PartitionId) -> LogEvent {
        let opening = self.partitions[id.index()].opening.take();
        assert!(opening.is_some(), "it is open");
        LogEvent::Closed { partition: id }
    }

    /// A partition tells its shard something.
    pub(crate) fn tell(&mut self, id: PartitionId, dice: &mut Dice) -> Option<(usize, LogEvent)> {
        let partition = &mut self.partitions[id.index()];
        let opening = partition.opening.as_mut()?;
        let shard = opening.shard;
        if opening.delivers(partition.batches.len())
            && (opening.outcomes.is_empty() || dice.one_in(2))
        {
            let (base, batch) = partition.batches[opening.delivered].clone();
            opening.delivered += 1;
            let partition = id;
            let event = LogEvent::Records {
                partition,
                base,
                batch,
            };
            return Some((shard, event));
        }
        if opening.is_caught_up_now() {
            opening.is_caught_up = true;
            return Some((shard, LogEvent::CaughtUp { partition: id }));
        }
        let outcome = opening.outcomes.pop_front()?;
        let partition = id;
        Some((shard, LogEvent::Appended { partition, outcome }))
    }

    /// Does what a shard asked for first.
    pub(crate) fn serve(&mut self, shard: usize, dice: &mut Dice) {
        let Some((number, request)) = self.lanes[shard].pop_front() else {
            return;
        };
        match request {
            LogRequest::Append {
                partition, batch, ..
            } => {
                let partition = &mut self.partitions[partition.index()];
                let fails = self.append_failures && dice.one_in(4);
                let fault = [AppendFault::Unavailable, AppendFault::Unknown][dice.below(2)];
                let lands = !fails || (fault == AppendFault::Unknown && dice.one_in(2));
                let end = lands.then(|| partition.write(batch));
                if let Some(opening) = partition.still_open(number) {
                    let outcome = end.filter(|_| !fails).ok_or(fault);
                    opening.outcomes.push_back(outcome);
                }
            }
            LogRequest::Commit { partition, offset } => {
                let partition = &mut self.partitions[partition.index()];
                if partition.still_open(number).is_some() {
                    assert!(partition.committed <= offset, "commits never go back");
                    partition.committed = offset;
                }
            }
            LogRequest::Pause { partition } => self.pause(partition, number, true),
            LogRequest::Resume { partition } => self.pause(partition, number, false),
            LogRequest::DeadLetter { reason, .. } => panic!("{reason}"),
        }
    }

    fn pause(&mut self, id: PartitionId, number: u64, paused: bool) {
        self.pauses += u64::from(paused);
        if let Some(opening) = self.partitions[id.index()].still_open(number) {
            opening.is_paused = paused;
        }
    }

    /// The process dies: of what was not confirmed, a part has reached the disk.
    pub(crate) fn crash(&mut self, dice: &mut Dice) {
        for partition in &mut self.partitions {
            partition.opening = None;
        }
        for lane in std::mem::take(&mut self.lanes) {
            for (_, request) in lane {
                if dice.one_in(2) {
                    break;
                }
                if let LogRequest::Append {
                    partition, batch, ..
                } = request
                {
                    self.partitions[partition.index()].write(batch);
                }
            }
        }
    }
}

const fn partition_of(request: &LogRequest) -> PartitionId {
    match request {
        LogRequest::Append { partition, .. }
        | LogRequest::Commit { partition, .. }
        | LogRequest::DeadLetter { partition, .. }
        | LogRequest::Pause { partition }
        | LogRequest::Resume { partition } => *partition,
    }
}

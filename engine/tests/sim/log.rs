//! A log in memory: what it has confirmed survives a crash, what it was asked for may. It delivers records
//! before their append is answered, or long after.

use std::collections::VecDeque;

use rookery_engine::port::{AppendFault, LogEvent, LogRequest, Opened};
use rookery_schema::batch::RecordBatch;
use rookery_schema::{Offset, PartitionId};

use crate::world::Dice;

/// One partition's batches with their base offsets.
#[derive(Default)]
pub(crate) struct SimPartition {
    batches: Vec<(Offset, RecordBatch)>,
    /// How many of them were delivered since the partition was opened.
    delivered: usize,
    /// Outcomes of appends that were not told yet.
    outcomes: VecDeque<Result<Offset, AppendFault>>,
    end: Offset,
    committed: Offset,
}

impl SimPartition {
    fn has_undelivered(&self) -> bool {
        self.delivered < self.batches.len()
    }

    /// Appends a batch, and says where the log ends behind it.
    fn write(&mut self, batch: RecordBatch) -> Offset {
        let base = self.end;
        self.end = base.plus(u64::from(batch.len()));
        self.batches.push((base, batch));
        self.end
    }
}

pub(crate) struct SimLog {
    partitions: Vec<SimPartition>,
    /// Asked for and not done.
    waiting: VecDeque<LogRequest>,
    pub(crate) append_failures: bool,
}

impl SimLog {
    pub(crate) fn new(partitions: u32) -> Self {
        let partitions = (0..partitions).map(|_| SimPartition::default()).collect();
        Self {
            partitions,
            waiting: VecDeque::new(),
            append_failures: false,
        }
    }

    pub(crate) fn submit(&mut self, request: LogRequest) {
        self.waiting.push_back(request);
    }

    pub(crate) fn has_work(&self) -> bool {
        let is_behind = |it: &SimPartition| it.has_undelivered() || !it.outcomes.is_empty();
        !self.waiting.is_empty() || self.partitions.iter().any(is_behind)
    }

    /// What a partition tells the shard that opens it.
    pub(crate) fn open(&mut self, id: PartitionId) -> Vec<LogEvent> {
        let partition = &mut self.partitions[id.index()];
        partition.delivered = partition.batches.len();
        let opened = LogEvent::Opened {
            partition: id,
            opened: Opened {
                start: Offset(0),
                committed: partition.committed,
                end: partition.end,
            },
        };
        let records = partition
            .batches
            .iter()
            .map(|(base, batch)| LogEvent::Records {
                partition: id,
                base: *base,
                batch: batch.clone(),
            });
        std::iter::once(opened)
            .chain(records)
            .chain([LogEvent::CaughtUp { partition: id }])
            .collect()
    }

    /// Does one thing: what was asked for first, or what some partition has to tell.
    pub(crate) fn step(&mut self, dice: &mut Dice) -> Option<LogEvent> {
        if !self.waiting.is_empty() && dice.one_in(2) {
            self.serve(dice);
            return None;
        }
        let index = dice.below(self.partitions.len());
        let id = PartitionId(index as u32);
        let partition = &mut self.partitions[index];
        if partition.has_undelivered() && dice.one_in(2) {
            let (base, batch) = partition.batches[partition.delivered].clone();
            partition.delivered += 1;
            return Some(LogEvent::Records {
                partition: id,
                base,
                batch,
            });
        }
        partition
            .outcomes
            .pop_front()
            .map(|outcome| LogEvent::Appended {
                partition: id,
                outcome,
            })
    }

    fn serve(&mut self, dice: &mut Dice) {
        match self.waiting.pop_front() {
            Some(LogRequest::Append { partition, batch }) => {
                let partition = &mut self.partitions[partition.index()];
                let outcome = if self.append_failures && dice.one_in(4) {
                    Err(AppendFault::Unavailable)
                } else {
                    Ok(partition.write(batch))
                };
                partition.outcomes.push_back(outcome);
            }
            Some(LogRequest::Commit { partition, offset }) => {
                let committed = &mut self.partitions[partition.index()].committed;
                assert!(*committed <= offset, "commits never go back");
                *committed = offset;
            }
            _ => {}
        }
    }

    /// The process dies: of what was not confirmed, a part has reached the disk.
    pub(crate) fn crash(&mut self, dice: &mut Dice) {
        for partition in &mut self.partitions {
            partition.outcomes.clear();
        }
        while let Some(request) = self.waiting.pop_front() {
            if dice.one_in(2) {
                self.waiting.clear();
                return;
            }
            if let LogRequest::Append { partition, batch } = request {
                self.partitions[partition.index()].write(batch);
            }
        }
    }
}

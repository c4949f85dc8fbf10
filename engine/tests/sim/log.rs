//! A log in memory: what it has confirmed survives a crash, what it was asked for may.

use std::collections::VecDeque;

use rookery_engine::port::{AppendFault, LogEvent, LogRequest, Opened};
use rookery_schema::batch::RecordBatch;
use rookery_schema::{Offset, PartitionId};

use crate::world::Dice;

/// One partition's batches with their base offsets.
#[derive(Default)]
pub(crate) struct SimPartition {
    batches: Vec<(Offset, RecordBatch)>,
    end: Offset,
    committed: Offset,
}

pub(crate) struct SimLog {
    partitions: Vec<SimPartition>,
    /// Asked for and not answered.
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
        !self.waiting.is_empty()
    }

    /// What a partition tells the shard that opens it.
    pub(crate) fn open(&self, id: PartitionId) -> Vec<LogEvent> {
        let partition = &self.partitions[id.index()];
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

    /// Does the oldest thing that was asked for.
    pub(crate) fn step(&mut self, dice: &mut Dice) -> Vec<LogEvent> {
        match self.waiting.pop_front() {
            Some(LogRequest::Append { partition, batch }) => {
                if self.append_failures && dice.one_in(4) {
                    let outcome = Err(AppendFault::Unavailable);
                    return vec![LogEvent::Appended { partition, outcome }];
                }
                let base = self.write(partition, batch.clone());
                let appended = LogEvent::Appended {
                    partition,
                    outcome: Ok(()),
                };
                vec![
                    appended,
                    LogEvent::Records {
                        partition,
                        base,
                        batch,
                    },
                ]
            }
            Some(LogRequest::Commit { partition, offset }) => {
                let committed = &mut self.partitions[partition.index()].committed;
                assert!(*committed <= offset, "commits never go back");
                *committed = offset;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn write(&mut self, id: PartitionId, batch: RecordBatch) -> Offset {
        let partition = &mut self.partitions[id.index()];
        let base = partition.end;
        partition.end = base.plus(u64::from(batch.len()));
        partition.batches.push((base, batch));
        base
    }

    /// The process dies: of what was not confirmed, a part has reached the disk.
    pub(crate) fn crash(&mut self, dice: &mut Dice) {
        while let Some(request) = self.waiting.pop_front() {
            if dice.one_in(2) {
                self.waiting.clear();
                return;
            }
            if let LogRequest::Append { partition, batch } = request {
                self.write(partition, batch);
            }
        }
    }
}

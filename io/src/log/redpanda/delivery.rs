//! What one partition's consumer gives, on its way to the shard: runs of records without a gap, and word
//! when all that was in the log at the start has been delivered.

use rookery_engine::port::{LogEvent, Opened};
use rookery_schema::batch::RecordBatchBuilder;
use rookery_schema::{Offset, PartitionId};

/// Bytes of records that are delivered in one event.
const RUN_BYTES: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Delivery {
    partition: PartitionId,
    /// Records that were not handed on yet, and the offset of the first.
    run: RecordBatchBuilder,
    base: Offset,
    /// The offset of the next record, or of one before it that does not exist.
    next: Offset,
    /// Where the log ended when it was opened.
    opened_end: Offset,
    /// Nothing was behind `next` when it was last read.
    at_end: bool,
    caught_up: bool,
    paused: bool,
}

impl Delivery {
    pub(super) fn new(partition: PartitionId, opened: Opened) -> Self {
        Self {
            partition,
            run: RecordBatchBuilder::default(),
            base: opened.start,
            next: opened.start,
            opened_end: opened.end,
            at_end: false,
            caught_up: false,
            paused: false,
        }
    }

    /// Takes a record. Offsets of which there is no record are passed over: brokers use some themselves.
    pub(super) fn record(&mut self, offset: Offset, record: &[u8], events: &mut Vec<LogEvent>) {
        if offset < self.next {
            return;
        }
        if offset > self.next || self.run.bytes() >= RUN_BYTES {
            self.end_run(events);
        }
        if self.run.is_empty() {
            self.base = offset;
        }
        self.run.push_encoded(record);
        self.next = offset.plus(1);
        self.at_end = false;
    }

    /// Notes that there was nothing behind the last record.
    pub(super) const fn reached_end(&mut self) {
        self.at_end = true;
    }

    /// Hands on what was gathered.
    pub(super) fn flush(&mut self, events: &mut Vec<LogEvent>) {
        self.end_run(events);
        if !self.caught_up && (self.at_end || self.next >= self.opened_end) {
            self.caught_up = true;
            events.push(LogEvent::CaughtUp {
                partition: self.partition,
            });
        }
    }

    fn end_run(&mut self, events: &mut Vec<LogEvent>) {
        if !self.run.is_empty() {
            events.push(LogEvent::Records {
                partition: self.partition,
                base: self.base,
                batch: self.run.take(),
            });
        }
    }

    pub(super) const fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Whether records are known to be there that are not delivered yet; `confirmed` is the log's end.
    pub(super) fn is_outstanding(&self, confirmed: Offset) -> bool {
        !self.paused && (!self.caught_up || self.next < confirmed)
    }

    pub(super) const fn partition(&self) -> PartitionId {
        self.partition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: PartitionId = PartitionId(3);

    fn delivery(start: u64, end: u64) -> Delivery {
        Delivery::new(
            P,
            Opened {
                start: Offset(start),
                committed: Offset(start),
                end: Offset(end),
            },
        )
    }

    /// The base and the length of each run, and whether it was the last of the replay.
    fn shown(events: &mut Vec<LogEvent>) -> Vec<(u64, u32)> {
        let show = |event| match event {
            LogEvent::Records { base, batch, .. } => (base.0, batch.len()),
            LogEvent::CaughtUp { partition } => (u64::MAX, partition.0),
            other => panic!("not sent here: {other:?}"),
        };
        events.drain(..).map(show).collect()
    }

    const CAUGHT_UP: (u64, u32) = (u64::MAX, 3);

    #[test]
    fn records_come_in_runs_without_a_gap_and_none_twice() {
        let (mut delivery, mut events) = (delivery(5, 12), Vec::new());
        for offset in [5, 6, 5, 8, 9, 9] {
            delivery.record(Offset(offset), b"record", &mut events);
        }
        delivery.flush(&mut events);
        assert_eq!(shown(&mut events), [(5, 2), (8, 2)]);
        delivery.record(Offset(11), b"", &mut events);
        assert!(delivery.is_outstanding(Offset(0)));
        delivery.flush(&mut events);
        assert_eq!(shown(&mut events), [(11, 1), CAUGHT_UP]);
        assert!(!delivery.is_outstanding(Offset(12)));
        assert!(delivery.is_outstanding(Offset(13)));
        delivery.set_paused(true);
        assert!(!delivery.is_outstanding(Offset(13)));
    }

    #[test]
    fn a_long_run_is_cut() {
        let (mut delivery, mut events) = (delivery(0, 0), Vec::new());
        let record = vec![0; RUN_BYTES / 2];
        for offset in 0..5 {
            delivery.record(Offset(offset), &record, &mut events);
        }
        delivery.flush(&mut events);
        assert_eq!(shown(&mut events), [(0, 2), (2, 2), (4, 1), CAUGHT_UP]);
    }

    #[test]
    fn a_log_without_records_at_its_end_is_caught_up_with_all_the_same() {
        let (mut empty, mut events) = (delivery(4, 4), Vec::new());
        empty.flush(&mut events);
        assert_eq!(shown(&mut events), [CAUGHT_UP]);
        let mut gap = delivery(0, 4);
        gap.record(Offset(2), b"last", &mut events);
        gap.flush(&mut events);
        assert_eq!(shown(&mut events), [(2, 1)]);
        gap.reached_end();
        gap.flush(&mut events);
        assert_eq!(shown(&mut events), [CAUGHT_UP]);
        gap.flush(&mut events);
        assert_eq!(shown(&mut events), []);
    }
}

//! What one partition's consumer gives, on its way to the shard: runs of records without a gap, and word
//! when all that is in front of our own claim has been delivered.

use rookery_engine::port::{LogEvent, Opened};
use rookery_schema::batch::RecordBatchBuilder;
use rookery_schema::{Offset, PartitionId};

/// Bytes of records that are delivered in one event.
const RUN_BYTES: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Delivery {
    partition: PartitionId,
    /// Records that were not handed on yet, the offset of the first, and that behind the last.
    run: RecordBatchBuilder,
    base: Offset,
    end: Offset,
    /// The offset of the next record, or of one before it that does not exist.
    next: Offset,
    /// Up to where the shard knows what there is.
    told: Offset,
    caught_up: bool,
    paused: bool,
}

impl Delivery {
    pub(super) fn new(partition: PartitionId, opened: Opened) -> Self {
        Self {
            partition,
            run: RecordBatchBuilder::default(),
            base: opened.start,
            end: opened.start,
            next: opened.start,
            told: opened.start,
            caught_up: false,
            paused: false,
        }
    }

    /// Takes a record. Offsets of which there is no record are passed over: brokers use some themselves.
    pub(super) fn record(&mut self, offset: Offset, record: &[u8], events: &mut Vec<LogEvent>) {
        if offset < self.next {
            return;
        }
        if offset > self.end || self.run.bytes() >= RUN_BYTES {
            self.end_run(events);
        }
        if self.run.is_empty() {
            self.base = offset;
        }
        self.run.push_encoded(record);
        self.end = offset.plus(1);
        self.next = self.end;
    }

    /// Passes over a message that is nothing to the shard.
    pub(super) fn skip(&mut self, offset: Offset) {
        self.next = self.next.max(offset.plus(1));
    }

    /// Hands on what was gathered; `owned` where our own claim was read.
    pub(super) fn flush(&mut self, owned: bool, events: &mut Vec<LogEvent>) {
        self.end_run(events);
        if self.next > self.told {
            self.told = self.next;
            events.push(LogEvent::Records {
                partition: self.partition,
                base: self.next,
                batch: self.run.take(),
            });
        }
        if owned && !self.caught_up {
            self.caught_up = true;
            events.push(LogEvent::CaughtUp {
                partition: self.partition,
            });
        }
    }

    fn end_run(&mut self, events: &mut Vec<LogEvent>) {
        if !self.run.is_empty() {
            self.told = self.end;
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

    pub(super) const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether records are known to be there that are not delivered yet; `confirmed` is the log's end.
    pub(super) fn is_outstanding(&self, confirmed: Offset) -> bool {
        !self.paused && (!self.caught_up || self.next < confirmed)
    }

    /// The offset of the next message.
    pub(super) const fn next(&self) -> Offset {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: PartitionId = PartitionId(3);

    fn delivery(start: u64) -> Delivery {
        let start = Offset(start);
        Delivery::new(
            P,
            Opened {
                start,
                committed: start,
                end: start,
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
        let (mut delivery, mut events) = (delivery(5), Vec::new());
        for offset in [5, 6, 5, 8, 9, 9] {
            delivery.record(Offset(offset), b"record", &mut events);
        }
        delivery.flush(false, &mut events);
        assert_eq!(shown(&mut events), [(5, 2), (8, 2)]);
        delivery.record(Offset(11), b"", &mut events);
        assert!(delivery.is_outstanding(Offset(0)));
        delivery.flush(true, &mut events);
        assert_eq!(shown(&mut events), [(11, 1), CAUGHT_UP]);
        assert!(!delivery.is_outstanding(Offset(12)));
        assert!(delivery.is_outstanding(Offset(13)));
        delivery.set_paused(true);
        assert!(!delivery.is_outstanding(Offset(13)));
    }

    #[test]
    fn a_long_run_is_cut() {
        let (mut delivery, mut events) = (delivery(0), Vec::new());
        let record = vec![0; RUN_BYTES / 2];
        for offset in 0..5 {
            delivery.record(Offset(offset), &record, &mut events);
        }
        delivery.flush(false, &mut events);
        assert_eq!(shown(&mut events), [(0, 2), (2, 2), (4, 1)]);
    }

    #[test]
    fn a_shard_is_told_of_what_is_passed_over_where_no_record_tells() {
        let (mut delivery, mut events) = (delivery(4), Vec::new());
        delivery.skip(Offset(4));
        delivery.flush(true, &mut events);
        assert_eq!(shown(&mut events), [(5, 0), CAUGHT_UP]);
        delivery.record(Offset(5), b"record", &mut events);
        delivery.skip(Offset(6));
        delivery.record(Offset(7), b"record", &mut events);
        delivery.flush(true, &mut events);
        assert_eq!(shown(&mut events), [(5, 1), (7, 1)]);
        delivery.record(Offset(8), b"record", &mut events);
        delivery.skip(Offset(9));
        delivery.flush(true, &mut events);
        assert_eq!(shown(&mut events), [(8, 1), (10, 0)]);
        delivery.flush(true, &mut events);
        assert_eq!(shown(&mut events), []);
    }
}

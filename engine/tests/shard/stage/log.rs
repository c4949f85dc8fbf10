//! The log and the store of the stage.

use rookery_engine::input::Input;
use rookery_engine::port::{AppendFault, LogEvent, StoreEvent};
use rookery_schema::batch::RecordBatch;
use rookery_schema::row::Row;

use super::{P0, SECOND, Stage};

impl Stage {
    pub(crate) fn log_event(&mut self, event: LogEvent) {
        self.step(Input::Log(event));
    }

    /// The log refuses the oldest append.
    pub(crate) fn fail_append(&mut self) {
        self.appends.pop_front().unwrap();
        self.fault(AppendFault::Unavailable);
    }

    /// The log does not know what became of the oldest append, which may yet be delivered.
    pub(crate) fn doubt_append(&mut self) -> RecordBatch {
        let batch = self.appends.pop_front().unwrap();
        self.fault(AppendFault::Unknown);
        batch
    }

    fn fault(&mut self, fault: AppendFault) {
        self.log_event(LogEvent::Appended {
            partition: P0,
            outcome: Err(fault),
        });
    }

    /// The log confirms the oldest append, and delivers it.
    pub(crate) fn append(&mut self) {
        let batch = self.appends.pop_front().unwrap();
        self.confirm_append(&batch);
        self.deliver(batch);
    }

    /// The log confirms an append that was taken from here before, and that it delivers next.
    pub(crate) fn confirm_append(&mut self, batch: &RecordBatch) {
        self.log_event(LogEvent::Appended {
            partition: P0,
            outcome: Ok(self.end.plus(u64::from(batch.len()))),
        });
    }

    /// The log confirms an append whose records it has delivered already.
    pub(crate) fn confirm_delivered(&mut self) {
        self.log_event(LogEvent::Appended {
            partition: P0,
            outcome: Ok(self.end),
        });
    }

    /// The log delivers records.
    pub(crate) fn deliver(&mut self, batch: RecordBatch) {
        let base = self.end;
        self.end = base.plus(u64::from(batch.len()));
        self.log_event(LogEvent::Records {
            partition: P0,
            base,
            batch,
        });
    }

    /// The store confirms every write; what was written.
    pub(crate) fn store(&mut self) -> Vec<Row> {
        let mut stored = Vec::new();
        while let Some((token, rows)) = self.writes.pop_front() {
            stored.extend(rows);
            let micros = 1;
            self.step(Input::Store(StoreEvent::Written { token, micros }));
        }
        stored
    }

    /// Time passes until the shard commits what is stored, where it is not committed.
    pub(crate) fn commit(&mut self) {
        self.tick_after(2 * SECOND);
        while let Some(token) = self.syncs.pop_front() {
            self.step(Input::Store(StoreEvent::Synced { token }));
        }
    }

    /// The store confirms the newest write before all others.
    pub(crate) fn store_newest(&mut self) {
        let (token, _) = self.writes.pop_back().unwrap();
        let micros = 1;
        self.step(Input::Store(StoreEvent::Written { token, micros }));
    }

    /// Log and store confirm all that they are asked for; what was written.
    pub(crate) fn settle(&mut self) -> Vec<Row> {
        let mut stored = Vec::new();
        while !self.appends.is_empty() || !self.writes.is_empty() {
            if !self.appends.is_empty() {
                self.append();
            }
            stored.extend(self.store());
        }
        stored
    }
}

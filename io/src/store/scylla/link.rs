//! A lane's connection, its replacement when the store was away, and writes that are tried until they are in.
//!
//! The driver reconnects by itself, but after a store's restart only every ten seconds, which can't be
//! set. A session that is made anew is there at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::stream::{self, StreamExt as _};
use rookery_schema::row::Row;
use rookery_schema::{Offset, PartitionId, format};

use super::complaints::Complaints;
use super::connection::Connection;
use super::failure::{DriverError, Kind};
use super::plan::stages;
use super::store::ScyllaStore;
use crate::store::backoff::Backoff;

/// Batches of one job under way at a time.
const STAGE_IN_FLIGHT_MAX: usize = 32;

pub(super) struct Link {
    store: ScyllaStore,
    current: RefCell<Rc<Connection>>,
    is_renewing: Cell<bool>,
}

impl Link {
    pub(super) fn new(store: ScyllaStore, connection: Connection) -> Self {
        Self {
            store,
            current: RefCell::new(Rc::new(connection)),
            is_renewing: Cell::new(false),
        }
    }

    /// What to ask through next.
    pub(super) fn connection(&self) -> Rc<Connection> {
        Rc::clone(&self.current.borrow())
    }

    /// Tries once to get a new session, unless somebody is at it already.
    pub(super) async fn renew(&self) {
        if self.is_renewing.replace(true) {
            return;
        }
        // Where it fails, who asked will be back, and complains.
        if let Ok(connection) = self.store.connection().await {
            self.current.replace(Rc::new(connection));
        }
        self.is_renewing.set(false);
    }

    /// Writes rows of a job, in the stages in which they have to come, however long it takes.
    pub(super) async fn write_job(&self, rows: &[Row], complaints: &Complaints) {
        let needed = rows.iter().map(format::of_row).max();
        self.retried(complaints, async |to| {
            to.raise_format(needed.unwrap_or(format::OLDEST)).await
        })
        .await;
        for stage in stages(rows) {
            stream::iter(&stage)
                .for_each_concurrent(STAGE_IN_FLIGHT_MAX, |batch| {
                    self.retried(complaints, async move |to| to.write(batch).await)
                })
                .await;
        }
    }

    /// Notes how far the store has come, however long it takes. Of two notes the further one stays.
    pub(super) async fn write_reached(
        &self,
        reached: &[(PartitionId, Offset)],
        complaints: &Complaints,
    ) {
        for &(partition, behind) in reached {
            self.retried(complaints, async |to| to.reached(partition, behind).await)
                .await;
        }
    }

    /// Tries until it succeeds.
    async fn retried(
        &self,
        complaints: &Complaints,
        attempt: impl AsyncFn(Rc<Connection>) -> Result<(), DriverError>,
    ) {
        let mut backoff = Backoff::default();
        while let Err(error) = attempt(self.connection()).await {
            complaints.about("the store could not be written; trying again", &error);
            if error.kind == Kind::CutOff {
                self.renew().await;
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }
}

//! Servers that work can be given to. A peer says which connections to open and how they talk; the event
//! loop, the schedule, the checks and the report are the same for all.

pub mod centrifuge;
pub mod nats;
pub mod rookery;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::error::BenchError;
use crate::load::codec::Endpoint;
use crate::monitor::Watched;
use crate::process;
use crate::world::World;

/// A server, with users and rooms made for a run.
pub trait Peer {
    /// What it is called in reports.
    fn name(&self) -> &'static str;

    /// Where its connections go.
    fn addr(&self) -> SocketAddr;

    /// What is watched of it during a run: its process, if it is one of this machine.
    fn watched(&self) -> Watched {
        Watched {
            pid: process::find_listener(self.addr()),
            metrics: None,
        }
    }

    /// Users and rooms.
    fn world(&self) -> Arc<World>;

    /// The connections of one run, not opened yet.
    fn endpoints(&self) -> Vec<Endpoint>;

    /// Gives back what was made for the runs.
    ///
    /// # Errors
    /// Where the server doesn't.
    fn clean_up(&self) -> Result<(), BenchError> {
        Ok(())
    }

    /// What an accepted message of each room has to bring: a delivery to each who listens.
    fn deliveries_of_each(&self, endpoints: &[Endpoint]) -> Vec<u64> {
        let mut deliveries = vec![0; self.world().rooms.len()];
        for room in endpoints.iter().flat_map(|endpoint| &endpoint.hears) {
            deliveries[*room as usize] += 1;
        }
        deliveries
    }
}

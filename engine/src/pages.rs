//! Pages that connections of this shard ask for, each up to 1 MiB: only some are made at a time, for networks in turn,
//! and they count as held before they are made.

use rookery_schema::limits::PAGE_BYTES_MAX;

use crate::fair_queue::FairQueue;
use crate::held_bytes::{HeldBytes, Holding};
use crate::ids::ConnId;
use crate::limits::Network;
use crate::mesh::Command;
use crate::mesh::problem::Problem;
use crate::outbox::OUTBOXES_BYTES_MAX;

/// Pages that a shard has made for it at a time.
pub const PAGES_MADE_MAX: usize = 32;
/// Pages of a shard that wait to be made.
pub const PAGES_WAITING_MAX: usize = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    waiting: FairQueue<Wanted>,
    made: Vec<Made>,
}

/// A request for a page.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) conn: ConnId,
    pub(crate) ticket: u64,
    pub(crate) command: Command,
    /// When its asker is refused, in microseconds.
    pub(crate) due_micros: u64,
}

/// A page that another part makes.
#[derive(Debug)]
struct Made {
    conn: ConnId,
    ticket: u64,
    due_micros: u64,
    /// As much as it may become; from then on its reply is counted.
    _held: Holding,
}

impl Pages {
    /// Adds a request for a page. Returns one that there is no room for any more.
    pub(crate) fn add(&mut self, network: Network, wanted: Wanted) -> Option<Wanted> {
        self.waiting.push(network, wanted, PAGES_WAITING_MAX)
    }

    /// The next page to be made, if there is one and room for it.
    pub(crate) fn next(&mut self, held: &HeldBytes, now_micros: u64) -> Option<Wanted> {
        while self.made.len() < PAGES_MADE_MAX {
            let wanted = self.waiting.pop()?;
            if wanted.due_micros > now_micros {
                self.made.push(Made {
                    conn: wanted.conn,
                    ticket: wanted.ticket,
                    due_micros: wanted.due_micros,
                    _held: Holding::of(held, PAGE_BYTES_MAX),
                });
                return Some(wanted);
            }
        }
        None
    }

    /// A request was answered, whatever it was for. True where it was a page.
    pub(crate) fn answered(&mut self, conn: ConnId, ticket: u64) -> bool {
        let is_it = |page: &Made| (page.conn, page.ticket) == (conn, ticket);
        let place = self.made.iter().position(is_it);
        place.map(|place| self.made.swap_remove(place)).is_some()
    }

    /// Gives up pages whose askers have been refused by now.
    pub(crate) fn tick(&mut self, now_micros: u64) {
        self.made.retain(|page| page.due_micros > now_micros);
    }
}

/// Whether there is room for a page.
///
/// # Errors
/// As much is held for connections as may be. Some will be closed for that.
pub(crate) fn admit(held: &HeldBytes) -> Result<(), Problem> {
    if held.get() >= OUTBOXES_BYTES_MAX {
        return Err(Problem::HELD_BYTES);
    }
    Ok(())
}

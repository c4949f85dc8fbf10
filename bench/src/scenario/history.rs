//! Reading pages of a chat with a long history.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{hot_room, measure};
use crate::cli::common::Messages;
use crate::cli::scenarios::History;
use crate::error::BenchError;
use crate::load::codec::Endpoint;
use crate::load::history::{HistoryCodec, Pages};
use crate::load::run::Plan;
use crate::monitor::Watched;
use crate::peer::Peer;
use crate::peer::rookery::Rookery;
use crate::report::Report;
use crate::world::World;

/// Connections that write the history.
const WRITERS: usize = 16;
/// Posts of each without an answer.
const WRITERS_IN_FLIGHT: u32 = 64;
/// How long that may take.
const WRITE_WITHIN: Duration = Duration::from_secs(3_600);
/// The number of the first message: 1 is the chat's creation.
const FIRST_SEQ: u64 = 2;

pub(super) fn run(args: &History) -> Result<Vec<Report>, BenchError> {
    let room = write(args)?;
    let reader = Reader {
        pages: Pages {
            page: u64::from(args.page).min(args.messages),
            first_seq: FIRST_SEQ,
            messages: args.messages,
        },
        connections: args.senders as usize,
        room,
    };
    let plan = measure::plan(&args.common, args.in_flight);
    measure::at_rates("history", &reader, &args.pacing, &plan)
}

/// A room with a history.
fn write(args: &History) -> Result<Rookery, BenchError> {
    let messages = Messages {
        size: args.size,
        no_batch: false,
        presence: false,
        client_ids: false,
    };
    let room = Rookery {
        senders: WRITERS,
        listeners: 0,
        ..hot_room::one_room(1, 1, &args.common, &messages)?
    };
    let plan = Plan {
        duration: WRITE_WITHIN,
        messages_max: args.messages,
        ..measure::plan(&args.common, WRITERS_IN_FLIGHT)
    };
    let (outcome, _) = measure::outcome("writing a history", &room, &plan)?;
    match args.messages - outcome.ledger.counts.accepted {
        0 => Ok(room),
        missing => Err(BenchError::NoHistory(missing)),
    }
}

/// A room that is read, and not listened to.
struct Reader {
    room: Rookery,
    pages: Pages,
    connections: usize,
}

impl Peer for Reader {
    fn name(&self) -> &'static str {
        self.room.name()
    }

    fn addr(&self) -> SocketAddr {
        self.room.addr()
    }

    fn watched(&self) -> Watched {
        self.room.watched()
    }

    fn world(&self) -> Arc<World> {
        self.room.world()
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let codec = || HistoryCodec::new(self.world(), self.room.target.host(), self.pages);
        (0..self.connections)
            .map(|_| Endpoint::sender(Box::new(codec())))
            .collect()
    }

    /// The messages of a page.
    fn deliveries_of_each(&self, _: &[Endpoint]) -> Vec<u64> {
        vec![self.pages.page]
    }
}

//! The hot room's work, given to Rookery and to another server in turn.

use super::{hot_room, measure};
use crate::cli::{Compare, PeerName};
use crate::error::BenchError;
use crate::peer::Peer;
use crate::peer::nats::Nats;
use crate::report::Report;
use crate::setup::resolve;

pub(super) fn run(args: &Compare) -> Result<Vec<Report>, BenchError> {
    let load = &args.room.load;
    let plan = measure::plan(&args.room.common, load.in_flight);
    let rookery = hot_room::room(&args.room)?;
    let pacing = &load.pacing;
    let mut reports = measure::at_rates("compare", &rookery, pacing, &plan)?;
    match args.peer {
        PeerName::Nats => {
            let nats = nats(args, rookery.endpoints().iter().filter(|e| e.sends).count())?;
            let measured = measure::at_rates("compare", &nats, pacing, &plan);
            nats.clean_up()?;
            reports.extend(measured?);
        }
    }
    Ok(reports)
}

/// The same numbers of connections that send and that listen.
fn nats(args: &Compare, senders: usize) -> Result<Nats, BenchError> {
    Nats::prepare(
        resolve(&args.peer_url)?,
        senders,
        args.room.listeners as usize,
        args.room.load.messages.size as usize,
        args.subscribers,
    )
}

//! The hot room's work, given to Rookery and to another server in turn.

use super::{hot_room, measure};
use crate::cli::compared::{Compare, PeerName};
use crate::error::BenchError;
use crate::peer::Peer;
use crate::peer::centrifuge::Centrifuge;
use crate::peer::nats::Nats;
use crate::report::Report;
use crate::setup::resolve;

const NATS_URL: &str = "nats://127.0.0.1:4222";
const CENTRIFUGE_URL: &str = "http://127.0.0.1:8002";

pub(super) fn run(args: &Compare) -> Result<Vec<Report>, BenchError> {
    let load = &args.room.load;
    let plan = hot_room::plan(&args.room);
    let rookery = hot_room::room(&args.room)?;
    let measure = |peer: &dyn Peer| measure::at_rates("compare", peer, &load.pacing, &plan);
    let mut reports = measure(&rookery)?;

    // The same numbers of connections that send and that listen.
    let senders = rookery.endpoints().iter().filter(|e| e.sends).count();
    let listeners = args.room.listeners as usize;
    let size = load.messages.size as usize;
    let addr = |default| resolve(args.peer_url.as_deref().unwrap_or(default));
    let measured = match args.peer {
        PeerName::Nats => {
            let addr = addr(NATS_URL)?;
            let nats = Nats::prepare(addr, senders, listeners, size, args.subscribers)?;
            let measured = measure(&nats);
            nats.clean_up()?;
            measured
        }
        PeerName::Centrifuge => {
            let addr = addr(CENTRIFUGE_URL)?;
            measure(&Centrifuge::prepare(addr, senders, listeners, size)?)
        }
    };
    reports.extend(measured?);
    Ok(reports)
}

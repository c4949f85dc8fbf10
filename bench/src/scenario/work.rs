//! Work that any server can be given: one room, or many.

use super::rooms::{Shape, rooms};
use super::{hot_room, measure};
use crate::cli::compared::{PeerName, PeerOptions, Work};
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::peer::Peer;
use crate::peer::centrifuge::Centrifuge;
use crate::peer::nats::Nats;
use crate::peer::rookery::Rookery;
use crate::setup::resolve;

const NATS_URL: &str = "nats://127.0.0.1:4222";
const CENTRIFUGE_URL: &str = "http://127.0.0.1:8002";
/// Members of each of many rooms.
const MEMBERS: u32 = 3;
/// Users of many rooms where nobody says how many.
const USERS: u32 = 1_000;

/// The plan that the flags describe, but for its pace.
pub(super) fn plan(work: &Work) -> Plan {
    Plan {
        zipf_exponent: work.zipf,
        ..measure::plan(&work.common, work.sending.in_flight)
    }
}

/// Rookery with what the work needs. So many listen to the one room where nobody says how many.
pub(super) fn rookery(work: &Work, listeners: u32) -> Result<Rookery, BenchError> {
    match work.rooms {
        None => {
            let listeners = work.listeners.unwrap_or(listeners);
            hot_room::room(listeners, &work.sending, &work.common)
        }
        Some(count) => {
            let shape = Shape {
                rooms: count,
                members: MEMBERS,
                users: work.listeners.unwrap_or(USERS),
            };
            rooms(shape, &work.sending, &work.common)
        }
    }
}

/// Another server with the same rooms, and as many connections that send and that listen.
pub(super) fn other_server(
    name: PeerName,
    options: &PeerOptions,
    like: &Rookery,
) -> Result<Box<dyn Peer>, BenchError> {
    let senders = like.endpoints().iter().filter(|e| e.sends).count();
    let (listeners, size) = (like.listeners, like.options.size);
    let addr = |default| resolve(options.peer_url.as_deref().unwrap_or(default));
    Ok(match name {
        PeerName::Nats if like.world.rooms.len() > 1 => {
            return Err(BenchError::Usage(
                "NATS is given the hot room alone here; say --peer centrifuge, or no --rooms",
            ));
        }
        PeerName::Nats => {
            let addr = addr(NATS_URL)?;
            Box::new(Nats::prepare(
                addr,
                senders,
                listeners,
                size,
                options.subscribers,
            )?)
        }
        PeerName::Centrifuge => {
            let addr = addr(CENTRIFUGE_URL)?;
            Box::new(Centrifuge::prepare(
                addr,
                &like.world,
                senders,
                listeners,
                size,
            )?)
        }
    })
}

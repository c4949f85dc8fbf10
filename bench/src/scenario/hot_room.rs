//! One chat, which all listen to.

use std::sync::Arc;

use super::measure;
use crate::cli::common::{Common, Messages};
use crate::cli::scenarios::HotRoom;
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::peer::rookery::{Rookery, Via};
use crate::report::Report;
use crate::world::World;

/// Connections that send where nobody says how many.
pub(super) const SENDERS_HTTP: u32 = 100;

pub(super) fn run(args: &HotRoom) -> Result<Vec<Report>, BenchError> {
    let peer = room(args)?;
    measure::at_rates("hot-room", &peer, &args.load.pacing, &plan(args))
}

/// The plan that the flags describe, but for its pace.
pub(super) fn plan(args: &HotRoom) -> Plan {
    Plan {
        pause: args.pause_listeners,
        ..measure::plan(&args.common, args.load.in_flight)
    }
}

/// A chat with a member for each listener, and with the connections that the flags ask for.
pub(super) fn room(args: &HotRoom) -> Result<Rookery, BenchError> {
    let (listeners, load) = (args.listeners, &args.load);
    let senders = load.senders.unwrap_or(match load.via {
        Via::Http => SENDERS_HTTP,
        Via::Ws => listeners.max(1),
    });
    let (members, speakers) = match load.via {
        Via::Http => (listeners.max(1), listeners),
        Via::Ws => (listeners.max(senders), senders),
    };
    one_room(members, speakers, &args.common, &load.messages).map(|peer| Rookery {
        via: load.via,
        senders: senders as usize,
        listeners: listeners as usize,
        ..peer
    })
}

/// A chat of so many, in which one connection sends.
pub(super) fn one_room(
    members: u32,
    speakers: u32,
    common: &Common,
    messages: &Messages,
) -> Result<Rookery, BenchError> {
    let target = common.target()?;
    let users = target.create_users(members as usize)?;
    let memberships = [(0..members).collect()];
    let rooms = target.create_rooms(&users, &memberships, speakers as usize)?;
    Ok(Rookery {
        target,
        watched: common.watched()?,
        world: Arc::new(World::new(users, rooms)),
        via: Via::Http,
        senders: 1,
        listeners: members as usize,
        options: messages.options(),
    })
}

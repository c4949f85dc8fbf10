//! One chat, which all listen to.

use std::sync::Arc;

use super::measure;
use crate::cli::common::{Common, Messages, Sending};
use crate::cli::scenarios::HotRoom;
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::peer::rookery::{Rookery, Via};
use crate::report::Report;
use crate::world::World;

/// Connections that send where nobody says how many.
pub(super) const SENDERS_HTTP: u32 = 100;

pub(super) fn run(args: &HotRoom) -> Result<Vec<Report>, BenchError> {
    let sending = &args.load.sending;
    let peer = room(args.listeners, sending, &args.common)?;
    let plan = Plan {
        pause: args.pause_listeners,
        ..measure::plan(&args.common, sending.in_flight)
    };
    measure::at_rates("hot-room", &peer, &args.load.pacing, &plan)
}

/// A chat with a member for each listener, and with the connections that the flags ask for.
pub(super) fn room(
    listeners: u32,
    sending: &Sending,
    common: &Common,
) -> Result<Rookery, BenchError> {
    let senders = sending.senders.unwrap_or(match sending.via {
        Via::Http => SENDERS_HTTP,
        Via::Ws => listeners.max(1),
    });
    let (members, speakers) = match sending.via {
        Via::Http => (listeners.max(1), listeners),
        Via::Ws => (listeners.max(senders), senders),
    };
    one_room(members, speakers, common, &sending.messages).map(|peer| Rookery {
        via: sending.via,
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

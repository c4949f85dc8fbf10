//! Many chats, some more popular than others.

use std::sync::Arc;

use super::{hot_room, measure};
use crate::cli::common::{Common, Messages, Sending};
use crate::cli::scenarios::Rooms;
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::load::ws::WsOptions;
use crate::peer::rookery::{Rookery, Via};
use crate::report::Report;
use crate::setup::Target;
use crate::world::{UserNumber, World};

/// How many rooms, of whom.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) rooms: u32,
    pub(super) members: u32,
    pub(super) users: u32,
}

pub(super) fn run(args: &Rooms) -> Result<Vec<Report>, BenchError> {
    let shape = Shape {
        rooms: args.rooms,
        members: args.members,
        users: args.listeners,
    };
    let sending = &args.load.sending;
    let peer = rooms(shape, sending, &args.common)?;
    let plan = Plan {
        zipf_exponent: args.zipf,
        ..measure::plan(&args.common, sending.in_flight)
    };
    measure::at_rates("rooms", &peer, &args.load.pacing, &plan)
}

/// Rooms whose members are all connected, and the connections that the flags ask for.
pub(super) fn rooms(
    shape: Shape,
    sending: &Sending,
    common: &Common,
) -> Result<Rookery, BenchError> {
    let peer = many_rooms(common.target()?, shape, common, &sending.messages)?;
    Ok(match sending.via {
        Via::Http => Rookery {
            senders: sending.senders.unwrap_or(hot_room::SENDERS_HTTP) as usize,
            ..peer
        },
        Via::Ws => with_sockets_that_send(peer),
    })
}

/// Rooms whose members are all connected, and one connection that posts.
pub(super) fn many_rooms(
    target: Target,
    shape: Shape,
    common: &Common,
    messages: &Messages,
) -> Result<Rookery, BenchError> {
    if shape.members > shape.users {
        return Err(BenchError::Usage(
            "a room can't have more members than there are listeners; say --listeners N",
        ));
    }
    let users = target.create_users(shape.users as usize)?;
    let rooms = target.create_rooms(&users, &memberships(shape), shape.members as usize)?;
    Ok(Rookery {
        target,
        watched: common.watched()?,
        world: Arc::new(World::new(users, rooms)),
        via: Via::Http,
        senders: 1,
        listeners: shape.users as usize,
        options: messages.options(),
    })
}

/// Each user sends over a socket of their own. What they send to different rooms may be answered in any order, so
/// that each message needs an id.
fn with_sockets_that_send(peer: Rookery) -> Rookery {
    Rookery {
        via: Via::Ws,
        senders: peer.listeners,
        options: WsOptions {
            client_ids: true,
            ..peer.options
        },
        ..peer
    }
}

/// Neighbours in a circle of users, beginning at another one in each room: all users are in as many rooms,
/// and popular rooms are not all of the same ones.
fn memberships(shape: Shape) -> Vec<Vec<UserNumber>> {
    (0..shape.rooms)
        .map(|room| {
            let first = u64::from(room) * u64::from(shape.members);
            (0..shape.members)
                .map(|n| ((first + u64::from(n)) % u64::from(shape.users)) as UserNumber)
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_room_differ_and_users_have_as_many_rooms() {
        let shape = Shape {
            rooms: 100,
            members: 3,
            users: 20,
        };
        let mut rooms_of = [0; 20];
        for members in memberships(shape) {
            let mut distinct = members.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), 3);
            members
                .iter()
                .for_each(|user| rooms_of[*user as usize] += 1);
        }
        assert!(rooms_of.iter().all(|rooms| *rooms == 15));
    }
}

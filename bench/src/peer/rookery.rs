//! Rookery: messages by HTTP or WebSocket, deliveries by WebSocket.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::ValueEnum;

use crate::load::codec::Endpoint;
use crate::load::http::HttpCodec;
use crate::load::ws::{WsCodec, WsOptions};
use crate::monitor::Watched;
use crate::peer::Peer;
use crate::setup::Target;
use crate::world::{UserNumber, World};

/// How messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Via {
    /// `POST`, over connections that send for all users and don't listen.
    Http,
    /// `send`, over the WebSockets of the members, all of which listen too.
    Ws,
}

/// A Rookery server with users and rooms.
pub struct Rookery {
    pub target: Target,
    pub watched: Watched,
    pub world: Arc<World>,
    pub via: Via,
    /// Connections that send: with [`Via::Ws`], those of the first users.
    pub senders: usize,
    /// The first users listen, so many of them.
    pub listeners: usize,
    /// Of WebSockets; those of HTTP alike.
    pub options: WsOptions,
}

impl Rookery {
    /// The n-th connection that sends for all.
    fn posting(&self, n: usize) -> Endpoint {
        let options = &self.options;
        let world = Arc::clone(&self.world);
        let codec = HttpCodec::new(world, self.target.host(), options.size, options.client_ids);
        Endpoint {
            from: self.target.users_from.of_user(n),
            ..Endpoint::sender(Box::new(codec))
        }
    }

    fn sockets(&self, count: usize, senders: usize) -> impl Iterator<Item = Endpoint> {
        let rooms = self.world.rooms_by_user().into_iter();
        (0..).zip(rooms).take(count).map(move |(user, hears)| {
            let world = Arc::clone(&self.world);
            let codec = WsCodec::new(world, self.target.host(), user, self.options.clone());
            Endpoint {
                codec: Box::new(codec),
                from: self.target.users_from.of_user(user as usize),
                user: Some(user),
                sends: user < senders as UserNumber,
                hears,
            }
        })
    }
}

impl Peer for Rookery {
    fn name(&self) -> &'static str {
        "rookery"
    }

    fn addr(&self) -> SocketAddr {
        self.target.addr
    }

    fn watched(&self) -> Watched {
        self.watched
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        match self.via {
            Via::Http => (0..self.senders)
                .map(|n| self.posting(n))
                .chain(self.sockets(self.listeners, 0))
                .collect(),
            Via::Ws => self
                .sockets(self.listeners.max(self.senders), self.senders)
                .collect(),
        }
    }
}

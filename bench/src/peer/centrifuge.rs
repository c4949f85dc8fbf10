//! Centrifuge, a Go library, in the server of `bench/peers/centrifuge`: posts by HTTP, as to Rookery, and listeners
//! by its own protocol. The hot room's work, nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::error::BenchError;
use crate::load::centrifuge::CentrifugeCodec;
use crate::load::codec::Endpoint;
use crate::load::http::HttpCodec;
use crate::peer::Peer;
use crate::setup::random_room_id;
use crate::world::World;

/// The server tells nobody from anybody.
const CREDENTIAL: &str = "Cookie: user_id=anybody";

/// A server, and a channel for one run.
pub struct Centrifuge {
    addr: SocketAddr,
    senders: usize,
    listeners: usize,
    size: usize,
    world: Arc<World>,
}

impl Centrifuge {
    /// A channel is there once somebody posts to it or listens.
    ///
    /// # Errors
    /// Where the system has no random bytes.
    pub fn prepare(
        addr: SocketAddr,
        senders: usize,
        listeners: usize,
        size: usize,
    ) -> Result<Self, BenchError> {
        Ok(Self {
            addr,
            senders,
            listeners,
            size,
            world: Arc::new(World::one_room(random_room_id()?, CREDENTIAL)),
        })
    }

    fn sender(&self) -> Endpoint {
        let world = Arc::clone(&self.world);
        Endpoint::sender(Box::new(HttpCodec::new(
            world,
            self.addr.to_string(),
            self.size,
            false,
        )))
    }

    fn listener(&self) -> Endpoint {
        let channel = String::from_utf8_lossy(&self.world.rooms[0].id).into_owned();
        Endpoint::listener(Box::new(CentrifugeCodec::new(
            self.addr.to_string(),
            channel,
        )))
    }
}

impl Peer for Centrifuge {
    fn name(&self) -> &'static str {
        "centrifuge"
    }

    fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let listeners = (0..self.listeners).map(|_| self.listener());
        listeners
            .chain((0..self.senders).map(|_| self.sender()))
            .collect()
    }
}

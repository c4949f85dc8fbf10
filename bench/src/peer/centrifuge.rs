//! Centrifuge, a Go library, in the server of `bench/peers/centrifuge`: posts by HTTP, as to Rookery, and listeners
//! by its own protocol.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use crate::error::BenchError;
use crate::load::centrifuge::CentrifugeCodec;
use crate::load::codec::Endpoint;
use crate::load::http::HttpCodec;
use crate::peer::Peer;
use crate::setup::random_room_id;
use crate::world::{RoomNumber, World};

/// The server tells nobody from anybody.
const CREDENTIAL: &str = "Cookie: user_id=anybody";

/// A server, and a channel for each room.
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
    /// Where nobody listens, or the system has no random bytes.
    pub fn prepare(
        addr: SocketAddr,
        like: &World,
        senders: usize,
        listeners: usize,
        size: usize,
    ) -> Result<Self, BenchError> {
        TcpStream::connect(addr).map_err(|source| BenchError::Centrifuge { addr, source })?;
        let channels = like.rooms.iter().map(|_| random_room_id());
        let channels = channels.collect::<Result<_, _>>()?;
        Ok(Self {
            addr,
            senders,
            listeners,
            size,
            world: Arc::new(like.elsewhere(channels, CREDENTIAL)),
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

    fn listener(&self, hears: Vec<RoomNumber>) -> Endpoint {
        let codec = CentrifugeCodec::new(self.addr.to_string(), Arc::clone(&self.world));
        Endpoint {
            hears,
            ..Endpoint::listener(Box::new(codec))
        }
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
        let rooms = self.world.rooms_by_user().into_iter();
        rooms
            .take(self.listeners)
            .map(|hears| self.listener(hears))
            .chain((0..self.senders).map(|_| self.sender()))
            .collect()
    }
}

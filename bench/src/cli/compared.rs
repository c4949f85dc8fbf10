//! Flags of what is compared with another server.

use clap::{Args, ValueEnum};

use crate::cli::scenarios::HotRoom;
use crate::peer::nats::Subscribers;

/// A server to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PeerName {
    /// NATS JetStream
    Nats,
    /// Centrifuge, as bench/peers/centrifuge has it
    Centrifuge,
}

#[derive(Args, Debug)]
pub struct Compare {
    /// What to compare with
    #[arg(long, default_value = "nats")]
    pub peer: PeerName,
    /// Where it listens, if not at nats://127.0.0.1:4222 or http://127.0.0.1:8002
    #[arg(long)]
    pub peer_url: Option<String>,
    /// Where subscribers of NATS get messages from
    #[arg(long, default_value = "consumer")]
    pub subscribers: Subscribers,
    #[command(flatten)]
    pub room: HotRoom,
}

//! Flags of work that several servers are given.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::common::{Common, Pacing, Sending, exponent, pause, positive};
use crate::peer::nats::Subscribers;

/// A server to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PeerName {
    /// NATS JetStream
    Nats,
    /// Centrifuge, as bench/peers/centrifuge has it
    Centrifuge,
}

/// How that server is used.
#[derive(Args, Clone, Debug)]
pub struct PeerOptions {
    /// Where the peer listens, if not at nats://127.0.0.1:4222 or http://127.0.0.1:8002
    #[arg(long)]
    pub peer_url: Option<String>,
    /// Where subscribers of NATS get messages from
    #[arg(long, default_value = "consumer")]
    pub subscribers: Subscribers,
}

/// What all servers are to do.
#[derive(Args, Clone, Debug)]
pub struct Work {
    /// Many chats of three members, instead of one which all listen to: so many
    #[arg(long, value_name = "CHATS", value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: Option<u32>,
    /// Zipf exponent of the popularity of many chats; 0: all alike
    #[arg(long, default_value = "1.0", value_parser = exponent)]
    pub zipf: f64,
    /// Connections that listen; if not given, 1,000 with --rooms, and otherwise 10, or 3 in thrift
    #[arg(long)]
    pub listeners: Option<u32>,
    #[command(flatten)]
    pub sending: Sending,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
pub struct Compare {
    /// What to compare with
    #[arg(long, default_value = "nats")]
    pub peer: PeerName,
    #[command(flatten)]
    pub peer_options: PeerOptions,
    #[command(flatten)]
    pub pacing: Pacing,
    /// Milliseconds for which all listeners stop reading, once every second; 0: never
    #[arg(long, value_name = "MILLIS", default_value = "0", value_parser = pause)]
    pub pause_listeners: Duration,
    #[command(flatten)]
    pub work: Work,
}

#[derive(Args, Debug)]
pub struct Thrift {
    /// Messages a second; each rate is measured by itself
    #[arg(
        long,
        value_name = "RATES",
        value_delimiter = ',',
        default_value = "1000,5000,20000",
        value_parser = positive
    )]
    pub rates: Vec<f64>,
    /// Times that each rate is measured
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// What to compare with, in turns
    #[arg(long)]
    pub peer: Option<PeerName>,
    #[command(flatten)]
    pub peer_options: PeerOptions,
    #[command(flatten)]
    pub work: Work,
}

//! Flags of the scenarios in which a server has messages, and users who want no harm.

use std::time::Duration;

use clap::Args;

use crate::cli::common::{Common, Load, Messages, Pacing, exponent, in_flight, pause, size};
use crate::schedule::Rate;

#[derive(Args, Debug)]
pub struct HotRoom {
    /// Connections that listen
    #[arg(long, default_value = "10")]
    pub listeners: u32,
    /// Milliseconds for which all listeners stop reading, once every second; 0: never
    #[arg(long, value_name = "MILLIS", default_value = "0", value_parser = pause)]
    pub pause_listeners: Duration,
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
pub struct Rooms {
    /// Chats
    #[arg(long, default_value = "10000", value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// Members of each
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    pub members: u32,
    /// Users, of whom all are connected; the members of the rooms are drawn from them
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub listeners: u32,
    /// Zipf exponent of the rooms' popularity; 0: all alike
    #[arg(long, default_value = "1.0", value_parser = exponent)]
    pub zipf: f64,
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
pub struct FanOut {
    /// WebSockets that listen
    #[arg(long, default_value = "10000", value_parser = clap::value_parser!(u32).range(1..))]
    pub listeners: u32,
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
pub struct Idle {
    /// WebSockets
    #[arg(long, default_value = "15000", value_parser = clap::value_parser!(u32).range(1..))]
    pub listeners: u32,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
pub struct Reconnect {
    /// WebSockets that listen, lose their connections, and come back
    #[arg(long, default_value = "5000", value_parser = clap::value_parser!(u32).range(1..))]
    pub listeners: u32,
    /// Chats
    #[arg(long, default_value = "5000", value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// Members of each
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    pub members: u32,
    /// Messages a second, before, during and after the storm
    #[arg(long, default_value = "1000")]
    pub rate: Rate,
    /// Connections that send
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    pub senders: u32,
    /// Messages of one connection without an answer
    #[arg(long, default_value = "16", value_parser = in_flight())]
    pub in_flight: u32,
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
pub struct History {
    /// Messages in the chat
    #[arg(long, default_value = "100000", value_parser = clap::value_parser!(u64).range(1..))]
    pub messages: u64,
    /// Messages of a page
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub page: u32,
    /// Connections that read
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    pub senders: u32,
    /// Requests of one connection without an answer
    #[arg(long, default_value = "1", value_parser = in_flight())]
    pub in_flight: u32,
    /// Bytes of each message's content
    #[arg(long, default_value = "100", value_parser = size())]
    pub size: u64,
    #[command(flatten)]
    pub pacing: Pacing,
    #[command(flatten)]
    pub common: Common,
}

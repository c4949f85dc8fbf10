//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{RangedI64ValueParser, RangedU64ValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::addresses::Addresses;
use crate::attack::catalog::Attack;
use crate::error::BenchError;
use crate::load::ws::WsOptions;
use crate::monitor::Watched;
use crate::peer::nats::Subscribers;
use crate::peer::rookery::Via;
use crate::process;
use crate::schedule::Rate;
use crate::setup::{Auth, Target, resolve};
use crate::stamp::STAMP_BYTES;

/// Content that a server takes, in bytes.
const SIZE_MAX: u64 = 4_096;
/// Sends without an answer that a server reads of one WebSocket.
const IN_FLIGHT_MAX: i64 = 1_024;
/// Addresses that attackers have at most: those of 127.0.0.0/16, nearly.
const ADDRESSES_MAX: i64 = 65_000;
/// Listeners pause for less than this, in milliseconds, of each second.
const PAUSE_MILLIS_END: u64 = 1_000;

/// Measures a chat server, and proves each run correct: every listener must get every accepted message, once
/// and in order. Exits 0 if so, 1 if not, 2 where there is no measurement, 64 where a flag is wrong.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    pub scenario: Scenario,
}

#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// One chat, which all listen to
    HotRoom(HotRoom),
    /// Many chats, some more popular than others
    Rooms(Rooms),
    /// One chat with many listeners, and one message at a time
    FanOut(FanOut),
    /// Sockets to which nothing happens
    Idle(Idle),
    /// All listeners lose their connections at once, and resume where they were
    Reconnect(Reconnect),
    /// Pages of a chat with a long history
    History(History),
    /// Attackers of all kinds at once, beside honest users
    Hostile(Hostile),
    /// The hot room here and on another server, one after the other
    Compare(Compare),
}

/// What all scenarios have.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Where the server listens
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    pub url: String,
    /// Where its metrics are, if not there
    #[arg(long, value_name = "URL")]
    pub metrics_url: Option<String>,
    /// How the server knows who is calling
    #[arg(long, default_value = "trust")]
    pub auth: Auth,
    /// Process of the server; found by its port if it is one of this machine
    #[arg(long)]
    pub pid: Option<u32>,
    /// Seconds that are measured
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub duration: Duration,
    /// Seconds of load before that
    #[arg(long, default_value = "2", value_parser = seconds)]
    pub warmup: Duration,
    /// Microseconds that the generator leaves between two looks at its sockets, so that it does more at once
    /// and takes less of the machine; latencies contain them
    #[arg(long, default_value = "0", value_parser = microseconds)]
    pub gather: Duration,
    /// Write the results as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// How much load there is.
#[derive(Args, Clone, Debug)]
pub struct Pacing {
    /// `max`, messages a second, or a part of what `max` reaches in a short run before (`0.5x`)
    #[arg(long, default_value = "max")]
    pub rate: Rate,
    /// Measure these rates in turn instead
    #[arg(
        long,
        value_name = "RATES",
        value_delimiter = ',',
        conflicts_with = "rate"
    )]
    pub sweep: Vec<Rate>,
    /// Draw latencies against offered rates
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

/// What scenarios with messages have.
#[derive(Args, Clone, Debug)]
pub struct Load {
    #[command(flatten)]
    pub pacing: Pacing,
    /// How messages are sent
    #[arg(long, default_value = "http")]
    pub via: Via,
    /// Connections that send; 100 with HTTP, as many as listen with WebSocket
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub senders: Option<u32>,
    /// Messages of one connection without an answer
    #[arg(long, default_value = "1", value_parser = in_flight())]
    pub in_flight: u32,
    #[command(flatten)]
    pub messages: Messages,
}

/// What messages and deliveries look like.
#[derive(Args, Clone, Debug)]
pub struct Messages {
    /// Bytes of each content
    #[arg(long, default_value = "100", value_parser = size())]
    pub size: u64,
    /// Listen without rookery.v1.batch: one event in a frame
    #[arg(long)]
    pub no_batch: bool,
    /// Whoever listens follows the presence of the members of their rooms
    #[arg(long)]
    pub presence: bool,
    /// Give each message a `client_id`
    #[arg(long)]
    pub client_ids: bool,
}

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

#[derive(Args, Debug)]
pub struct Hostile {
    /// Honest users, of whom all are connected; the members of the rooms are drawn from them
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    pub listeners: u32,
    /// Chats
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// Members of each
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    pub members: u32,
    /// Zipf exponent of the rooms' popularity; 0: all alike
    #[arg(long, default_value = "1.0", value_parser = exponent)]
    pub zipf: f64,
    /// Honest messages a second
    #[arg(long, default_value = "500", value_parser = positive)]
    pub rate: f64,
    /// Connections that send them
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    pub senders: u32,
    /// Messages of one connection without an answer
    #[arg(long, default_value = "16", value_parser = in_flight())]
    pub in_flight: u32,
    /// Addresses that attackers come from: 127.0.0.2 and on
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(1..=ADDRESSES_MAX))]
    pub addresses: u32,
    /// Attacks; all of them if not given
    #[arg(long, value_name = "ATTACKS", value_delimiter = ',')]
    pub attacks: Vec<Attack>,
    /// So many times as many connections attack as usual
    #[arg(long, default_value = "1", value_parser = positive)]
    pub intensity: f64,
    /// Another server of this machine, to attack first while this one is measured: a run with the same use of
    /// the machine to compare with
    #[arg(long, value_name = "URL")]
    pub decoy: Option<String>,
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub common: Common,
}

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

impl Common {
    /// The server to measure.
    ///
    /// # Errors
    /// Where the URL is none.
    pub fn target(&self) -> Result<Target, BenchError> {
        Ok(Target {
            addr: resolve(&self.url)?,
            auth: self.auth,
            users_from: Addresses::Given,
        })
    }

    /// How the server is watched.
    ///
    /// # Errors
    /// Where a URL is none.
    pub fn watched(&self) -> Result<Watched, BenchError> {
        let addr = resolve(&self.url)?;
        let metrics = self.metrics_url.as_deref().map(resolve).transpose()?;
        Ok(Watched {
            pid: self.pid.or_else(|| process::find_listener(addr)),
            metrics: Some(metrics.unwrap_or(addr)),
        })
    }
}

impl Hostile {
    /// The attacks to make.
    pub fn chosen_attacks(&self) -> &[Attack] {
        if self.attacks.is_empty() {
            Attack::value_variants()
        } else {
            &self.attacks
        }
    }
}

impl Messages {
    pub fn options(&self) -> WsOptions {
        WsOptions {
            size: self.size as usize,
            batch: !self.no_batch,
            presence: self.presence,
            client_ids: self.client_ids,
        }
    }
}

fn in_flight() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=IN_FLIGHT_MAX)
}

fn size() -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(STAMP_BYTES as u64..=SIZE_MAX)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

fn microseconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().map_err(|_| "not a number of microseconds")?;
    Ok(Duration::from_micros(number))
}

fn pause(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(millis @ 0..PAUSE_MILLIS_END) => Ok(Duration::from_millis(millis)),
        _ => Err(format!(
            "not a number of milliseconds below {PAUSE_MILLIS_END}"
        )),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if f64::is_finite(number) && number > 0.0 => Ok(number),
        _ => Err("not a number above 0".to_owned()),
    }
}

fn exponent(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number")?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err("an exponent is 0 or more".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

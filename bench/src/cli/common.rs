//! Flags that several scenarios have.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{RangedI64ValueParser, RangedU64ValueParser};

use crate::addresses::Addresses;
use crate::error::BenchError;
use crate::load::ws::WsOptions;
use crate::monitor::Watched;
use crate::peer::rookery::Via;
use crate::process;
use crate::schedule::Rate;
use crate::setup::{Auth, Target, resolve};
use crate::stamp::STAMP_BYTES;

/// Content that a server takes, in bytes.
const SIZE_MAX: u64 = 4_096;
/// Sends without an answer that a server reads of one WebSocket.
const IN_FLIGHT_MAX: i64 = 1_024;
/// Listeners pause for less than this, in milliseconds, of each second.
const PAUSE_MILLIS_END: u64 = 1_000;

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
    #[command(flatten)]
    pub sending: Sending,
}

/// How messages go to the server.
#[derive(Args, Clone, Debug)]
pub struct Sending {
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

pub(super) fn in_flight() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=IN_FLIGHT_MAX)
}

pub(super) fn size() -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(STAMP_BYTES as u64..=SIZE_MAX)
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

pub(super) fn microseconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().map_err(|_| "not a number of microseconds")?;
    Ok(Duration::from_micros(number))
}

pub(super) fn pause(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(millis @ 0..PAUSE_MILLIS_END) => Ok(Duration::from_millis(millis)),
        _ => Err(format!(
            "not a number of milliseconds below {PAUSE_MILLIS_END}"
        )),
    }
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if f64::is_finite(number) && number > 0.0 => Ok(number),
        _ => Err("not a number above 0".to_owned()),
    }
}

pub(super) fn exponent(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number")?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err("an exponent is 0 or more".to_owned())
    }
}

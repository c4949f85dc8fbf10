//! Flags of attacks.

use clap::{Args, ValueEnum};

use crate::attack::catalog::Attack;
use crate::cli::common::{Common, Messages, exponent, in_flight, positive};

/// Addresses that attackers have at most: those of 127.0.0.0/16, nearly.
const ADDRESSES_MAX: i64 = 65_000;

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

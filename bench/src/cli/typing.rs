//! Flags of users who type.

use clap::Args;

use crate::cli::common::{Common, Messages, exponent, in_flight, positive};

#[derive(Args, Debug)]
pub struct Typing {
    /// Users who type, of whom all are connected; their chats are their own, a chat for each user at least
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub typists: u32,
    /// Times a second that one of them says so, in another chat each time
    #[arg(long, default_value = "5000", value_parser = positive)]
    pub typing_rate: f64,
    /// So many of them at once
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub burst: u32,
    /// Users whose messages are measured, of whom all are connected
    #[arg(long, default_value = "300", value_parser = clap::value_parser!(u32).range(1..))]
    pub listeners: u32,
    /// Chats of those
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// Members of each chat
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    pub members: u32,
    /// Zipf exponent of the popularity of chats with messages; 0: all alike
    #[arg(long, default_value = "1.0", value_parser = exponent)]
    pub zipf: f64,
    /// Messages a second
    #[arg(long, default_value = "2000", value_parser = positive)]
    pub rate: f64,
    /// Connections that send them
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    pub senders: u32,
    /// Messages of one connection without an answer
    #[arg(long, default_value = "16", value_parser = in_flight())]
    pub in_flight: u32,
    /// Another server of this machine, to type at first while this one is measured: a run with the same use of the
    /// machine to compare with
    #[arg(long, value_name = "URL")]
    pub decoy: Option<String>,
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub common: Common,
}

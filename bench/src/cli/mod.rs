//! The command line.

pub mod common;
pub mod compared;
pub mod hostile;
pub mod scenarios;
pub mod typing;

use clap::{Parser, Subcommand};

use crate::cli::compared::{Compare, Thrift};
use crate::cli::hostile::Hostile;
use crate::cli::scenarios::{FanOut, History, HotRoom, Idle, Reconnect, Rooms};
use crate::cli::typing::Typing;

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
    /// The same work here and on another server, one after the other
    Compare(Compare),
    /// What a message costs at fixed rates, here or beside another server
    Thrift(Thrift),
    /// Users who type, beside others whose messages are measured
    Typing(Typing),
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

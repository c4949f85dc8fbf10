//! What shards tell each other: closed enums of plain, owned data, so that every trigger of work from afar is in
//! sight.

pub mod command;
pub mod message;
pub mod outcome;
pub mod problem;

pub use command::{
    Asker, ChatCommand, Command, HomeCommand, NameCommand, Page, PageStart, Post, UserCommand,
    Waiting,
};
pub use message::{EventBatch, ShardMessage, Subscription, SubscriptionAnswer};
pub use outcome::{ChatSummary, Outcome};

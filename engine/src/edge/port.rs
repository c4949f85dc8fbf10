//! The ports: what a shard asks of its log, its store and its password hashers, and what they answer.
//!
//! All are submit-and-complete: a request never blocks the shard, and its completion comes back as an
//! [`Input`](crate::edge::input::Input).

mod log;
mod passwords;
mod store;
mod stored;
mod token;

pub use crate::edge::port::log::{AppendFault, Log, LogEvent, LogRequest, Opened};
pub use crate::edge::port::passwords::{PasswordCheck, PasswordJob, PasswordOutcome};
pub use crate::edge::port::store::{
    EndedSessions, Found, Read, Store, StoreEvent, StoreFault, StoreRequest,
};
pub use crate::edge::port::stored::{
    Block, Deletion, ErasedSender, Membership, StoredChat, StoredEvent, StoredMember, StoredRoles,
    direct_pair,
};
pub use crate::edge::port::token::{Part, Token};

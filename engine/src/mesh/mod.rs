//! What shards tell each other, as closed enums of plain, owned data: everything that one shard can make another do
//! is listed here.

pub mod admission;
pub mod command;
pub mod message;
pub mod outcome;
pub mod problem;

pub use admission::{Candidates, NotAdmitted};
pub use command::{
    AddressCommand, Asker, ChatCommand, Command, Creation, HomeCommand, InboxPage, Invited,
    MembersPage, NameCommand, NewPassword, Page, PageStart, Post, UserCommand, UserVersion,
    Waiting,
};
pub use message::{
    Ended, EndingId, EventBatch, ShardMessage, Spending, Subscription, SubscriptionAnswer, Verdict,
};
pub use outcome::{Activity, ChatSummary, Created, Outcome, PageCursor};

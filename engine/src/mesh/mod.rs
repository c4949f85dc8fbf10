//! What shards tell each other, as closed enums of plain, owned data: everything that one shard can make another do
//! is listed here.

pub mod admission;
pub mod command;
pub mod field;
pub mod message;
pub mod outcome;
pub mod problem;
pub mod whisper;

pub use admission::{AdmissionId, Candidates, NotAdmitted};
pub use command::Command;
pub use command::asker::{Asker, Waiting};
pub use command::chat::{
    Amend, Blocking, ChatChange, ChatCommand, Creation, ErasureStep, EventsPage, MembersPage,
    MessageChange, Origin, Page, PageStart, Post,
};
pub use command::home::{HomeCommand, InboxPage};
pub use command::name::{
    AddressCommand, Credentials, NameCommand, NewPassword, PasswordChange, Right, UserVersion,
};
pub use command::user::{Invited, NewSession, UserCommand};
pub use message::{
    Ended, EndedBy, EndingId, EventBatch, Leaver, Renewal, Resumption, ShardMessage, Spending,
    Subscription, SubscriptionAnswer, Verdict,
};
pub use outcome::{Activity, ChatSummary, Created, Events, Marked, Outcome, PageCursor, Rest};
pub use whisper::Whisper;

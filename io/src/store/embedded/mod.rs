//! The embedded store: one database, used by the store lanes of all shards.
//!
//! | keyspace | key | value |
//! | --- | --- | --- |
//! | `messages`, `events` | chat, first seq, count | of each event of a run: the rest of its head, its log record |
//! | `redacted` | chat, first seq of a bucket, whether of messages | which of its events were redacted |
//! | `amendments` | chat, target, slot | the newest amendment of that slot |
//! | `chats` | chat | creation, name |
//! | `chat_settings` | chat | seq, whether members may add, history, name, description |
//! | `members_by_chat` | chat, user | added seq, position |
//! | `chats_by_user` | user, chat | |
//! | `former_members` | chat, user | seqs of the last joining and removal |
//! | `roles` | chat, user | seq, role, the role before |
//! | `marks` | user, chat | seq, count of messages |
//! | `users` | user | times, name, password hash |
//! | `usernames` | name | user |
//! | `names_by_key` | key, name that is not its own key | user |
//! | `deleted_chats` | chat | its head, who deleted it, when |
//! | `purges` | log partition, chat | seq of the deletion; more is to be removed of the chat |
//! | `blocks_by_user` | user, whom they have blocked | when |
//! | `ended_sessions` | session | expiry |
//! | `sessions_by_user` | user, expiry, session | creation, address, name |
//! | `profiles` | user | offset, time, display name |
//! | `user_settings` | user | offset, a JSON object |
//! | `meta` | | format, log id, and up to where each partition of the log is stored |

mod amendments;
mod blocks;
mod chats;
mod database;
mod deletions;
mod ended_sessions;
mod erased;
mod error;
mod events;
mod lane;
mod marks;
mod members;
mod meta;
mod own;
mod progress;
mod redactions;
mod shared;
mod tables;
mod users;

// What reads bytes that a disk or a server gives back is public for `fuzz/`.
pub mod codec;
pub mod journal;
pub mod run;

pub use error::StoreError;
pub use lane::spawn_lane;
pub(crate) use shared::DIR;
pub use shared::{EmbeddedStore, Settings};
pub(crate) use tables::DESCRIPTORS;

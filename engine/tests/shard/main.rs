//! One shard, stepped by hand: the test is its log, its store, its clients and the other shard, and
//! answers in the order that is hardest.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod admissions;
mod amended;
mod amendments;
mod blocks;
mod bounds;
mod bugs;
mod chat_keys;
mod crowds;
mod deleted_chats;
mod deleted_users;
mod direct;
mod erased;
mod erasures;
mod history;
mod inbox;
mod joins;
mod logouts;
mod many_chats;
mod marks;
mod members;
mod memory;
mod moves;
mod names;
mod paced;
mod password_changes;
mod profile;
mod replay;
mod resume;
mod roles;
mod sessions;
mod settings;
mod stage;
mod stamps;
mod stuck_log;
mod whispers;

//! The store over CQL against a real server, which `ROOKERY_TEST_SCYLLA=HOST:PORT` names. Without it,
//! these tests say that they are skipped. Each has a keyspace of its own, and removes it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "a module of test binaries has no outside")]

mod absent;
mod amendments;
#[path = "../support/door.rs"]
mod door;
mod lanes;
mod late;
mod logins;
mod long_chats;
mod model;
mod names;
mod overlap;
mod proxy;
mod rates;
mod redactions;
mod restarts;
mod shards;
#[path = "../support/store_amendments.rs"]
mod store_amendments;
#[path = "../support/store_redactions.rs"]
mod store_redactions;
#[path = "../support/store_shard.rs"]
mod store_shard;
mod support;

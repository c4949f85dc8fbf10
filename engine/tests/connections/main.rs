//! Connections of one shard, by hand: what is read, what waits to be sent and how a connection ends, with
//! the clock, the other shard and the reader's pace in the test's hands.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acks;
mod audit;
mod bounds;
mod bugs;
mod callers;
mod clock_steps;
mod deadlines;
mod documented;
mod documents;
mod endings;
mod fields;
mod held;
mod host;
mod overdue;
mod pages;
mod readiness;
mod refusals;
mod renewals;
mod slow_readers;

//! Attacks on a server: what a hostile client says, and the thread that has many of them say it at once.

mod attacker;
pub mod catalog;
mod churn;
pub mod counts;
pub mod foothold;
mod garbage;
mod hearing;
mod logins;
mod pings;
mod readers;
mod requests;
pub mod script;
mod slow;
pub mod swarm;

//! What Rookery is measured with: a client that costs the measured machine as little as it can, and proves
//! each of its runs correct.

#![forbid(unsafe_code)]

pub mod addresses;
pub mod attack;
pub mod check;
pub mod cli;
pub mod error;
pub mod frame;
pub mod honest;
pub mod http;
pub mod listener;
pub mod load;
pub mod metrics;
pub mod monitor;
pub mod peer;
pub mod process;
pub mod refusal;
pub mod report;
pub mod scenario;
pub mod schedule;
pub mod setup;
pub mod stamp;
pub mod threads;
pub mod vigil;
pub mod world;

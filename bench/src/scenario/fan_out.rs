//! One chat with many listeners, and one message at a time.

use super::{hot_room, measure};
use crate::cli::scenarios::FanOut;
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::report::Report;
use crate::schedule::Pace;

pub(super) fn run(args: &FanOut) -> Result<Report, BenchError> {
    let peer = hot_room::one_room(args.listeners, 1, &args.common, &args.messages)?;
    let plan = Plan {
        pace: Pace::OneAtATime,
        ..measure::plan(&args.common, 1)
    };
    measure::once("fan-out", &peer, &plan)
}

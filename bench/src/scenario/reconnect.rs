//! All listeners lose their connections at once, and resume where they were, while messages go on coming.

use super::measure;
use super::rooms::{Shape, many_rooms};
use crate::cli::common::Pacing;
use crate::cli::scenarios::Reconnect;
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::peer::rookery::Rookery;
use crate::report::Report;

pub(super) fn run(args: &Reconnect) -> Result<Vec<Report>, BenchError> {
    let shape = Shape {
        rooms: args.rooms,
        members: args.members,
        users: args.listeners,
    };
    let peer = Rookery {
        senders: args.senders as usize,
        ..many_rooms(args.common.target()?, shape, &args.common, &args.messages)?
    };
    let common = &args.common;
    let plan = Plan {
        storm_at: Some(common.warmup + common.duration / 2),
        ..measure::plan(common, args.in_flight)
    };
    let pacing = Pacing {
        rate: args.rate,
        sweep: Vec::new(),
        plot: None,
    };
    measure::at_rates("reconnect", &peer, &pacing, &plan)
}

//! The same work, given to Rookery and to another server in turn.

use super::measure;
use super::work::{other_server, plan, rookery};
use crate::cli::compared::Compare;
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::peer::Peer;
use crate::report::Report;

/// Listeners of the hot room where nobody says how many.
const LISTENERS: u32 = 10;

pub(super) fn run(args: &Compare) -> Result<Vec<Report>, BenchError> {
    let work = &args.work;
    let ours = rookery(work, LISTENERS)?;
    let other = other_server(args.peer, &args.peer_options, &ours)?;
    let plan = Plan {
        pause: args.pause_listeners,
        ..plan(work)
    };
    let measure = |peer: &dyn Peer| measure::at_rates("compare", peer, &args.pacing, &plan);
    let measured = measure(&ours).and_then(|mut reports| {
        reports.extend(measure(&*other)?);
        Ok(reports)
    });
    other.clean_up()?;
    measured
}

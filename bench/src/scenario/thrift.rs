//! What a message costs at fixed rates: the work of the hot room or of many rooms, at each rate some times, given to
//! Rookery and to another server in turn.

use super::measure;
use super::work::{other_server, plan, rookery};
use crate::cli::compared::Thrift;
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::peer::Peer;
use crate::report::Report;
use crate::schedule::Pace;

/// Listeners of the hot room where nobody says how many.
const LISTENERS: u32 = 3;

pub(super) fn run(args: &Thrift) -> Result<Vec<Report>, BenchError> {
    let ours = rookery(&args.work, LISTENERS)?;
    let Some(name) = args.peer else {
        return at_rates(args, &[&ours]);
    };
    let other = other_server(name, &args.peer_options, &ours)?;
    let measured = at_rates(args, &[&ours, &*other]);
    other.clean_up()?;
    measured
}

/// Servers take turns, so that what changes on the machine meanwhile is the same for all.
fn at_rates(args: &Thrift, servers: &[&dyn Peer]) -> Result<Vec<Report>, BenchError> {
    let plan = plan(&args.work);
    let mut reports = Vec::new();
    for rate in &args.rates {
        let plan = Plan {
            pace: Pace::PerSecond(*rate),
            ..plan.clone()
        };
        for _ in 0..args.repeat {
            for server in servers {
                reports.push(measure::once("thrift", *server, &plan)?);
            }
        }
    }
    Ok(reports)
}

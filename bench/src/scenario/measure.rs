//! One run, and several in turn.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::common::{Common, Pacing};
use crate::error::BenchError;
use crate::load::run::{Outcome, Plan};
use crate::load::worker::Worker;
use crate::monitor::{Monitor, Progress, Seen};
use crate::peer::Peer;
use crate::report::Report;
use crate::schedule::{Pace, Rate};

/// Of the run that finds out what `max` reaches.
const PROBE: Duration = Duration::from_secs(5);

/// The plan that the flags describe, but for its pace.
pub(super) fn plan(common: &Common, in_flight: u32) -> Plan {
    Plan {
        pace: Pace::Max,
        warmup: common.warmup,
        duration: common.duration,
        messages_max: u64::MAX,
        in_flight: in_flight as usize,
        zipf_exponent: 0.0,
        storm_at: None,
        pause: Duration::ZERO,
        gather: common.gather,
    }
}

/// Measures at all rates that are asked for.
pub(super) fn at_rates(
    scenario: &'static str,
    peer: &dyn Peer,
    pacing: &Pacing,
    plan: &Plan,
) -> Result<Vec<Report>, BenchError> {
    let only = [pacing.rate];
    let rates = if pacing.sweep.is_empty() {
        only.as_slice()
    } else {
        pacing.sweep.as_slice()
    };
    let saturation = find_saturation(peer, rates, plan)?;
    rates
        .iter()
        .map(|rate| {
            let pace = match rate {
                Rate::Max => Pace::Max,
                Rate::PerSecond(rate) => Pace::PerSecond(*rate),
                Rate::OfSaturation(part) => Pace::PerSecond(part * saturation),
            };
            let plan = Plan {
                pace,
                ..plan.clone()
            };
            once(scenario, peer, &plan)
        })
        .collect()
}

/// Messages a second that `max` reaches, if any rate depends on that.
fn find_saturation(peer: &dyn Peer, rates: &[Rate], plan: &Plan) -> Result<f64, BenchError> {
    if !rates
        .iter()
        .any(|rate| matches!(rate, Rate::OfSaturation(_)))
    {
        return Ok(0.0);
    }
    let probe = Plan {
        pace: Pace::Max,
        duration: PROBE,
        ..plan.clone()
    };
    let rate = once("saturation", peer, &probe)?.accepted_per_s;
    if rate > 0.0 {
        Ok(rate)
    } else {
        Err(BenchError::Usage(
            "the server has accepted nothing at --rate max: there is no saturation to take a part of",
        ))
    }
}

/// Measures once.
pub(super) fn once(
    scenario: &'static str,
    peer: &dyn Peer,
    plan: &Plan,
) -> Result<Report, BenchError> {
    let (outcome, seen) = outcome(scenario, peer, plan)?;
    Ok(Report::new(scenario, peer.name(), plan, &outcome, &seen))
}

/// Runs, and watches.
pub(super) fn outcome(
    title: &str,
    peer: &dyn Peer,
    plan: &Plan,
) -> Result<(Outcome, Seen), BenchError> {
    let progress = Arc::new(Progress::default());
    let worker = open(peer, &progress)?;
    let title = format!("{title} ({})", peer.name());
    let monitor = Monitor::start(progress, peer.watched(), title);
    let outcome = worker.run(plan);
    let seen = monitor.finish();
    Ok((outcome?, seen))
}

/// Opens the connections of a run.
pub(super) fn open(peer: &dyn Peer, progress: &Arc<Progress>) -> Result<Worker, BenchError> {
    let endpoints = peer.endpoints();
    let deliveries = peer.deliveries_of_each(&endpoints);
    let progress = Arc::clone(progress);
    Ok(Worker::open(
        peer.addr(),
        peer.world(),
        endpoints,
        deliveries,
        progress,
    )?)
}

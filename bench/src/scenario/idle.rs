//! Sockets to which nothing happens: what they cost in memory, and what answering pings costs.

use std::sync::Arc;

use super::measure;
use crate::cli::scenarios::Idle;
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::load::ws::WsOptions;
use crate::monitor::{Monitor, Progress};
use crate::peer::Peer;
use crate::peer::rookery::{Rookery, Via};
use crate::process;
use crate::report::{Report, Sockets};
use crate::schedule::Pace;
use crate::stamp::STAMP_BYTES;
use crate::world::World;

pub(super) fn run(args: &Idle) -> Result<Report, BenchError> {
    let peer = sockets(args)?;
    let memory = || {
        let pid = peer.watched.pid.ok_or(BenchError::NoMemory)?;
        process::resident_bytes(pid).ok_or(BenchError::NoMemory)
    };
    let plan = Plan {
        pace: Pace::Silent,
        ..measure::plan(&args.common, 1)
    };
    let before = memory()?;
    let progress = Arc::new(Progress::default());
    let worker = measure::open(&peer, &progress)?;
    let monitor = Monitor::start(progress, peer.watched(), "idle".to_owned());
    let outcome = worker.run(&plan);
    let seen = monitor.finish();
    let outcome = outcome?;
    let after = memory()?;
    Ok(Report {
        sockets: Some(Sockets {
            open: u64::from(args.listeners) - outcome.broken,
            resident_bytes_before: before,
            resident_bytes_after: after,
            resident_bytes_per_socket: (after as f64 - before as f64) / f64::from(args.listeners),
        }),
        ..Report::new("idle", peer.name(), &plan, &outcome, &seen)
    })
}

fn sockets(args: &Idle) -> Result<Rookery, BenchError> {
    let target = args.common.target()?;
    let users = target.create_users(args.listeners as usize)?;
    Ok(Rookery {
        target,
        watched: args.common.watched()?,
        world: Arc::new(World::new(users, Vec::new())),
        via: Via::Http,
        senders: 0,
        listeners: args.listeners as usize,
        options: WsOptions {
            size: STAMP_BYTES,
            batch: true,
            presence: false,
            client_ids: false,
        },
    })
}

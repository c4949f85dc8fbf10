//! Attackers of all kinds at once, beside honest users.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::measure;
use super::rooms::{Shape, many_rooms};
use crate::addresses::Addresses;
use crate::attack::catalog::Attack;
use crate::attack::foothold::Foothold;
use crate::attack::script::Force;
use crate::attack::swarm::Swarm;
use crate::cli::hostile::Hostile as Args;
use crate::error::BenchError;
use crate::honest::HonestLogins;
use crate::load::run::Plan;
use crate::load::worker::WorkerError;
use crate::monitor::{Monitor, Progress};
use crate::peer::Peer;
use crate::peer::rookery::Rookery;
use crate::report::Report;
use crate::report::hostile::Hostile;
use crate::schedule::Pace;
use crate::setup::{Auth, Target};
use crate::vigil::Vigil;

/// After the attackers have left: so long, and a server should have noticed.
const SETTLE: Duration = Duration::from_secs(15);

pub(super) fn run(args: &Args) -> Result<Vec<Report>, BenchError> {
    let target = args.common.target()?;
    if target.auth != Auth::Token {
        return Err(BenchError::Usage(
            "in trust mode nobody logs in, and no limit by address applies; say --auth token here, and to the server",
        ));
    }
    if !matches!(target.addr.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
        return Err(BenchError::Usage(
            "attackers come from 127.0.0.2 and on: the server must listen on 127.0.0.1",
        ));
    }
    let home = Target {
        users_from: Addresses::Strangers,
        ..target.clone()
    };
    let honest = Rookery {
        senders: args.senders as usize,
        ..many_rooms(home, shape(args), &args.common, &args.messages)?
    };
    let plan = Plan {
        pace: Pace::PerSecond(args.rate),
        zipf_exponent: args.zipf,
        ..measure::plan(&args.common, args.in_flight)
    };
    let measure = |attacked, server: &Target| {
        let foothold = Foothold::gain(server, &honest.world.users[0].name)?;
        once(attacked, &foothold, &honest, &plan, args)
    };
    let Some(url) = &args.decoy else {
        return Ok(vec![measure("target", &target)?]);
    };
    let decoy = target.at(url)?;
    let beside = measure("decoy", &decoy)?;
    let mut under = measure("target", &target)?;
    let ratio = under.latency_ms.p99 / beside.latency_ms.p99;
    if let Some(hostile) = &mut under.hostile {
        hostile.p99_ratio = Some(ratio);
    }
    Ok(vec![beside, under])
}

fn shape(args: &Args) -> Shape {
    Shape {
        rooms: args.rooms,
        members: args.members,
        users: args.listeners,
    }
}

/// Attacks one server, and measures what honest users have of theirs.
fn once(
    attacked: &'static str,
    foothold: &Foothold,
    honest: &Rookery,
    plan: &Plan,
    args: &Args,
) -> Result<Report, BenchError> {
    let vigil = Vigil::start(honest.addr());
    let progress = Arc::new(Progress::default());
    let worker = measure::open(honest, &progress)?;
    let title = format!("hostile (at {attacked})");
    let monitor = Monitor::start(progress, honest.watched(), title);
    let logins = HonestLogins::start(&honest.target, &honest.world.users);
    let swarm = Swarm::start(foothold.server, &forces(foothold, args), args.addresses);
    let outcome = worker.run(plan);
    let logins = logins.finish();
    let attacks = swarm.stop().map_err(WorkerError::Poll)?;
    let seen = monitor.finish();
    let outcome = outcome?;
    thread::sleep(SETTLE.min(plan.duration));
    let hostile = Hostile {
        attacked,
        p99_ratio: None,
        logins,
        process: vigil.finish(),
        attacks: BTreeMap::from_iter(attacks),
    };
    Ok(Report {
        hostile: Some(hostile),
        ..Report::new("hostile", honest.name(), plan, &outcome, &seen)
    })
}

fn forces(foothold: &Foothold, args: &Args) -> Vec<(Attack, Force)> {
    args.chosen_attacks()
        .iter()
        .map(|attack| (*attack, attack.force(foothold, args.intensity)))
        .collect()
}

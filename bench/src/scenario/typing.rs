//! Users who type, beside others whose messages are measured.

use std::net::SocketAddr;
use std::sync::Arc;

use super::measure;
use super::rooms::{Shape, many_rooms};
use crate::cli::typing::Typing as Args;
use crate::error::BenchError;
use crate::load::run::Plan;
use crate::load::typists::{self, Typists};
use crate::metrics;
use crate::peer::rookery::Rookery;
use crate::report::Report;
use crate::report::typing::{Dropped, Typing};
use crate::schedule::Pace;
use crate::setup::Target;

/// A user who types in more chats a second is refused.
const CHATS_PER_SECOND_MAX: f64 = 10.0;
/// A user types again in the same chat after so long: a server tells it once in three seconds.
const SECONDS_EACH: f64 = 4.0;
/// What a server has dropped, and for which reasons.
const DROPPED: &str = "rookery_whispers_dropped_total";
const AT_RING: &str = r#"at="ring""#;
const AT_CLIENT: &str = r#"at="client""#;

pub(super) fn run(args: &Args) -> Result<Vec<Report>, BenchError> {
    if args.typing_rate > f64::from(args.typists) * CHATS_PER_SECOND_MAX {
        return Err(BenchError::Usage(
            "a user types in ten chats a second at most; say more --typists, or a lower --typing-rate",
        ));
    }
    if args.members < 2 {
        return Err(BenchError::Usage(
            "where nobody else is, nobody is told who types; say --members 2 or more",
        ));
    }
    let target = args.common.target()?;
    let shape = Shape {
        rooms: args.rooms,
        members: args.members,
        users: args.listeners,
    };
    let posts = Rookery {
        senders: args.senders as usize,
        ..many_rooms(target.clone(), shape, &args.common, &args.messages)?
    };
    let metrics = posts.watched.metrics;
    let Some(url) = &args.decoy else {
        return Ok(vec![once("target", target, metrics, &posts, args)?]);
    };
    let decoy = target.at(url)?;
    let metrics_of_decoy = Some(decoy.addr);
    let beside = once("decoy", decoy, metrics_of_decoy, &posts, args)?;
    let mut here = once("target", target, metrics, &posts, args)?;
    if let Some(typing) = &mut here.typing {
        typing.compare(here.accept_latency_ms, beside.accept_latency_ms);
    }
    Ok(vec![beside, here])
}

/// Has users type at one server, and measures the messages of others.
fn once(
    typed_at: &'static str,
    server: Target,
    metrics: Option<SocketAddr>,
    posts: &Rookery,
    args: &Args,
) -> Result<Report, BenchError> {
    let plan = Plan {
        pace: Pace::PerSecond(args.rate),
        zipf_exponent: args.zipf,
        ..measure::plan(&args.common, args.in_flight)
    };
    let party = many_rooms(server, shape_of_typing(args), &args.common, &args.messages)?;
    let before = dropped(metrics);
    let typists = Typists::start(typists::Typing {
        server: party.target,
        world: Arc::clone(&party.world),
        options: party.options,
        per_second: args.typing_rate,
        burst: args.burst,
    })?;
    let measured = measure::once("typing", posts, &plan);
    let typed = typists.stop()?;
    Ok(Report {
        typing: Some(Typing::new(typed_at, typed, before, dropped(metrics))),
        ..measured?
    })
}

/// A room for each user at least, and so many that nobody types too soon in the same one.
fn shape_of_typing(args: &Args) -> Shape {
    let rooms = args.typing_rate * SECONDS_EACH / f64::from(args.members);
    Shape {
        rooms: args.typists.max(rooms.ceil() as u32),
        members: args.members,
        users: args.typists,
    }
}

/// A server that does not tell has none.
fn dropped(metrics: Option<SocketAddr>) -> Dropped {
    let Some(Ok(said)) = metrics.map(metrics::read) else {
        return Dropped::default();
    };
    Dropped {
        by_rings: Some(said.sum_where(DROPPED, AT_RING)),
        for_clients: Some(said.sum_where(DROPPED, AT_CLIENT)),
    }
}

//! What is measured: each scenario makes users and rooms, plans the load, and has it measured.

mod compare;
mod fan_out;
mod history;
mod hostile;
mod hot_room;
mod idle;
mod measure;
mod reconnect;
mod rooms;
mod work;

use std::io::{self, Write};

use crate::cli::Scenario;
use crate::error::BenchError;
use crate::report::table::Table;
use crate::report::{self, Report, plot};

/// Measures, and prints what came of it. Says whether it was correct.
///
/// # Errors
/// Where there is no measurement.
pub fn run(scenario: &Scenario) -> Result<bool, BenchError> {
    allow_open_files();
    let (reports, common, plot) = match scenario {
        Scenario::HotRoom(args) => (hot_room::run(args)?, &args.common, &args.load.pacing.plot),
        Scenario::Rooms(args) => (rooms::run(args)?, &args.common, &args.load.pacing.plot),
        Scenario::FanOut(args) => (vec![fan_out::run(args)?], &args.common, &None),
        Scenario::Idle(args) => (vec![idle::run(args)?], &args.common, &None),
        Scenario::Reconnect(args) => (reconnect::run(args)?, &args.common, &None),
        Scenario::History(args) => (history::run(args)?, &args.common, &args.pacing.plot),
        Scenario::Hostile(args) => (hostile::run(args)?, &args.common, &None),
        Scenario::Compare(args) => {
            let common = &args.work.common;
            (compare::run(args)?, common, &args.pacing.plot)
        }
    };
    write!(io::stdout(), "{}", Table(&reports)).map_err(BenchError::Print)?;
    if let Some(path) = &common.json {
        report::write_json(path, &reports)?;
    }
    if let Some(path) = plot {
        plot::draw(path, &reports)?;
    }
    Ok(reports.iter().all(Report::is_clean))
}

/// As many open files as the system lets us have. Where that is too few, opening connections will say so.
pub fn allow_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

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
mod thrift;
mod typing;
mod work;

use std::io::{self, Write};

use crate::cli::Scenario;
use crate::error::BenchError;
use crate::report::table::Table;
use crate::report::thrift::{Thrift, ThriftTable};
use crate::report::{Report, json, plot};

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
        Scenario::Thrift(args) => (thrift::run(args)?, &args.work.common, &None),
        Scenario::Typing(args) => (typing::run(args)?, &args.common, &None),
    };
    let thrift = matches!(scenario, Scenario::Thrift(_)).then(|| Thrift::of(&reports));
    print(&reports, thrift.as_ref()).map_err(BenchError::Print)?;
    if let Some(path) = &common.json {
        json::write(path, &reports, thrift.as_ref())?;
    }
    if let Some(path) = plot {
        plot::draw(path, &reports)?;
    }
    Ok(reports.iter().all(Report::is_clean))
}

/// Prints all runs, or what they come to; of runs that were wrong, always all.
fn print(reports: &[Report], thrift: Option<&Thrift>) -> io::Result<()> {
    let Some(thrift) = thrift else {
        return write!(io::stdout(), "{}", Table(reports));
    };
    write!(io::stdout(), "{}", ThriftTable(thrift))?;
    let wrong: Vec<Report> = reports.iter().filter(|r| !r.is_clean()).cloned().collect();
    if wrong.is_empty() {
        return Ok(());
    }
    write!(
        io::stdout(),
        "\nruns that were not correct:\n{}",
        Table(&wrong)
    )
}

/// As many open files as the system lets us have. Where that is too few, opening connections will say so.
pub fn allow_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

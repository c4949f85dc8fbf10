//! What a message costs at fixed rates: each measure over all runs at a rate, and beside another server's.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::report::Report;
use crate::report::spread::Spread;
use crate::threads::{Group, Used};

/// The name of columns with ratios.
const RATIO: &str = "ratio";
/// Between two columns.
const GAP_COLUMNS: usize = 2;

/// A measure: its name for programs, its name for people, and its value in a run.
type Measure = (&'static str, &'static str, Value);

#[derive(Clone, Copy)]
enum Value {
    Run(fn(&Report) -> Option<f64>),
    /// Of threads of one kind.
    Threads(Group, fn(&Used, &Report) -> f64),
}

use Group::{Log, Rest, Shard, Store};
use Value::{Run, Threads};

const MEASURES: &[Measure] = &[
    (
        "accepted_per_s",
        "accepted messages/s",
        Run(|r| Some(r.accepted_per_s)),
    ),
    ("refused", "refused for load", Run(|r| positive(r.refused))),
    ("unsent", "due but not sent", Run(|r| positive(r.unsent))),
    (
        "server_cpu_cores",
        "server CPU, cores",
        Run(|r| Some(r.server_cpu_s? / r.seconds)),
    ),
    (
        "server_cpu_us_per_delivery",
        "CPU per delivery, us",
        Run(|r| r.server_cpu_us_per_delivery),
    ),
    (
        "server_cpu_us_per_post",
        "CPU per post, us",
        Run(|r| Some(r.server_cpu_s? * 1e6 / posts(r))),
    ),
    (
        "cpu_percent_shard",
        "of it shard, %",
        Threads(Shard, cpu_percent),
    ),
    ("cpu_percent_log", "of it log, %", Threads(Log, cpu_percent)),
    (
        "cpu_percent_store",
        "of it store, %",
        Threads(Store, cpu_percent),
    ),
    (
        "cpu_percent_rest",
        "of it rest, %",
        Threads(Rest, cpu_percent),
    ),
    (
        "voluntary_per_post",
        "voluntary switches per post",
        Run(|r| switches(voluntary, r)),
    ),
    (
        "voluntary_per_post_shard",
        "of them shard",
        Threads(Shard, voluntary),
    ),
    (
        "voluntary_per_post_log",
        "of them log",
        Threads(Log, voluntary),
    ),
    (
        "voluntary_per_post_store",
        "of them store",
        Threads(Store, voluntary),
    ),
    (
        "voluntary_per_post_rest",
        "of them rest",
        Threads(Rest, voluntary),
    ),
    (
        "involuntary_per_post",
        "involuntary switches per post",
        Run(|r| switches(involuntary, r)),
    ),
    (
        "involuntary_per_post_shard",
        "of them shard",
        Threads(Shard, involuntary),
    ),
    (
        "involuntary_per_post_log",
        "of them log",
        Threads(Log, involuntary),
    ),
    (
        "involuntary_per_post_store",
        "of them store",
        Threads(Store, involuntary),
    ),
    (
        "involuntary_per_post_rest",
        "of them rest",
        Threads(Rest, involuntary),
    ),
    (
        "latency_ms_p50",
        "latency p50, ms",
        Run(|r| Some(r.latency_ms.p50)),
    ),
    (
        "latency_ms_p99",
        "latency p99, ms",
        Run(|r| Some(r.latency_ms.p99)),
    ),
    (
        "latency_ms_p999",
        "latency p99.9, ms",
        Run(|r| Some(r.latency_ms.p999)),
    ),
    (
        "accept_latency_ms_p50",
        "until accepted p50, ms",
        Run(|r| Some(r.accept_latency_ms.p50)),
    ),
    (
        "accept_latency_ms_p99",
        "until accepted p99, ms",
        Run(|r| Some(r.accept_latency_ms.p99)),
    ),
    (
        "accept_latency_ms_p999",
        "until accepted p99.9, ms",
        Run(|r| Some(r.accept_latency_ms.p999)),
    ),
    (
        "generator_cpu_cores",
        "generator CPU, cores",
        Run(|r| Some(r.generator_cpu_s? / r.seconds)),
    ),
    (
        "stolen_cpu_cores",
        "CPU stolen by the host, cores",
        Run(|r| Some(r.stolen_cpu_s? / r.seconds)),
    ),
    (
        "generator_stall_ms_max",
        "generator stalled max, ms",
        Run(|r| Some(r.generator_stall_ms_max)),
    ),
];

impl Value {
    fn of(self, report: &Report) -> Option<f64> {
        let value = match self {
            Run(value) => value(report)?,
            Threads(group, value) => value(report.server_threads.as_ref()?.get(&group)?, report),
        };
        value.is_finite().then_some(value)
    }
}

/// All runs at a rate of one server, or their ratios to those of another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    pub offered_per_s: Option<f64>,
    /// A server, or `ratio`.
    pub server: &'static str,
    pub measures: BTreeMap<&'static str, Spread>,
}

/// What a message costs.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Thrift(Vec<Column>);

impl Thrift {
    /// Of runs in which servers took turns at each rate, the one that is asked about first.
    pub fn of(reports: &[Report]) -> Self {
        let at_rates = reports.chunk_by(|one, next| one.offered_per_s == next.offered_per_s);
        Self(at_rates.flat_map(columns).collect())
    }
}

fn columns(at_rate: &[Report]) -> Vec<Column> {
    let mut servers: Vec<&'static str> = Vec::new();
    for report in at_rate {
        if !servers.contains(&report.peer) {
            servers.push(report.peer);
        }
    }
    let runs_of = |server: &'static str| at_rate.iter().filter(move |report| report.peer == server);
    let column = |server: &'static str, values: &dyn Fn(Value) -> Vec<f64>| Column {
        offered_per_s: at_rate[0].offered_per_s,
        server,
        measures: MEASURES
            .iter()
            .filter_map(|(key, _, value)| Some((*key, Spread::of(values(*value))?)))
            .collect(),
    };
    let mut columns: Vec<Column> = servers
        .iter()
        .map(|server| {
            column(server, &|value| {
                runs_of(server).filter_map(|r| value.of(r)).collect()
            })
        })
        .collect();
    if let [ours, other] = servers.as_slice() {
        let ratio = |value: Value| {
            if matches!(value, Threads(..)) {
                // The other server's threads have other tasks.
                return Vec::new();
            }
            runs_of(ours)
                .zip(runs_of(other))
                .filter_map(|(ours, other)| Some(value.of(ours)? / value.of(other)?))
                .filter(|ratio| ratio.is_finite())
                .collect()
        };
        columns.push(column(RATIO, &ratio));
    }
    columns
}

/// Prints as a table for people: a line for each measure, a column for each rate of each server.
pub struct ThriftTable<'a>(pub &'a Thrift);

impl fmt::Display for ThriftTable<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = &self.0.0;
        let cells = |of: &dyn Fn(&Column) -> String| columns.iter().map(of).collect::<Vec<_>>();
        let mut lines = vec![
            (
                "offered messages/s",
                cells(&|c| c.offered_per_s.map_or_else(dash, number)),
            ),
            ("server", cells(&|c| c.server.to_owned())),
        ];
        for (key, label, _) in MEASURES {
            if columns
                .iter()
                .any(|column| column.measures.contains_key(key))
            {
                let cell = |c: &Column| c.measures.get(key).map_or_else(dash, in_words);
                lines.push((label, cells(&cell)));
            }
        }
        let labels = lines
            .iter()
            .map(|(label, _)| label.len())
            .max()
            .unwrap_or(0);
        let widths: Vec<usize> = (0..columns.len())
            .map(|at| {
                lines
                    .iter()
                    .map(|(_, cells)| cells[at].len())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for (label, cells) in &lines {
            write!(out, "{label:<labels$}")?;
            for (cell, width) in cells.iter().zip(&widths) {
                write!(out, "{:GAP_COLUMNS$}{cell:>width$}", "")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// The median, and of several runs the least and the most.
fn in_words(spread: &Spread) -> String {
    let median = number(spread.median);
    if spread.runs == 1 {
        return median;
    }
    format!(
        "{median} ({} to {})",
        number(spread.least),
        number(spread.most)
    )
}

/// With as many digits as are worth reading.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn dash() -> String {
    "-".to_owned()
}

/// A measure that is best not there.
fn positive(count: u64) -> Option<f64> {
    (count > 0).then_some(count as f64)
}

/// Messages that were accepted in the window.
fn posts(report: &Report) -> f64 {
    report.accepted_per_s * report.seconds
}

fn cpu_percent(used: &Used, report: &Report) -> f64 {
    let groups = report.server_threads.iter().flat_map(BTreeMap::values);
    100.0 * used.cpu_s / groups.map(|used| used.cpu_s).sum::<f64>()
}

fn voluntary(used: &Used, report: &Report) -> f64 {
    used.voluntary_switches as f64 / posts(report)
}

fn involuntary(used: &Used, report: &Report) -> f64 {
    used.involuntary_switches as f64 / posts(report)
}

/// Of all threads.
fn switches(of: fn(&Used, &Report) -> f64, report: &Report) -> Option<f64> {
    let groups = report.server_threads.as_ref()?.values();
    Some(groups.map(|used| of(used, report)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(cpu_s: f64, voluntary_switches: u64) -> Used {
        Used {
            cpu_s,
            voluntary_switches,
            involuntary_switches: 0,
        }
    }

    /// A run of two seconds in which 100 messages a second were accepted.
    fn report(peer: &'static str, rate: f64, cpu_s: f64) -> Report {
        let threads = [
            (Shard, used(cpu_s * 0.75, 300)),
            (Log, used(cpu_s * 0.25, 100)),
        ];
        Report {
            peer,
            offered_per_s: Some(rate),
            seconds: 2.0,
            accepted_per_s: 100.0,
            server_cpu_s: Some(cpu_s),
            server_threads: Some(threads.into()),
            ..Report::default()
        }
    }

    fn line<'a>(table: &'a str, label: &str) -> Vec<&'a str> {
        let line = table.lines().find_map(|line| line.strip_prefix(label));
        line.unwrap_or_default()
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect()
    }

    #[test]
    fn costs_are_by_post_and_shared_among_the_kinds_of_threads() {
        let thrift = Thrift::of(&[report("rookery", 1_000.0, 0.02)]);
        let table = ThriftTable(&thrift).to_string();
        for (label, cell) in [
            ("offered messages/s", "1000"),
            ("server CPU, cores", "0.01"),
            ("CPU per post, us", "100"),
            ("of it shard, %", "75.0"),
            ("of it log, %", "25.0"),
            ("voluntary switches per post", "2.00"),
            ("involuntary switches per post", "0.00"),
        ] {
            assert_eq!(line(&table, label), [cell], "{label}: {table}");
        }
        assert_eq!(line(&table, "of them shard"), ["1.50"], "{table}");
        for absent in ["of it store", "CPU per delivery", "refused", "due but"] {
            assert!(!table.contains(absent), "{table}");
        }
    }

    #[test]
    fn repeated_runs_have_a_median_and_ratios_are_of_pairs() {
        let runs = [
            report("rookery", 1_000.0, 0.02),
            report("other", 1_000.0, 0.01),
            report("rookery", 1_000.0, 0.06),
            report("other", 1_000.0, 0.06),
            report("rookery", 1_000.0, 0.03),
            report("other", 1_000.0, 0.02),
            report("rookery", 5_000.0, 0.02),
            report("other", 5_000.0, 0.04),
        ];
        let table = ThriftTable(&Thrift::of(&runs)).to_string();
        let servers = ["rookery", "other", "ratio", "rookery", "other", "ratio"];
        assert_eq!(line(&table, "server"), servers[..], "{table}");
        let cells = line(&table, "CPU per post, us");
        let expected = [
            "150 (100 to 300)",
            "100 (50.0 to 300)",
            "1.50 (1.00 to 2.00)",
            "100",
            "200",
            "0.50",
        ];
        assert_eq!(cells, expected, "{table}");
    }

    #[test]
    fn what_a_server_does_not_tell_has_a_dash() {
        let silent = Report {
            server_cpu_s: None,
            server_threads: None,
            ..report("other", 1_000.0, 0.0)
        };
        let table =
            ThriftTable(&Thrift::of(&[report("rookery", 1_000.0, 0.02), silent])).to_string();
        assert_eq!(
            line(&table, "CPU per post, us"),
            ["100", "-", "-"],
            "{table}"
        );
    }
}

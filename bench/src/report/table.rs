//! Results as a table for people: a line for each measure, a column for each run.

use std::fmt;

use crate::refusal::Refusals;
use crate::report::Report;
use crate::report::hostile::{AttackTable, Logins, ProcessSeen};
use crate::report::percentiles::Percentiles;
use crate::report::typing::Typing;

const LABEL_COLUMNS: usize = 34;
const VALUE_COLUMNS: usize = 14;

/// Prints as a table.
pub struct Table<'a>(pub &'a [Report]);

/// A measure: its name, and its value in a run, if it has one.
type Measure = (&'static str, fn(&Report) -> Option<String>);

const MEASURES: &[Measure] = &[
    ("server", |r| Some(r.peer.to_owned())),
    ("offered messages/s", |r| {
        messages(r, r.offered_per_s.map_or("max".to_owned(), whole))
    }),
    ("accepted messages/s", |r| {
        messages(r, whole(r.accepted_per_s))
    }),
    ("deliveries/s", |r| messages(r, whole(r.delivered_per_s))),
    ("sent", |r| messages(r, r.sent.to_string())),
    ("accepted", |r| messages(r, r.accepted.to_string())),
    ("refused for load", |r| messages(r, r.refused.to_string())),
    ("refused by", |r| reasons(&r.refused_by)),
    ("errors", |r| Some(r.errors.to_string())),
    ("due but not sent", |r| positive(r.unsent)),
    ("expected deliveries", |r| {
        messages(r, r.expected_deliveries.to_string())
    }),
    ("delivered", |r| messages(r, r.delivered.to_string())),
    ("lost", |r| messages(r, r.lost.to_string())),
    ("duplicated", |r| messages(r, r.duplicated.to_string())),
    ("reordered", |r| messages(r, r.reordered.to_string())),
    ("altered", |r| positive(r.altered)),
    ("strays", |r| positive(r.strays)),
    ("pauses of listeners", |r| positive(r.listener_pauses)),
    ("broken connections", |r| positive(r.broken)),
    ("latency p50, ms", |r| messages(r, fine(r.latency_ms.p50))),
    ("latency p90, ms", |r| messages(r, fine(r.latency_ms.p90))),
    ("latency p99, ms", |r| messages(r, fine(r.latency_ms.p99))),
    ("latency p99.9, ms", |r| {
        messages(r, fine(r.latency_ms.p999))
    }),
    ("latency max, ms", |r| messages(r, fine(r.latency_ms.max))),
    ("until accepted p50, ms", |r| {
        messages(r, fine(r.accept_latency_ms.p50))
    }),
    ("until accepted p99, ms", |r| {
        messages(r, fine(r.accept_latency_ms.p99))
    }),
    ("until all have it p50, ms", |r| {
        percentile(r.all_have_it_ms, |p| p.p50)
    }),
    ("until all have it p99, ms", |r| {
        percentile(r.all_have_it_ms, |p| p.p99)
    }),
    ("until all have it max, ms", |r| {
        percentile(r.all_have_it_ms, |p| p.max)
    }),
    ("until back p50, ms", |r| percentile(r.rejoin_ms, |p| p.p50)),
    ("until back p99, ms", |r| percentile(r.rejoin_ms, |p| p.p99)),
    ("until back max, ms", |r| percentile(r.rejoin_ms, |p| p.max)),
    ("lag max, messages", |r| r.lag_messages_max.map(whole)),
    ("lag max, s", |r| r.lag_seconds_max.map(fine)),
    ("server CPU, cores", |r| {
        r.server_cpu_s.map(|cpu| fine(cpu / r.seconds))
    }),
    ("server CPU per delivery, us", |r| {
        r.server_cpu_us_per_delivery.map(fine)
    }),
    ("generator CPU, cores", |r| {
        r.generator_cpu_s.map(|cpu| fine(cpu / r.seconds))
    }),
    ("CPU stolen by the host, cores", |r| {
        r.stolen_cpu_s.map(|cpu| fine(cpu / r.seconds))
    }),
    ("generator stalled max, ms", |r| {
        Some(fine(r.generator_stall_ms_max))
    }),
    ("sockets", |r| Some(r.sockets?.open.to_string())),
    ("server memory before, MiB", |r| {
        Some(mebibytes(r.sockets?.resident_bytes_before))
    }),
    ("server memory after, MiB", |r| {
        Some(mebibytes(r.sockets?.resident_bytes_after))
    }),
    ("server memory per socket, bytes", |r| {
        Some(whole(r.sockets?.resident_bytes_per_socket))
    }),
    ("attacked", |r| {
        Some(r.hostile.as_ref()?.attacked.to_owned())
    }),
    ("latency p99, over the decoy's", |r| {
        r.hostile.as_ref()?.p99_ratio.map(fine)
    }),
    ("memory before attack, MiB", |r| {
        process(r)?.resident_bytes_before.map(mebibytes)
    }),
    ("memory max, first half, MiB", |r| {
        process(r)?.resident_bytes_max_early.map(mebibytes)
    }),
    ("memory max, MiB", |r| {
        process(r)?.resident_bytes_max.map(mebibytes)
    }),
    ("memory after attack, MiB", |r| {
        process(r)?.resident_bytes_after.map(mebibytes)
    }),
    ("restarts", |r| Some(process(r)?.restarts.to_string())),
    ("honest logins", |r| Some(logins(r)?.succeeded.to_string())),
    ("honest logins refused", |r| reasons(&logins(r)?.refused_by)),
    ("honest logins failed", |r| {
        Some(logins(r)?.failed.to_string())
    }),
    ("honest login p50, ms", |r| {
        percentile(logins(r)?.latency_ms, |p| p.p50)
    }),
    ("honest login p99, ms", |r| {
        percentile(logins(r)?.latency_ms, |p| p.p99)
    }),
    ("typed at", |r| Some(typing(r)?.typed_at.to_owned())),
    ("typing/s", |r| Some(whole(typing(r)?.said_per_s))),
    ("typing not said", |r| positive(typing(r)?.unsaid)),
    ("typing refused", |r| positive(typing(r)?.refused)),
    ("typists broken", |r| positive(typing(r)?.broken)),
    ("whispers/s", |r| Some(whole(typing(r)?.whispers_per_s))),
    ("whispers dropped by rings", |r| {
        typing(r)?.dropped_by_rings.map(whole)
    }),
    ("whispers dropped for clients", |r| {
        typing(r)?.dropped_for_clients.map(whole)
    }),
    ("accepted p50, over the decoy's", |r| {
        typing(r)?.accept_p50_ratio.map(fine)
    }),
    ("accepted p99, over the decoy's", |r| {
        typing(r)?.accept_p99_ratio.map(fine)
    }),
];

impl fmt::Display for Table<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, measure) in MEASURES {
            let values: Vec<_> = self.0.iter().map(measure).collect();
            if values.iter().all(Option::is_none) {
                continue;
            }
            write!(out, "{label:<LABEL_COLUMNS$}")?;
            for value in values {
                let value = value.as_deref().unwrap_or("-");
                write!(out, "{value:>VALUE_COLUMNS$}")?;
            }
            writeln!(out)?;
        }
        for report in self.0 {
            let of_typing = typing(report).and_then(|typing| typing.first_error.as_ref());
            for error in report.first_error.iter().chain(of_typing) {
                writeln!(out, "first error: {error}")?;
            }
        }
        for hostile in self.0.iter().filter_map(|report| report.hostile.as_ref()) {
            AttackTable(hostile).fmt(out)?;
        }
        Ok(())
    }
}

/// A measure that runs without messages don't have.
fn messages(report: &Report, value: String) -> Option<String> {
    report.sockets.is_none().then_some(value)
}

/// A measure that is best not there.
fn positive(count: u64) -> Option<String> {
    (count > 0).then(|| count.to_string())
}

/// Counts by reason.
fn reasons(refusals: &Refusals) -> Option<String> {
    (!refusals.is_empty()).then(|| format!(" {refusals}"))
}

fn process(report: &Report) -> Option<ProcessSeen> {
    Some(report.hostile.as_ref()?.process)
}

fn logins(report: &Report) -> Option<&Logins> {
    Some(&report.hostile.as_ref()?.logins)
}

fn typing(report: &Report) -> Option<&Typing> {
    report.typing.as_ref()
}

fn percentile(of: Option<Percentiles>, which: fn(Percentiles) -> f64) -> Option<String> {
    of.map(|percentiles| fine(which(percentiles)))
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

fn fine(number: f64) -> String {
    format!("{number:.3}")
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / (1024.0 * 1024.0))
}

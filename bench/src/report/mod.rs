//! Results: what was measured, and whether the run was correct.

pub mod hostile;
pub mod json;
pub mod percentiles;
pub mod plot;
pub mod spread;
pub mod table;
pub mod thrift;
pub mod typing;

use serde::Serialize;

use crate::load::run::{Outcome, Plan};
use crate::monitor::Seen;
use crate::refusal::Refusals;
use crate::report::hostile::Hostile;
use crate::report::percentiles::Percentiles;
use crate::report::typing::Typing;
use crate::schedule::Pace;
use crate::threads::UsedByGroup;

const MICROS_PER_MILLI: f64 = 1_000.0;

/// The results of one run. Counts are of all of it, warm-up included; rates, latencies and CPU times are of
/// the window that is measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub scenario: &'static str,
    pub peer: &'static str,
    /// Messages a second that were to be sent; none at `max`.
    pub offered_per_s: Option<f64>,
    /// Of the window.
    pub seconds: f64,
    pub sent: u64,
    pub accepted: u64,
    /// Because of load: 429 or 503.
    pub refused: u64,
    /// By the limit or the code that the refusals gave.
    #[serde(skip_serializing_if = "Refusals::is_empty")]
    pub refused_by: Refusals,
    /// Refused otherwise, or never answered.
    pub errors: u64,
    /// Were due, but all connections were busy until the end.
    pub unsent: u64,
    pub expected_deliveries: u64,
    pub delivered: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub reordered: u64,
    /// Rooms of listeners in which other messages came than were accepted.
    pub altered: u64,
    /// Deliveries to who is no member, or of what this run has not sent.
    pub strays: u64,
    /// Times that a listener stopped reading for `--pause-listeners`.
    pub listener_pauses: u64,
    /// Connections.
    pub broken: u64,
    pub first_error: Option<String>,
    pub accepted_per_s: f64,
    pub delivered_per_s: f64,
    /// From the intended send time to the receipt; where nobody listens, to the answer.
    pub latency_ms: Percentiles,
    /// From the intended send time to the answer.
    pub accept_latency_ms: Percentiles,
    /// From the intended send time until all listeners had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_have_it_ms: Option<Percentiles>,
    /// From the loss of a connection until its user had everything that was missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejoin_ms: Option<Percentiles>,
    pub lag_messages_max: Option<f64>,
    pub lag_seconds_max: Option<f64>,
    pub server_cpu_s: Option<f64>,
    pub server_cpu_us_per_delivery: Option<f64>,
    /// Of the window, where it is a process of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_threads: Option<UsedByGroup>,
    pub generator_cpu_s: Option<f64>,
    /// For which this machine's CPUs had work and were kept from it by its host: then latencies are the host's, too.
    pub stolen_cpu_s: Option<f64>,
    /// The longest that the generator has not looked at its sockets. What others did on its core in that time is
    /// part of the latencies.
    pub generator_stall_ms_max: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sockets: Option<Sockets>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostile: Option<Hostile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typing: Option<Typing>,
}

/// What idle sockets take of the server.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sockets {
    pub open: u64,
    pub resident_bytes_before: u64,
    pub resident_bytes_after: u64,
    pub resident_bytes_per_socket: f64,
}

impl Report {
    /// What an outcome says.
    pub fn new(
        scenario: &'static str,
        peer: &'static str,
        plan: &Plan,
        outcome: &Outcome,
        seen: &Seen,
    ) -> Self {
        let ledger = &outcome.ledger;
        let (counts, windowed) = (&ledger.counts, &ledger.windowed);
        let (verdict, latencies) = (&outcome.verdict, &ledger.latencies);
        let seconds = plan.duration.as_secs_f64();
        let acceptance = Percentiles::of(&latencies.acceptance);
        let per_delivery = |cpu: f64| cpu * 1e6 / windowed.delivered as f64;
        Self {
            scenario,
            peer,
            offered_per_s: match plan.pace {
                Pace::PerSecond(rate) => Some(rate),
                Pace::Max | Pace::OneAtATime | Pace::Silent => None,
            },
            seconds,
            sent: counts.sent,
            accepted: counts.accepted,
            refused: counts.refused,
            refused_by: ledger.refused_by.clone(),
            errors: counts.errors,
            unsent: counts.unsent,
            expected_deliveries: counts.expected,
            delivered: counts.delivered,
            lost: verdict.lost + counts.missing,
            duplicated: verdict.duplicated,
            reordered: verdict.reordered,
            altered: verdict.altered,
            strays: counts.strays,
            listener_pauses: counts.pauses,
            broken: outcome.broken,
            first_error: first_error(outcome),
            accepted_per_s: windowed.accepted as f64 / seconds,
            delivered_per_s: windowed.delivered as f64 / seconds,
            latency_ms: Percentiles::of_any(&latencies.delivery).unwrap_or(acceptance),
            accept_latency_ms: acceptance,
            all_have_it_ms: Percentiles::of_any(&latencies.completion),
            rejoin_ms: Percentiles::of_any(&latencies.rejoin),
            lag_messages_max: seen.lag_messages_max,
            lag_seconds_max: seen.lag_seconds_max,
            server_cpu_s: seen.server_cpu,
            server_cpu_us_per_delivery: seen
                .server_cpu
                .filter(|_| windowed.delivered > 0)
                .map(per_delivery),
            server_threads: seen.server_threads.clone(),
            generator_cpu_s: seen.generator_cpu,
            stolen_cpu_s: seen.stolen_cpu,
            generator_stall_ms_max: ledger.stall_max as f64 / MICROS_PER_MILLI,
            sockets: None,
            hostile: None,
            typing: None,
        }
    }

    /// Whether everything that was accepted came once and in order, and nothing was refused but for load; beside
    /// attackers, but for limits that have a name; and nobody was refused to type.
    pub fn is_clean(&self) -> bool {
        let wrong = self.lost + self.duplicated + self.reordered + self.altered + self.strays;
        let worked = self.accepted > 0 || self.sockets.is_some();
        let withstood = |hostile: &Hostile| hostile.is_clean() && self.refused_by.all_name_limits();
        let served = self.hostile.as_ref().is_none_or(withstood);
        let typed = self.typing.as_ref().is_none_or(Typing::is_clean);
        wrong + self.errors == 0
            && worked
            && served
            && typed
            && (self.broken == 0 || self.sockets.is_none())
    }
}

fn first_error(outcome: &Outcome) -> Option<String> {
    let refusal = outcome.ledger.first_error.clone();
    let broken = outcome.first_break.as_ref().map(ToString::to_string);
    broken.or(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_wrong_with_a_run_makes_it_unclean() {
        let clean = Report {
            sent: 2,
            accepted: 1,
            refused: 1,
            ..Report::default()
        };
        assert!(clean.is_clean());
        let wrong: [fn(&mut Report); 7] = [
            |report| report.lost = 1,
            |report| report.duplicated = 1,
            |report| report.reordered = 1,
            |report| report.altered = 1,
            |report| report.strays = 1,
            |report| report.errors = 1,
            |report| report.accepted = 0,
        ];
        for make_wrong in wrong {
            let mut report = clean.clone();
            make_wrong(&mut report);
            assert!(!report.is_clean(), "{report:?}");
        }
    }
}

//! What came of attacks, and of honest users beside them.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::Serialize;

use crate::attack::catalog::Attack;
use crate::attack::counts::AttackCounts;
use crate::refusal::Refusals;
use crate::report::percentiles::Percentiles;

/// Columns of the table of attacks, but for the last.
const NAME_COLUMNS: usize = 18;
const COUNT_COLUMNS: usize = 12;
const BYTES_PER_MEBIBYTE: f64 = 1024.0 * 1024.0;
/// How much later messages may be than where the attackers go for another server: p99 over p99.
const P99_RATIO_MAX: f64 = 2.0;
/// Bytes of memory by which the second half of a run may exceed the first: what the messages of honest users fill
/// meanwhile.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

/// What a run with attackers has besides.
#[derive(Clone, Debug, Serialize)]
pub struct Hostile {
    /// Who was attacked while the server was measured: itself (`target`), or another (`decoy`).
    pub attacked: &'static str,
    /// p99 of the latency, over that of the run with the decoy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ratio: Option<f64>,
    pub logins: Logins,
    pub process: ProcessSeen,
    pub attacks: BTreeMap<Attack, AttackCounts>,
}

/// Logins of honest users.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Logins {
    pub succeeded: u64,
    /// Because of load, by the limit or the code that was given.
    pub refused_by: Refusals,
    /// Refused otherwise, or not answered.
    pub failed: u64,
    pub first_failure: Option<String>,
    /// Of those that succeeded, from the intended time to the answer.
    pub latency_ms: Option<Percentiles>,
}

/// The server's process over a run, where it is one of this machine.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ProcessSeen {
    /// Memory before the attackers came.
    pub resident_bytes_before: Option<u64>,
    pub resident_bytes_max: Option<u64>,
    /// The same of the first half of the run.
    pub resident_bytes_max_early: Option<u64>,
    /// Memory a while after they had left.
    pub resident_bytes_after: Option<u64>,
    /// Times that another process was found in its place, or none.
    pub restarts: u64,
}

impl Hostile {
    /// Whether honest users could log in, and were refused for named limits at most; the process is still the same,
    /// its memory did not go on growing, and messages were not much later than beside the decoy.
    pub fn is_clean(&self) -> bool {
        let logins = &self.logins;
        logins.failed == 0
            && logins.succeeded > 0
            && logins.refused_by.all_name_limits()
            && self.process.restarts == 0
            && self.process.is_flat()
            && self.p99_ratio.is_none_or(|ratio| ratio <= P99_RATIO_MAX)
    }
}

impl ProcessSeen {
    /// Whether the second half of the run took no more memory than the first, but for [`GROWTH_BYTES_MAX`].
    fn is_flat(&self) -> bool {
        let bound = |early| early + GROWTH_BYTES_MAX;
        self.resident_bytes_max <= self.resident_bytes_max_early.map(bound)
    }
}

/// Prints attacks as a table: a line for each.
pub struct AttackTable<'a>(pub &'a Hostile);

impl fmt::Display for AttackTable<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attacked = format!("at {}", self.0.attacked);
        write!(out, "\n{attacked:<NAME_COLUMNS$}")?;
        for title in ["opened", "open max", "not opened", "MiB sent", "closed"] {
            write!(out, "{title:>COUNT_COLUMNS$}")?;
        }
        writeln!(out, "  replies, close codes")?;
        for (attack, counts) in &self.0.attacks {
            let name = format!("{attack:?}");
            let mebibytes = counts.bytes_sent as f64 / BYTES_PER_MEBIBYTE;
            write!(out, "{name:<NAME_COLUMNS$}")?;
            for count in [counts.opened, counts.open_max, counts.not_opened] {
                write!(out, "{count:>COUNT_COLUMNS$}")?;
            }
            let closed = counts.closed_by_server;
            write!(out, "{mebibytes:>COUNT_COLUMNS$.1}{closed:>COUNT_COLUMNS$}")?;
            writeln!(out, "  {}", answers(counts))?;
            if let Some(failure) = &counts.first_failure {
                writeln!(out, "  first that was not opened: {failure}")?;
            }
        }
        if let Some(failure) = &self.0.logins.first_failure {
            writeln!(out, "first honest login that failed: {failure}")?;
        }
        Ok(())
    }
}

fn answers(counts: &AttackCounts) -> String {
    let mut text = String::new();
    for (code, times) in counts.replies.iter().chain(&counts.close_codes) {
        // Writing to a string does not fail.
        let _ = write!(text, "{code}: {times}  ");
    }
    if counts.not_understood > 0 {
        let _ = write!(text, "not understood: {}", counts.not_understood);
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Hostile {
        let mut counts = AttackCounts {
            opened: 7,
            ..AttackCounts::default()
        };
        counts.replies.insert(408, 6);
        Hostile {
            attacked: "target",
            p99_ratio: None,
            logins: Logins {
                succeeded: 1,
                ..Logins::default()
            },
            process: ProcessSeen::default(),
            attacks: [(Attack::SlowBodies, counts)].into(),
        }
    }

    #[test]
    fn whatever_attackers_can_bring_about_makes_a_run_unclean() {
        let mut withstands = hostile();
        withstands.logins.refused_by.note(br#"{"limit":"logins"}"#);
        withstands.p99_ratio = Some(P99_RATIO_MAX);
        withstands.process.resident_bytes_max_early = Some(1);
        withstands.process.resident_bytes_max = Some(1 + GROWTH_BYTES_MAX);
        assert!(withstands.is_clean());
        let wrong: [fn(&mut Hostile); 6] = [
            |hostile| hostile.logins.failed = 1,
            |hostile| hostile.logins.succeeded = 0,
            |hostile| hostile.logins.refused_by.note(br#"{"code":"overloaded"}"#),
            |hostile| hostile.process.restarts = 1,
            |hostile| hostile.process.resident_bytes_max = Some(2 + GROWTH_BYTES_MAX),
            |hostile| hostile.p99_ratio = Some(P99_RATIO_MAX + 0.1),
        ];
        for make_wrong in wrong {
            let mut hostile = withstands.clone();
            make_wrong(&mut hostile);
            assert!(!hostile.is_clean(), "{hostile:?}");
        }
    }

    #[test]
    fn each_attack_has_a_line_with_what_it_was_answered() {
        let table = AttackTable(&hostile()).to_string();
        let line = table.lines().find(|line| line.starts_with("SlowBodies"));
        assert!(line.is_some_and(|line| line.ends_with("408: 6")), "{table}");
    }
}

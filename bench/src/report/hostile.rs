//! What came of attacks, and of honest users beside them.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::Serialize;

use crate::attack::catalog::Attack;
use crate::attack::counts::AttackCounts;
use crate::report::percentiles::Percentiles;

/// Columns of the table of attacks, but for the last.
const NAME_COLUMNS: usize = 18;
const COUNT_COLUMNS: usize = 12;
const BYTES_PER_MEBIBYTE: f64 = 1024.0 * 1024.0;

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
    pub refused_by: BTreeMap<String, u64>,
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
    /// Memory a while after they had left.
    pub resident_bytes_after: Option<u64>,
    /// Times that another process was found in its place, or none.
    pub restarts: u64,
}

impl Hostile {
    /// Whether no honest login failed but for load, and the process is still the same.
    pub fn is_clean(&self) -> bool {
        self.logins.failed == 0 && self.process.restarts == 0
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
            logins: Logins::default(),
            process: ProcessSeen::default(),
            attacks: [(Attack::SlowBodies, counts)].into(),
        }
    }

    #[test]
    fn a_failed_login_and_a_restart_make_a_run_unclean() {
        assert!(hostile().is_clean());
        let wrong: [fn(&mut Hostile); 2] = [
            |hostile| hostile.logins.failed = 1,
            |hostile| hostile.process.restarts = 1,
        ];
        for make_wrong in wrong {
            let mut hostile = hostile();
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

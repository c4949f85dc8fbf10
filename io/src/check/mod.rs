//! Whether this machine is fit to run Rookery: a table for its operator, and the few facts without
//! which the server would not start.

mod backends;
mod disk;
mod finding;
mod host;
mod operator_token;
mod preflight;
mod secret;
mod settings;

use std::{fmt, io, iter};

pub use self::finding::{Finding, Verdict};
pub use self::preflight::{PreflightError, preflight};
use crate::backend;
use crate::config::Config;
use crate::net::admission::Others;
use crate::privacy;

/// What `rookery check` found. Its text form is the table.
#[derive(Clone, Debug)]
pub struct Report {
    /// In the order of the table.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Nothing failed; there may be warnings.
    pub fn passed(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.verdict != Verdict::Fail)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["check", "found", "verdict", "remedy"];
        let cells = self.findings.iter().map(|finding| {
            [
                finding.check,
                &finding.found,
                finding.verdict.word(),
                &finding.remedy,
            ]
        });
        let rows: Vec<_> = iter::once(head).chain(cells).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let [check, found, verdict] = [0, 1, 2].map(|column| width(column).unwrap_or(0));
        for [a, b, c, d] in &rows {
            let line = format!("{a:check$} | {b:found$} | {c:verdict$} | {d}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// What is allowed and hardly meant: a start says it as well.
pub fn warnings(config: &Config) -> impl Iterator<Item = Finding> {
    let findings = settings::findings(config).into_iter();
    findings.filter(|finding| finding.verdict == Verdict::Warn)
}

/// Looks at the host, the disk, the files of secrets, the settings and the backends of a configuration. Takes a few seconds at most, and
/// leaves nothing behind.
pub fn run(config: &Config) -> Report {
    let others = Others {
        shards: config.placement.shards.len(),
        backend: backend::open_files_max(config),
    };
    let kept = privacy::keep_from_others();
    let mut findings = host::findings(others);
    findings.extend(kept.err().map(core_dumps));
    findings.extend(disk::findings(&config.data_dir));
    findings.push(secret::finding(&config.token_secret_file));
    let operator_token = config.operator_token_file.as_deref();
    findings.extend(operator_token.map(operator_token::finding));
    findings.extend(settings::findings(config));
    findings.extend(backends::findings(config));
    Report { findings }
}

/// Where they could not be turned off.
fn core_dumps(error: io::Error) -> Finding {
    Finding::warn(
        "core dumps",
        error.to_string(),
        "they would hold messages and keys: run it with ulimit -c 0",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;
    use crate::config::{self, CpuSet, Host};

    #[test]
    fn every_part_of_the_machine_is_looked_at_and_nothing_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let working_dir = directory.path().to_owned();
        let data_dir = working_dir.join("data").to_str().unwrap().to_owned();
        let host = Host {
            env: Vec::new(),
            working_dir,
            cpus: CpuSet::allowed().unwrap(),
        };
        let flags = [("data-dir", data_dir)].into_iter().collect();
        let report = run(&config::resolve(flags, &host).unwrap().config);

        let checks: Vec<_> = report
            .findings
            .iter()
            .map(|finding| finding.check)
            .collect();
        for check in [
            "kernel",
            "io_uring",
            "locked memory",
            "open files",
            "fsync latency",
            "token secret",
            "registration",
            "log",
        ] {
            assert!(checks.contains(&check), "{checks:?}");
        }
        for finding in &report.findings {
            let is_ok = finding.verdict == Verdict::Ok;
            assert_eq!(is_ok, finding.remedy.is_empty(), "{finding:?}");
        }
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn the_table_is_aligned_and_tells_failures_from_warnings() {
        let mut report = Report {
            findings: vec![
                Finding::ok("kernel", "Linux 6.1"),
                Finding::warn("open files", "1024 µ", "raise it"),
            ],
        };
        let table = "\
check      | found     | verdict | remedy
kernel     | Linux 6.1 | ok      |
open files | 1024 µ    | warn    | raise it
";
        assert_eq!(report.to_string(), table);
        assert!(report.passed());
        report
            .findings
            .push(Finding::fail("io_uring", "off", "turn it on"));
        assert!(!report.passed());
    }
}

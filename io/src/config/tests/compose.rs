//! What infra/compose.yml and the variables beside it say of settings.

use super::machine::Machine;
use crate::config::{
    foreign::is_foreign,
    settings::{self, after_prefix},
};

const COMPOSE: &str = include_str!("../../../../infra/compose.yml");
/// Variables with their defaults; those that are off by default, behind a `#`.
const EXAMPLE: &str = include_str!("../../../../infra/.env.example");

/// Settings that the compose file does not have: there they mean nothing, or something else in it decides.
const LEFT_OUT: [(&str, &str); 6] = [
    ("listen", "the image's, whose port is published"),
    ("data-dir", "the image's, where the volume is"),
    ("cpus", "ROOKERY_CPUSET"),
    ("shards", "ROOKERY_CPUSET: one for each of its CPUs"),
    ("durability", "of the embedded log alone"),
    (
        "scylla-credentials-file",
        "its ScyllaDB asks nobody who they are",
    ),
];

/// Settings that the compose file decides by itself.
const FIXED: [&str; 5] = ["log", "brokers", "store", "scylla", "trust-anyone"];

/// All words that look like variables of ours.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let is_of_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let words = text.split(move |it| !is_of_name(it));
    words.filter(|word| word.starts_with("ROOKERY_"))
}

/// The variables of the example with their values, also those that are off.
fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line));
    let assignments = lines.filter_map(|line| line.split_once('='));
    assignments.filter(|(name, _)| variables(name).next() == Some(name))
}

fn is_setting(variable: &str) -> bool {
    let mut all = settings::ALL.iter();
    all.any(|setting| settings::variable(setting.text().name) == variable)
}

#[test]
fn a_server_started_with_the_variables_of_compose_knows_all_of_them() {
    let mut machine = Machine::new();
    for (name, value) in examples() {
        machine = machine.variable(name, value);
    }
    machine.resolve(&[]).unwrap();
    for name in variables(COMPOSE).chain(variables(EXAMPLE)) {
        let is_known = is_setting(name) || after_prefix(name).is_some_and(|it| is_foreign(it, "1"));
        assert!(is_known, "{name}");
    }
}

#[test]
fn compose_passes_on_every_setting_that_means_something_there() {
    for setting in settings::ALL {
        let name = setting.text().name;
        let variable = settings::variable(name);
        let of_server = |line: &&str| line.trim_start().starts_with(&format!("{variable}:"));
        let line = COMPOSE.lines().find(of_server);
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            assert_eq!(line, None, "{variable}");
            continue;
        }
        let (_, value) = line
            .unwrap_or_else(|| panic!("{variable}"))
            .split_once(':')
            .unwrap();
        let is_passed_on = value.is_empty() || value.contains(&format!("${{{variable}:-"));
        assert_eq!(is_passed_on, !FIXED.contains(&name), "{variable}");
        let has_example = examples().any(|(example, _)| example == variable);
        assert_eq!(has_example, is_passed_on, "{variable}");
    }
}

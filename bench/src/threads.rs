//! What Linux says about the threads of a process of this machine: their CPU time, and how often they gave up a CPU
//! or lost it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

const NANOS_PER_SECOND: f64 = 1e9;
const VOLUNTARY: &str = "voluntary_ctxt_switches:";
const INVOLUNTARY: &str = "nonvoluntary_ctxt_switches:";

/// What a thread of a server is for, by its name; the names of other servers' threads say nothing of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Serves connections.
    Shard,
    /// Writes the log; with a broker, its client too.
    Log,
    /// Writes the store.
    Store,
    Rest,
}

impl Group {
    fn of(name: &str) -> Self {
        match name.trim_end_matches(|last: char| last.is_ascii_digit()) {
            "shard-" => Self::Shard,
            "log-" => Self::Log,
            "store-" => Self::Store,
            name if name.starts_with("rdk:") => Self::Log,
            name if name.starts_with("fjall:") => Self::Store,
            _ => Self::Rest,
        }
    }
}

/// What threads have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Used {
    pub cpu_s: f64,
    /// Times that they went to sleep.
    pub voluntary_switches: u64,
    /// Times that they had work, and another thread got their CPU.
    pub involuntary_switches: u64,
}

impl Used {
    fn add(&mut self, other: Self) {
        self.cpu_s += other.cpu_s;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            cpu_s: self.cpu_s - earlier.cpu_s,
            voluntary_switches: self
                .voluntary_switches
                .saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(earlier.involuntary_switches),
        }
    }
}

/// What was used of each kind of thread.
pub type UsedByGroup = BTreeMap<Group, Used>;

/// All threads of a process at one moment, by their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Threads(BTreeMap<u32, (Group, Used)>);

impl Threads {
    /// Looks at them, if they can be read.
    pub fn look(pid: u32) -> Option<Self> {
        let threads: BTreeMap<_, _> = fs::read_dir(format!("/proc/{pid}/task"))
            .ok()?
            .flatten()
            .filter_map(|entry| {
                let id = entry.file_name().to_str()?.parse().ok()?;
                // One that has ended meanwhile is passed over.
                Some((id, read(&entry.path())?))
            })
            .collect();
        (!threads.is_empty()).then_some(Self(threads))
    }

    /// What they have used since an earlier moment. Threads that have begun since count, those that have ended don't.
    pub fn since(&self, earlier: &Self) -> UsedByGroup {
        let mut by_group = UsedByGroup::new();
        for (id, (group, used)) in &self.0 {
            let before = earlier.0.get(id).map(|(_, used)| *used);
            let used = used.since(before.unwrap_or_default());
            by_group.entry(*group).or_default().add(used);
        }
        by_group
    }
}

fn read(thread: &Path) -> Option<(Group, Used)> {
    let text = |file| fs::read_to_string(thread.join(file)).ok();
    let used = parse_used(&text("schedstat")?, &text("status")?)?;
    Some((Group::of(text("comm")?.trim_end()), used))
}

/// `/proc/PID/stat` has CPU time in hundredths of a second, which is more than some threads take; `schedstat` has
/// nanoseconds.
fn parse_used(schedstat: &str, status: &str) -> Option<Used> {
    let nanos: u64 = schedstat.split_whitespace().next()?.parse().ok()?;
    let count = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    Some(Used {
        cpu_s: nanos as f64 / NANOS_PER_SECOND,
        voluntary_switches: count(VOLUNTARY)?,
        involuntary_switches: count(INVOLUNTARY)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(cpu_s: f64, voluntary_switches: u64, involuntary_switches: u64) -> Used {
        Used {
            cpu_s,
            voluntary_switches,
            involuntary_switches,
        }
    }

    #[test]
    fn the_kinds_of_switches_are_told_apart() {
        let status =
            "Name:\tshard-0\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        let parsed = parse_used("2500000000 26616323 12\n", status);
        assert_eq!(parsed, Some(used(2.5, 12, 3)));
        assert_eq!(parse_used("", status), None);
        assert_eq!(parse_used("1 2 3", "Name:\tshard-0\n"), None);
    }

    #[test]
    fn threads_are_grouped_by_what_their_names_say() {
        for (name, group) in [
            ("shard-0", Group::Shard),
            ("shard-17", Group::Shard),
            ("log-1", Group::Log),
            ("rdk:broker1", Group::Log),
            ("store-0", Group::Store),
            ("fjall:worker", Group::Store),
            ("log", Group::Rest),
            ("password-0", Group::Rest),
            ("", Group::Rest),
        ] {
            assert_eq!(Group::of(name), group, "{name}");
        }
    }

    #[test]
    fn shards_are_added_up_and_what_was_before_is_not_counted() {
        let threads = |all: &[(u32, Group, Used)]| {
            Threads(
                all.iter()
                    .map(|(id, group, used)| (*id, (*group, *used)))
                    .collect(),
            )
        };
        let earlier = threads(&[
            (1, Group::Shard, used(1.0, 10, 1)),
            (2, Group::Shard, used(2.0, 20, 2)),
            (3, Group::Log, used(9.0, 90, 9)),
        ]);
        let later = threads(&[
            (1, Group::Shard, used(1.5, 11, 1)),
            (2, Group::Shard, used(2.25, 25, 3)),
            (4, Group::Rest, used(0.5, 7, 0)),
        ]);
        let expected = [
            (Group::Shard, used(0.75, 6, 1)),
            (Group::Rest, used(0.5, 7, 0)),
        ];
        assert_eq!(later.since(&earlier), UsedByGroup::from(expected));
    }

    #[test]
    fn the_threads_of_this_process_can_be_read() {
        let pid = std::process::id();
        let earlier = Threads::look(pid);
        std::thread::sleep(std::time::Duration::from_millis(1));
        let later = Threads::look(pid);
        let since = later
            .as_ref()
            .zip(earlier.as_ref())
            .map(|(l, e)| l.since(e));
        let all = since.and_then(|since| since.get(&Group::Rest).copied());
        assert!(
            all.is_some_and(|used| used.voluntary_switches > 0),
            "{all:?}"
        );
    }
}

//! Which CPUs the process may use, and which shard is pinned to which of them.

use std::{collections::BTreeSet, fmt, io, ops::RangeInclusive};

use rustix::thread::sched_getaffinity;

/// A non-empty set of CPU numbers. Its text form is that of `taskset` and cpusets: `0,2-5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuSet(BTreeSet<usize>);

impl CpuSet {
    /// The CPUs that the calling thread may run on. To be read before any thread is pinned, as a
    /// pinned thread, and every thread that it starts, sees its own CPU alone.
    ///
    /// # Errors
    ///
    /// The kernel's, where the machine has more CPUs than a `cpu_set_t` can name.
    pub fn allowed() -> io::Result<Self> {
        let mask = sched_getaffinity(None)?;
        let cpus = (0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| mask.is_set(cpu));
        Ok(Self(cpus.collect()))
    }

    /// Each CPU once, as a CPU given twice is more likely a slip than a wish.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut cpus = BTreeSet::new();
        for part in text.split(',') {
            for cpu in range(part)? {
                if !cpus.insert(cpu) {
                    return None;
                }
            }
        }
        Some(Self(cpus))
    }

    /// The CPUs, in rising order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }

    /// How many CPUs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true of a set that was parsed or read from the kernel.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lowest CPU of this set that is absent from another.
    pub(super) fn first_outside(&self, other: &Self) -> Option<usize> {
        self.0.difference(&other.0).next().copied()
    }

    /// The lowest `count` CPUs.
    pub(super) fn first(&self, count: usize) -> Self {
        Self(self.iter().take(count).collect())
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut separator = "";
        while let Some(start) = cpus.next() {
            let mut end = start;
            while let Some(next) = cpus.next_if_eq(&(end + 1)) {
                end = next;
            }
            match end - start {
                0 => write!(f, "{separator}{start}")?,
                _ => write!(f, "{separator}{start}-{end}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

/// `3` or `2-5`. The bound keeps a range of billions from being laid out in memory.
fn range(text: &str) -> Option<RangeInclusive<usize>> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end): (usize, usize) = (start.parse().ok()?, end.parse().ok()?);
    (start <= end && end < rustix::thread::CpuSet::MAX_CPU).then_some(start..=end)
}

/// The shards of the process: one for each entry, pinned to its CPU where it names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// By shard number.
    pub shards: Vec<Option<usize>>,
}

impl Placement {
    /// One shard pinned to each CPU.
    pub(super) fn one_each(cpus: &CpuSet) -> Self {
        Self {
            shards: cpus.iter().map(Some).collect(),
        }
    }

    /// Pinned to the first `count` allowed CPUs, or unpinned where there are more shards than CPUs:
    /// two shards pinned to one CPU could not even move away from each other.
    pub(super) fn of_shards(count: usize, allowed: &CpuSet) -> Self {
        if count <= allowed.len() {
            Self::one_each(&allowed.first(count))
        } else {
            Self {
                shards: vec![None; count],
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;
    use proptest::prelude::*;

    fn cpus(text: &str) -> Option<Vec<usize>> {
        Some(CpuSet::parse(text)?.iter().collect())
    }

    #[test]
    fn lists_are_numbers_and_rising_ranges() {
        assert_eq!(cpus("0,2-5"), Some(vec![0, 2, 3, 4, 5]));
        assert_eq!(cpus("7"), Some(vec![7]));
        assert_eq!(cpus("3-3"), Some(vec![3]));
        assert_eq!(cpus("5,1"), Some(vec![1, 5]));
    }

    #[test]
    fn anything_else_is_no_list() {
        let wrong = [
            "",
            ",",
            "1,",
            "5-2",
            "1,1",
            "0-3,2",
            "a",
            "-1",
            "1-",
            "0 1",
            "0-99999999999",
        ];
        for text in wrong {
            assert_eq!(cpus(text), None, "{text:?}");
        }
    }

    #[test]
    fn shards_are_pinned_while_there_are_cpus_for_all() {
        let allowed = CpuSet::parse("1,4,6").unwrap();
        let pinned = Placement::of_shards(2, &allowed);
        assert_eq!(pinned.shards, [Some(1), Some(4)]);
        let all = Placement::of_shards(3, &allowed);
        assert_eq!(all.shards, [Some(1), Some(4), Some(6)]);
        let unpinned = Placement::of_shards(4, &allowed);
        assert_eq!(unpinned.shards, [None; 4]);
    }

    proptest! {
        #[test]
        fn what_is_shown_parses_to_the_same_set(set in proptest::collection::btree_set(0usize..1024, 1..40)) {
            let set = CpuSet(set);
            prop_assert_eq!(CpuSet::parse(&set.to_string()), Some(set));
        }
    }
}

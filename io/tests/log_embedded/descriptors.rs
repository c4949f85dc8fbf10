//! How many files a log has open, and what becomes of it where it can open no more.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rookery_engine::port::{AppendFault, LogRequest};
use rookery_io::log::Stored;
use rookery_io::log::embedded::Settings;
use rookery_schema::Offset;

use super::few_descriptors::{in_own_process, without_descriptors};
use super::support::{P0, batch, layout, open, open_with, segments, sized_batch, small};

/// What `Admission` sets aside for a partition.
const PARTITION_DESCRIPTORS: usize = 6;

/// Open files below a directory.
fn open_files(root: &Path) -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    let files = descriptors.filter_map(|it| fs::read_link(it.unwrap().path()).ok());
    files.filter(|path| path.starts_with(root)).count()
}

#[test]
fn a_log_of_many_segments_has_no_more_files_open_than_one_of_few() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = open(root.path());
    shard.append_durably(batch([0]));
    let few = open_files(root.path());
    for number in 1..200 {
        shard.append_durably(sized_batch([number], 8_000));
    }
    assert!(segments(root.path()) > 90);
    let many = open_files(root.path());
    assert_eq!(many, few);
    assert!(many < PARTITION_DESCRIPTORS, "{many}, one is for a roll");
    shard.stop();

    // While it is replayed, and behind that.
    let mut shard = open(root.path());
    shard.submit(LogRequest::Pause { partition: P0 });
    thread::sleep(Duration::from_millis(100));
    assert!(open_files(root.path()) < PARTITION_DESCRIPTORS);
    shard.submit(LogRequest::Resume { partition: P0 });
    shard.until_delivered(P0, &Vec::from_iter(0..200));
    shard.append_durably(batch([200]));
    assert_eq!(open_files(root.path()), few);
    shard.stop();
}

#[test]
fn without_descriptors_a_roll_is_not_done_and_a_trim_is_and_it_goes_on_with_some() {
    let name = "descriptors::without_descriptors_a_roll_is_not_done_and_a_trim_is_and_it_goes_on_with_some";
    in_own_process(name, || {
        let root = tempfile::tempdir().unwrap();
        let settings = Settings {
            window_records: 0,
            ..small()
        };
        let layout = layout(root.path(), 1);
        let open = |stored| open_with(&layout, &[(P0, stored)], settings).unwrap();
        let mut shard = open(Stored::Nothing);
        let mut confirmed = Vec::new();
        while segments(root.path()) < 5 {
            shard.append_durably(sized_batch([confirmed.len() as u64], 1_000));
            confirmed.push(confirmed.len() as u64);
        }
        without_descriptors(|| {
            let mut number = 1000;
            while shard.outcome(sized_batch([number], 1_000)).is_ok() {
                confirmed.push(number);
                number += 1;
            }
            for refused in 2000..2003 {
                let outcome = shard.outcome(sized_batch([refused], 1_000));
                assert_eq!(outcome, Err(AppendFault::Unavailable));
            }
            // The newest segment has room for what is smaller.
            shard.append_durably(batch([3000]));
            shard.commit(confirmed.len() as u64);
            shard.append_durably(batch([3001]));
            confirmed.extend([3000, 3001]);
        });
        assert_eq!(segments(root.path()), 1, "all others were removed");
        shard.append_durably(sized_batch([4000], 1_000));
        confirmed.push(4000);
        shard.until_delivered(P0, &confirmed);
        shard.stop();
        let mut shard = open(Stored::Below(Offset(confirmed.len() as u64)));
        shard.until_caught_up(1);
        let (start, _) = shard.opened(P0);
        assert_eq!(shard.delivered(P0), confirmed[start as usize..]);
        shard.stop();
    });
}

#[test]
fn without_descriptors_a_replay_waits() {
    let name = "descriptors::without_descriptors_a_replay_waits";
    in_own_process(name, || {
        let root = tempfile::tempdir().unwrap();
        let mut shard = open(root.path());
        let all = Vec::from_iter(0..1600);
        for start in (0..1600).step_by(100) {
            (start..start + 100).for_each(|number| shard.append(P0, sized_batch([number], 4000)));
            shard.until_answered(start as usize + 100);
        }
        shard.stop();
        let mut shard = open(root.path());
        shard.submit(LogRequest::Pause { partition: P0 });
        shard.append_durably(batch([1600]));
        without_descriptors(|| {
            shard.submit(LogRequest::Resume { partition: P0 });
            shard.append_durably(batch([1601]));
            thread::sleep(Duration::from_millis(100));
        });
        shard.until_delivered(P0, &[all, vec![1600, 1601]].concat());
        shard.stop();
    });
}

//! From where the log replays, and what it removes.

use std::fs;
use std::os::unix::fs::symlink;

use rookery_io::log::Stored;
use rookery_schema::Offset;

use super::support::{P0, batch, layout, open, reopened, segments, sized_batch, write_and_commit};

#[test]
fn a_commit_survives_the_end_of_the_process_and_its_loss_only_means_a_longer_replay() {
    let root = tempfile::tempdir().unwrap();
    let stored = Stored::Below(Offset(300));
    let mut shard = open(root.path());
    for start in (0..300).step_by(50) {
        shard.append_durably(sized_batch(start..start + 50, 500));
    }
    shard.commit(290);
    shard.stop();

    let shard = reopened(root.path(), stored);
    let (start, committed) = shard.opened(P0);
    assert_eq!(committed, 290);
    assert!((100..=190).contains(&start), "{start}");
    assert_eq!(shard.delivered(P0), Vec::from_iter(start..300));
    shard.stop();

    let path = root.path().join("log/0/committed");
    for garbage in [&b""[..], &[0; 48], &[0xA5; 48], &[0xA5; 10]] {
        fs::write(&path, garbage).unwrap();
        let shard = reopened(root.path(), stored);
        let (start, committed) = shard.opened(P0);
        assert_eq!(start, committed);
        assert_eq!(shard.delivered(P0), Vec::from_iter(start..300));
        shard.stop();
    }
}

#[test]
fn what_nobody_will_read_again_leaves_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = open(root.path());
    shard.until_caught_up(1);
    let mut most = 0;
    for number in (0..2000).step_by(10) {
        shard.append_durably(sized_batch(number..number + 10, 300));
        shard.commit(number + 10);
        most = most.max(segments(root.path()));
    }
    // The window of 100 records takes 34 KiB, in segments of 16.
    assert!(most <= 6, "{most} segments");
    shard.stop();
    let shard = reopened(root.path(), Stored::Below(Offset(2000)));
    let (start, committed) = shard.opened(P0);
    assert_eq!(committed, 2000);
    assert!((1800..=1900).contains(&start), "{start}");
    assert_eq!(shard.delivered(P0), Vec::from_iter(start..2000));
    shard.stop();
}

#[test]
fn an_empty_store_gets_all_that_the_log_still_has() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = open(root.path());
    shard.append_durably(batch(0..50));
    shard.commit(50);
    shard.stop();
    let shard = reopened(root.path(), Stored::Nothing);
    assert_eq!(shard.opened(P0), (0, 0));
    shard.stop();
    // It was filled out of order and not finished: its newest record does not speak for the others.
    let shard = reopened(root.path(), Stored::Below(Offset(40)));
    assert_eq!(shard.opened(P0), (0, 0));
    shard.stop();
}

#[test]
fn nothing_is_removed_on_the_word_of_a_commit_that_a_power_cut_may_take_back() {
    let root = tempfile::tempdir().unwrap();
    layout(root.path(), 1);
    fs::create_dir_all(root.path().join("log/0")).unwrap();
    // It takes every write, and refuses to sync.
    symlink("/dev/null", root.path().join("log/0/committed")).unwrap();
    write_and_commit(root.path(), 400);
    let shard = reopened(root.path(), Stored::Below(Offset(400)));
    assert_eq!(shard.delivered(P0), Vec::from_iter(0..400));
    shard.stop();
}

#[test]
fn a_log_whose_newest_commit_is_damaged_opens_though_it_was_trimmed_since_the_one_before() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = open(root.path());
    shard.until_caught_up(1);
    for number in (0..400).step_by(10) {
        shard.append_durably(sized_batch(number..number + 10, 300));
    }
    shard.commit(10);
    shard.commit(400);
    shard.stop();
    let path = root.path().join("log/0/committed");
    let mut slots = fs::read(&path).unwrap();
    *slots.last_mut().unwrap() ^= 1;
    fs::write(&path, slots).unwrap();

    let shard = reopened(root.path(), Stored::Below(Offset(400)));
    let (start, committed) = shard.opened(P0);
    assert!(start > 200, "{start} was removed");
    assert_eq!(committed, start);
    assert_eq!(shard.delivered(P0), Vec::from_iter(start..400));
    shard.stop();
}

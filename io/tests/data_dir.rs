//! A data directory that goes away under a running server: nothing is acknowledged that nobody finds again.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::api::Api;
use support::{Options, any_user};
use tempfile::TempDir;

/// How long messages may still be acknowledged.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);

/// Takes the directory away from a server to which somebody posts, and waits for its end.
#[track_caller]
fn take_away(options: &Options, data: &Path, away: impl FnOnce()) {
    let mut server = options.start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    alice.say(&chat, "before");
    away();
    let began = Instant::now();
    while let Ok(reply) = alice.try_call(alice.message(&chat, "after", None)) {
        assert!(
            reply.status != 200 || began.elapsed() < NOTICED_WITHIN,
            "a message is acknowledged that nobody finds again"
        );
    }
    assert_eq!(server.wait().code(), Some(1));
    let log = server.log();
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("was removed, renamed or replaced"), "{log}");
    assert!(last.contains(&*data.to_string_lossy()), "{log}");
}

fn data_dir() -> (TempDir, PathBuf, Options) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let options = Options::embedded(&data).flag("--auth", "trust").shards(2);
    (dir, data, options)
}

#[test]
fn a_server_whose_directory_is_removed_acknowledges_nothing_more() {
    let (_dir, data, options) = data_dir();
    take_away(&options, &data, || fs::remove_dir_all(&data).unwrap());
    let next = options.start();
    Api::trusted(next.addr, &any_user()).create_chat("anew", &[]);
}

#[test]
fn a_server_whose_directory_is_renamed_loses_nothing_of_it() {
    let (dir, data, options) = data_dir();
    let moved = dir.path().join("moved");
    take_away(&options, &data, || fs::rename(&data, &moved).unwrap());
    fs::rename(&moved, &data).unwrap();
    let next = options.start();
    assert_eq!(next.try_get("/readyz"), Some(200));
}

#[test]
fn a_server_whose_directory_is_replaced_does_not_run_beside_the_next() {
    let (dir, data, options) = data_dir();
    let (moved, mut next) = (dir.path().join("moved"), None);
    take_away(&options, &data, || {
        fs::rename(&data, &moved).unwrap();
        next = Some(options.start());
    });
    next.unwrap().assert_lives();
}

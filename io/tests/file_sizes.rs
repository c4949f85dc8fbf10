//! What a server makes of a bound of file sizes (`ulimit -f`, `LimitFSIZE`).

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use support::api::Api;
use support::{Options, any_user};

/// Less than a segment of the log, or a journal of the store, which get their 64 MiB at once.
const SMALL: u64 = 1 << 20;
const LARGE: u64 = 128 << 20;
const CONTENT_BYTES: usize = 4000;
/// More than so many bytes.
const POSTS: usize = 2 * SMALL as usize / CONTENT_BYTES;

#[test]
fn a_start_is_refused_and_the_next_one_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::embedded(dir.path())
        .flag("--auth", "trust")
        .shards(2);
    let mut server = options.clone().file_bytes_max(SMALL).spawn();
    assert_eq!(server.wait().code(), Some(1), "{}", server.log());
    let log = server.log();
    assert!(log.contains("File too large"), "{log}");
    assert!(!log.contains("has ended"), "of threads: {log}");

    let server = options.file_bytes_max(LARGE).start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    alice.say(&chat, "hello");
}

#[test]
fn a_server_whose_bound_is_lowered_ends_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::embedded(dir.path())
        .flag("--auth", "trust")
        .shards(1);
    let mut server = options.start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let process = Pid::from_raw(server.id() as i32).unwrap();
    let limit = Rlimit {
        current: Some(SMALL),
        maximum: Some(SMALL),
    };
    prlimit(Some(process), Resource::Fsize, limit).unwrap();
    let content = "x".repeat(CONTENT_BYTES);
    let post = alice.message(&chat, &content, None);
    let is_posted = |_: &usize| {
        alice
            .try_call(post.clone())
            .is_ok_and(|it| it.status == 200)
    };
    let posted = (0..POSTS).take_while(is_posted).count();
    assert!(posted < POSTS);
    assert_eq!(server.wait().code(), Some(1), "{}", server.log());
    let log = server.log();
    assert!(log.contains("File too large"), "{log}");

    let server = options.start();
    let found = alice.at(server.addr).history(&chat);
    assert!(found.len() >= posted, "{} of {posted}", found.len());
}

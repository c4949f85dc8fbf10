//! The file of keys that sign tokens, and how it changes while the server runs.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use support::{Api, Options, Server, eventually};
use tempfile::TempDir;

/// Enough that a key which came to some of them alone would be noticed.
const SHARDS: usize = 3;
/// Requests, each on a connection of its own, that meet every shard almost surely.
const TRIES: usize = 40;

const OLD: &str = "old-old-old-old-old-old-old-old-old";
const NEW: &str = "new-new-new-new-new-new-new-new-new";

/// A server whose file has these lines.
fn start(lines: &[&str]) -> (TempDir, PathBuf, Server) {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("keys");
    write(&file, lines);
    let data_dir = root.path().join("data");
    let options = Options::new(&data_dir).shards(SHARDS);
    let server = options.flag("--token-secret-file", file.display()).start();
    (root, file, server)
}

fn write(file: &Path, lines: &[&str]) {
    fs::write(file, lines.join("\n")).unwrap();
    let owner_alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(file, owner_alone).unwrap();
}

/// Changes the file, and waits until the server has said so of it.
fn rotate(server: &Server, file: &Path, lines: &[&str], said: &str) {
    write(file, lines);
    hang_up(server, said);
}

fn hang_up(server: &Server, said: &str) {
    let times = |log: String| log.matches(said).count();
    let before = times(server.log());
    server.signal(Signal::HUP);
    eventually(said, || (times(server.log()) > before).then_some(()));
}

/// Whether a user's login is good, once all shards agree.
fn is_logged_in(server: &Server, user: &Api) -> bool {
    let known = |_: &usize| {
        let mut api = Api::anonymous(server.addr);
        api.identity = user.identity.clone();
        api.get("/chats").status == 200
    };
    eventually("all shards agree", || {
        match (0..TRIES).filter(known).count() {
            0 => Some(false),
            TRIES => Some(true),
            _ => None,
        }
    })
}

#[test]
fn a_rotation_in_steps_logs_nobody_out() {
    let (_root, file, server) = start(&[OLD]);
    let mut alice = Api::register(server.addr, "alice");
    let took_up = "took up the token keys";
    rotate(&server, &file, &[OLD, NEW], took_up);
    assert!(is_logged_in(&server, &alice));
    rotate(&server, &file, &["# this year's", NEW, "", OLD], took_up);
    assert!(is_logged_in(&server, &alice));
    let bob = Api::register(server.addr, "bob");
    assert!(is_logged_in(&server, &bob));
    rotate(&server, &file, &[NEW], took_up);
    assert!(is_logged_in(&server, &bob), "signed with the new key");
    assert!(!is_logged_in(&server, &alice), "signed with the old key");
    assert_eq!(
        alice.get("/chats").status,
        401,
        "also where it was known before"
    );
}

#[test]
fn a_bad_file_leaves_the_keys_as_they_were() {
    let (_root, file, server) = start(&[OLD]);
    let alice = Api::register(server.addr, "alice");
    let stay = "the token keys stay as they were";
    rotate(&server, &file, &["short"], stay);
    assert!(
        server.log().contains("5 bytes on line 1"),
        "{}",
        server.log()
    );
    fs::remove_file(&file).unwrap();
    hang_up(&server, stay);
    assert!(!file.exists(), "none is made while the server runs");
    assert!(is_logged_in(&server, &alice));
    server.assert_lives();
}

#[test]
fn a_secret_that_is_made_is_told_once() {
    let root = tempfile::tempdir().unwrap();
    let options = Options::embedded(root.path());
    let made = |server: &Server| server.log().matches("made a token secret").count();
    let mut server = options.start();
    assert_eq!(made(&server), 1);
    server.terminate();
    server.wait();
    let secret = fs::read_to_string(root.path().join("token.secret")).unwrap();
    assert!(!server.log().contains(secret.trim()), "it is never shown");
    assert_eq!(made(&options.start()), 0);
}

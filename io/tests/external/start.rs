//! Engines that are not there when the server starts.

use super::support::api::Api;
use super::support::door::{Door, GONE, OPEN};
use super::support::engines::broker;
use super::support::http::{Http, Request};
use super::support::{Options, any_user, eventually};
use rookery_testing::dice::Dice;

/// Port 1 of the loopback: nothing listens there, and it refuses at once.
const NOBODY: &str = "127.0.0.1:1";

/// It waits, says for what, is not ready, and can be told to end.
fn assert_waits(options: &Options, what: &str) {
    let mut server = options.spawn();
    eventually(what, || server.log().contains(what).then_some(()));
    assert_eq!(server.try_get("/readyz"), Some(503));
    assert_eq!(server.try_get("/livez"), Some(200));
    server.terminate();
    assert!(server.wait().success());
}

#[test]
fn without_brokers_and_store_it_waits_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::embedded(dir.path())
        .flag("--store", "scylla")
        .flag("--scylla", NOBODY);
    assert_waits(&options, "waiting for the store");
    let both = options.flag("--log", "redpanda").flag("--brokers", NOBODY);
    assert_waits(&both, "waiting for the log's brokers");
}

#[test]
fn once_the_brokers_answer_a_start_that_waited_for_them_goes_on() {
    let Some(brokers) = broker() else { return };
    let door = Door::to(&brokers);
    door.set(GONE);
    let dir = tempfile::tempdir().unwrap();
    let mut server = Options::embedded(dir.path())
        .flag("--auth", "trust")
        .flag("--log", "redpanda")
        .flag("--brokers", door.address)
        .flag(
            "--topic",
            format!("start_{:016x}", Dice::from_entropy().next()),
        )
        .spawn();
    let waits = format!("it waits for the log's brokers at {} (", door.address);
    eventually("it says what it waits for", || {
        let mut http = Http::connect(server.addr).ok()?;
        let readiness = http.call(&Request::get("/readyz")).ok()?;
        readiness.text().contains(&waits).then_some(())
    });
    door.set(OPEN);
    server.wait_ready().unwrap();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    alice.say(&chat, "at last");
}

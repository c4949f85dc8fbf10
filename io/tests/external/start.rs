//! Engines that are not there when the server starts.

use super::support::{Options, eventually};

/// Port 1 of the loopback: nothing listens there, and it refuses at once.
const NOBODY: &str = "127.0.0.1:1";

/// It waits, says for what, is not ready, and can be told to end.
fn assert_waits(options: &Options, what: &str) {
    let mut server = options.spawn();
    eventually(what, || server.log().contains(what).then_some(()));
    assert_ne!(server.try_get("/readyz"), Some(200));
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

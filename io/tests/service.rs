//! What a service manager hears of the server.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use support::Options;
use support::server::READY_WITHIN;

/// What the watchdog of the test allows.
const WATCHDOG: Duration = Duration::from_millis(600);

fn heard(manager: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let length = manager.recv(&mut message).unwrap();
    String::from_utf8(message[..length].to_vec()).unwrap()
}

#[test]
fn it_hears_that_the_server_is_ready_lives_and_stops() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(READY_WITHIN)).unwrap();
    let mut server = Options::trusting(&dir.path().join("data"))
        .shards(2)
        .variable("NOTIFY_SOCKET", path.display())
        .variable("WATCHDOG_USEC", WATCHDOG.as_micros())
        .spawn();
    assert_eq!(heard(&manager).trim(), "READY=1");
    server.wait_ready().unwrap();
    for _ in 0..3 {
        assert_eq!(heard(&manager).trim(), "WATCHDOG=1");
    }
    server.terminate();
    let last = std::iter::repeat_with(|| heard(&manager)).find(|it| !it.contains("WATCHDOG"));
    assert_eq!(last.unwrap().trim(), "STOPPING=1");
    assert_eq!(server.wait().code(), Some(0));
}

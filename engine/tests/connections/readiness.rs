//! When a server says that it is ready.

use rookery_engine::input::Input;
use rookery_engine::mesh::ShardMessage;

use crate::host::{Host, OTHER};

/// What `/readyz` answers.
fn readiness(host: &mut Host) -> String {
    let conn = host.accept();
    let request = host.request("GET", "/readyz", "");
    host.send(conn, &request);
    String::from_utf8(host.read_all(conn)).unwrap()
}

#[track_caller]
fn assert_status(host: &mut Host, status: &str) {
    let reply = readiness(host);
    assert_eq!(reply.split(' ').nth(1), Some(status), "{reply}");
}

#[test]
fn a_server_is_ready_once_every_shard_of_it_serves() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = host.page();
    host.send(conn, &page);
    assert_eq!(host.asked.len(), 1, "this shard serves");
    assert_status(&mut host, "503");
    host.tell(ShardMessage::Serving { from: OTHER });
    assert_status(&mut host, "200");
}

#[test]
fn a_start_that_may_wait_for_a_full_disk_says_so() {
    let mut host = Host::in_trust();
    assert!(!readiness(&mut host).contains("disk"));
    host.step(Input::DiskFull(true));
    assert!(readiness(&mut host).contains("until its disk has room"));
    host.tell(ShardMessage::Serving { from: OTHER });
    assert_status(&mut host, "200");
}

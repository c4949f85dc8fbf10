//! When a server says that it is ready.

use rookery_engine::mesh::ShardMessage;

use crate::host::{Host, OTHER};

/// What `/readyz` answers: the status.
fn readiness(host: &mut Host) -> String {
    let conn = host.accept();
    let request = host.request("GET", "/readyz", "");
    host.send(conn, &request);
    let reply = String::from_utf8(host.read_all(conn)).unwrap();
    reply.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_server_is_ready_once_every_shard_of_it_serves() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = host.page();
    host.send(conn, &page);
    assert_eq!(host.asked.len(), 1, "this shard serves");
    assert_eq!(readiness(&mut host), "503", "the other one may not yet");
    host.tell(ShardMessage::Serving { from: OTHER });
    assert_eq!(readiness(&mut host), "200");
}

//! More than the server can take at once: refused for now, and for no longer than needed.

use std::collections::BTreeSet;

use crate::support::api::Api;
use crate::support::{Options, any_user, eventually};

#[test]
fn messages_are_refused_while_too_many_are_not_stored() {
    const BURST: usize = 1000;
    let dir = tempfile::tempdir().unwrap();
    // The least limit that there is: a sync of the store takes longer now and then.
    let server = Options::trusting(dir.path())
        .shards(2)
        .flag("--lag-limit", 0.01)
        .start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let mut accepted = BTreeSet::new();
    let refused = eventually("the store lags behind", || {
        let mut http = server.http();
        let burst: Vec<u8> = (0..BURST)
            .flat_map(|_| {
                let message = alice.message(&chat, &"x".repeat(4000), None);
                message.headers(&alice.identity).encode()
            })
            .collect();
        http.write(&burst).unwrap();
        let replies: Vec<_> = (0..BURST).map(|_| http.receive().unwrap()).collect();
        let (taken, refused): (Vec<_>, Vec<_>) =
            replies.into_iter().partition(|reply| reply.status == 200);
        let ids = taken
            .iter()
            .map(|reply| reply.json()["message_id"].to_string());
        accepted.extend(ids);
        // Those that were read late are refused for that.
        refused.into_iter().find(|reply| {
            let detail = reply.json()["detail"].to_string();
            detail.contains("catching up")
        })
    });
    refused.expect_problem(503, "unavailable");
    refused.retry_after();

    server.assert_lives();
    let last = eventually("messages are taken again", || {
        let reply = alice.call(alice.message(&chat, "after", None));
        (reply.status == 200).then(|| reply.json()["message_id"].to_string())
    });
    accepted.insert(last);
    let history = alice.history(&chat);
    let stored: BTreeSet<String> = history
        .iter()
        .map(|message| message["message_id"].to_string())
        .collect();
    assert_eq!(stored, accepted, "what was refused left no trace");
}

#[test]
fn messages_are_refused_that_waited_too_long_to_be_read() {
    const CONNECTIONS: usize = 64;
    const BURST: usize = 60;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path())
        .shards(1)
        .flag("--lag-limit", 0.01)
        .start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let message = alice.message(&chat, &"x".repeat(4000), None);
    let burst = message.headers(&alice.identity).encode().repeat(BURST);
    eventually("there is too much to read", || {
        let mut all: Vec<_> = (0..CONNECTIONS).map(|_| server.http()).collect();
        all.iter_mut().for_each(|http| http.write(&burst).unwrap());
        let replies = all
            .iter_mut()
            .flat_map(|http| (0..BURST).map(|_| http.receive().unwrap()));
        let details = replies
            .filter(|reply| reply.status == 503)
            .map(|reply| reply.json()["detail"].to_string());
        details
            .into_iter()
            .find(|detail| detail.contains("more to read"))
    });
    eventually("messages are taken again", || {
        let reply = alice.call(alice.message(&chat, "after", None));
        (reply.status == 200).then_some(())
    });
}

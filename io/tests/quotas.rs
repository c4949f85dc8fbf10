//! What one user may send and hold open, so that they can't take disk and descriptors from all others.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::time::{Duration, Instant};

use support::api::Api;
use support::http::{Http, Response};
use support::ws::{End, Ws};
use support::{Options, any_user};

const SHARDS: usize = 2;

/// The status of one message after the other, by several connections in turn, so that several shards have a lease.
fn post_in_turn(
    user: &Api,
    connections: &mut [Http],
    chat: &str,
    content: &str,
    until: Duration,
) -> Vec<Response> {
    let (begun, mut replies) = (Instant::now(), Vec::new());
    while begun.elapsed() < until {
        let request = user.message(chat, content, None).headers(&user.identity);
        for http in connections.iter_mut() {
            replies.push(http.call(&request).unwrap());
        }
    }
    replies
}

fn accepted(replies: &[Response]) -> usize {
    replies.iter().filter(|reply| reply.status == 200).count()
}

#[track_caller]
fn expect_limit(replies: &[Response], limit: &str) {
    let refused = replies.iter().find(|reply| reply.status != 200);
    let refused = refused.expect("one is refused");
    refused.expect_problem(429, "too_many_requests");
    assert_eq!(refused.json()["limit"], limit);
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds > 0);
}

#[test]
fn a_user_sends_no_more_content_a_minute_than_they_may_and_others_go_on() {
    const BYTES: usize = 64_000;
    const CONTENT: usize = 1000;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path())
        .shards(SHARDS)
        .flag("--user-bytes", BYTES)
        .start();
    let mut ann = Api::register(server.addr, "ann");
    let mut bob = Api::register(server.addr, "bob");
    let chat = ann.create_chat("room", &[&bob.user_id]);
    let mut connections: Vec<Http> = (0..4)
        .map(|_| Http::connect(server.addr).unwrap())
        .collect();
    let seconds = Duration::from_secs(2);
    let content = "x".repeat(CONTENT);
    let replies = post_in_turn(&ann, &mut connections, &chat, &content, seconds);
    let bytes = accepted(&replies) * CONTENT;
    // A lease of a sixteenth by each shard, what came free meanwhile, and a message.
    let most = BYTES + SHARDS * BYTES / 16 + 4 * BYTES / 60 + SHARDS * CONTENT;
    assert!((BYTES..=most).contains(&bytes), "{bytes} of {most}");
    expect_limit(&replies, "user-bytes");
    let met = server.metrics();
    assert!(met.sum_with("rookery_limits_met_total", "limit", "user-bytes") > 0.0);
    bob.say(&chat, &content);
}

#[test]
fn a_user_sends_no_more_messages_a_second_than_they_may_by_all_shards_together() {
    const RATE: usize = 20;
    const SECONDS: usize = 4;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path())
        .shards(SHARDS)
        .flag("--user-rate", RATE)
        .start();
    let mut ann = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[]);
    let mut connections: Vec<Http> = (0..4)
        .map(|_| Http::connect(server.addr).unwrap())
        .collect();
    let seconds = Duration::from_secs(SECONDS as u64);
    let replies = post_in_turn(&ann, &mut connections, &chat, "x", seconds);
    // The burst, once more by each shard, and what came free meanwhile, on a machine that may be late.
    let most = RATE * (1 + SHARDS + SECONDS + 1);
    let least = RATE * SECONDS / 2;
    let accepted = accepted(&replies);
    assert!((least..=most).contains(&accepted), "{accepted}");
    expect_limit(&replies, "user-rate");
}

#[test]
fn the_oldest_socket_gives_way_to_one_that_is_too_many() {
    const ALLOWED: usize = 3;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path())
        .shards(SHARDS)
        .flag("--sockets-per-user", ALLOWED)
        .start();
    let mut ann = Api::register(server.addr, "ann");
    let bob = Api::register(server.addr, "bob");
    let chat = ann.create_chat("room", &[&bob.user_id]);
    let mut other = bob.listen();
    let mut devices: Vec<Ws> = (0..ALLOWED + 2).map(|_| ann.listen()).collect();
    let mut kept = devices.split_off(2);
    for device in &mut devices {
        assert_eq!(device.end(), End::Closed(4030));
    }
    let said = ann.say(&chat, "hello");
    for device in kept.iter_mut().chain([&mut other]) {
        let event = device.next_of("message", &[]);
        assert_eq!(event["message_id"], said.message_id);
    }
    drop(kept.pop());
    let mut again = ann.listen();
    for device in kept.iter_mut().chain([&mut again]) {
        device.assert_lives();
    }
    let metrics = server.metrics();
    assert_eq!(
        metrics.sum_with("rookery_limits_met_total", "limit", "sockets-per-user"),
        2.0
    );
}

#[test]
fn in_trust_mode_there_are_no_quotas_unless_they_are_set() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(SHARDS).start();
    let mut ann = Api::trusted(server.addr, &any_user());
    let mut devices: Vec<Ws> = (0..70).map(|_| ann.listen()).collect();
    for device in &mut devices {
        device.assert_lives();
    }
    let chat = ann.create_chat("room", &[]);
    ann.say_all(&chat, &vec!["x".repeat(4000); 100]);
}

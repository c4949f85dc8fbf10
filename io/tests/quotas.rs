//! What one user may send and hold open, so that they can't take disk and descriptors from all others.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::json;
use support::api::Api;
use support::http::{Http, Request, Response};
use support::ws::{End, Ws};
use support::{Options, Server, any_user, eventually};

const SHARDS: usize = 2;
const CONNECTIONS: usize = 4;
const PIPELINED: usize = 50;

/// Posts a message many times, all at once by several connections, so that several shards have a lease. Returns the
/// replies, and how long they took.
fn post_at_once(user: &Api, addr: SocketAddr, chat: &str, content: &str) -> (Vec<Response>, f64) {
    let begun = Instant::now();
    let request = user.message(chat, content, None).headers(&user.identity);
    let requests = request.encode().repeat(PIPELINED);
    let mut connections: Vec<Http> = (0..CONNECTIONS)
        .map(|_| Http::connect(addr).unwrap())
        .collect();
    for http in &mut connections {
        http.write(&requests).unwrap();
    }
    let replies = connections
        .iter_mut()
        .flat_map(|http| (0..PIPELINED).map(|_| http.receive().unwrap()))
        .collect();
    (replies, begun.elapsed().as_secs_f64())
}

fn accepted(replies: &[Response]) -> usize {
    replies.iter().filter(|reply| reply.status == 200).count()
}

#[track_caller]
fn expect_limit(replies: &[Response], limit: &str) {
    let refused = replies.iter().find(|reply| reply.status != 200);
    refused.expect("one is refused").expect_limit(limit);
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
    let content = "x".repeat(CONTENT);
    let (replies, seconds) = post_at_once(&ann, server.addr, &chat, &content);
    let bytes = accepted(&replies) * CONTENT;
    // A lease of a sixteenth by each shard, and what came free meanwhile.
    let free = (seconds * BYTES as f64 / 60.0) as usize;
    let most = BYTES + SHARDS * (BYTES / 16 + CONTENT) + free;
    assert!((BYTES / 16..=most).contains(&bytes), "{bytes} of {most}");
    expect_limit(&replies, "user-bytes");
    let met = server.metrics();
    assert!(met.sum_with("rookery_limits_met_total", "limit", "user-bytes") > 0.0);
    bob.say(&chat, &content);
}

#[test]
fn a_user_sends_no_more_messages_a_second_than_they_may_by_all_shards_together() {
    const RATE: usize = 10;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path())
        .shards(SHARDS)
        .flag("--user-rate", RATE)
        .start();
    let mut ann = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[]);
    let (replies, seconds) = post_at_once(&ann, server.addr, &chat, "x");
    // The burst, once more by each shard, and what came free meanwhile.
    let most = RATE + SHARDS * (RATE + 1) + RATE * seconds.ceil() as usize;
    let accepted = accepted(&replies);
    assert!(
        (RATE / 2..=most).contains(&accepted),
        "{accepted} of {most}"
    );
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
    let open = |server: &Server| server.metrics().sum("rookery_websocket_connections");
    let before = open(&server);
    drop(kept.pop());
    eventually("the server has seen that it is gone", || {
        (open(&server) < before).then_some(())
    });
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

/// Makes so many chats, all at once by several connections. Returns the replies.
fn make_at_once(user: &Api, addr: SocketAddr, members: &[&str], count: usize) -> Vec<Response> {
    let body = json!({"name": "room", "members": members});
    let request = Request::new("POST", "/chats").json(&body);
    let request = request.headers(&user.identity).encode();
    let mut connections: Vec<Http> = (0..count).map(|_| Http::connect(addr).unwrap()).collect();
    for http in &mut connections {
        http.write(&request).unwrap();
    }
    let replies = connections.iter_mut().map(|http| http.receive().unwrap());
    replies.collect()
}

fn created(replies: &[Response]) -> Vec<String> {
    let created = replies.iter().filter(|reply| reply.status == 201);
    let id = |reply: &Response| reply.json()["chat_id"].as_str().unwrap().to_owned();
    created.map(id).collect()
}

#[test]
fn a_user_makes_no_more_chats_than_they_may_also_at_once_and_after_a_restart() {
    const ALLOWED: usize = 5;
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path())
        .shards(SHARDS)
        .flag("--chats-per-user", ALLOWED);
    let mut server = options.start();
    let ann = Api::register(server.addr, "ann");
    let mut bob = Api::register(server.addr, "bob");
    // What others make does not count.
    for _ in 0..ALLOWED {
        bob.create_chat("of bob", &[&ann.user_id]);
    }
    let replies = make_at_once(&ann, server.addr, &[], 20);
    let made = created(&replies);
    assert_eq!(made.len(), ALLOWED);
    let refused: Vec<&Response> = replies.iter().filter(|it| it.status != 201).collect();
    for reply in &refused {
        reply.expect_limit("chats-per-user");
    }
    assert_eq!(
        server
            .metrics()
            .sum_with("rookery_limits_met_total", "limit", "chats-per-user"),
        refused.len() as f64
    );

    server.kill();
    let server = options.start();
    let mut ann = ann.at(server.addr);
    let body = json!({"name": "room", "members": []});
    ann.delete(&format!("/chats/{}/members/{}", made[0], ann.user_id))
        .expect(204);
    ann.create_chat("instead", &[]);
    ann.post("/chats", &body).expect_limit("chats-per-user");
}

#[test]
fn nobody_is_in_more_chats_than_they_may_be_whoever_adds_them() {
    const ALLOWED: usize = 5;
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path())
        .shards(SHARDS)
        .flag("--memberships-per-user", ALLOWED);
    let mut server = options.start();
    let ann = Api::register(server.addr, "ann");
    let bobs: Vec<Api> = (0..4)
        .map(|n| Api::register(server.addr, &format!("bob{n}")))
        .collect();
    // Each of them makes as many as they may be in, and together they make four times as many.
    let replies: Vec<Response> = std::thread::scope(|scope| {
        let (addr, ann_id) = (server.addr, ann.user_id.as_str());
        let make = |bob| scope.spawn(move || make_at_once(bob, addr, &[ann_id], ALLOWED));
        let all: Vec<_> = bobs.iter().map(make).collect();
        all.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let made = created(&replies);
    assert_eq!(made.len(), ALLOWED);
    for reply in replies.iter().filter(|it| it.status != 201) {
        reply.expect_limit("memberships-per-user");
        let named = reply.json()["user_ids"].clone();
        assert_eq!(named, json!([ann.user_id]));
    }

    server.kill();
    let server = options.start();
    let mut ann = ann.at(server.addr);
    let chats = ann.get("/chats").expect(200);
    assert_eq!(chats.as_array().unwrap().len(), ALLOWED);
    let mut eve = Api::register(server.addr, "eve");
    let chat = eve.create_chat("of eve", &[]);
    let add = Request::new("POST", &format!("/chats/{chat}/members"))
        .json(&json!({"user_id": ann.user_id}));
    ann.delete(&format!("/chats/{}/members/{}", made[0], ann.user_id))
        .expect(204);
    eve.call(add).expect(200);
    let body = json!({"name": "another", "members": [ann.user_id]});
    eve.post("/chats", &body)
        .expect_limit("memberships-per-user");
    // Nobody can keep them from making chats by that.
    ann.create_chat("of ann", &[]);
}

#[test]
fn in_trust_mode_no_socket_gives_way_unless_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(SHARDS).start();
    let ann = Api::trusted(server.addr, &any_user());
    let mut devices: Vec<Ws> = (0..70).map(|_| ann.listen()).collect();
    for device in &mut devices {
        device.assert_lives();
    }
}

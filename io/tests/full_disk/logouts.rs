//! On a full disk a user can still log in and out, and operators can still take logins away.

use std::iter;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::api::{Api, PASSWORD};
use crate::support::disk::{SmallDisk, with_small_disk};
use crate::support::http::{Http, Request, Response};
use crate::support::operator::{TOKEN, token_file};
use crate::support::ws::End;
use crate::support::{Options, Server, eventually};

/// An eighth of it is kept.
const DISK_MIB: u64 = 96;
/// What one user fills.
const LEFT_BYTES: u64 = 16 << 20;
/// Posts that may succeed until it is noticed that the disk is full: 32 MB of them.
const POSTS_MAX: usize = 8000;
/// How many connections it takes to meet all shards, nearly for sure.
const CONNECTIONS: usize = 12;
/// Logins that are ended with no byte left.
const LOGINS: usize = 45;
/// Small changes until the disk is filled again, as the store may give some of it back; and how often it is.
const SMALL_CHANGES: usize = 200;
const FILLED_MAX: usize = 100;
/// Longer than the time between two tries to record a logout.
const RECORDED_WITHIN: Duration = Duration::from_secs(3);

/// Logins of a user.
fn log_in(server: &Server, username: &str, count: usize) -> Vec<Api> {
    let one = |_| {
        let mut api = Api::anonymous(server.addr);
        api.login(username);
        api
    };
    (0..count).map(one).collect()
}

/// What a login is worth, on whatever shard.
fn assert_login(api: &Api, addr: SocketAddr, status: u16) {
    let request = Request::get("/me").headers(&api.identity);
    for _ in 0..CONNECTIONS {
        let reply = Http::connect(addr).unwrap().call(&request).unwrap();
        assert_eq!(reply.status, status, "{reply:?}");
    }
}

fn log_out(api: &mut Api) -> Response {
    api.call(Request::new("POST", "/logout"))
}

fn post(api: &mut Api, chat: &str) -> Response {
    api.call(api.message(chat, &"x".repeat(4000), None))
}

/// Posts until the disk is full.
fn fill_by_posts(api: &mut Api, chat: &str) -> Response {
    let refused = (0..POSTS_MAX).find_map(|_| {
        let reply = post(api, chat);
        (reply.status != 200).then_some(reply)
    });
    refused.expect("the disk is full")
}

fn assert_posts_go_on(api: &mut Api, chat: &str) {
    eventually("posts go on", || {
        (post(api, chat).status == 200).then_some(())
    });
}

#[test]
fn who_fills_the_disk_keeps_nobody_from_logging_out() {
    with_small_disk(DISK_MIB, |disk| {
        keeps_nobody_from_logging_out(disk, &disk.path().join("data"))
    });
}

fn keeps_nobody_from_logging_out(disk: &SmallDisk, data: &Path) {
    let options = Options::embedded(data).shards(2);
    let mut server = options.start();
    let mut alice = Api::register(server.addr, "alice");
    let bob = Api::register(server.addr, "bob");
    let mut leaving = log_in(&server, "bob", 3);
    let chat = alice.create_chat("room", &[]);
    disk.fill(LEFT_BYTES);
    let refused = fill_by_posts(&mut alice, &chat);
    refused.expect_problem(503, "unavailable");
    // Other bounds may be met before: the store does not keep up.
    eventually("the reply says what to do", || {
        let detail = post(&mut alice, &chat).json()["detail"].to_string();
        detail.contains("makes room").then_some(())
    });
    let carol = json!({"username": "carol", "password": PASSWORD});
    let registration = Api::anonymous(server.addr).post("/users", &carol);
    registration.expect_problem(503, "unavailable");
    let metrics = server.metrics();
    let free = metrics.sum("rookery_disk_free_bytes");
    let reserve = metrics.sum("rookery_disk_reserve_bytes");
    assert_eq!(reserve, (DISK_MIB << 20) as f64 / 8.0);
    assert!(free > 0.0 && free < reserve, "{free} of {reserve}");

    for login in &mut leaving {
        let mut socket = login.listen();
        assert_eq!(log_out(login).status, 204);
        assert_login(login, server.addr, 401);
        assert_eq!(socket.end(), End::Closed(4001));
    }
    assert_login(&bob, server.addr, 200);
    let mut late = Api::anonymous(server.addr);
    late.login("bob");
    assert_eq!(late.get("/sessions").json().as_array().unwrap().len(), 1);
    assert_eq!(server.try_get("/readyz"), Some(200));

    server.kill();
    let server = options.start();
    for login in &leaving {
        assert_login(login, server.addr, 401);
    }
    assert_login(&late, server.addr, 200);
    assert_login(&bob, server.addr, 200);
    disk.free();
    let identity = alice.identity;
    let mut alice = Api::anonymous(server.addr);
    alice.identity = identity;
    assert_posts_go_on(&mut alice, &chat);
}

#[test]
fn with_no_byte_left_logouts_are_durable() {
    with_small_disk(DISK_MIB, |disk| {
        logouts_are_durable(disk, &disk.path().join("data"))
    });
}

fn logouts_are_durable(disk: &SmallDisk, data: &Path) {
    let options = Options::embedded(data).shards(2);
    let mut server = options.start();
    let mut alice = Api::register(server.addr, "alice");
    Api::register(server.addr, "bob");
    let mut logins = log_in(&server, "bob", LOGINS);
    let chat = alice.create_chat("room", &[]);
    eventually("the store has all", || {
        (server.metrics().sum("consumer_lag") == 0.0).then_some(())
    });
    disk.fill(0);
    fill_by_posts(&mut alice, &chat);
    disk.fill(0);
    for login in &mut logins {
        let reply = log_out(login);
        assert_eq!(reply.status, 204, "{}", reply.text());
    }
    server.kill();
    disk.free();
    let server = options.start();
    for login in &logins {
        assert_login(login, server.addr, 401);
    }
}

/// A server with one partition, so that one reserve is for all, and an address for operators.
fn operated(disk: &SmallDisk) -> Options {
    Options::embedded(&disk.path().join("data"))
        .shards(2)
        .flag("--partitions", 1)
        .flag("--operator-token-file", token_file(disk.path()).display())
        .with_admin()
}

#[test]
fn where_even_the_reserve_is_gone_a_logout_is_void_and_recorded_later() {
    with_small_disk(DISK_MIB, |disk| {
        is_void_and_recorded_later(disk, &operated(disk));
    });
}

/// An operator's call that a small change is made by, however often it comes.
fn new_password(user: &Api) -> Request {
    let token = format!("Bearer {TOKEN}");
    Request::new("PUT", &format!("/users/{}/password", user.user_id))
        .header("authorization", &token)
        .json(&json!({"password": PASSWORD}))
}

fn is_void_and_recorded_later(disk: &SmallDisk, options: &Options) {
    let mut server = options.start();
    let change = new_password(&Api::register(server.addr, "mallory"));
    let mut bob = Api::register(server.addr, "bob");
    let mut operator = Http::connect(server.admin).unwrap();
    let mut status = || operator.call(&change).unwrap().status;
    assert_eq!(status(), 204);
    let refused = (0..FILLED_MAX).find_map(|_| {
        disk.fill(0);
        let mut statuses = iter::repeat_with(&mut status).take(SMALL_CHANGES);
        statuses.find(|status| *status != 204)
    });
    assert_eq!(refused, Some(503), "the reserve is gone");

    assert_login(&bob, server.addr, 200);
    let reply = log_out(&mut bob);
    reply.expect_problem(503, "logout_not_recorded");
    reply.retry_after();
    let mut cookies = reply.all("set-cookie");
    assert!(cookies.any(|it| it.contains("Max-Age=0")), "{reply:?}");
    assert_login(&bob, server.addr, 401);

    disk.free();
    eventually("small changes are taken", || {
        (status() == 204).then_some(())
    });
    thread::sleep(RECORDED_WITHIN);
    server.kill();
    let server = options.start();
    assert_login(&bob, server.addr, 401);
}

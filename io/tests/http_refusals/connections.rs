//! What becomes of a connection from one request to the next.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::cases::{HOST, post_with};
use crate::support::api::{Api, PASSWORD};
use crate::support::http::{Http, Request};
use crate::support::{PATIENCE, Server, any_user, start_trusting, start_with_tokens};
use rookery_testing::dice::Dice;
use rookery_testing::seeds;

#[test]
fn head_is_get_without_its_body() {
    let (_dir, server) = start_with_tokens();
    let mut http = server.http();
    let get = http.call(&Request::get("/livez")).unwrap();
    http.write(&Request::new("HEAD", "/livez").encode())
        .unwrap();
    let head = http.receive_to_head().unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(head.header("content-type"), get.header("content-type"));
    http.assert_lives();
}

#[test]
fn a_refused_head_has_no_body_either() {
    let (_dir, server) = start_with_tokens();
    for target in ["/%00", "/nothing"] {
        let mut http = server.http();
        let request = format!("HEAD {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        http.write(request.as_bytes()).unwrap();
        let head = http.receive_to_head().unwrap();
        assert!(head.status >= 400);
        http.assert_closed();
    }
}

/// 50 requests of which each reply tells which it belongs to.
fn train(rng: &mut Dice) -> (Vec<u8>, Vec<u16>) {
    let wagons = [
        (Request::get("/livez"), 200),
        (Request::get("/nothing"), 404),
        (Request::new("DELETE", "/users"), 405),
        (Request::new("POST", "/login").body("text/plain", "x"), 415),
        (
            Request::new("POST", "/login").body("application/json", "{"),
            400,
        ),
    ];
    let mut bytes = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..50 {
        let (request, status) = rng.pick(&wagons);
        bytes.extend(request.encode());
        statuses.push(*status);
    }
    (bytes, statuses)
}

#[test]
fn pipelined_requests_are_answered_in_order_however_they_are_cut() {
    let (_dir, server) = start_with_tokens();
    let (bytes, expected) = train(&mut seeds::dice());
    for piece in [bytes.len(), 7, 1] {
        let mut http = server.http();
        for part in bytes.chunks(piece) {
            http.write(part).unwrap();
        }
        let heard: Vec<u16> = expected
            .iter()
            .map(|_| http.receive().unwrap().status)
            .collect();
        assert_eq!(heard, expected, "in pieces of {piece}");
        http.assert_lives();
    }
}

#[test]
fn continue_is_said_to_those_who_wait_for_it() {
    let (_dir, server) = start_with_tokens();
    let body = json!({"username": "patient", "password": PASSWORD}).to_string();
    let head = |version: &str| {
        let length = body.len();
        format!(
            "POST /users HTTP/{version}\r\n{HOST}expect: 100-continue\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let mut http = server.http();
    http.write(head("1.1").as_bytes()).unwrap();
    assert_eq!(http.receive().unwrap().status, 100);
    http.write(body.as_bytes()).unwrap();
    assert_eq!(http.receive().unwrap().status, 201);

    let mut old = server.http();
    old.write(head("1.0").as_bytes()).unwrap();
    old.write(body.as_bytes()).unwrap();
    assert_eq!(old.receive().unwrap().status, 409, "no 1xx for HTTP/1.0");
    old.assert_closed();
}

#[test]
fn connections_end_when_asked_to() {
    let (_dir, server) = start_with_tokens();
    let mut http = server.http();
    let request = Request::get("/livez").header("connection", "close");
    let reply = http.call(&request).unwrap();
    assert_eq!(reply.header("connection"), Some("close"));
    http.assert_closed();

    let mut old = server.http();
    old.write(b"GET /livez HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(old.receive().unwrap().status, 200);
    old.assert_closed();

    let mut absolute = server.http();
    let reply = absolute.call(&Request::get("http://localhost/livez"));
    assert_eq!(reply.unwrap().status, 200, "absolute form (9112, 3.2.2)");
}

#[test]
fn a_request_that_never_ends_is_timed_out() {
    const AT_MOST: Duration = Duration::from_secs(20);
    let (_dir, server) = start_with_tokens();
    let starts = [
        b"GET /livez HT".to_vec(),
        b"GET /livez HTTP/1.1\r\nhost: a\r\n".to_vec(),
        post_with("content-length: 10\r\ncontent-type: application/json", "{"),
        post_with("transfer-encoding: chunked", "5\r\nhe"),
    ];
    let time_out = |start: &[u8]| {
        let began = Instant::now();
        let mut http: Http = server.http();
        http.set_read_timeout(AT_MOST);
        http.send(start);
        let reply = http.receive().unwrap();
        reply.expect_problem(408, "request_timeout");
        http.assert_closed();
        assert!(
            began.elapsed() > Duration::from_secs(1),
            "the slow get a chance"
        );
    };
    std::thread::scope(|scope| {
        for start in &starts {
            scope.spawn(|| time_out(start));
        }
        // Meanwhile others are served.
        let until = Instant::now() + PATIENCE / 2;
        while Instant::now() < until {
            server.assert_lives();
            std::thread::sleep(Duration::from_millis(200));
        }
    });
}

/// A chat, and requests of a member that get their replies late: the log must sync first.
fn late_replies(server: &Server, count: usize) -> Vec<u8> {
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    (0..count)
        .flat_map(|n| {
            let message = alice.message(&chat, &n.to_string(), None);
            message.headers(&alice.identity).encode()
        })
        .collect()
}

#[test]
fn who_sends_no_more_is_answered_and_closed() {
    let (_dir, server) = start_trusting();
    // More than may be under way at once, so that some are begun after the end of the input.
    for count in [0, 1, 20, 600] {
        let mut http = server.http();
        http.write(&late_replies(&server, count)).unwrap();
        http.finish_sending();
        for _ in 0..count {
            assert_eq!(http.receive().unwrap().status, 200);
        }
        http.assert_closed();
    }
    let mut torn = server.http();
    let requests = [
        late_replies(&server, 3),
        b"GET /livez HTTP/1.1\r\n".to_vec(),
    ];
    torn.write(&requests.concat()).unwrap();
    torn.finish_sending();
    for _ in 0..3 {
        assert_eq!(torn.receive().unwrap().status, 200);
    }
    torn.assert_closed();
    server.assert_lives();
}

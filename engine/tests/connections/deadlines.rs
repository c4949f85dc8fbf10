//! Whoever has ten seconds has ten seconds, wherever between two seconds of the clock they begin, and at most one more.

use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_engine::ids::{ConnId, Session};
use rookery_schema::{SessionId, Timestamp};
use rookery_testing::host::EPOCH_MILLIS;
use rookery_testing::ws::{PONG, text_frame};

use crate::callers::log_in;
use crate::host::Host;

const HEARTBEAT: Duration = Duration::from_millis(100);
/// How far the clock stands past a whole second when a deadline begins.
const PAST: Duration = Duration::from_millis(900);

/// A shard between two seconds of its clock.
fn host() -> Host {
    let mut host = Host::in_trust();
    host.pass(PAST);
    host
}

/// Asserts that something happens after so many seconds: not earlier, and within one more.
#[track_caller]
fn assert_after(host: &mut Host, seconds: u64, mut happened: impl FnMut(&mut Host) -> bool) {
    let least = Duration::from_secs(seconds);
    let most = least + Duration::from_secs(1);
    let mut passed = Duration::ZERO;
    while !happened(host) {
        assert!(passed <= most, "nothing after {passed:?}");
        host.pass(HEARTBEAT);
        passed += HEARTBEAT;
    }
    assert!(passed >= least, "after {passed:?}");
}

fn hears(conn: ConnId, what: &[u8]) -> impl FnMut(&mut Host) -> bool {
    move |host| {
        let heard = host.read_all(conn);
        heard.windows(what.len()).any(|it| it == what)
    }
}

#[test]
fn a_request_has_ten_seconds_to_arrive() {
    let mut host = host();
    let conn = host.accept();
    host.send(conn, b"GET /livez HT");
    assert_after(&mut host, 10, hears(conn, b"HTTP/1.1 408 "));
}

#[test]
fn a_request_has_ten_seconds_to_be_answered() {
    let mut host = host();
    let conn = host.accept();
    let page = host.page();
    host.send(conn, &page);
    assert_after(&mut host, 10, hears(conn, b"HTTP/1.1 503 "));
}

#[test]
fn an_idle_connection_has_75_seconds() {
    let mut host = host();
    let conn = host.accept();
    assert_after(&mut host, 75, |host| host.is_closed(conn));
    let conn = host.accept();
    host.send(conn, b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    host.pass(PAST);
    host.read_all(conn);
    assert_after(&mut host, 75, |host| host.is_closed(conn));
}

#[test]
fn a_silent_websocket_is_pinged_after_25_seconds_and_has_ten_to_answer() {
    const PING: [u8; 2] = [0x89, 0];
    const GOING_AWAY: [u8; 2] = 1001_u16.to_be_bytes();
    let mut host = host();
    let conn = host.listen();
    assert_after(&mut host, 25, hears(conn, &PING));
    assert_after(&mut host, 10, hears(conn, &GOING_AWAY));
}

/// A frame of a message that goes on.
fn first_part() -> Vec<u8> {
    const TEXT_WITHOUT_END: u8 = 0x01;
    let mut frame = text_frame("{");
    frame[0] = TEXT_WITHOUT_END;
    frame
}

/// The frame that ends it.
const LAST_PART: [u8; 6] = [0x80, 0x80, 0, 0, 0, 0];
const POLICY_VIOLATION: [u8; 2] = 1008_u16.to_be_bytes();

#[test]
fn a_message_has_ten_seconds_to_arrive_whatever_comes_amid_it() {
    let mut host = host();
    let conn = host.listen();
    host.send(conn, &first_part());
    assert_after(&mut host, 10, |host| {
        let is_over = hears(conn, &POLICY_VIOLATION)(host);
        if !is_over {
            host.send(conn, &PONG);
        }
        is_over
    });
    assert!(host.is_closed(conn));
}

#[test]
fn a_frame_of_which_a_byte_has_come_has_ten_seconds_too() {
    const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 3, 232];
    for begun in [&first_part()[..1], &CLOSE[..1], &CLOSE[..7]] {
        let mut host = host();
        let conn = host.listen();
        host.send(conn, begun);
        assert_after(&mut host, 10, hears(conn, &POLICY_VIOLATION));
    }
}

#[test]
fn each_message_has_its_own_ten_seconds() {
    let mut host = host();
    let conn = host.listen();
    host.send(conn, &first_part());
    for _ in 0..10 {
        host.pass(Duration::from_secs(6));
        host.send(conn, &[&LAST_PART[..], &first_part()].concat());
        host.read_all(conn);
    }
    assert!(!host.is_closed(conn));
    assert_after(&mut host, 10, hears(conn, &POLICY_VIOLATION));
}

#[test]
fn a_message_that_can_t_be_read_has_its_time_afterwards() {
    const SENDS_IN_FLIGHT_MAX: usize = 1024;
    let mut host = host();
    let conn = host.listen();
    let send = format!(
        r#"{{"type":"send","chat_id":"{}","content":"x"}}"#,
        host.chat
    );
    let sends = text_frame(&send).repeat(SENDS_IN_FLIGHT_MAX);
    host.send(conn, &[sends, first_part()].concat());
    assert!(!host.wants_input(conn));
    // The sends are answered when they are overdue.
    assert_after(&mut host, 10, |host| {
        host.read_all(conn);
        host.wants_input(conn)
    });
    host.pass(Duration::from_secs(9));
    host.send(conn, &LAST_PART);
    assert!(!host.is_closed(conn));
}

#[test]
fn a_connection_that_closes_has_ten_seconds_to_take_the_rest() {
    let mut host = host();
    let (http, websocket) = (host.accept(), host.listen());
    host.send(http, b"GET /livez HTTP/1.0\r\n\r\n");
    host.drain(&[http, websocket]);
    assert!(host.is_closed(http) && host.is_closed(websocket));
    assert_after(&mut host, 10, |host| {
        assert_eq!(host.is_aborted(http), host.is_aborted(websocket));
        host.is_aborted(http)
    });
}

#[test]
fn a_websocket_lasts_as_long_as_its_login() {
    let mut host = host();
    let ends_millis = EPOCH_MILLIS + PAST.as_millis() as u64 + 20_000;
    let conn = host.arrive(Some(Session::new(
        SessionId::from_bytes([1; 16]),
        Timestamp::from_millis(ends_millis),
    )));
    assert_after(&mut host, 20, hears(conn, &4001_u16.to_be_bytes()));
}

#[test]
fn a_token_lasts_as_long_as_it_was_told() {
    const FORTNIGHT: Duration = Duration::from_secs(14 * 24 * 3600);
    let mut host = Host::new(AuthMode::Token);
    host.pass(PAST);
    let conn = host.accept();
    let user = host.user;
    let token = log_in(&mut host, conn, user);
    let get = format!("GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    host.pass(FORTNIGHT - HEARTBEAT);
    let conn = host.accept();
    host.send(conn, get.as_bytes());
    assert_eq!(host.reads.len(), 1, "the user is being read");
    host.pass(HEARTBEAT + Duration::from_secs(1));
    let conn = host.accept();
    host.send(conn, get.as_bytes());
    assert!(host.read_all(conn).starts_with(b"HTTP/1.1 401 "));
}

#[test]
fn where_many_are_due_at_once_a_round_looks_at_some_of_them() {
    const CONNECTIONS: usize = 700;
    const PER_ROUND_MAX: usize = 256;
    let mut host = Host::in_trust();
    let all: Vec<ConnId> = (0..CONNECTIONS).map(|_| host.accept()).collect();
    host.pass(Duration::from_secs(76));
    let mut closed = 0;
    for _ in 0..3 {
        let before = closed;
        closed = all.iter().filter(|conn| host.is_closed(**conn)).count();
        assert!(closed > before && closed - before <= PER_ROUND_MAX);
        host.flush();
    }
    assert_eq!(closed, CONNECTIONS);
}

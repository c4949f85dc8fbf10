//! Which logins are good when the wall clock is set.

use std::sync::Arc;
use std::time::Duration;

use rookery_engine::config::{AuthMode, RegistrationMode};
use rookery_engine::ids::ConnId;
use rookery_engine::mesh::Command;
use rookery_engine::port::{EndedSessions, Found, Part, Token};
use rookery_schema::Timestamp;
use rookery_schema::limits::SESSION_MILLIS;
use serde_json::Value;

use crate::callers::{ALICE, connect, end_session, logout, sender};
use crate::host::Host;

/// Milliseconds of one day.
const DAY: i64 = 24 * 3600 * 1000;

#[test]
fn a_login_that_was_ended_stays_so_when_the_clock_goes_forth_and_back() {
    let mut host = Host::new(AuthMode::Token);
    let user = Host::foreign_user();
    let (conn, bearer) = connect(&mut host, user);
    host.send(conn, &logout(&bearer));
    end_session(&mut host, user);
    host.read_all(conn);
    host.step_wall(15 * DAY);
    host.step_wall(-15 * DAY);
    assert_eq!(sender(&mut host, conn, &bearer), None);
}

#[test]
fn a_login_that_has_expired_stays_so_when_the_clock_goes_back() {
    let mut host = Host::new(AuthMode::Token);
    let (conn, bearer) = connect(&mut host, ALICE);
    host.step_wall(13 * DAY);
    host.step_wall(-13 * DAY);
    assert_eq!(sender(&mut host, conn, &bearer), Some(ALICE));
    host.step_wall(15 * DAY);
    host.step_wall(-15 * DAY);
    assert_eq!(sender(&mut host, conn, &bearer), None);
}

#[test]
fn a_login_after_the_clock_was_far_ahead_lasts_as_long_as_any() {
    let mut host = Host::new(AuthMode::Token);
    host.step_wall(1000 * DAY);
    host.step_wall(-1000 * DAY);
    let (conn, bearer) = connect(&mut host, ALICE);
    assert_eq!(sender(&mut host, conn, &bearer), Some(ALICE));
    host.pass(Duration::from_millis(SESSION_MILLIS - 1000));
    let conn = host.accept();
    assert_eq!(sender(&mut host, conn, &bearer), Some(ALICE));
    host.pass(Duration::from_secs(2));
    let conn = host.accept();
    assert_eq!(sender(&mut host, conn, &bearer), None);
}

/// Tells a shard that its store was opened while the clock was ahead.
fn found_ahead(host: &mut Host) {
    let token = Token {
        part: Part::Sessions,
        number: 0,
    };
    let ended = EndedSessions {
        all_until: Timestamp::from_millis(host.now().wall.millis() + SESSION_MILLIS),
        ..EndedSessions::default()
    };
    host.found(token, Found::EndedSessions(ended));
}

/// Sends JSON with an operator's token, which is for nothing but operators' calls.
fn send_json(host: &mut Host, conn: ConnId, head: &str, body: &str) {
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPERATOR}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    host.send(conn, request.as_bytes());
}

const OPERATOR: &str = "a token of an operator, for tests";

#[test]
fn an_invite_of_a_store_that_was_ahead_can_be_used() {
    let mut host = Host::with(AuthMode::Token, |config| {
        config.operator_token = Some(Arc::new(OPERATOR));
        config.registration = RegistrationMode::Invite;
    });
    found_ahead(&mut host);
    let conn = host.accept_operator();
    send_json(&mut host, conn, "POST /invites", r#"{"expires_in":60}"#);
    let made = String::from_utf8(host.read_all(conn)).unwrap();
    let (_, body) = made.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let name = Host::foreign_username();
    let invite = &body["invite"];
    let registration =
        format!(r#"{{"username":"{name}","password":"correct horse","invite":{invite}}}"#);
    let conn = host.accept();
    send_json(&mut host, conn, "POST /users", &registration);
    let refused = String::from_utf8(host.read_all(conn)).unwrap();
    assert_eq!(refused, "");
    let asked = host.asked.pop_front().map(|(_, command)| command);
    assert!(
        matches!(asked, Some(Command::Name(..) | Command::Address(..))),
        "{asked:?}"
    );
}

#[test]
fn what_the_store_has_forgotten_is_void_and_a_new_login_is_not() {
    let mut host = Host::new(AuthMode::Token);
    let (conn, bearer) = connect(&mut host, ALICE);
    found_ahead(&mut host);
    assert_eq!(sender(&mut host, conn, &bearer), None);
    let (conn, bearer) = connect(&mut host, ALICE);
    assert_eq!(sender(&mut host, conn, &bearer), Some(ALICE));
}

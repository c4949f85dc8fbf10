//! Which logins are good when the wall clock is set.

use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_engine::port::{EndedSessions, Found, Part, Token};
use rookery_schema::Timestamp;
use rookery_schema::limits::SESSION_MILLIS;

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

#[test]
fn what_the_store_has_forgotten_is_void_and_a_new_login_is_not() {
    let mut host = Host::new(AuthMode::Token);
    let (conn, bearer) = connect(&mut host, ALICE);
    // The store was opened while the clock was ahead.
    let token = Token {
        part: Part::Sessions,
        number: 0,
    };
    let ended = EndedSessions {
        all_until: Timestamp::from_millis(host.now().wall.millis() + SESSION_MILLIS),
        ..EndedSessions::default()
    };
    host.found(token, Found::EndedSessions(ended));
    assert_eq!(sender(&mut host, conn, &bearer), None);
    let (conn, bearer) = connect(&mut host, ALICE);
    assert_eq!(sender(&mut host, conn, &bearer), Some(ALICE));
}

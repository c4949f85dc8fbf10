//! What the security log tells where an answer comes late, or finds nobody.

use std::sync::Arc;
use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_engine::ids::ConnId;
use rookery_engine::mesh::Outcome;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::security::Act;
use rookery_schema::UserId;

use crate::host::Host;

const TOKEN: &str = "a token of an operator, for tests";

fn host() -> Host {
    Host::with(AuthMode::Token, |config| {
        config.operator_token = Some(Arc::new(TOKEN));
    })
}

/// An operator deletes a user of the other shard.
fn delete(host: &mut Host) -> (ConnId, UserId) {
    let (conn, user) = (host.accept_operator(), Host::foreign_user());
    let request = format!(
        "DELETE /users/{user} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    host.send(conn, request.as_bytes());
    (conn, user)
}

/// Somebody tries a password.
fn log_in(host: &mut Host) -> ConnId {
    let (conn, name) = (host.accept(), Host::foreign_username());
    let body = format!(r#"{{"username":"{name}","password":"wrong"}}"#);
    let request = host.request("POST", "/login", &body);
    host.send(conn, &request);
    conn
}

#[test]
fn what_an_operator_does_is_told_before_it_is_done() {
    let mut host = host();
    let (_, user) = delete(&mut host);
    let asked = (Act::DeleteUser, "asked", Some(user));
    assert_eq!(host.audited, [asked]);
    let (asker, _) = host.asked.pop_front().unwrap();
    host.answer(asker, Outcome::Done);
    let done = (Act::DeleteUser, "done", Some(user));
    assert_eq!(host.audited, [asked, done]);
}

#[test]
fn whoever_leaves_before_the_answer_is_told_of() {
    let mut host = host();
    let (conn, user) = delete(&mut host);
    host.vanish(conn);
    let told = ["asked", "unanswered"].map(|outcome| (Act::DeleteUser, outcome, Some(user)));
    assert_eq!(host.audited, told);
    let (asker, _) = host.asked.pop_front().unwrap();
    host.answer(asker, Outcome::Done);
    assert_eq!(host.audited, told);
    let conn = log_in(&mut host);
    host.vanish(conn);
    assert_eq!(host.audited[2..], [(Act::LogIn, "unanswered", None)]);
    // What was answered is told once.
    let conn = log_in(&mut host);
    let (asker, _) = host.asked.pop_back().unwrap();
    let problem = Problem::WRONG_LOGIN;
    let user_id = None;
    host.answer(asker, Outcome::NotLoggedIn { user_id, problem });
    host.vanish(conn);
    assert_eq!(host.audited[3..], [(Act::LogIn, "wrong_credentials", None)]);
}

#[test]
fn what_is_answered_too_late_is_told_as_unknown() {
    let mut host = host();
    let (_, user) = delete(&mut host);
    log_in(&mut host);
    host.pass(Duration::from_secs(31));
    host.flush();
    let unknown = [
        (Act::DeleteUser, "unknown", Some(user)),
        (Act::LogIn, "unknown", None),
    ];
    assert_eq!(host.audited[1..], unknown);
}

#[test]
fn whatever_an_operator_is_refused_for_is_told() {
    let mut host = host();
    let (_, user) = delete(&mut host);
    let (asker, _) = host.asked.pop_front().unwrap();
    host.answer(asker, Outcome::Refused(Problem::LOG_UNAVAILABLE));
    assert_eq!(
        host.audited[1..],
        [(Act::DeleteUser, "unavailable", Some(user))]
    );
    let conn = host.accept_operator();
    let body = r#"{"expires_in":1}"#;
    let request = format!(
        "POST /invites HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    host.send(conn, request.as_bytes());
    assert_eq!(
        host.audited[2..],
        [(Act::MakeInvite, "out_of_bounds", None)]
    );
}

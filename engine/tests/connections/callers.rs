//! Whom a request is done for: the caller of that request, whoever used the connection before.

use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_engine::ids::ConnId;
use rookery_engine::mesh::{
    ChatCommand, Command, Ended, EndedBy, Outcome, ShardMessage, UserCommand,
};
use rookery_schema::limits::SESSION_MILLIS;
use rookery_schema::record::SessionEnded;
use rookery_schema::{Timestamp, UserId};
use serde_json::Value;

use crate::host::Host;

/// A post with this header.
fn post(host: &Host, header: &str) -> Vec<u8> {
    let path = format!("/chats/{}/messages", host.chat);
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{header}Content-Type: application/json\r\n\
         Content-Length: 15\r\n\r\n{{\"content\":\"x\"}}"
    );
    request.into_bytes()
}

/// Posts with this header; gives whom the message would be of, or that nobody is known.
pub(crate) fn sender(host: &mut Host, conn: ConnId, header: &str) -> Option<UserId> {
    let post = post(host, header);
    host.send(conn, &post);
    match host.asked.pop_front() {
        Some((asker, Command::Chat(_, ChatCommand::Post(post)))) => {
            host.answer(asker, Outcome::Done);
            host.read_all(conn);
            Some(post.sender_id)
        }
        Some((_, other)) => panic!("{other:?}"),
        None => {
            let reply = String::from_utf8(host.read_all(conn)).unwrap();
            assert!(reply.starts_with("HTTP/1.1 401 "), "{reply}");
            None
        }
    }
}

/// Logs a user in; gives their token.
pub(crate) fn log_in(host: &mut Host, conn: ConnId, user_id: UserId) -> String {
    let reply = login_reply(host, conn, user_id);
    let (_, body) = reply.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    body["token"].as_str().unwrap().to_owned()
}

fn login_reply(host: &mut Host, conn: ConnId, user_id: UserId) -> String {
    login_reply_behind(host, conn, user_id, Timestamp::default())
}

/// The same, of a user whose password ended all sessions until some time.
fn login_reply_behind(
    host: &mut Host,
    conn: ConnId,
    user_id: UserId,
    ended_until: Timestamp,
) -> String {
    let name = Host::foreign_username();
    let body = format!(r#"{{"username":"{name}","password":"x"}}"#);
    let request = host.request("POST", "/login", &body);
    host.send(conn, &request);
    let (asker, _) = host.asked.pop_front().unwrap();
    let username = name.into();
    let outcome = Outcome::LoggedIn {
        user_id,
        username,
        ended_until,
    };
    host.answer(asker, outcome);
    host.record_login();
    String::from_utf8(host.read_all(conn)).unwrap()
}

pub(crate) const ALICE: UserId = UserId::from_bytes([0xa; 16]);
const BOB: UserId = UserId::from_bytes([0xb; 16]);

#[test]
fn each_request_is_its_own_caller_s_by_cookie() {
    let mut host = Host::new(AuthMode::Trust);
    let conn = host.accept();
    let cookie = |user: UserId| format!("Cookie: user_id={user}\r\n");
    for (header, user) in [
        (cookie(ALICE), Some(ALICE)),
        (cookie(BOB), Some(BOB)),
        (String::new(), None),
        (cookie(BOB), Some(BOB)),
        ("Cookie: user_id=nobody\r\n".to_owned(), None),
        (cookie(ALICE), Some(ALICE)),
    ] {
        assert_eq!(sender(&mut host, conn, &header), user, "{header:?}");
    }
}

#[test]
fn each_request_is_its_own_caller_s_by_token() {
    let mut host = Host::new(AuthMode::Token);
    let conn = host.accept();
    let (alice, bob) = (log_in(&mut host, conn, ALICE), log_in(&mut host, conn, BOB));
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let cookie = |token: &str| format!("Cookie: session={token}\r\n");
    for (header, user) in [
        (bearer(&alice), Some(ALICE)),
        (bearer(&bob), Some(BOB)),
        (cookie(&alice), Some(ALICE)),
        (String::new(), None),
        (bearer(&alice) + &cookie(&bob), Some(ALICE)),
        (cookie(&bob), Some(BOB)),
        (bearer(&format!("{bob}x")), None),
        (bearer(&bob), Some(BOB)),
    ] {
        assert_eq!(sender(&mut host, conn, &header), user, "{header:?}");
    }
}

/// A page of a neighbouring site can set a cookie without a name, and would log its visitor in as somebody else.
#[test]
fn a_cookie_that_looks_like_authorization_is_nobody_s() {
    let mut host = Host::new(AuthMode::Token);
    let conn = host.accept();
    let token = log_in(&mut host, conn, ALICE);
    let cookie = format!("Cookie: Bearer {token}\r\n");
    assert_eq!(sender(&mut host, conn, &cookie), None);
    // Nor once the same bytes are known from where they count.
    let authorization = format!("Authorization: Bearer {token}\r\n");
    for (header, user) in [
        (&authorization, Some(ALICE)),
        (&cookie, None),
        (&format!("Cookie: {token}\r\n"), None),
        (&authorization, Some(ALICE)),
    ] {
        assert_eq!(sender(&mut host, conn, header), user, "{header:?}");
    }
}

/// A connection on which a user has logged in, and the header with their token.
pub(crate) fn connect(host: &mut Host, user: UserId) -> (ConnId, String) {
    let conn = host.accept();
    let token = log_in(host, conn, user);
    (conn, format!("Authorization: Bearer {token}\r\n"))
}

pub(crate) fn logout(header: &str) -> Vec<u8> {
    format!("POST /logout HTTP/1.1\r\nHost: localhost\r\n{header}\r\n").into_bytes()
}

/// Takes the end of a session that was asked for, and answers that it is recorded.
pub(crate) fn end_session(host: &mut Host, user: UserId) {
    let Some((asker, Command::User(user_id, command))) = host.asked.pop_front() else {
        panic!("the end of the session is recorded by its owner");
    };
    assert_eq!(user_id, user);
    let UserCommand::EndSession { session, .. } = command else {
        panic!("{command:?}");
    };
    let ended = Ended::One(SessionEnded {
        session_id: session.session_id,
        user_id,
        expires_at: session.expires_at,
    });
    host.tell(ShardMessage::SessionsEnded { ended, tell: None });
    host.answer(asker, Outcome::Done);
}

#[test]
fn a_caller_who_was_known_is_not_known_after_their_logout() {
    let mut host = Host::new(AuthMode::Token);
    let user = Host::foreign_user();
    let (conn, bearer) = connect(&mut host, user);
    assert_eq!(sender(&mut host, conn, &bearer), Some(user));
    host.send(conn, &logout(&bearer));
    end_session(&mut host, user);
    host.read_all(conn);
    assert_eq!(sender(&mut host, conn, &bearer), None);
}

#[test]
fn a_post_that_follows_a_logout_at_once_is_refused() {
    let mut host = Host::new(AuthMode::Token);
    let user = Host::foreign_user();
    let (conn, bearer) = connect(&mut host, user);
    let train = [logout(&bearer), post(&host, &bearer)].concat();
    host.send(conn, &train);
    end_session(&mut host, user);
    let replies = String::from_utf8(host.read_all(conn)).unwrap();
    assert!(replies.starts_with("HTTP/1.1 204 "), "{replies}");
    assert!(replies.contains("HTTP/1.1 401 "), "{replies}");
    assert!(host.asked.is_empty(), "nothing was posted");
}

/// Their last logout ended all that expire by then, which is when a login of the same moment would.
#[test]
fn who_logs_out_very_often_can_log_in_again_at_once_and_not_for_ever_ahead() {
    let mut host = Host::new(AuthMode::Token);
    let user = Host::foreign_user();
    let mut logins = 0;
    let refused = loop {
        let conn = host.accept();
        let reply = login_reply(&mut host, conn, user);
        let Some((_, body)) = reply.split_once(r#""token":""#) else {
            break reply;
        };
        logins += 1;
        let (token, _) = body.split_once('"').unwrap();
        let bearer = format!("Authorization: Bearer {token}\r\n");
        assert_eq!(sender(&mut host, conn, &bearer), Some(user));
        host.send(conn, &logout(&bearer));
        let Some((asker, Command::User(_, UserCommand::EndSession { session, .. }))) =
            host.asked.pop_front()
        else {
            panic!("the end of the session is recorded by its owner");
        };
        let ended = Ended::AllOf {
            user_id: user,
            until: session.expires_at,
            by: EndedBy::Logouts,
            kept: None,
        };
        host.tell(ShardMessage::SessionsEnded { ended, tell: None });
        host.answer(asker, Outcome::Done);
        host.read_all(conn);
        assert_eq!(sender(&mut host, conn, &bearer), None);
    };
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("logouts-per-user"), "{refused}");
    assert!((60..=62).contains(&logins), "{logins}");
}

/// It was compared with the password before: that must not outlive the new one, however far ahead logins are.
#[test]
fn a_login_that_knows_nothing_of_the_new_password_is_refused() {
    let mut host = Host::new(AuthMode::Token);
    let user = Host::foreign_user();
    let until = Timestamp::from_millis(host.wall().millis() + SESSION_MILLIS + 30_000);
    let mut end = |until, by| {
        let ended = Ended::AllOf {
            user_id: user,
            until,
            by,
            kept: None,
        };
        host.tell(ShardMessage::SessionsEnded { ended, tell: None });
    };
    end(until, EndedBy::Password);
    end(
        Timestamp::from_millis(until.millis() + 1000),
        EndedBy::Logouts,
    );
    let conn = host.accept();
    let refused = login_reply(&mut host, conn, user);
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
    assert!(refused.contains("password is being changed"), "{refused}");

    let conn = host.accept();
    let good = login_reply_behind(&mut host, conn, user, until);
    let (_, body) = good.split_once(r#""token":""#).unwrap();
    let (token, _) = body.split_once('"').unwrap();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(sender(&mut host, conn, &bearer), Some(user));

    // Then logins of the moment are none of those that it ended.
    host.pass(Duration::from_secs(31));
    let conn = host.accept();
    let late = login_reply(&mut host, conn, user);
    assert!(late.starts_with("HTTP/1.1 200 "), "{late}");
}

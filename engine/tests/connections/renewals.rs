//! WebSockets that go on with another login.

use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_engine::ids::{ConnId, Session};
use rookery_engine::mesh::{Ended, EndedBy, ShardMessage};
use rookery_schema::limits::SESSION_MILLIS;
use rookery_schema::record::SessionEnded;
use rookery_schema::{SessionId, Timestamp, UserId};
use rookery_testing::ws::text_frame;

use crate::callers::log_in;
use crate::host::Host;

/// A WebSocket whose login ends in an hour.
fn listening(host: &mut Host) -> (ConnId, Session) {
    let now = host.wall().millis();
    let session = Session::new(
        SessionId::from_bytes([1; 16]),
        Timestamp::from_millis(now + 3_600_000),
    );
    let conn = host.arrive(Some(session));
    host.read_all(conn);
    (conn, session)
}

fn token(host: &mut Host, user_id: UserId) -> String {
    let conn = host.accept();
    log_in(host, conn, user_id)
}

/// What the client hears that wants to go on with a token.
fn auth(host: &mut Host, conn: ConnId, token: &str) -> String {
    host.send(
        conn,
        &text_frame(&format!(r#"{{"type":"auth","token":"{token}"}}"#)),
    );
    String::from_utf8_lossy(&host.read_all(conn)).into_owned()
}

/// So much time passes, in which the client answers pings.
fn pass(host: &mut Host, conn: ConnId, time: Duration) {
    for _ in 0..time.as_secs() / 20 {
        host.pass(Duration::from_secs(20));
        if host.is_closed(conn) {
            return;
        }
        host.send(conn, &text_frame(r#"{"type":"ping"}"#));
        host.read_all(conn);
    }
}

#[test]
fn who_goes_on_with_another_login_is_not_closed_when_the_first_expires() {
    let mut host = Host::new(AuthMode::Token);
    let (conn, first) = listening(&mut host);
    let user = host.user;
    let token = token(&mut host, user);
    let heard = auth(&mut host, conn, &token);
    assert!(
        heard.contains(r#"{"type":"authenticated","expires_at":"#),
        "{heard}"
    );
    pass(&mut host, conn, Duration::from_secs(2 * 3600));
    assert!(!host.is_closed(conn));
    // What becomes of the first login is no matter of this socket any more.
    let ended = Ended::One(SessionEnded {
        session_id: first.session_id,
        user_id: user,
        expires_at: first.expires_at,
    });
    host.tell(ShardMessage::SessionsEnded { ended, tell: None });
    assert!(!host.is_closed(conn));
    let until = Timestamp::from_millis(host.wall().millis() + SESSION_MILLIS);
    let ended = Ended::AllOf {
        user_id: user,
        until,
        by: EndedBy::Password,
        kept: None,
    };
    host.tell(ShardMessage::SessionsEnded { ended, tell: None });
    assert!(host.is_closed(conn), "the second one counts");
}

#[test]
fn who_has_no_good_token_goes_on_with_the_login_that_they_have() {
    let mut host = Host::new(AuthMode::Token);
    let (conn, _) = listening(&mut host);
    let other = token(&mut host, Host::foreign_user());
    for (token, code) in [("x", "unauthenticated"), (other.as_str(), "forbidden")] {
        let heard = auth(&mut host, conn, token);
        assert!(heard.contains(code), "{heard}");
    }
    pass(&mut host, conn, Duration::from_secs(3500));
    assert!(!host.is_closed(conn));
    pass(&mut host, conn, Duration::from_secs(200));
    assert!(host.is_closed(conn));
}

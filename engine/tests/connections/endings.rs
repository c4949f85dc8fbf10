//! How connections end: what was begun is finished, and nobody stays who may not.

use std::time::Duration;

use rookery_engine::ids::ConnId;
use rookery_engine::ids::Session;
use rookery_engine::input::Input;
use rookery_engine::limits::Limit;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Ended, EndedBy, Outcome, ShardMessage};
use rookery_engine::outbox::OUTBOX_BYTES_MAX;
use rookery_schema::record::SessionEnded;
use rookery_schema::{ChatId, MessageId, SessionId, Timestamp};

use rookery_testing::http::bodies;
use rookery_testing::ws::text_frame;

use crate::host::Host;

/// Answers the oldest request for a page.
fn show_page(host: &mut Host) {
    let (asker, _) = host.asked.pop_front().unwrap();
    let body = b"[]".to_vec();
    host.answer(asker, Outcome::Page { body, next: None });
}

fn finish(host: &mut Host, conn: ConnId) {
    host.step(Input::Finished { conn });
    assert!(!host.wants_input(conn), "there is nothing more to read");
}

#[test]
fn who_sends_no_more_is_answered_all_that_they_sent() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    // The second and third wait for the one before; the last never ends.
    let train = [host.page().repeat(3), b"GET /livez HT".to_vec()].concat();
    host.send(conn, &train);
    finish(&mut host, conn);
    for _ in 0..3 {
        assert!(!host.is_closed(conn));
        show_page(&mut host);
    }
    assert!(host.is_closed(conn));
    assert_eq!(bodies(&host.read_all(conn)), ["[]"; 3]);
}

#[test]
fn who_sends_no_more_is_answered_what_waits_for_room_too() {
    const PAGES: usize = 5;
    let mut host = Host::in_trust();
    let conn = host.accept();
    let train = host.page().repeat(PAGES);
    host.send(conn, &train);
    let mut heard = 0;
    loop {
        while let Some((asker, _)) = host.asked.pop_front() {
            let body = vec![b'x'; OUTBOX_BYTES_MAX / 2];
            host.answer(asker, Outcome::Page { body, next: None });
        }
        if heard == 0 {
            finish(&mut host, conn);
        }
        let is_closed = host.is_closed(conn);
        heard += bodies(&host.read_all(conn)).len();
        if is_closed {
            break;
        }
        host.wants_input(conn);
        host.flush();
        assert!(
            !host.asked.is_empty(),
            "what is neither done nor closed goes on"
        );
    }
    assert_eq!(heard, PAGES);
}

#[test]
fn who_sends_no_more_and_waits_for_nothing_is_closed() {
    let mut host = Host::in_trust();
    let (http, websocket) = (host.accept(), host.listen());
    for conn in [http, websocket] {
        finish(&mut host, conn);
        assert!(host.is_closed(conn));
    }
}

#[test]
fn who_sends_no_more_may_take_their_replies_slowly_and_not_stop() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let train = host.page().repeat(3);
    host.send(conn, &train);
    // The last request waits for room in the output.
    for _ in 0..2 {
        let (asker, _) = host.asked.pop_front().unwrap();
        let body = vec![b'x'; OUTBOX_BYTES_MAX];
        host.answer(asker, Outcome::Page { body, next: None });
    }
    finish(&mut host, conn);
    for _ in 0..30 {
        host.pass(Duration::from_secs(5));
        assert!(!host.is_closed(conn));
        host.read(conn, 1);
    }
    host.pass(Duration::from_secs(9));
    assert!(!host.is_closed(conn));
    host.pass(Duration::from_secs(1));
    assert!(host.is_aborted(conn));
}

#[test]
fn a_drain_serves_what_has_begun_to_arrive_and_then_closes() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = host.page();
    let (begun, rest) = page.split_at(1);
    // The second waits for the first, and of the third one byte is there.
    host.send(conn, &[&page, &page, begun].concat());
    host.drain(&[conn]);
    for _ in 0..2 {
        show_page(&mut host);
        assert!(!host.is_closed(conn));
    }
    host.pass(Duration::from_secs(5));
    host.send(conn, &[rest, &page].concat());
    show_page(&mut host);
    assert!(host.is_closed(conn));
    assert!(host.asked.is_empty(), "its client was told of the end");
    let replies = host.read_all(conn);
    let replies = String::from_utf8_lossy(&replies);
    let ends: Vec<_> = replies
        .split("HTTP/1.1 200")
        .skip(1)
        .map(|reply| reply.contains("Connection: close"))
        .collect();
    assert_eq!(ends, [false, false, true]);
}

#[test]
fn a_drain_tells_the_client_of_the_newest_request_that_it_is_the_last() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = host.page();
    host.send(conn, &page);
    host.drain(&[conn]);
    assert!(!host.wants_input(conn));
    show_page(&mut host);
    assert!(host.is_closed(conn));
}

#[test]
fn a_drain_serves_what_had_come_behind_a_request_that_is_not_answered_yet() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let post = host.post("x");
    host.send(conn, &post);
    host.step(Input::Drain);
    host.send(conn, &post.repeat(2));
    host.retire(conn, post.len());
    host.send(conn, &post);
    assert_eq!(host.asked.len(), 4);
    assert!(!host.wants_input(conn), "there was no more");
    for _ in 0..4 {
        assert!(!host.is_closed(conn));
        answer_send(&mut host, posted);
    }
    assert!(host.is_closed(conn));
    let heard = host.read_all(conn);
    let heard = String::from_utf8_lossy(&heard);
    let ends = heard.split("HTTP/1.1 200").skip(1);
    let ends: Vec<_> = ends.map(|it| it.contains("Connection: close")).collect();
    assert_eq!(ends, [false, false, false, true]);
}

#[test]
fn a_drain_leaves_a_moment_to_what_is_on_its_way() {
    let mut host = Host::in_trust();
    let (used, fresh, silent) = (host.accept(), host.accept(), host.accept());
    let page = host.page();
    host.send(used, &page);
    show_page(&mut host);
    host.read_all(used);
    host.pass(Duration::from_secs(30));
    host.drain(&[used, fresh, silent]);
    host.pass(Duration::from_millis(900));
    let late = host.accept();
    host.retire(late, 0);
    for conn in [used, fresh, late] {
        assert!(!host.is_closed(conn));
        host.send(conn, &page);
        show_page(&mut host);
        assert!(host.is_closed(conn), "behind its reply");
    }
    assert!(!host.is_closed(silent));
    host.pass(Duration::from_secs(2));
    assert!(host.is_closed(silent));
}

#[test]
fn a_drain_answers_a_client_that_is_slow_to_take_the_answers() {
    const REQUESTS: usize = 100;
    let mut host = Host::in_trust();
    let conn = host.accept();
    let requests = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(REQUESTS);
    host.step(Input::Drain);
    host.retire(conn, requests.len());
    host.send(conn, &requests);
    host.pass(Duration::from_secs(5));
    let mut replies = Vec::new();
    for _ in 0..REQUESTS {
        host.wants_input(conn);
        replies.extend(host.read_all(conn));
    }
    assert!(host.is_closed(conn));
    let replies = String::from_utf8_lossy(&replies);
    assert_eq!(replies.matches("HTTP/1.1 200").count(), REQUESTS);
}

#[test]
fn who_logged_out_on_the_way_home_is_closed_there() {
    let mut host = Host::in_trust();
    let session = |n| {
        Session::new(
            SessionId::from_bytes([n; 16]),
            Timestamp::from_millis(u64::MAX / 1_000_000),
        )
    };
    let ended = Ended::One(SessionEnded {
        session_id: session(1).session_id,
        user_id: host.user,
        expires_at: session(1).expires_at,
    });
    host.tell(ShardMessage::SessionsEnded { ended, tell: None });
    let ended = host.arrive(Some(session(1)));
    let other = host.arrive(Some(session(2)));
    assert!(host.is_closed(ended));
    let output = host.read_all(ended);
    assert_eq!(
        output[2..4],
        4001_u16.to_be_bytes(),
        "the first it hears is its end"
    );
    assert!(!host.is_closed(other));
}

#[test]
fn a_login_that_outlasts_those_that_were_ended_together_stays() {
    let mut host = Host::in_trust();
    let session = |n| {
        Session::new(
            SessionId::from_bytes([n; 16]),
            Timestamp::from_millis(u64::MAX / 1_000_000 + u64::from(n)),
        )
    };
    let (first, second) = (host.arrive(Some(session(1))), host.arrive(Some(session(2))));
    let ended = Ended::AllOf {
        user_id: host.user,
        until: session(1).expires_at,
        by: EndedBy::Logouts,
        kept: None,
    };
    host.tell(ShardMessage::SessionsEnded { ended, tell: None });
    assert!(host.is_closed(first));
    assert!(!host.is_closed(second));
}

/// Sends of the user that are under way.
fn send_messages(host: &mut Host, conn: ConnId, count: usize) {
    for n in 0..count {
        let chat = host.chat;
        let send = format!(r#"{{"type":"send","chat_id":"{chat}","content":"{n}"}}"#);
        host.send(conn, &text_frame(&send));
    }
}

/// Answers the oldest send.
fn answer_send(host: &mut Host, outcome: impl Fn(ChatId) -> Outcome) {
    let (asker, _) = host.asked.pop_front().unwrap();
    host.answer(asker, outcome(host.chat));
}

fn posted(chat_id: ChatId) -> Outcome {
    Outcome::Posted {
        message_id: MessageId::from_bytes([1; 16]),
        chat_id,
        created_at: Timestamp::default(),
    }
}

#[test]
fn a_drain_closes_a_websocket_when_all_its_sends_are_answered() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    send_messages(&mut host, conn, 2);
    host.drain(&[conn]);
    assert!(!host.wants_input(conn), "nothing more is begun");
    answer_send(&mut host, posted);
    assert!(!host.is_closed(conn));
    answer_send(&mut host, posted);
    assert!(host.is_closed(conn));
    let heard = host.read_all(conn);
    assert_eq!(
        String::from_utf8_lossy(&heard).matches(r#""ack""#).count(),
        2
    );
    let close = heard
        .windows(2)
        .rposition(|it| it == 1012_u16.to_be_bytes());
    assert!(
        close.is_some(),
        "the close comes behind the acknowledgements"
    );
}

/// Asserts that a WebSocket is closed behind so many acknowledgements, since the server restarts.
#[track_caller]
fn assert_retired(host: &mut Host, conn: ConnId, acknowledged: usize) {
    assert!(host.is_closed(conn));
    let heard = host.read_all(conn);
    let text = String::from_utf8_lossy(&heard);
    assert_eq!(text.matches(r#""ack""#).count(), acknowledged, "{text}");
    assert!(text.ends_with("restarting"), "{text}");
}

#[test]
fn a_drain_answers_the_sends_that_had_come() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    send_messages(&mut host, conn, 1);
    host.step(Input::Drain);
    send_messages(&mut host, conn, 2);
    let ping = text_frame(r#"{"type":"ping"}"#);
    host.retire(conn, ping.len());
    host.send(conn, &ping);
    assert!(!host.is_closed(conn));
    assert!(!host.wants_input(conn), "there was no more");
    for _ in 0..3 {
        answer_send(&mut host, posted);
    }
    assert_retired(&mut host, conn, 3);
}

#[test]
fn a_drain_answers_the_sends_that_came_behind_a_handshake() {
    let mut host = Host::in_trust();
    let send = format!(
        r#"{{"type":"send","chat_id":"{}","content":"x"}}"#,
        host.chat
    );
    host.step(Input::Drain);
    let conn = host.arrive_with(&text_frame(&send));
    host.retire(conn, 0);
    assert!(!host.is_closed(conn));
    answer_send(&mut host, posted);
    assert_retired(&mut host, conn, 1);
}

#[test]
fn a_drain_leaves_a_moment_to_a_message_that_has_begun_to_arrive() {
    let mut host = Host::in_trust();
    let (late, silent, endless) = (host.listen(), host.listen(), host.listen());
    let send = format!(
        r#"{{"type":"send","chat_id":"{}","content":"x"}}"#,
        host.chat
    );
    let frame = text_frame(&send);
    let (begun, rest) = frame.split_at(1);
    for conn in [late, silent, endless] {
        host.send(conn, begun);
    }
    host.drain(&[late, silent, endless]);
    host.pass(Duration::from_millis(900));
    host.send(endless, &[rest, begun].concat());
    answer_send(&mut host, posted);
    host.send(late, rest);
    assert!(!host.wants_input(late));
    answer_send(&mut host, posted);
    assert_retired(&mut host, late, 1);
    for conn in [silent, endless] {
        assert!(!host.is_closed(conn));
    }
    host.pass(Duration::from_secs(1));
    assert_retired(&mut host, silent, 0);
    assert_retired(&mut host, endless, 1);
}

#[test]
fn who_sends_too_many_is_told_about_each_and_closed_with_4029() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    send_messages(&mut host, conn, 6);
    answer_send(&mut host, posted);
    for _ in 0..4 {
        answer_send(&mut host, |_| {
            Outcome::Refused(Problem::over(Limit::UserRate, 1))
        });
    }
    assert!(!host.wants_input(conn), "they were told three times");
    assert!(!host.is_closed(conn));
    answer_send(&mut host, posted);
    assert!(host.is_closed(conn));
    let heard = host.read_all(conn);
    let text = String::from_utf8_lossy(&heard);
    assert_eq!(text.matches("too_many_requests").count(), 4);
    assert_eq!(text.matches(r#""ack""#).count(), 2);
    assert!(heard.windows(2).any(|it| it == 4029_u16.to_be_bytes()));
}

#[test]
fn a_connection_that_closes_has_its_time_whatever_was_due_before() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    // Due when the connection has been idle for 75 seconds.
    host.pass(Duration::from_secs(74));
    let page = String::from_utf8(host.page()).unwrap();
    let last = page.replace("Host: localhost", "Host: localhost\r\nConnection: close");
    host.send(conn, last.as_bytes());
    show_page(&mut host);
    assert!(host.is_closed(conn));
    host.pass(Duration::from_secs(2));
    assert!(!host.is_aborted(conn), "its peer may take what it was sent");
    host.pass(Duration::from_secs(9));
    assert!(host.is_aborted(conn));
}

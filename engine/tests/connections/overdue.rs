//! Nobody waits for ever: a request that no shard answers is refused in time.

use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_engine::mesh::Outcome;
use rookery_schema::MessageId;

use rookery_testing::ws::text_frame;

use crate::host::Host;

/// For how long a request is waited for, and one that needs a password hashed.
const ANSWER: Duration = Duration::from_secs(10);
const PASSWORD: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(100);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a connection hears right before a deadline, and behind it.
fn heard_around(host: &mut Host, conn: rookery_engine::ids::ConnId, deadline: Duration) -> String {
    host.pass(deadline - Duration::from_secs(1));
    assert_eq!(text(&host.read_all(conn)), "");
    host.pass(Duration::from_secs(1) + MOMENT);
    text(&host.read_all(conn))
}

#[test]
fn a_post_that_its_owner_does_not_answer_has_an_unknown_outcome() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let post = host.post("hello");
    host.send(conn, &post);
    let heard = heard_around(&mut host, conn, ANSWER);
    assert!(heard.starts_with("HTTP/1.1 503 ") && heard.contains("Retry-After: 1"));
    assert!(
        heard.contains("send a message again with the same client_id"),
        "{heard}"
    );
    assert_eq!(host.stats().overdue_requests, 1);
    // The connection goes on, and what comes too late is not taken for the next answer.
    let (late, _) = host.asked.pop_front().unwrap();
    let page = host.page();
    host.send(conn, &page);
    host.answer(late, posted(7));
    assert_eq!(text(&host.read_all(conn)), "");
    let (asker, _) = host.asked.pop_front().unwrap();
    let body = b"[]".to_vec();
    host.answer(asker, Outcome::Page { body, next: None });
    assert!(text(&host.read_all(conn)).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_page_that_its_owner_does_not_answer_is_refused_as_a_read() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = host.page();
    host.send(conn, &page);
    let heard = heard_around(&mut host, conn, ANSWER);
    assert!(heard.starts_with("HTTP/1.1 503 "), "{heard}");
    assert!(heard.contains("did not answer in time") && !heard.contains("client_id"));
}

#[test]
fn pipelined_posts_are_refused_in_their_order() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let posts = [host.post("a"), host.post("b"), host.post("c")].concat();
    host.send(conn, &posts);
    let (second, _) = host.asked.remove(1).unwrap();
    host.answer(second, posted(2));
    let heard = heard_around(&mut host, conn, ANSWER);
    let statuses: Vec<&str> = heard
        .match_indices("HTTP/1.1 ")
        .map(|(at, it)| &heard[at + it.len()..][..3])
        .collect();
    assert_eq!(statuses, ["503", "200", "503"]);
}

#[test]
fn a_login_has_more_time() {
    let mut host = Host::new(AuthMode::Token);
    let conn = host.accept();
    let body = format!(
        r#"{{"username":"{}","password":"p"}}"#,
        Host::foreign_username()
    );
    let login = host.request("POST", "/login", &body);
    host.send(conn, &login);
    let heard = heard_around(&mut host, conn, PASSWORD);
    assert!(heard.starts_with("HTTP/1.1 503 "), "{heard}");
}

#[test]
fn a_send_over_a_websocket_is_refused_with_its_client_id() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    let send = |id: &str, chat| {
        format!(r#"{{"type":"send","chat_id":"{chat}","content":"x","client_id":"{id}"}}"#)
    };
    let chat = host.chat;
    let frames = [text_frame(&send("a", chat)), text_frame(&send("b", chat))].concat();
    host.send(conn, &frames);
    let (first, _) = host.asked.pop_front().unwrap();
    host.answer(first, posted(1));
    assert!(text(&host.read_all(conn)).contains(r#""type":"ack""#));
    let heard = heard_around(&mut host, conn, ANSWER);
    assert!(heard.contains(r#""type":"error""#) && heard.contains(r#""client_id":"b""#));
    let (late, _) = host.asked.pop_front().unwrap();
    host.answer(late, posted(2));
    assert_eq!(text(&host.read_all(conn)), "", "it was answered");
    assert_eq!(host.stats().overdue_requests, 1);
}

#[test]
fn a_list_of_chats_whose_owner_does_not_answer_is_refused_and_forgotten() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let list = host.request("GET", "/chats", "");
    host.send(conn, &list);
    let heard = heard_around(&mut host, conn, ANSWER);
    assert!(heard.starts_with("HTTP/1.1 503 "), "{heard}");
    let (late, _) = host.asked.pop_front().unwrap();
    host.answer(late, Outcome::Summary(None));
    assert_eq!(text(&host.read_all(conn)), "");
}

fn posted(number: u128) -> Outcome {
    let message_id = MessageId::from_bytes(number.to_be_bytes());
    Outcome::posted(message_id, rookery_schema::ChatId::from_bytes([1; 16]))
}

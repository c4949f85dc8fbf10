//! What one connection may have under way: beyond it nothing is read, and nothing is lost.

use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_engine::input::Input;
use rookery_engine::mesh::{Asker, ChatCommand, Command, Outcome};
use rookery_engine::outbox::OUTBOX_BYTES_MAX;
use rookery_schema::{MessageId, Timestamp, UserId};

use rookery_testing::http::bodies;
use rookery_testing::ws::text_frame;

use crate::host::{Host, LAG_LIMIT};

/// Requests of an HTTP connection, and sends of a WebSocket.
const PIPELINE_MAX: usize = 256;
const SENDS_IN_FLIGHT_MAX: usize = 1024;

/// Seconds in which a request must have arrived.
const REQUEST_SECONDS: Duration = Duration::from_secs(10);

/// The answer to a post, which can be told from others by its content.
fn posted(command: &Command) -> Outcome {
    let Command::Chat(chat_id, ChatCommand::Post(post)) = command else {
        panic!("{command:?}");
    };
    let number: u128 = post.content.parse().unwrap();
    Outcome::Posted {
        message_id: MessageId::from_bytes(number.to_be_bytes()),
        chat_id: *chat_id,
        created_at: Timestamp::default(),
    }
}

/// The message id that [`posted`] makes of this number.
fn id_of(number: usize) -> String {
    MessageId::from_bytes((number as u128).to_be_bytes()).to_string()
}

#[test]
fn requests_beyond_the_pipeline_wait_unread_and_are_answered_in_order() {
    const SENT: usize = PIPELINE_MAX + 50;
    let mut host = Host::in_trust();
    let conn = host.accept();
    let train: Vec<u8> = (0..SENT).flat_map(|n| host.post(&n.to_string())).collect();
    host.send(conn, &train);
    assert_eq!(host.asked.len(), PIPELINE_MAX);
    assert!(!host.wants_input(conn));

    // Newest first: no reply may overtake another.
    let mut waiting: Vec<(Asker, Command)> = host.asked.drain(..).collect();
    while let Some((asker, command)) = waiting.pop() {
        assert!(!host.is_resumed(conn));
        assert_eq!(host.waiting_bytes(conn), 0);
        host.answer(asker, posted(&command));
    }
    assert!(host.asked.is_empty(), "so many replies wait to be read");
    let mut heard = host.read_all(conn);
    assert!(host.wants_input(conn));
    assert_eq!(host.asked.len(), SENT - PIPELINE_MAX, "the rest was begun");
    while let Some((asker, command)) = host.asked.pop_front() {
        host.answer(asker, posted(&command));
    }
    heard.extend(host.read_all(conn));
    let replies = bodies(&heard);
    assert_eq!(replies.len(), SENT);
    for (n, reply) in replies.iter().enumerate() {
        assert!(reply.contains(&id_of(n)), "{n}: {reply}");
    }
}

#[test]
fn sends_beyond_those_in_flight_wait_unread_and_are_acknowledged() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    let chat = host.chat;
    let send = |n: usize| {
        text_frame(&format!(
            r#"{{"type":"send","chat_id":"{chat}","content":"{n}","client_id":"c-{n}"}}"#
        ))
    };
    for n in 0..SENDS_IN_FLIGHT_MAX {
        host.send(conn, &send(n));
    }
    assert_eq!(host.asked.len(), SENDS_IN_FLIGHT_MAX);
    assert!(!host.wants_input(conn));
    for n in 0..SENDS_IN_FLIGHT_MAX {
        let (asker, command) = host.asked.pop_front().unwrap();
        host.answer(asker, posted(&command));
        assert!(host.is_resumed(conn), "after the first there is room again");
        let heard = host.read_all(conn);
        let ack = String::from_utf8_lossy(&heard);
        assert!(
            ack.contains(&id_of(n)) && ack.contains(&format!(r#""c-{n}""#)),
            "{ack}"
        );
    }
    host.send(conn, &send(0));
}

#[test]
fn a_request_that_can_t_be_read_has_its_time_afterwards() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = host.page();
    let (begin, end) = page.split_at(20);
    host.send(conn, &[&page, &page, begin].concat());
    let show = |host: &mut Host| {
        let (asker, _) = host.asked.pop_front().unwrap();
        let body = vec![b'x'; OUTBOX_BYTES_MAX];
        host.answer(asker, Outcome::Page { body, next: None });
    };
    show(&mut host);
    show(&mut host);
    assert!(!host.wants_input(conn));
    let mut read = Vec::new();
    for _ in 0..4 {
        host.pass(REQUEST_SECONDS / 2);
        read.extend(host.read(conn, 1));
    }
    read.extend(host.read_all(conn));
    assert_eq!(bodies(&read).len(), 2);
    host.wants_input(conn);
    host.flush();
    assert!(host.wants_input(conn) && !host.is_closed(conn));
    host.pass(REQUEST_SECONDS / 2);
    host.send(conn, end);
    show(&mut host);
    assert_eq!(bodies(&host.read_all(conn)).len(), 1);
}

#[test]
fn who_does_not_read_pages_is_not_read_until_they_do() {
    const PAGES: usize = 20;
    const PAGE_BYTES: usize = OUTBOX_BYTES_MAX / 3;
    let mut host = Host::in_trust();
    let conn = host.accept();
    let train = host.page().repeat(PAGES);
    host.send(conn, &train);

    let mut shown = 0;
    let mut heard = Vec::new();
    while heard.len() < PAGES {
        let before = shown;
        while let Some((asker, _)) = host.asked.pop_front() {
            let body = format!("{shown}{}", " ".repeat(PAGE_BYTES)).into_bytes();
            host.answer(asker, Outcome::Page { body, next: None });
            shown += 1;
        }
        assert!(shown > before, "it goes on when there is room");
        let waiting = host.waiting_bytes(conn);
        assert!(
            waiting < OUTBOX_BYTES_MAX + 2 * PAGE_BYTES,
            "{waiting} bytes"
        );
        if shown < PAGES {
            assert!(waiting >= OUTBOX_BYTES_MAX && !host.wants_input(conn));
        }
        heard.extend(bodies(&host.read_all(conn)));
        host.wants_input(conn);
        host.flush();
    }
    let numbers: Vec<usize> = heard
        .iter()
        .map(|page| page.trim().parse().unwrap())
        .collect();
    assert_eq!(numbers, (0..PAGES).collect::<Vec<_>>());
    assert!(host.wants_input(conn));
}

#[test]
fn messages_that_are_read_too_late_are_refused_and_all_else_is_served() {
    const TOO_LATE: Duration = LAG_LIMIT.saturating_add(Duration::from_micros(1));
    let mut host = Host::in_trust();
    let http = host.accept();
    let (post, page) = (host.post("a"), host.page());
    host.send_late(http, &post, TOO_LATE);
    let reply = String::from_utf8(host.read_all(http)).unwrap();
    assert!(reply.starts_with("HTTP/1.1 503 "), "{reply}");
    assert!(
        reply.to_ascii_lowercase().contains("retry-after:"),
        "{reply}"
    );
    host.send_late(http, &page, TOO_LATE);
    assert!(matches!(host.asked.pop_front(), Some((_, command)) if !is_post(&command)));

    let socket = host.listen();
    let chat = host.chat;
    let send = text_frame(&format!(
        r#"{{"type":"send","chat_id":"{chat}","content":"a","client_id":"c"}}"#
    ));
    host.send_late(socket, &send, TOO_LATE);
    let heard = String::from_utf8_lossy(&host.read_all(socket)).into_owned();
    assert!(
        heard.contains(r#""type":"error""#) && heard.contains(r#""client_id":"c""#),
        "{heard}"
    );
    assert!(host.asked.is_empty());

    host.send_late(socket, &send, LAG_LIMIT);
    assert!(matches!(host.asked.pop_front(), Some((_, command)) if is_post(&command)));
}

fn is_post(command: &Command) -> bool {
    matches!(command, Command::Chat(_, ChatCommand::Post(_)))
}

#[test]
fn a_websocket_whose_output_is_full_is_not_read() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    let nonsense = text_frame("x").repeat(10_000);
    let mut read = 0;
    while host.wants_input(conn) && read < 100 {
        host.step(Input::Received {
            conn,
            bytes: &nonsense,
            waited_micros: 0,
        });
        read += 1;
    }
    assert!(read < 100 && !host.is_closed(conn));
    host.read_all(conn);
    assert!(host.wants_input(conn));
}

#[test]
fn frames_before_the_handshake_s_answer_are_taken_up_to_a_bound() {
    for (frames, accepted) in [(1000, true), (1200, false)] {
        let mut host = Host::in_trust();
        let conn = host.accept();
        let mut bytes = host.upgrade();
        bytes.extend(text_frame("x").repeat(frames));
        host.send(conn, &bytes);
        assert_eq!(host.is_handed_off(conn), accepted);
        assert_eq!(host.is_closed(conn), !accepted);
        let heard = host.read_all(conn);
        let status = if accepted { "101 " } else { "400 " };
        assert!(String::from_utf8_lossy(&heard).starts_with(&format!("HTTP/1.1 {status}")));
    }
}

#[test]
fn an_upgrade_waits_for_the_replies_before_it() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let requests = [host.page(), host.upgrade()].concat();
    host.send(conn, &requests);
    assert!(!host.is_handed_off(conn) && host.waiting_bytes(conn) == 0);
    let (asker, _) = host.asked.pop_front().unwrap();
    let body = b"[]".to_vec();
    host.answer(asker, Outcome::Page { body, next: None });
    let heard = String::from_utf8(host.read_all(conn)).unwrap();
    let replies: Vec<&str> = heard.split("HTTP/1.1 ").skip(1).collect();
    assert!(replies[0].starts_with("200 ") && replies[1].starts_with("101 "));
    assert!(host.is_handed_off(conn));
}

#[test]
fn leave_to_send_a_body_comes_behind_the_replies_before_it() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let (first, second) = (host.page(), String::from_utf8(host.post("7")).unwrap());
    let (head, body) = second.split_once("\r\n\r\n").unwrap();
    let head = format!("{head}\r\nExpect: 100-continue\r\n\r\n");
    host.send(conn, &[&first, head.as_bytes()].concat());
    assert_eq!(host.waiting_bytes(conn), 0);
    let (asker, _) = host.asked.pop_front().unwrap();
    let page = b"[]".to_vec();
    host.answer(
        asker,
        Outcome::Page {
            body: page,
            next: None,
        },
    );
    let heard = String::from_utf8(host.read_all(conn)).unwrap();
    let reply = heard.strip_suffix("HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    assert_eq!(bodies(reply.as_bytes()), ["[]"]);
    host.send(conn, body.as_bytes());
    let (asker, command) = host.asked.pop_front().unwrap();
    host.answer(asker, posted(&command));
    assert_eq!(bodies(&host.read_all(conn)).len(), 1);
}

#[test]
fn each_change_counts_as_a_message_of_its_user() {
    let other = UserId::from_bytes([9; 16]);
    for (method, path, body) in [
        ("POST", "/chats".to_owned(), r#"{"name":"a"}"#.to_owned()),
        ("POST", format!("/direct/{other}"), String::new()),
        (
            "POST",
            "/chats/CHAT/members".to_owned(),
            format!(r#"{{"user_id":"{other}"}}"#),
        ),
        (
            "DELETE",
            format!("/chats/CHAT/members/{other}"),
            String::new(),
        ),
        (
            "PUT",
            format!("/chats/CHAT/members/{other}"),
            r#"{"role":"admin"}"#.to_owned(),
        ),
        (
            "PATCH",
            "/chats/CHAT".to_owned(),
            r#"{"name":"b"}"#.to_owned(),
        ),
        ("DELETE", "/chats/CHAT".to_owned(), String::new()),
        (
            "PUT",
            format!("/chats/CHAT/messages/{other}/reactions/a"),
            String::new(),
        ),
        ("PUT", format!("/me/blocks/{other}"), String::new()),
    ] {
        let mut host = Host::with(AuthMode::Trust, |config| config.user_rate = 1);
        let path = path.replace("CHAT", &host.chat.to_string());
        let request = host.request(method, &path, &body);
        let mut heard = String::new();
        for _ in 0..3 {
            let conn = host.accept();
            host.send(conn, &request);
            heard += &String::from_utf8(host.read_all(conn)).unwrap();
        }
        assert!(
            heard.contains("user-rate"),
            "{method} {path} is not limited: {heard}"
        );
    }
}

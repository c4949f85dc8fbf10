//! What is held for clients before they are answered: requests that can't be begun or have come in part, and replies
//! that are still to be made.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::{Asker, Outcome};
use rookery_engine::outbox::OUTBOXES_BYTES_MAX;
use rookery_engine::pages::{PAGES_MADE_MAX, PAGES_WAITING_MAX};
use rookery_schema::UserId;
use rookery_schema::limits::PAGE_BYTES_MAX;
use rookery_testing::ws::text_frame;

use crate::host::Host;

/// What is read of a socket at once.
const READ_BYTES_MAX: usize = 16 * 1024;
/// Of a client that asks without end and never reads.
const CLIENT_BYTES_MAX: u64 = 32 * 1024;
const BODY_BYTES: usize = 48 * 1024;
const MILLISECOND: Duration = Duration::from_millis(1);

const fn address(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))
}

/// The other shard answers a request for a page.
fn show(host: &mut Host, asker: Asker, bytes: usize) {
    let body = vec![b'x'; bytes];
    host.answer(asker, Outcome::Page { body, next: None });
}

/// A client that has asked for a page.
fn ask(host: &mut Host, from: u8) -> ConnId {
    let conn = host.accept_from(address(from));
    let page = host.page();
    host.send(conn, &page);
    conn
}

fn reply(host: &mut Host, conn: ConnId) -> String {
    String::from_utf8(host.read_all(conn)).unwrap()
}

#[test]
fn who_asks_without_end_and_never_reads_costs_little_memory() {
    const CLIENTS: usize = 20;
    let mut host = Host::in_trust();
    let ask = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let train = ask.repeat(100_000 / ask.len());
    for _ in 0..CLIENTS {
        let conn = host.accept();
        let mut sent = 0;
        while host.wants_input(conn) {
            host.send(conn, &train.as_bytes()[sent..sent + READ_BYTES_MAX]);
            sent += READ_BYTES_MAX;
        }
        assert!(sent <= 2 * READ_BYTES_MAX, "{sent} bytes were read");
        // The socket takes some replies, and no more.
        host.read(conn, 1000);
        while host.wants_input(conn) {
            host.send(conn, &train.as_bytes()[sent..sent + READ_BYTES_MAX]);
            sent += READ_BYTES_MAX;
        }
    }
    let held = host.held_bytes();
    assert!(
        held > 0 && held <= CLIENTS as u64 * CLIENT_BYTES_MAX,
        "{held} bytes"
    );
}

#[test]
fn a_step_begins_no_more_requests_than_their_replies_have_room() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let ask = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let count = READ_BYTES_MAX / ask.len();
    host.send(conn, ask.repeat(count).as_bytes());
    let (mut heard, mut steps) = (0, 0);
    while heard < count {
        let output = reply(&mut host, conn);
        assert!(
            output.len() < 8 * 1024,
            "{} bytes of one step",
            output.len()
        );
        heard += output.matches("alive").count();
        host.wants_input(conn);
        steps += 1;
    }
    assert_eq!(heard, count);
    assert!(steps > 5, "it was done in {steps} steps");
}

#[test]
fn pages_are_made_a_few_at_a_time_and_networks_have_their_turns() {
    const ASKED: usize = PAGES_MADE_MAX + 50;
    let mut host = Host::in_trust();
    for _ in 0..ASKED {
        ask(&mut host, 1);
    }
    let other = ask(&mut host, 2);
    assert_eq!(host.asked.len(), PAGES_MADE_MAX);
    let reserved = (PAGES_MADE_MAX * PAGE_BYTES_MAX) as u64;
    assert!(
        host.held_bytes() >= reserved,
        "counted before they are made"
    );
    let mut answered = 0;
    while let Some((asker, _)) = host.asked.pop_front() {
        show(&mut host, asker, 2);
        answered += 1;
        assert!(host.asked.len() < PAGES_MADE_MAX + 1);
        if answered == PAGES_MADE_MAX + 2 {
            assert!(
                reply(&mut host, other).starts_with("HTTP/1.1 200"),
                "its turn was next"
            );
        }
    }
    assert_eq!(answered, ASKED + 1);
    assert!(
        host.held_bytes() < PAGE_BYTES_MAX as u64,
        "nothing is reserved any more"
    );
}

#[test]
fn of_too_many_pages_that_wait_the_network_that_asks_for_most_is_refused() {
    let mut host = Host::in_trust();
    let many: Vec<ConnId> = (0..PAGES_MADE_MAX + PAGES_WAITING_MAX)
        .map(|_| ask(&mut host, 1))
        .collect();
    let last = many[many.len() - 1];
    assert_eq!(host.waiting_bytes(last), 0);
    let other = ask(&mut host, 2);
    let refused = reply(&mut host, last);
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains(r#""limit":"pages-waiting""#));
    assert_eq!(host.waiting_bytes(other), 0, "it waits for its turn");
    assert_eq!(host.stats().limits_met, [("pages-waiting", 1)]);
}

#[test]
fn a_bound_that_all_clients_together_meet_is_named_and_counted() {
    let mut host = Host::in_trust();
    let list = |host: &mut Host, n: u128| {
        let user = UserId::from_bytes(n.to_be_bytes());
        let conn = host.accept_from(address(1));
        let ask = "GET /chats HTTP/1.1\r\nHost: localhost\r\n";
        let ask = format!("{ask}Cookie: user_id={user}\r\n\r\n");
        host.send(conn, ask.as_bytes());
        (host.waiting_bytes(conn) > 0).then_some(conn)
    };
    // Half of them are at home at the other shard, which does not answer.
    let refused = (0..10_000).find_map(|n| list(&mut host, n)).unwrap();
    let refused = reply(&mut host, refused);
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("Retry-After: 1"));
    let limit = r#""limit":"lists-waiting""#;
    assert!(refused.contains(limit), "{refused}");
    assert_eq!(host.stats().limits_met, [("lists-waiting", 1)]);
}

#[test]
fn pages_that_nobody_answers_make_room_for_others() {
    let mut host = Host::in_trust();
    for _ in 0..=PAGES_MADE_MAX {
        ask(&mut host, 1);
    }
    let lost = std::mem::take(&mut host.asked);
    host.pass(Duration::from_secs(11));
    let conn = ask(&mut host, 2);
    assert_eq!(host.asked.len(), 1, "the one that waited was refused too");
    // Too late.
    for (asker, _) in lost {
        show(&mut host, asker, 2);
    }
    let (asker, _) = host.asked.pop_front().unwrap();
    show(&mut host, asker, 2);
    assert!(reply(&mut host, conn).starts_with("HTTP/1.1 200"));
    assert!(host.held_bytes() < PAGE_BYTES_MAX as u64);
}

#[test]
fn where_as_much_is_held_as_may_be_no_page_is_begun_and_the_oldest_give_way() {
    let mut host = Host::in_trust();
    let (mut stuck, mut refused) = (Vec::new(), 0);
    let most = OUTBOXES_BYTES_MAX as usize / PAGE_BYTES_MAX;
    for _ in 0..most + 10 {
        let conn = ask(&mut host, 1);
        match host.asked.pop_front() {
            Some((asker, _)) => show(&mut host, asker, PAGE_BYTES_MAX),
            None => {
                let reply = reply(&mut host, conn);
                assert!(reply.starts_with("HTTP/1.1 503"), "{reply}");
                assert!(reply.contains(r#""limit":"held-bytes""#), "{reply}");
                assert!(reply.to_ascii_lowercase().contains("retry-after: 1"));
                refused += 1;
            }
        }
        assert!(host.held_bytes() <= OUTBOXES_BYTES_MAX + (2 * PAGE_BYTES_MAX) as u64);
        stuck.push(conn);
    }
    assert!(refused > 5, "nobody had time to read: {refused}");
    // Time passes, and nobody has read.
    host.pass(MILLISECOND);
    assert!(host.is_aborted(stuck[0]));
    ask(&mut host, 1);
    assert_eq!(host.asked.len(), 1, "there is room again");
}

#[test]
fn requests_that_come_in_part_count_and_give_way_too() {
    let mut host = Host::in_trust();
    let chat = host.chat;
    let head = format!(
        "POST /chats/{chat}/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        BODY_BYTES + 1
    );
    let part = [head.as_bytes(), &vec![b' '; BODY_BYTES]].concat();
    let mut slow = Vec::new();
    for _ in 0..OUTBOXES_BYTES_MAX as usize / BODY_BYTES + 10 {
        let conn = host.accept();
        for bytes in part.chunks(READ_BYTES_MAX) {
            host.send(conn, bytes);
        }
        slow.push(conn);
        if slow.len() == 1 {
            let held = host.held_bytes();
            assert!(
                (BODY_BYTES as u64..2 * BODY_BYTES as u64).contains(&held),
                "{held}"
            );
        }
    }
    host.pass(MILLISECOND);
    assert!(host.held_bytes() <= OUTBOXES_BYTES_MAX);
    assert!(host.is_aborted(slow[0]));
    assert!(!host.is_closed(slow[slow.len() - 1]));
}

/// The first frame of a message, whose end does not come with it.
fn unfinished_message() -> Vec<u8> {
    const TEXT_WITHOUT_END: u8 = 0x01;
    let mut frame = text_frame(&"x".repeat(BODY_BYTES));
    frame[0] = TEXT_WITHOUT_END;
    frame
}

#[test]
fn messages_that_come_in_part_count_and_give_way_too() {
    let mut host = Host::in_trust();
    let part = unfinished_message();
    let mut slow = Vec::new();
    for _ in 0..OUTBOXES_BYTES_MAX as usize / BODY_BYTES + 10 {
        let conn = host.listen();
        for bytes in part.chunks(READ_BYTES_MAX) {
            host.send(conn, bytes);
        }
        slow.push(conn);
        if slow.len() == 1 {
            let held = host.held_bytes();
            assert!(
                (BODY_BYTES as u64..2 * BODY_BYTES as u64).contains(&held),
                "{held}"
            );
        }
    }
    host.pass(MILLISECOND);
    assert!(host.held_bytes() <= OUTBOXES_BYTES_MAX);
    assert!(host.is_closed(slow[0]));
    let told = host.read_all(slow[0]);
    assert!(
        told.windows(2).any(|it| it == 4008_u16.to_be_bytes()),
        "{told:?}"
    );
    assert!(!host.is_closed(slow[slow.len() - 1]));
}

#[test]
fn who_can_t_be_read_holds_what_has_come_for_as_long_as_anybody() {
    const SENDS_IN_FLIGHT_MAX: usize = 1024;
    const OTHERS: usize = 400;
    let mut host = Host::in_trust();
    let part = unfinished_message();
    let send = format!(
        r#"{{"type":"send","chat_id":"{}","content":"x"}}"#,
        host.chat
    );
    let (oldest, conns) = (host.listen(), [(); OTHERS].map(|()| host.listen()));
    let sends = text_frame(&send).repeat(SENDS_IN_FLIGHT_MAX);
    host.send(oldest, &[sends, part.clone()].concat());
    assert!(!host.wants_input(oldest));
    host.asked.clear();
    host.pass(Duration::from_secs(5));
    conns.iter().for_each(|conn| host.send(*conn, &part));
    // Its sends are overdue, and it is read again.
    host.pass(Duration::from_secs(6));
    host.read_all(oldest);
    assert!(host.wants_input(oldest));
    let mut closed = 0;
    while closed == 0 {
        ask(&mut host, 1);
        let (asker, _) = host.asked.pop_front().unwrap();
        show(&mut host, asker, PAGE_BYTES_MAX);
        closed = conns.iter().filter(|conn| host.is_closed(**conn)).count();
    }
    assert!(closed < OTHERS, "there is room without them");
    assert!(host.is_closed(oldest));
}

#[test]
fn what_came_of_a_message_counts_until_it_is_whole_or_its_client_is_gone() {
    const END: &[u8] = &[0x80, 0x80, 0, 0, 0, 0];
    let mut host = Host::in_trust();
    let (whole, ended) = (host.listen(), host.listen());
    for conn in [whole, ended] {
        host.send(conn, &unfinished_message());
    }
    assert!(host.held_bytes() >= 2 * BODY_BYTES as u64);
    host.send(whole, END);
    host.read_all(whole);
    host.step(Input::Finished { conn: ended });
    assert_eq!(host.held_bytes(), 0);
}

#[test]
fn requests_that_wait_for_an_earlier_reply_count_and_give_way_too() {
    let mut host = Host::in_trust();
    let show = host.request("GET", &format!("/chats/{}", host.chat), "");
    let post = host.post(&"x".repeat(BODY_BYTES));
    let mut waiting = Vec::new();
    for _ in 0..OUTBOXES_BYTES_MAX as usize / BODY_BYTES + 10 {
        let conn = host.accept();
        host.send(conn, &[&show[..], &post].concat());
        waiting.push(conn);
        if waiting.len() == 1 {
            let held = host.held_bytes();
            assert!(
                (BODY_BYTES as u64..2 * BODY_BYTES as u64).contains(&held),
                "{held}"
            );
        }
    }
    host.pass(MILLISECOND);
    assert!(host.held_bytes() <= OUTBOXES_BYTES_MAX);
    assert!(host.is_aborted(waiting[0]));
    assert!(!host.is_closed(waiting[waiting.len() - 1]));
    // The reply comes, and the request is begun.
    let held = host.held_bytes();
    let (asker, _) = host.asked.pop_back().unwrap();
    show_chat(&mut host, asker);
    assert!(host.held_bytes() + BODY_BYTES as u64 <= held);
}

/// The other shard answers a request for a chat.
fn show_chat(host: &mut Host, asker: Asker) {
    let body = b"{}".to_vec();
    let created = None;
    host.answer(asker, Outcome::Json { created, body });
}

#[test]
fn what_comes_behind_a_request_that_waits_gives_way_too() {
    let mut host = Host::in_trust();
    let show = host.request("GET", &format!("/chats/{}", host.chat), "");
    // The second waits for the first, and the others behind it are not even looked at.
    let train = show.repeat(READ_BYTES_MAX / show.len());
    let mut waiting = Vec::new();
    for _ in 0..OUTBOXES_BYTES_MAX as usize / train.len() + 10 {
        let conn = host.accept();
        host.send(conn, &train);
        waiting.push(conn);
    }
    host.pass(MILLISECOND);
    assert!(host.held_bytes() <= OUTBOXES_BYTES_MAX);
    assert!(host.is_aborted(waiting[0]));
}

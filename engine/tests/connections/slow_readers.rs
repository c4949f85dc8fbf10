//! A reader may be behind by any number of bytes, but not by more than some seconds; and the readers of a shard
//! together not by more than some bytes.

use std::time::Duration;

use rookery_engine::ids::ConnId;
use rookery_engine::mesh::Outcome;
use rookery_engine::outbox::{OUTBOX_BYTES_MAX, OUTBOXES_BYTES_MAX};

use rookery_testing::http::bodies;
use rookery_testing::ws::text_frame;

use crate::host::{Host, SLOW_READER};

/// How long an HTTP client may take nothing.
const STUCK_MAX: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
const HALF: Duration = Duration::from_millis(500);
const MILLISECOND: Duration = Duration::from_millis(1);
const MIB: usize = 1 << 20;
/// Replies of 1 MiB that are more than may wait.
const REPLIES_MAX: usize = (OUTBOXES_BYTES_MAX as usize / MIB) + 8;

const LINE: usize = 1 << 16;
/// The header of a frame of 64 KiB or more.
const HEADER: usize = 10;

/// Events that are this many bytes on the wire.
fn events(bytes: usize) -> Vec<u8> {
    assert_eq!(bytes % LINE, 0, "whole lines");
    let line = [vec![b'x'; LINE], b"\n".to_vec()].concat();
    line.repeat(bytes / LINE)
}

fn frames_bytes(bytes: usize) -> usize {
    bytes / LINE * (LINE + HEADER)
}

/// Whether output ends in a close frame with this code.
fn ends_with_close(output: &[u8], code: u16) -> bool {
    let close = output.iter().rposition(|byte| *byte == 0x88).unwrap();
    output[close + 2..].starts_with(&code.to_be_bytes())
}

/// An HTTP connection with a reply of so many bytes, and its head.
fn with_reply(host: &mut Host, bytes: usize) -> ConnId {
    let conn = host.accept();
    let page = host.page();
    host.send(conn, &page);
    let (asker, _) = host.asked.pop_front().unwrap();
    let body = vec![b'x'; bytes];
    host.answer(asker, Outcome::Page { body, next: None });
    conn
}

/// Adds replies that nobody has had time to read, until more is held than may be.
fn fill(host: &mut Host) {
    while host.held_bytes() <= OUTBOXES_BYTES_MAX {
        with_reply(host, MIB);
    }
}

#[test]
fn a_reader_who_takes_all_that_comes_stays_however_much_waits() {
    const BURST: usize = 2 * MIB;
    let mut host = Host::in_trust();
    let reader = host.listen();
    let mut left = 0;
    for _ in 0..12 {
        host.events(events(BURST));
        let all = left + frames_bytes(BURST);
        host.pass(HALF);
        // Something always waits, for longer than a reader may be behind.
        assert_eq!(host.read(reader, all - 1000).len(), all - 1000);
        left = 1000;
        host.pass(HALF);
        assert!(!host.is_closed(reader));
    }
    assert!(host.wants_input(reader), "what others say stops nobody");
}

#[test]
fn own_answers_age_as_events_do_and_no_sooner() {
    let mut host = Host::in_trust();
    let reader = host.listen();
    for _ in 0..20 {
        host.send(reader, &text_frame(r#"{"type":"ping"}"#));
        host.pass(SECOND);
        let waiting = host.waiting_bytes(reader);
        host.read(reader, waiting - 1);
        assert!(!host.is_closed(reader), "a byte of the newest answer waits");
    }
    host.pass(SLOW_READER);
    assert!(host.is_closed(reader));
}

#[test]
fn a_reader_who_stops_is_closed_with_the_first_event_when_the_time_is_over() {
    let mut host = Host::in_trust();
    let reader = host.listen();
    host.pass(HALF);
    host.events(events(3 * MIB));
    host.pass(SLOW_READER - MILLISECOND);
    host.events(events(LINE));
    assert!(!host.is_closed(reader), "the oldest byte is not that old");
    host.pass(MILLISECOND);
    assert!(!host.is_closed(reader), "nothing happened to it since");
    host.events(events(LINE));
    assert!(host.is_closed(reader));
    let rest = host.read_all(reader);
    assert!(rest.len() < 1000 && ends_with_close(&rest, 4008));
    assert!(!host.wants_input(reader));
}

#[test]
fn time_in_which_the_server_stood_still_makes_nobody_slow() {
    let mut host = Host::in_trust();
    let reader = host.listen();
    let client = with_reply(&mut host, MIB);
    host.events(events(3 * MIB));
    host.stand_still(SLOW_READER + STUCK_MAX);
    host.pass(SLOW_READER - SECOND);
    assert!(!host.is_closed(reader));
    host.pass(SECOND + HALF);
    assert!(host.is_closed(reader), "they had the time again");
    host.pass(STUCK_MAX - SLOW_READER - SECOND);
    assert!(!host.is_closed(client));
    host.pass(SECOND);
    assert!(host.is_closed(client));
}

#[test]
fn a_reader_who_stops_is_closed_within_a_second_when_nothing_more_happens() {
    let mut host = Host::in_trust();
    let (reader, other) = (host.listen(), host.listen());
    host.pass(HALF);
    host.events(events(LINE));
    assert_eq!(host.read(reader, 10).len(), 10);
    host.read_all(other);
    host.pass(SLOW_READER - MILLISECOND);
    assert!(!host.is_closed(reader));
    host.pass(HALF + MILLISECOND);
    assert!(host.is_closed(reader) && !host.is_closed(other));
    let rest = host.read_all(reader);
    assert!(rest.len() > LINE - 10, "the frame that was begun is whole");
    assert!(ends_with_close(&rest, 4008));
}

#[test]
fn what_many_readers_share_counts_once() {
    const READERS: usize = 40;
    const EVENTS: usize = 8 * MIB;
    let mut host = Host::in_trust();
    let readers: Vec<ConnId> = (0..READERS).map(|_| host.listen()).collect();
    host.events(events(EVENTS));
    host.pass(SECOND);
    assert!((READERS * EVENTS) as u64 > OUTBOXES_BYTES_MAX);
    let distinct = host.held_bytes();
    assert!((EVENTS as u64..2 * EVENTS as u64).contains(&distinct));
    assert_eq!(
        host.stats().outbox_bytes,
        (READERS * frames_bytes(EVENTS)) as u64
    );
    for (left, reader) in (0..READERS).rev().zip(readers) {
        assert!(!host.is_closed(reader));
        host.read_all(reader);
        let held = host.held_bytes() >= EVENTS as u64;
        assert_eq!(held, left > 0, "{left} have not read them");
    }
    assert_eq!(host.held_bytes(), 0);
}

#[test]
fn when_too_much_waits_in_all_the_slowest_are_closed_first() {
    const EVENTS: usize = 16 * MIB;
    let mut host = Host::in_trust();
    let (stuck, late, reader) = (host.listen(), host.listen(), host.listen());
    host.events(events(EVENTS));
    host.pass(MILLISECOND);
    host.read_all(late);
    host.events(events(EVENTS));
    host.pass(MILLISECOND);
    host.read_all(reader);
    let mut replies = Vec::new();
    // Adds replies until somebody is closed; gives the bytes that were freed.
    let mut fill = |host: &mut Host| {
        host.pass(MILLISECOND);
        for _ in 0..REPLIES_MAX {
            let expected = host.held_bytes() + MIB as u64;
            replies.push(with_reply(host, MIB));
            let held = host.held_bytes();
            assert!(held <= OUTBOXES_BYTES_MAX);
            if held < expected {
                return ((expected - held) as usize, replies.clone());
            }
        }
        panic!("nobody is closed");
    };

    let (freed, _) = fill(&mut host);
    assert!(host.is_closed(stuck) && !host.is_closed(late));
    assert!(freed > EVENTS && freed < 2 * EVENTS, "what it alone held");
    let told = host.read_all(stuck);
    assert!(told.len() < 1000 && ends_with_close(&told, 4008));

    let (freed, _) = fill(&mut host);
    assert!(host.is_closed(late) && freed > EVENTS);

    let (freed, replies) = fill(&mut host);
    assert!(freed < EVENTS, "some replies that nobody read");
    let aborted: Vec<bool> = replies.iter().map(|conn| host.is_aborted(*conn)).collect();
    assert!(
        aborted[0] && aborted.is_sorted_by(|a, b| a >= b),
        "the oldest"
    );
    assert_eq!(host.waiting_bytes(replies[0]), 0);
    assert!(
        !host.is_closed(reader),
        "who reads is none the worse for it"
    );
}

#[test]
fn a_closed_reader_who_still_holds_too_much_is_cut_off() {
    let mut host = Host::in_trust();
    let reader = host.listen();
    host.events(events(16 * MIB));
    host.read(reader, 1);
    fill(&mut host);
    assert!(
        !host.is_closed(reader),
        "nothing was offered to a socket yet"
    );
    host.pass(MILLISECOND);
    assert!(host.is_closed(reader) && !host.is_aborted(reader));
    assert!(host.waiting_bytes(reader) > MIB, "what it has in part");
    fill(&mut host);
    host.pass(MILLISECOND);
    assert!(host.is_aborted(reader));
    assert_eq!(host.waiting_bytes(reader), 0);
}

#[test]
fn replies_of_which_nothing_is_taken_end_and_slow_ones_do_not() {
    let mut host = Host::in_trust();
    let (stuck, slow) = (with_reply(&mut host, MIB), with_reply(&mut host, MIB));
    host.read(stuck, 1000);
    for _ in 0..4 {
        host.pass(STUCK_MAX / 2 - MILLISECOND);
        assert_eq!(host.read(slow, 1).len(), 1);
        assert!(!host.is_closed(slow));
    }
    assert!(host.is_aborted(stuck));
    assert_eq!(host.waiting_bytes(stuck), 0);
    assert_eq!(host.stats().cut_connections, 1);
}

#[test]
fn a_last_reply_may_be_taken_as_slowly_as_any() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = String::from_utf8(host.page()).unwrap();
    let last = page.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    host.send(conn, last.as_bytes());
    let (asker, _) = host.asked.pop_front().unwrap();
    let body = vec![b'x'; MIB];
    host.answer(asker, Outcome::Page { body, next: None });
    assert!(host.is_closed(conn), "once it is sent");
    for _ in 0..20 {
        host.pass(STUCK_MAX - SECOND);
        assert!(!host.is_aborted(conn));
        assert_eq!(host.read(conn, 1).len(), 1);
    }
    host.pass(STUCK_MAX + SECOND);
    assert!(host.is_aborted(conn));
    assert_eq!(host.waiting_bytes(conn), 0);
    host.pass(STUCK_MAX + SECOND);
    assert_eq!(host.stats().cut_connections, 1, "it counts once");
}

#[test]
fn who_takes_a_long_reply_is_not_idle() {
    let mut host = Host::in_trust();
    let conn = with_reply(&mut host, MIB);
    for _ in 0..30 {
        host.pass(5 * SECOND);
        assert_eq!(host.read(conn, 1).len(), 1);
    }
    host.read_all(conn);
    host.pass(70 * SECOND);
    assert!(!host.is_closed(conn));
    host.pass(10 * SECOND);
    assert!(host.is_closed(conn), "now it is");
}

#[test]
fn a_reply_of_which_nothing_is_taken_ends_long_after_its_request_too() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = host.page();
    host.send(conn, &page);
    let (asker, _) = host.asked.pop_front().unwrap();
    // It is looked at when the request would be overdue, and must be again.
    host.pass(3 * SECOND);
    let body = vec![b'x'; MIB];
    host.answer(asker, Outcome::Page { body, next: None });
    host.pass(STUCK_MAX - SECOND);
    assert!(!host.is_closed(conn));
    host.pass(SECOND);
    assert!(host.is_aborted(conn));
}

#[test]
fn a_reply_may_be_taken_in_the_last_moment() {
    let mut host = Host::in_trust();
    let conn = with_reply(&mut host, OUTBOX_BYTES_MAX);
    host.pass(STUCK_MAX - MILLISECOND);
    assert!(!host.is_closed(conn));
    assert_eq!(bodies(&host.read_all(conn)).len(), 1);
    host.pass(STUCK_MAX);
    assert!(!host.is_closed(conn), "nothing waits");
}

//! What is kept, what is given up, and what takes how much memory.

use proptest::prelude::*;
use rookery_schema::event::{Event, EventKind};
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::{Amendment, AmendmentRow, EventRow, Head};
use rookery_schema::{ChatId, MessageId, Timestamp, UserId};

use super::*;

fn said(text: &str) -> Bytes {
    format!(r#"{{"type":"message","content":"{text}"}}"#).into()
}

/// A message that was edited.
fn edited(seq: u64, content: &str) -> Rc<Message> {
    let (chat_id, by) = (ChatId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
    let mut record = Vec::new();
    let posted = MessagePosted {
        chat_id,
        message_id: MessageId::from_bytes([3; 16]),
        sender_id: by,
        at: Timestamp::default(),
        client_id: None,
        content: "as it was said",
    };
    Record::MessagePosted(posted).encode(&mut record);
    let head = Head {
        seq: Seq(seq),
        ..Head::default()
    };
    let row = EventRow {
        chat_id,
        head,
        record: record.into(),
        kind: EventKind::Message,
    };
    let message = Message::of(&row).expect("not damaged");
    let mut message = message.expect("a message");
    message.amend(&AmendmentRow {
        chat_id,
        target: Seq(seq),
        seq: Seq(seq + 1),
        by,
        at: Timestamp::default(),
        change: Amendment::Edited {
            content: content.to_owned(),
        },
    });
    Rc::new(message)
}

fn contents(recent: &Recent) -> Vec<(u64, String)> {
    let messages = recent.messages();
    messages
        .map(|(seq, it)| (seq.0, contents_of(&it)))
        .collect()
}

fn contents_of(shown: &Shown) -> String {
    let mut out = Vec::new();
    shown.put(&mut out);
    let json: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
    json["content"].as_str().expect("a text").to_owned()
}

#[test]
fn messages_are_shown_as_they_stand_and_events_stay_as_they_were_said() {
    let mut recent = Recent::default();
    recent.push(Seq(5), Offset(50), said("a"));
    recent.push_message(Seq(5), Some(edited(5, "A")));
    recent.push(Seq(6), Offset(51), Bytes::from_static(b"{}"));
    recent.push(Seq(7), Offset(52), said("c"));
    recent.push_message(Seq(7), None);
    let expected = [(5, "A".to_owned()), (7, "c".to_owned())];
    assert_eq!(contents(&recent), expected);
    assert_eq!(recent.said(Seq(5)), Some(&said("a")));
}

#[test]
fn what_the_store_has_is_forgotten_first_and_nothing_else_is() {
    let mut recent = Recent::default();
    for seq in 1..=3 {
        recent.push(Seq(seq), Offset(10 + seq), said("x"));
        recent.push_message(Seq(seq), None);
    }
    recent.trim(Offset(12), 0);
    assert_eq!(recent.from(), Some(Seq(2)));
    assert_eq!(contents(&recent).len(), 2);
    recent.trim(Offset(100), 0);
    assert_eq!(recent.from(), None);
    recent.push(Seq(4), Offset(14), said("y"));
    assert_eq!(recent.from(), Some(Seq(4)));
}

/// So many stored events of which each but the first is a message, the first with seq 1.
fn stored(count: usize) -> Recent {
    let mut recent = Recent::default();
    for seq in (1..).take(count) {
        recent.push(Seq(seq), Offset(seq), said("x"));
        if seq > 1 {
            recent.push_message(Seq(seq), None);
        }
    }
    recent
}

#[test]
fn no_more_events_are_kept_than_the_bound() {
    let trimmed = |count| {
        let mut recent = stored(count);
        recent.trim(Offset(u64::MAX), usize::MAX);
        recent.from()
    };
    assert_eq!(trimmed(EVENTS_MAX), Some(Seq(1)));
    assert_eq!(trimmed(EVENTS_MAX + 3), Some(Seq(4)));
}

#[test]
fn no_more_bytes_are_kept_than_the_bound() {
    let (mut recent, event_bytes) = (stored(3), said("x").len());
    recent.trim(Offset(u64::MAX), 3 * event_bytes);
    assert_eq!((recent.from(), contents(&recent).len()), (Some(Seq(1)), 2));
    recent.trim(Offset(u64::MAX), 2 * event_bytes);
    assert_eq!((recent.from(), contents(&recent).len()), (Some(Seq(2)), 2));
    recent.trim(Offset(u64::MAX), 2 * event_bytes - 1);
    assert_eq!((recent.from(), contents(&recent).len()), (Some(Seq(3)), 1));
}

/// Events of so many bytes each that lie in one buffer, the first with this seq.
fn push_together(recent: &mut Recent, from: u64, count: u64, bytes: usize) {
    let buffer = Bytes::from(vec![b'x'; count as usize * bytes]);
    for (index, seq) in (from..from + count).enumerate() {
        let json = buffer.slice(index * bytes..(index + 1) * bytes);
        recent.push(Seq(seq), Offset(seq), json);
        recent.push_message(Seq(seq), None);
    }
    recent.end_buffer(buffer.len());
}

#[test]
fn a_buffer_is_left_that_holds_much_of_what_was_forgotten() {
    let mut recent = Recent::default();
    push_together(&mut recent, 1, 1000, 1000);
    assert!(recent.bytes() > 1_000_000);
    recent.trim(Offset(u64::MAX), 50_000);
    assert_eq!(recent.from(), Some(Seq(951)));
    assert!((50_000..60_000).contains(&recent.bytes()));
    let whole = |it: &SaidEvent| it.json.iter().all(|byte| *byte == b'x');
    assert!(recent.events.iter().all(whole));
    push_together(&mut recent, 1001, 10, 1000);
    recent.trim(Offset(u64::MAX), 15_000);
    assert!((15_000..70_000).contains(&recent.bytes()), "half may stay");
    recent.trim(Offset(u64::MAX), 0);
    assert!((1000..1100).contains(&recent.bytes()), "the newest message");
}

#[test]
fn the_newest_message_outlives_its_event() {
    let latest = |recent: &Recent| recent.latest_message().map(|shown| contents_of(&shown));
    let mut recent = Recent::with_latest(Some((*edited(4, "A")).clone()));
    assert_eq!(latest(&recent), Some("A".to_owned()));
    recent.push(Seq(5), Offset(5), said("b"));
    recent.push_message(Seq(5), None);
    recent.push(Seq(6), Offset(6), Bytes::from_static(b"{}"));
    assert_eq!(latest(&recent), Some("b".to_owned()));
    recent.trim(Offset(u64::MAX), 0);
    assert_eq!(latest(&recent), Some("b".to_owned()));
    recent.push(Seq(7), Offset(7), said("c"));
    recent.push_message(Seq(7), Some(edited(7, "C")));
    recent.trim(Offset(u64::MAX), 0);
    assert_eq!(latest(&recent), Some("C".to_owned()));
}

proptest! {
    #[test]
    fn what_is_held_is_what_is_counted(
        steps in proptest::collection::vec(
            ((1..200u64, 1..3000usize, 0..100_000usize), (0..300u64, 0..3000usize)),
            1..20,
        ),
    ) {
        let (mut recent, mut next) = (Recent::default(), 1);
        for ((count, bytes, bytes_max), (replaced, replaced_bytes)) in steps {
            push_together(&mut recent, next, count, bytes);
            next += count;
            let last = next - 1;
            recent.replace(Seq(last.saturating_sub(replaced)), vec![b'y'; replaced_bytes].into());
            recent.trim(Offset(u64::MAX), bytes_max);
            let of_event = |it: &SaidEvent| it.buffer_bytes as usize + it.own_bytes();
            let buffers: usize = recent.events.iter().map(of_event).sum();
            let latest = recent.latest.as_ref().map_or(0, |(_, it)| it.bytes());
            prop_assert_eq!(recent.held_bytes, buffers + latest);
            let needed: usize = recent.events.iter().map(|it| it.json.len()).sum();
            prop_assert_eq!(recent.event_bytes, needed);
            // Each event alone in its buffer, and the oldest in one that was cut.
            let most = 2 * needed + KEPT_BYTES_MAX + recent.events.len() * 100 + latest;
            prop_assert!(recent.held_bytes <= most, "{} for {needed}", recent.held_bytes);
        }
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "a gap in front of 3")]
fn no_event_is_left_out() {
    let mut recent = Recent::default();
    recent.push(Seq(1), Offset(11), said("a"));
    recent.push(Seq(3), Offset(13), said("c"));
}

/// A message with this seq whose event is as it was sent.
fn push_posted(recent: &mut Recent, seq: u64) -> MessageId {
    let posted = MessagePosted {
        chat_id: ChatId::from_bytes([1; 16]),
        message_id: MessageId::from_bytes([seq as u8; 16]),
        sender_id: UserId::from_bytes([2; 16]),
        at: Timestamp::from_millis(seq),
        client_id: None,
        content: "said",
    };
    let mut json = Vec::new();
    Event::Message(posted).encode(Seq(seq), &mut json);
    let bytes = json.capacity();
    recent.push(Seq(seq), Offset(seq), json.into());
    recent.push_message(Seq(seq), None);
    recent.end_buffer(bytes);
    posted.message_id
}

fn amendment(target: u64, seq: u64, change: Amendment) -> AmendmentRow {
    AmendmentRow {
        chat_id: ChatId::from_bytes([1; 16]),
        target: Seq(target),
        seq: Seq(seq),
        by: UserId::from_bytes([2; 16]),
        at: Timestamp::default(),
        change,
    }
}

#[test]
fn a_message_is_found_by_its_id_while_it_is_here() {
    let mut recent = Recent::default();
    let ids: Vec<MessageId> = (8..12).map(|seq| push_posted(&mut recent, seq)).collect();
    recent.amend(&amendment(9, 20, Amendment::Deleted), 2);
    let found: Vec<_> = ids.iter().map(|id| recent.find(*id)).collect();
    assert_eq!(found, [8, 9, 10, 11].map(|seq| Some(Seq(seq))));
    assert_eq!(recent.find(MessageId::from_bytes([99; 16])), None);
    assert_eq!(recent.messages_behind(Seq(9)), 2);
    // The newest one outlives its event.
    recent.trim(Offset(u64::MAX), 0);
    let found: Vec<_> = ids.iter().map(|id| recent.find(*id)).collect();
    assert_eq!(found, [None, None, None, Some(Seq(11))]);
    recent.amend(&amendment(11, 21, Amendment::Deleted), 4);
    assert_eq!(recent.find(ids[3]), Some(Seq(11)));
    let standing = recent.standing(Seq(11), 4).expect("it is here");
    assert!(standing.deleted().is_some());
}

#[test]
fn an_event_loses_what_is_gone_and_shows_what_stands() {
    let mut recent = Recent::default();
    for seq in 8..11 {
        push_posted(&mut recent, seq);
    }
    let edited = |content: &str| Amendment::Edited {
        content: content.to_owned(),
    };
    recent.amend(&amendment(8, 20, edited("new")), 1);
    recent.amend(&amendment(9, 21, Amendment::Deleted), 2);
    let emoji = "a".to_owned();
    recent.amend(
        &amendment(10, 22, Amendment::Reaction { emoji, added: true }),
        3,
    );
    let event = |seq| -> serde_json::Value {
        serde_json::from_slice(recent.said(Seq(seq)).expect("it is here")).expect("valid JSON")
    };
    assert_eq!(
        (&event(8)["type"], &event(8)["content"]),
        (&"message".into(), &"new".into())
    );
    assert_eq!(
        (&event(9)["content"], &event(9)["deleted"]),
        (&"".into(), &true.into())
    );
    assert_eq!(event(10)["content"], "said");
    let shown: Vec<_> = contents(&recent).into_iter().map(|it| it.1).collect();
    assert_eq!(shown, ["new", "", "said"]);
}

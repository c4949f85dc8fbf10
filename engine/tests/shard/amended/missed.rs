//! Pages of events for whoever missed them: how far each goes, and what is shown of messages that were changed since.

use rookery_engine::mesh::{Events, EventsPage, Outcome, PageStart, Rest};
use rookery_schema::Seq;
use serde_json::{Value, json};

use crate::amended::talk::{DELETE, Talk, edit};
use crate::stage::SECOND;

/// What lies behind an event.
const fn behind(seq: u64) -> EventsPage {
    EventsPage {
        after: Seq(seq),
        until: Seq(u64::MAX),
        limit: 256,
        bytes_max: 1 << 20,
    }
}

fn lines(events: &Events) -> Vec<Value> {
    let lines = events.lines.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// The event with this seq.
fn event(talk: &mut Talk, seq: u64) -> Value {
    lines(&talk.events(behind(seq - 1))).swap_remove(0)
}

#[test]
fn a_page_has_no_more_bytes_than_it_may_but_one_event_in_any_case() {
    let mut talk = Talk::new();
    talk.say_many(3, "number");
    let all = talk.events(behind(1));
    assert_eq!((all.count, all.through, all.rest), (3, Seq(4), Rest::Live));
    let each = all.lines.len() / 3;
    for (bytes_max, count) in [
        (1, 1),
        (each, 1),
        (2 * each - 1, 1),
        (2 * each, 2),
        (3 * each - 1, 2),
    ] {
        let page = talk.events(EventsPage {
            bytes_max,
            ..behind(1)
        });
        let through = Seq(1 + u64::from(count));
        assert_eq!(
            (page.count, page.through, page.rest),
            (count, through, Rest::More)
        );
        assert_eq!(page.lines, all.lines[..each * count as usize]);
    }
}

#[test]
fn who_has_more_than_there_is_is_told_where_the_chat_stands() {
    let mut talk = Talk::new();
    talk.say_many(3, "number");
    for after in [4, 5, 99] {
        let page = talk.events(behind(after));
        assert_eq!(
            (page.count, page.through, page.rest),
            (0, Seq(4), Rest::Live)
        );
    }
}

#[test]
fn the_store_is_asked_for_all_that_memory_lacks_and_for_nothing_else() {
    let mut talk = Talk::new();
    talk.say_many(200, "number");
    for _ in 0..2 {
        talk.stage.post(talk.chat, talk.alice, None);
        talk.apply();
    }
    // Of what memory has, it may lack some in between.
    let (_, newest) = talk.stage.writes.back().unwrap();
    newest
        .clone()
        .into_iter()
        .for_each(|it| talk.store.write(it));
    for after in [1, 70] {
        let question = talk.ask_events(behind(after));
        talk.apply();
        let page = talk.shown(question);
        assert_eq!(u64::from(page.count), page.through.0 - after);
        let question = talk.ask_events(behind(page.through.0));
        assert!(talk.stage.reads.is_empty());
        let page = talk.shown(question);
        assert_eq!((page.through, page.rest), (Seq(203), Rest::Live));
    }
}

#[test]
fn what_is_gone_is_not_shown_where_the_store_still_has_it() {
    let mut talk = Talk::new();
    let messages = talk.say_many(4, "first");
    for message in &messages[..3] {
        talk.assert_edits(*message, "second");
    }
    // They are in memory no more.
    talk.say_many(200, "later");
    talk.ask_to(talk.alice, messages[0], edit("third"));
    talk.ask_to(talk.alice, messages[1], DELETE);
    talk.ask_to(talk.alice, messages[3], DELETE);
    talk.apply();
    let question = talk.ask_events(behind(1));
    talk.apply();
    let events = lines(&talk.shown(question));
    let shown: Vec<_> = events[..7]
        .iter()
        .map(|it| (&it["content"], &it["deleted"], &it["superseded"]))
        .collect();
    let (gone, none) = (json!(true), Value::Null);
    let (empty, second, third) = (json!(""), json!("second"), json!("third"));
    let messages = [
        (&third, &none, &none),
        (&empty, &gone, &none),
        (&second, &none, &none),
        (&empty, &gone, &none),
    ];
    let edits = [
        (&empty, &none, &gone),
        (&empty, &none, &gone),
        (&second, &none, &none),
    ];
    assert_eq!(shown, [&messages[..], &edits].concat());
}

#[test]
fn the_newest_edit_is_shown_also_where_it_is_still_kept_for_a_read_that_began_before() {
    let mut talk = Talk::new();
    let messages = talk.say_many(150, "number");
    talk.ask_page(PageStart::After(Seq(1)));
    // It is not answered yet.
    assert_eq!(talk.stage.reads.drain(..).count(), 1);
    talk.assert_edits(messages[0], "new");
    talk.say_many(150, "later");
    let shown = event(&mut talk, 152);
    assert_eq!(
        (&shown["type"], &shown["content"]),
        (&"message_edited".into(), &"new".into())
    );
}

#[test]
fn an_edit_that_lost_its_content_says_still_who_made_it_and_when() {
    let mut talk = Talk::new();
    let (alice, bob) = (talk.alice, talk.bob);
    let question = talk.stage.post(talk.chat, bob, None);
    talk.settle();
    let message = talk.stage.assert_posted(question);
    talk.amend(bob, message, edit("second"));
    let mut edited = event(&mut talk, 3);
    assert_eq!(
        (&edited["by"], &edited["content"]),
        (&json!(bob), &json!("second"))
    );
    edited["content"] = "".into();
    edited["superseded"] = true.into();
    talk.stage.tick_after(SECOND);
    // An admin.
    assert_eq!(talk.amend(alice, message, DELETE), Outcome::Done);
    assert_eq!(event(&mut talk, 3), edited);
    talk.replay(true);
    assert_eq!(event(&mut talk, 3), edited);
}

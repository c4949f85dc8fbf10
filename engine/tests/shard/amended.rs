//! Messages that users edit, delete and react to.

mod in_store;
mod missed;
mod replays;
mod talk;
mod turns;

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Command, Outcome};
use rookery_schema::{MessageId, Timestamp};

use crate::amended::talk::{DELETE, Talk, edit, react, take_back};
use crate::stage::addition;

#[test]
fn an_edit_is_shown_wherever_the_message_is_and_what_it_said_is_gone() {
    let mut talk = Talk::new();
    let message = talk.say("first words");
    talk.assert_edits(message, "second words");
    let newest = talk.newest();
    assert_eq!(newest["content"], "second words");
    assert!(newest["edited_at"].is_string());
    talk.assert_edits(message, "third words");
    assert_eq!(talk.newest()["content"], "third words");
    let stored = talk.stored_events();
    assert!(!stored.contains("first words") && !stored.contains("second words"));
    assert!(stored.contains("third words"));
}

#[test]
fn a_deleted_message_is_shown_without_what_it_ever_said() {
    let mut talk = Talk::new();
    let message = talk.say("first words");
    talk.assert_edits(message, "second words");
    assert_eq!(talk.amend(talk.bob, message, react("👍")), Outcome::Done);
    assert_eq!(talk.amend(talk.alice, message, DELETE), Outcome::Done);
    let newest = talk.newest();
    assert_eq!(
        (&newest["content"], &newest["deleted"]),
        (&"".into(), &true.into())
    );
    assert_eq!(newest["deleted_by"], talk.alice.to_string());
    assert!(newest.get("reactions").is_none() && newest.get("edited_at").is_none());
    assert!(!talk.stored_events().contains("words"));
    let rows = talk.store.amendments_of(talk.chat);
    assert!(rows.iter().all(|row| !format!("{row:?}").contains("words")));
}

#[test]
fn listeners_hear_what_changes() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    talk.heard();
    talk.assert_edits(message, "second");
    talk.amend(talk.bob, message, react("👍"));
    talk.amend(talk.bob, message, take_back("👍"));
    talk.amend(talk.alice, message, DELETE);
    let heard = talk.heard();
    let kinds: Vec<_> = heard
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    let expected = [
        "message_edited",
        "reaction_added",
        "reaction_removed",
        "message_deleted",
    ];
    assert_eq!(kinds, expected);
    let seqs: Vec<_> = heard.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [3, 4, 5, 6]);
    assert!(
        heard
            .iter()
            .all(|it| it["message_id"] == message.to_string())
    );
    assert_eq!(heard[0]["content"], "second");
}

#[test]
fn the_author_alone_edits_and_deletes() {
    let mut talk = Talk::new();
    let message = talk.say("hers");
    let stranger = talk.stage.foreign_user();
    for change in [|| edit("his"), || DELETE] {
        let refused = Outcome::Refused(Problem::NOT_AUTHOR);
        assert_eq!(talk.amend(talk.bob, message, change()), refused);
        let refused = Outcome::Refused(Problem::NO_SUCH_CHAT);
        assert_eq!(talk.amend(stranger, message, change()), refused);
    }
    let refused = Outcome::Refused(Problem::NO_SUCH_CHAT);
    assert_eq!(talk.amend(stranger, message, react("👍")), refused);
    assert_eq!(talk.newest()["content"], "hers");
}

#[test]
fn what_changes_nothing_is_no_event() {
    let mut talk = Talk::new();
    let (message, deleted) = (talk.say("same"), talk.say("gone"));
    assert_eq!(talk.amend(talk.bob, message, react("👍")), Outcome::Done);
    assert_eq!(talk.amend(talk.alice, deleted, DELETE), Outcome::Done);
    let appended = talk.log.len();
    talk.assert_edits(message, "same");
    assert_eq!(talk.amend(talk.bob, message, react("👍")), Outcome::Done);
    assert_eq!(
        talk.amend(talk.bob, message, take_back("👎")),
        Outcome::Done
    );
    assert_eq!(talk.amend(talk.alice, deleted, DELETE), Outcome::Done);
    assert_eq!(
        talk.amend(talk.bob, deleted, take_back("👍")),
        Outcome::Done
    );
    for change in [edit("back"), react("👍")] {
        let refused = Outcome::Refused(Problem::MESSAGE_DELETED);
        assert_eq!(talk.amend(talk.alice, deleted, change), refused);
    }
    let unknown = MessageId::v7(Timestamp::from_millis(1), &[7; 10]);
    let refused = Outcome::Refused(Problem::NO_SUCH_MESSAGE);
    assert_eq!(talk.amend(talk.alice, unknown, edit("new")), refused);
    assert_eq!(talk.log.len(), appended);
}

#[test]
fn reactions_are_bounded_by_user_and_message() {
    let mut talk = Talk::new();
    let message = talk.say("popular");
    let emoji = |n: usize| react(&format!("e{n}"));
    for n in 0..10 {
        assert_eq!(talk.amend(talk.bob, message, emoji(n)), Outcome::Done);
        assert_eq!(
            talk.amend(talk.alice, message, emoji(10 + n)),
            Outcome::Done
        );
    }
    let refused = Outcome::Refused(Problem::TOO_MANY_OWN_REACTIONS);
    assert_eq!(talk.amend(talk.bob, message, emoji(10)), refused);
    // It counts still: each takes a row.
    assert_eq!(
        talk.amend(talk.bob, message, take_back("e0")),
        Outcome::Done
    );
    assert_eq!(talk.amend(talk.bob, message, emoji(10)), refused);
    assert_eq!(talk.amend(talk.bob, message, emoji(0)), Outcome::Done);
    let (carol, chat) = (talk.stage.foreign_user(), talk.chat);
    let adds = talk
        .stage
        .ask(Command::Chat(chat, addition(talk.alice, carol)));
    assert!(talk.answered(adds).is_some());
    let refused = Outcome::Refused(Problem::TOO_MANY_EMOJI);
    assert_eq!(talk.amend(carol, message, emoji(20)), refused);
    assert_eq!(talk.amend(carol, message, emoji(19)), Outcome::Done);
    let newest = talk.newest();
    assert_eq!(newest["reactions"].as_array().unwrap().len(), 20);
}

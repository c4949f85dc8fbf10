//! A chat that is made by a key is made once, however often it is asked for.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{ChatCommand, Command, Creation, Origin, Outcome};
use rookery_engine::port::{Found, LogEvent, Opened, Read, StoreFault, StoredEvent};
use rookery_schema::row::{EventRow, Row};
use rookery_schema::{ChatId, Seq, UserId};

use crate::stage::{P0, Stage, network, stored_chat};

/// What somebody asks for by a key.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    chat_id: ChatId,
    creator: UserId,
    name: &'a str,
    members: &'a [UserId],
}

impl<'a> Wanted<'a> {
    /// A chat of this shard.
    fn chat(stage: &Stage, creator: UserId, members: &'a [UserId]) -> Self {
        Self {
            chat_id: keyed(stage, creator),
            creator,
            name: "chat",
            members,
        }
    }

    const fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    fn ask(self, stage: &mut Stage) -> u64 {
        let creation = Creation {
            creator_id: Some(self.creator),
            name: self.name.into(),
            members: self.members.iter().copied().collect(),
            network: network(),
            origin: Origin::Key,
        };
        let command = ChatCommand::Create(Box::new(creation));
        stage.ask(Command::Chat(self.chat_id, command))
    }
}

/// A chat of this shard that a user makes by a key.
fn keyed(stage: &Stage, creator: UserId) -> ChatId {
    let keys = (0..).map(|n| ChatId::by_key(Some(creator), &format!("key {n}")));
    let mut here = keys.filter(|id| stage.partition_of(*id) == P0);
    here.next().unwrap()
}

/// Whether a question was answered with the chat, and whether as made by that.
#[track_caller]
fn is_made(stage: &mut Stage, question: u64) -> bool {
    match stage.answer(question) {
        Some(Outcome::Json { created, .. }) => created.is_some(),
        other => panic!("{other:?}"),
    }
}

/// The store does not have the chat that is looked for.
fn find_no_chat(stage: &mut Stage) {
    let read = stage.answer_read(Ok(Found::Chat(None)));
    assert!(matches!(read, Read::Chat { .. }), "{read:?}");
}

/// The first events among rows.
fn created(rows: &[Row]) -> Vec<&EventRow> {
    let first = rows.iter().filter_map(|row| match row {
        Row::Event(row) if row.head.seq == Seq(1) => Some(row),
        _ => None,
    });
    first.collect()
}

#[test]
fn a_repeat_finds_the_chat_as_it_is_and_other_content_is_refused() {
    let mut stage = Stage::new();
    let (ann, bob) = (stage.user(), stage.user());
    let members = [ann, bob];
    let wanted = Wanted::chat(&stage, ann, &members);
    let first = wanted.ask(&mut stage);
    find_no_chat(&mut stage);
    assert_eq!(created(&stage.settle()).len(), 1);
    assert!(is_made(&mut stage, first));
    let again = wanted.ask(&mut stage);
    assert!(!is_made(&mut stage, again));
    for other in [
        wanted.named("other"),
        Wanted {
            members: &[bob, ann],
            ..wanted
        },
    ] {
        let question = other.ask(&mut stage);
        stage.assert_refused(question, Problem::CHAT_KEY_REUSED);
    }
    assert!(stage.settle().is_empty());
}

#[test]
fn while_the_first_is_in_flight_the_same_gets_its_chat_and_other_content_is_refused() {
    let mut stage = Stage::new();
    let ann = stage.user();
    let members = [ann];
    let wanted = Wanted::chat(&stage, ann, &members);
    let other = wanted.named("other");
    let questions = [wanted, other, wanted].map(|it| it.ask(&mut stage));
    find_no_chat(&mut stage);
    let late = [wanted, other].map(|it| it.ask(&mut stage));
    let rows = stage.settle();
    assert_eq!(created(&rows).len(), 1, "one chat");
    for question in [questions[0], questions[2], late[0]] {
        assert!(is_made(&mut stage, question));
    }
    for question in [questions[1], late[1]] {
        stage.assert_refused(question, Problem::CHAT_KEY_REUSED);
    }
}

#[test]
fn a_try_of_which_nobody_knows_what_became_makes_no_second_chat() {
    let mut stage = Stage::new();
    let ann = stage.user();
    let members = [ann];
    let wanted = Wanted::chat(&stage, ann, &members);
    let other = wanted.named("other");
    let first = wanted.ask(&mut stage);
    find_no_chat(&mut stage);
    let doubtful = stage.doubt_append();
    stage.assert_refused(first, Problem::OUTCOME_UNKNOWN);
    let (again, changed) = (wanted.ask(&mut stage), other.ask(&mut stage));
    find_no_chat(&mut stage);
    stage.deliver(doubtful);
    assert_eq!(created(&stage.settle()).len(), 1);
    assert!(is_made(&mut stage, again));
    stage.assert_refused(changed, Problem::CHAT_KEY_REUSED);
}

#[test]
fn after_a_restart_the_first_event_tells_what_was_asked_for() {
    let mut stage = Stage::new();
    let (ann, bob) = (stage.user(), stage.user());
    let members = [ann, bob];
    let wanted = Wanted::chat(&stage, ann, &members);
    wanted.ask(&mut stage);
    find_no_chat(&mut stage);
    let rows = stage.settle();
    let row = created(&rows)[0].clone();

    let end = stage.end;
    for (name, members, is_same) in [
        ("chat", &[ann, bob][..], true),
        ("other", &[ann, bob], false),
        ("chat", &[ann], false),
    ] {
        let mut stage = Stage::opening(Opened {
            start: end,
            committed: end,
            end,
        });
        stage.log_event(LogEvent::CaughtUp { partition: P0 });
        let wanted = Wanted {
            name,
            members,
            ..wanted
        };
        let question = wanted.ask(&mut stage);
        // It has had many events since.
        let mut chat = stored_chat(wanted.chat_id, &[ann, bob]);
        chat.head.seq = Seq(1_000);
        stage.answer_read(Ok(Found::Chat(Some(Box::new(chat)))));
        let failing = wanted.ask(&mut stage);
        let event = StoredEvent {
            row: row.clone(),
            message: None,
        };
        let read = stage.answer_read(Ok(Found::Events(vec![event])));
        let (chat_id, after, limit) = (wanted.chat_id, Seq(0), 1);
        assert_eq!(
            read,
            Read::EventsAfter {
                chat_id,
                after,
                limit
            }
        );
        stage.answer_read(Err(StoreFault));
        stage.assert_refused(failing, Problem::STORE_UNAVAILABLE);
        // It is known by now.
        let again = wanted.ask(&mut stage);
        for question in [question, again] {
            match is_same {
                true => assert!(!is_made(&mut stage, question)),
                false => stage.assert_refused(question, Problem::CHAT_KEY_REUSED),
            }
        }
    }
}

#[test]
fn who_has_left_the_chat_is_not_shown_it_again() {
    let mut stage = Stage::new();
    let (ann, bob) = (stage.user(), stage.user());
    let members = [ann, bob];
    let wanted = Wanted::chat(&stage, ann, &members);
    wanted.ask(&mut stage);
    find_no_chat(&mut stage);
    stage.settle();
    let (caller, user_id) = (ann, ann);
    let leave = ChatCommand::RemoveMember { caller, user_id };
    stage.ask(Command::Chat(wanted.chat_id, leave));
    stage.settle();
    let again = wanted.ask(&mut stage);
    stage.assert_refused(again, Problem::NO_SUCH_CHAT);
}

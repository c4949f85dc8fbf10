//! Who becomes a member, and who hears of one that leaves.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    ChatCommand, Command, EventBatch, Leaver, MembersPage, Outcome, ShardMessage,
};
use rookery_schema::limits::{CHAT_MEMBERS_MAX, PAGE_ENTRIES_MAX};
use rookery_schema::row::Row;
use rookery_schema::{Seq, UserId};

use crate::stage::{Stage, addition};

#[test]
fn of_two_who_join_at_once_only_one_gets_the_last_place() {
    let mut stage = Stage::new();
    let id = |n: usize| UserId::from_bytes((u128::MAX - n as u128).to_be_bytes());
    let members: Vec<UserId> = (0..CHAT_MEMBERS_MAX - 1).map(id).collect();
    let chat_id = stage.create(&members);
    let add = |stage: &mut Stage, n: usize| {
        let command = addition(members[0], id(CHAT_MEMBERS_MAX + n));
        stage.ask(Command::Chat(chat_id, command))
    };
    let both = [add(&mut stage, 1), add(&mut stage, 2)];
    let rows = stage.settle();
    let joins = rows.iter().filter(|row| matches!(row, Row::Member(_)));
    assert_eq!(joins.count(), 1);
    assert!(matches!(stage.answer(both[0]), Some(Outcome::Json { .. })));
    stage.assert_refused(both[1], Problem::CHAT_FULL);
    let third = add(&mut stage, 3);
    stage.assert_refused(third, Problem::CHAT_FULL);
    let again = add(&mut stage, 1);
    assert!(matches!(stage.answer(again), Some(Outcome::Json { .. })));
}

#[test]
fn no_answer_names_all_members_of_a_large_chat() {
    // A hundred ids, and a kilobyte for all else.
    const ANSWER_BYTES_MAX: usize = 100 * 39 + 1024;
    let mut stage = Stage::new();
    let id = |n: usize| UserId::from_bytes((u128::MAX - n as u128).to_be_bytes());
    let members: Vec<UserId> = (0..CHAT_MEMBERS_MAX - 1).map(id).collect();
    let chat_id = stage.create(&members);
    let event = events(&mut stage);
    let lines: usize = event.iter().map(|batch| batch.lines.len()).sum();
    assert!(lines <= ANSWER_BYTES_MAX, "{lines} bytes");
    let caller = members[0];
    let joins = |n| addition(caller, id(n));
    for command in [
        ChatCommand::Show { caller },
        joins(1),
        joins(CHAT_MEMBERS_MAX),
    ] {
        let question = stage.ask(Command::Chat(chat_id, command));
        stage.settle();
        let Some(Outcome::Json { body, .. }) = stage.answer(question) else {
            panic!("no chat is shown");
        };
        assert!(body.len() <= ANSWER_BYTES_MAX, "{} bytes", body.len());
    }
    let page = MembersPage {
        after: Some(id(98_999)),
        limit: PAGE_ENTRIES_MAX,
    };
    let page = ChatCommand::ShowMembers { caller, page };
    let question = stage.ask(Command::Chat(chat_id, page));
    let Some(Outcome::Page { body, next: None }) = stage.answer(question) else {
        panic!("it is not the last page");
    };
    let last: Vec<UserId> = serde_json::from_slice(&body).unwrap();
    assert_eq!(last.len(), PAGE_ENTRIES_MAX);
    assert_eq!(last[PAGE_ENTRIES_MAX - 1], id(CHAT_MEMBERS_MAX));
}

/// Takes the events that were sent to the other shard.
fn events(stage: &mut Stage) -> Vec<EventBatch> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    sent.filter_map(|message| match message {
        ShardMessage::Events(batch) => Some(batch),
        _ => None,
    })
    .collect()
}

#[test]
fn whoever_leaves_hears_of_it_last_and_whoever_stays_hears_of_all() {
    let mut stage = Stage::new();
    let (stays, leaves) = (stage.foreign_user(), stage.foreign_user());
    let chat_id = stage.create(&[stays, leaves]);
    let created = events(&mut stage);
    let [created] = created.as_slice() else {
        panic!("{created:?}");
    };
    let command = ChatCommand::RemoveMember {
        caller: stays,
        user_id: leaves,
    };
    // While the log has the first to do, the others gather, and are applied together.
    for text in ["first", "before"] {
        stage.post_text(chat_id, stays, None, text);
    }
    stage.ask(Command::Chat(chat_id, command));
    stage.post_text(chat_id, stays, None, "after");
    stage.settle();

    let mut next = created.first.next();
    let mut said = Vec::new();
    for batch in events(&mut stage) {
        assert_eq!(batch.first, next, "nothing is left out");
        next = Seq(next.0 + u64::from(batch.count));
        let lines = String::from_utf8_lossy(&batch.lines).into_owned();
        said.push((batch.leaver, lines));
    }
    assert_eq!(next, Seq(created.first.0 + 5));
    let [
        (None, _),
        (Some(Leaver::One(leaver)), farewell),
        (None, rest),
    ] = said.as_slice()
    else {
        panic!("{said:?}");
    };
    assert_eq!(*leaver, leaves);
    assert!(farewell.contains("before") && farewell.contains("member_removed"));
    assert!(rest.contains("after") && !farewell.contains("after"));
}

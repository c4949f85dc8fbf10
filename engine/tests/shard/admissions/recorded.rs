//! Records by which users join chats that are to be read first: after a crash nothing else tells of them.

use rookery_engine::input::Input;
use rookery_engine::limits::Limit;
use rookery_engine::mesh::{Command, ShardMessage};
use rookery_engine::port::{Found, Read, StoreEvent, Token};
use rookery_schema::record::{ChatCreated, MemberList, MembershipChange, Record};
use rookery_schema::{ChatId, Timestamp, UserId};

use super::given_up::may_join;
use super::{assert_done, assert_over, find_chats, limited, question, request};
use crate::stage::{Stage, batch_of, creation, stored_chat};

/// The log has a record by which a chat was made with these members; gives the read of the chat.
fn created(stage: &mut Stage, chat_id: ChatId, members: &[UserId]) -> Token {
    let bytes: Vec<u8> = members.iter().flat_map(|it| *it.as_bytes()).collect();
    let created = ChatCreated {
        chat_id,
        at: Timestamp::from_millis(1),
        creator_id: None,
        name: "chat",
        members: MemberList::new(&bytes).unwrap(),
    };
    stage.deliver(batch_of(&[Record::ChatCreated(created)]));
    chat_asked_for(stage)
}

fn chat_asked_for(stage: &mut Stage) -> Token {
    match stage.reads.pop_back() {
        Some((token, Read::Chat { .. })) => token,
        other => panic!("{other:?}"),
    }
}

fn find(stage: &mut Stage, token: Token, found: Found) {
    let outcome = Ok(found);
    stage.step(Input::Store(StoreEvent::Read { token, outcome }));
}

/// Somebody makes another chat with a user.
fn make_with(stage: &mut Stage, user_id: UserId) -> u64 {
    let chat_id = stage.chat();
    stage.ask(Command::Chat(chat_id, creation(None, &[user_id])))
}

#[test]
fn a_chat_counts_whose_record_waits_for_it_to_be_read() {
    let mut stage = limited(0, 1);
    let (ann, chat_id) = (stage.user(), stage.chat());
    let chat_read = created(&mut stage, chat_id, &[ann]);
    let refused = |stage: &mut Stage| {
        let another = make_with(stage, ann);
        find_chats(stage, &[]);
        assert_over(stage, another, Limit::MembershipsPerUser, ann);
    };
    refused(&mut stage);
    find(&mut stage, chat_read, Found::Chat(None));
    refused(&mut stage);
    stage.store();
    refused(&mut stage);
}

#[test]
fn a_chat_counts_once_of_which_record_and_store_tell() {
    let mut stage = limited(0, 2);
    let (ann, chat_id) = (stage.user(), stage.chat());
    let added = MembershipChange {
        chat_id,
        user_id: ann,
        at: Timestamp::from_millis(1),
        by: ann,
    };
    stage.deliver(batch_of(&[Record::MemberAdded(added)]));
    let chat_read = chat_asked_for(&mut stage);
    let another = make_with(&mut stage, ann);
    find_chats(&mut stage, &[chat_id]);
    let stored = stored_chat(chat_id, &[ann]);
    find(&mut stage, chat_read, Found::Chat(Some(Box::new(stored))));
    stage.settle();
    assert_done(&mut stage, another);
}

/// A request for the same chat does not take back what the record counts.
#[test]
fn a_chat_counts_by_its_record_whatever_comes_of_requests() {
    let mut stage = limited(0, 1);
    let (ann, chat_id) = (stage.user(), stage.chat());
    created(&mut stage, chat_id, &[ann]);
    stage.tell(question(1, chat_id, &[ann]));
    find_chats(&mut stage, &[]);
    stage.tell(ShardMessage::NotJoining {
        id: request(1),
        chat_id,
        users: vec![ann],
    });
    let another = make_with(&mut stage, ann);
    find_chats(&mut stage, &[]);
    assert_over(&mut stage, another, Limit::MembershipsPerUser, ann);
}

/// Records may bring users into more chats than they may be in, and may be of no effect any more.
#[test]
fn a_chat_that_counts_by_its_record_is_joined_within_the_limit_alone() {
    let mut stage = limited(0, 1);
    let (ann, chat_id, other) = (stage.user(), stage.chat(), stage.chat());
    created(&mut stage, chat_id, &[ann]);
    assert!(!may_join(&mut stage, 1, chat_id, ann, &[other]));
}

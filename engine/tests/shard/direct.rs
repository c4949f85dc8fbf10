//! The direct chat of two users: there is one, whoever asks for it, and its members stay the two.

use rookery_engine::config::AuthMode;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Amend, ChatChange, ChatCommand, Command, Creation, MessageChange, Origin, Outcome,
};
use rookery_engine::port::{Found, Read, StoreFault};
use rookery_schema::roles::Role;
use rookery_schema::row::{ProfileRow, Row, UserRow};
use rookery_schema::{ChatId, Offset, Timestamp, UserId};
use serde_json::{Value, json};

use crate::stage::{P0, Stage, account, addition, network};

/// Two users whose direct chat this shard owns.
pub(crate) fn pair(stage: &mut Stage) -> (UserId, UserId) {
    let ann = stage.user();
    loop {
        let bob = stage.user();
        if stage.partition_of(ChatId::direct(ann, bob)) == P0 {
            return (ann, bob);
        }
    }
}

/// One of two asks for their chat.
pub(crate) fn open(stage: &mut Stage, caller: UserId, other: UserId) -> u64 {
    let creation = Creation {
        creator_id: Some(caller),
        name: Box::default(),
        members: [caller.min(other), caller.max(other)].into_iter().collect(),
        network: network(),
        origin: Origin::Members,
    };
    let command = ChatCommand::Create(Box::new(creation));
    stage.ask(Command::Chat(ChatId::direct(caller, other), command))
}

/// Two users and their chat.
fn opened() -> (Stage, UserId, UserId, ChatId) {
    let mut stage = Stage::new();
    let (ann, bob) = pair(&mut stage);
    open(&mut stage, ann, bob);
    stage.answer_read(Ok(Found::Chat(None)));
    stage.settle();
    (stage, ann, bob, ChatId::direct(ann, bob))
}

/// The chat that a question was answered with, and whether it was made by that.
#[track_caller]
fn shown(stage: &mut Stage, question: u64) -> (Value, bool) {
    match stage.answer(question) {
        Some(Outcome::Json { created, body }) => {
            (serde_json::from_slice(&body).unwrap(), created.is_some())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_get_the_same_chat_also_where_they_ask_at_once() {
    let mut stage = Stage::new();
    let (ann, bob) = pair(&mut stage);
    let chat_id = ChatId::direct(ann, bob);
    let both = [open(&mut stage, ann, bob), open(&mut stage, bob, ann)];
    stage.answer_read(Ok(Found::Chat(None)));
    let rows = stage.settle();
    let made = rows.iter().filter(|row| matches!(row, Row::Chat(_)));
    assert_eq!(made.count(), 1);
    let mut members = [ann, bob].map(|it| it.to_string());
    members.sort();
    for question in both {
        let (chat, is_made) = shown(&mut stage, question);
        assert!(is_made);
        assert_eq!(chat["chat_id"], json!(chat_id));
        assert_eq!(chat["direct"], json!(true));
        assert_eq!(chat["members"], json!(members));
        assert_eq!(chat["roles"], json!({}), "it needs no admin");
    }
    let question = open(&mut stage, bob, ann);
    let (chat, is_made) = shown(&mut stage, question);
    assert_eq!((&chat["chat_id"], is_made), (&json!(chat_id), false));
    assert!(stage.settle().is_empty());
}

#[test]
fn its_members_and_settings_stay_as_they_are() {
    let (mut stage, ann, bob, chat_id) = opened();
    let stranger = stage.user();
    let change = ChatChange {
        caller: ann,
        name: Some("name".into()),
        description: None,
        members_may_add: None,
        history: None,
    };
    let remove = |caller, user_id| ChatCommand::RemoveMember { caller, user_id };
    let set_role = |caller| ChatCommand::SetRole {
        caller,
        user_id: bob,
        role: Role::Admin,
    };
    for command in [
        addition(ann, stranger),
        remove(ann, bob),
        remove(bob, bob),
        set_role(ann),
        ChatCommand::Change(Box::new(change)),
    ] {
        let question = stage.ask(Command::Chat(chat_id, command));
        stage.assert_refused(question, Problem::DIRECT_CHAT);
    }
    for command in [remove(stranger, bob), set_role(stranger)] {
        let question = stage.ask(Command::Chat(chat_id, command));
        stage.assert_refused(question, Problem::NO_SUCH_CHAT);
    }
    assert!(stage.settle().is_empty());
}

#[test]
fn nobody_deletes_what_the_other_has_written() {
    let (mut stage, ann, bob, chat_id) = opened();
    for (author, other) in [(ann, bob), (bob, ann)] {
        let question = stage.post(chat_id, author, None);
        stage.settle();
        let message_id = stage.assert_posted(question);
        let amend = Amend {
            caller: other,
            message_id,
            change: MessageChange::Delete,
        };
        let command = ChatCommand::Amend(Box::new(amend));
        let question = stage.ask(Command::Chat(chat_id, command));
        stage.assert_refused(question, Problem::NOT_AUTHOR);
    }
}

fn called_bob(user_id: UserId) -> UserRow {
    account(user_id, "Bob", None)
}

#[test]
fn a_list_of_chats_tells_with_whom_each_has_it() {
    let (mut stage, ann, bob, chat_id) = opened();
    for (user_id, other) in [(ann, bob), (bob, ann)] {
        let question = stage.list(user_id, 10, None);
        stage.answer_read(Ok(Found::Chats(vec![chat_id])));
        let read = stage.answer_read(Ok(Found::Users(vec![called_bob(other)])));
        assert_eq!(read, Read::Users([other].into()));
        let profile = ProfileRow {
            user_id: other,
            display_name: Some("Uncle \"Bob\"".to_owned()),
            offset: Offset(1),
            changed_at: Timestamp::default(),
        };
        let read = stage.answer_read(Ok(Found::Profiles(vec![profile])));
        assert_eq!(read, Read::Profiles([other].into()));
        let Some(Outcome::Page { body, .. }) = stage.answer(question) else {
            panic!("no list came");
        };
        let list: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(list[0]["direct"], json!(true));
        assert_eq!(list[0]["other_user_id"], json!(other));
        assert_eq!(list[0]["other_username"], json!("Bob"));
        assert_eq!(list[0]["other_display_name"], json!("Uncle \"Bob\""));
    }
}

#[test]
fn a_list_does_not_come_without_the_names_of_the_others() {
    let (mut stage, ann, _, chat_id) = opened();
    for fails in [0, 1] {
        let question = stage.list(ann, 10, None);
        stage.answer_read(Ok(Found::Chats(vec![chat_id])));
        for (n, found) in [Found::Users(Vec::new()), Found::Profiles(Vec::new())]
            .into_iter()
            .enumerate()
        {
            stage.answer_read(if n == fails {
                Err(StoreFault)
            } else {
                Ok(found)
            });
        }
        stage.assert_refused(question, Problem::STORE_UNAVAILABLE);
    }
}

#[test]
fn the_other_must_exist() {
    let mut stage = Stage::serving(|config| config.auth = AuthMode::Token);
    stage.all_ready();
    let (ann, bob) = pair(&mut stage);
    let question = open(&mut stage, ann, bob);
    stage.answer_read(Ok(Found::Chat(None)));
    stage.answer_read(Ok(Found::Users(Vec::new())));
    match stage.answer(question) {
        Some(Outcome::NotAdmitted(refused)) => assert_eq!(refused.problem, Problem::NO_SUCH_USER),
        other => panic!("{other:?}"),
    }
}

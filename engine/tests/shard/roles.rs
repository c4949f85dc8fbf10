//! Who is admin when the last one has left, and how that is told.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{ChatChange, ChatCommand, Command, Outcome};
use rookery_schema::record::{Record, RoleSet};
use rookery_schema::roles::Role;
use rookery_schema::row::Row;
use rookery_schema::{ChatId, UserId};
use serde_json::{Value, json};

use crate::stage::{SECOND, Stage};

/// How long nobody tries again to tell who is admin.
const PAUSE: u64 = 10 * SECOND;

/// What was told of roles.
fn told(rows: &[Row]) -> Vec<(UserId, Role, UserId)> {
    let roles = rows.iter().filter_map(|row| match row {
        Row::Event(row) => match Record::decode(&row.record).unwrap() {
            Record::RoleSet(RoleSet {
                user_id, role, by, ..
            }) => Some((user_id, role, by)),
            _ => None,
        },
        _ => None,
    });
    roles.collect()
}

fn shown(stage: &mut Stage, chat_id: ChatId, caller: UserId) -> Value {
    let question = stage.ask(Command::Chat(chat_id, ChatCommand::Show { caller }));
    body(stage, question)
}

fn body(stage: &mut Stage, question: u64) -> Value {
    match stage.answer(question) {
        Some(Outcome::Json { body, .. }) => serde_json::from_slice(&body).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn leave(stage: &mut Stage, chat_id: ChatId, user_id: UserId) -> u64 {
    let caller = user_id;
    let command = ChatCommand::RemoveMember { caller, user_id };
    stage.ask(Command::Chat(chat_id, command))
}

/// A chat whose admin, the first of its three members, leaves. The log has that, and not yet who is admin now.
fn left() -> (Stage, ChatId, [UserId; 3]) {
    let mut stage = Stage::new();
    let users = [stage.user(), stage.user(), stage.user()];
    let chat_id = stage.create(&users);
    leave(&mut stage, chat_id, users[0]);
    stage.append();
    (stage, chat_id, users)
}

#[test]
fn a_chat_is_shown_with_the_event_as_of_which_it_is() {
    let mut stage = Stage::new();
    let caller = stage.user();
    let chat_id = stage.create(&[caller]);
    let renamed = |name: &str, stage: &mut Stage| {
        let change = ChatChange {
            caller,
            name: Some(name.into()),
            description: None,
            members_may_add: None,
            history: None,
        };
        stage.ask(Command::Chat(
            chat_id,
            ChatCommand::Change(Box::new(change)),
        ))
    };
    let first = renamed("one", &mut stage);
    let second = renamed("two", &mut stage);
    stage.post(chat_id, caller, None);
    stage.settle();
    for (question, name, last_seq) in [(first, "one", 2), (second, "two", 3)] {
        let chat = body(&mut stage, question);
        assert_eq!(
            (&chat["name"], &chat["last_seq"]),
            (&json!(name), &json!(last_seq))
        );
    }
    assert_eq!(shown(&mut stage, chat_id, caller)["last_seq"], 4);
}

#[test]
fn where_the_last_admin_leaves_it_is_told_once_who_is_one() {
    let (mut stage, chat_id, [first, second, _]) = left();
    let rows = stage.settle();
    assert_eq!(told(&rows), [(second, Role::Admin, first)]);
    let chat = shown(&mut stage, chat_id, second);
    assert_eq!(chat["roles"], json!({second.to_string(): "admin"}));
    stage.tick_after(PAUSE);
    shown(&mut stage, chat_id, second);
    assert_eq!(told(&stage.settle()), []);
}

#[test]
fn they_are_admin_before_it_is_told_and_it_is_told_again_where_that_got_lost() {
    let (mut stage, chat_id, [first, second, third]) = left();
    stage.fail_append();
    let chat = shown(&mut stage, chat_id, third);
    assert_eq!(chat["roles"], json!({second.to_string(): "admin"}));
    let remove = |caller, user_id| ChatCommand::RemoveMember { caller, user_id };
    let question = stage.ask(Command::Chat(chat_id, remove(third, second)));
    stage.assert_refused(question, Problem::NOT_ADMIN);
    assert_eq!(told(&stage.settle()), [], "not at once");
    stage.tick_after(PAUSE);
    shown(&mut stage, chat_id, third);
    assert_eq!(told(&stage.settle()), [(second, Role::Admin, first)]);
}

#[test]
fn what_is_told_twice_is_one_event() {
    let (mut stage, chat_id, [first, second, third]) = left();
    let doubtful = stage.doubt_append();
    stage.tick_after(PAUSE);
    shown(&mut stage, chat_id, third);
    stage.deliver(doubtful);
    assert_eq!(told(&stage.settle()), [(second, Role::Admin, first)]);
}

#[test]
fn of_two_admins_who_depose_each_other_the_second_is_refused() {
    let mut stage = Stage::new();
    let (ann, bob) = (stage.user(), stage.user());
    let chat_id = stage.create(&[ann, bob]);
    let set = |stage: &mut Stage, caller, user_id, role| {
        let command = ChatCommand::SetRole {
            caller,
            user_id,
            role,
        };
        stage.ask(Command::Chat(chat_id, command))
    };
    let question = set(&mut stage, ann, bob, Role::Admin);
    stage.settle();
    assert!(matches!(stage.answer(question), Some(Outcome::Json { .. })));
    let both = [
        set(&mut stage, ann, bob, Role::Member),
        set(&mut stage, bob, ann, Role::Member),
    ];
    let rows = stage.settle();
    assert_eq!(told(&rows), [(bob, Role::Member, ann)]);
    assert!(matches!(stage.answer(both[0]), Some(Outcome::Json { .. })));
    stage.assert_refused(both[1], Problem::LAST_ADMIN);
    let chat = shown(&mut stage, chat_id, bob);
    assert_eq!(chat["roles"], json!({ann.to_string(): "admin"}));
}

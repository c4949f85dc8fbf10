//! The bound on a chat's members.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{ChatCommand, Command, Outcome};
use rookery_schema::UserId;
use rookery_schema::limits::CHAT_MEMBERS_MAX;
use rookery_schema::row::Row;

use crate::stage::Stage;

#[test]
fn of_two_who_join_at_once_only_one_gets_the_last_place() {
    let mut stage = Stage::new();
    let id = |n: usize| UserId::from_bytes((u128::MAX - n as u128).to_be_bytes());
    let members: Vec<UserId> = (0..CHAT_MEMBERS_MAX - 1).map(id).collect();
    let chat_id = stage.create(&members);
    let add = |stage: &mut Stage, n: usize| {
        let command = ChatCommand::AddMember {
            caller: members[0],
            user_id: id(CHAT_MEMBERS_MAX + n),
        };
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

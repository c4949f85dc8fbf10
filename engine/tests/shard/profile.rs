//! What users say of themselves.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Command, Outcome, UserCommand};
use rookery_schema::UserId;
use rookery_schema::row::{ProfileRow, Row};

use crate::stage::Stage;

fn set(stage: &mut Stage, user_id: UserId, name: Option<&str>) -> u64 {
    let command = UserCommand::SetDisplayName(name.map(Into::into));
    stage.ask(Command::User(user_id, command))
}

fn profiles(rows: Vec<Row>) -> Vec<ProfileRow> {
    let profile = |row| match row {
        Row::Profile(row) => Some(row),
        _ => None,
    };
    rows.into_iter().filter_map(profile).collect()
}

#[test]
fn a_display_name_is_answered_when_it_is_stored() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let question = set(&mut stage, user, Some("Ann of Green Gables"));
    stage.append();
    assert_eq!(stage.answer(question), None, "nobody would find it");
    let first = profiles(stage.store());
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    assert_eq!(
        first[0].display_name.as_deref(),
        Some("Ann of Green Gables")
    );

    let question = set(&mut stage, user, None);
    stage.append();
    let second = profiles(stage.store());
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    assert_eq!(second[0].display_name, None);
    assert!(
        second[0].offset > first[0].offset,
        "whichever is written last"
    );
}

#[test]
fn who_changes_it_twice_at_once_is_answered_twice() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let questions = ["Ann", "Anne", "Ann"].map(|name| set(&mut stage, user, Some(name)));
    let rows = profiles(stage.settle());
    assert_eq!(rows.last().unwrap().display_name.as_deref(), Some("Ann"));
    for question in questions {
        assert_eq!(stage.answer(question), Some(Outcome::Done));
    }
    let question = set(&mut stage, user, Some("Bob"));
    stage.fail_append();
    stage.assert_refused(question, Problem::LOG_UNAVAILABLE);
}

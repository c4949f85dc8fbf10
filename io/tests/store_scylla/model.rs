//! The store answers as a model in memory does, whatever was written, however often it was opened, and
//! whether or not some of it is written again, as a replay does, or late.

mod chats;
mod happenings;
mod ids;
mod reads;
mod users;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rookery_schema::row::Row;
use rookery_testing::store::Model;

use self::happenings::{happening, rows_of};
use self::reads::{read, sorted};
use super::support::{keyspace, start};

/// Each takes some ten seconds, most of it to make the tables.
fn cases() -> u32 {
    const CASES: u32 = 6;
    let wanted = std::env::var("PROPTEST_CASES");
    wanted.map_or(CASES, |cases| cases.parse().expect("a number"))
}

#[test]
fn it_answers_as_the_model_does() {
    let lives = vec(
        (vec(vec(happening(), 1..12), 1..12), vec(read(), 1..30)),
        1..4,
    );
    let config = ProptestConfig {
        cases: cases(),
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&lives, |lives| {
        let Some(keyspace) = keyspace("model") else {
            return Ok(());
        };
        let mut model = Model::default();
        model.chats_need_events = true;
        model.late_rows_undo_nothing = true;
        let mut written: Vec<Vec<Row>> = Vec::new();
        for (life, (writes, reads)) in lives.iter().enumerate() {
            let mut shard = start(&keyspace.open(), life as u16);
            // What the log had not been told to be stored comes again.
            let again = written.split_off(written.len() / 2);
            again.iter().for_each(|rows| shard.write(rows.clone()));
            written.extend(again);
            for happenings in writes {
                let mut rows = Vec::new();
                for happening in happenings {
                    let new = rows_of(&model, happening);
                    new.iter().cloned().for_each(|row| model.write(row));
                    rows.extend(new);
                }
                shard.write(rows.clone());
                written.push(rows);
            }
            // Some of what was written before comes late, by one who does not know that others have taken over.
            for rows in written.iter().step_by(3) {
                shard.write(rows.clone());
            }
            for read in reads {
                let (found, wanted) = (sorted(shard.read(read)), sorted(model.read(read)));
                prop_assert_eq!(found, wanted, "{:?}", read);
            }
            shard.stop();
        }
        Ok(())
    });
    outcome.unwrap();
}

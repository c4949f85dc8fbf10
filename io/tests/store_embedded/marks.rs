//! Up to where users have read, whoever writes it, and in which order.

use rookery_engine::port::{Found, Read};
use rookery_schema::row::{Mark, MarkRow, Row};
use rookery_schema::{ChatId, Seq, UserId};

use super::support::{Shard, open, start};

const USER: UserId = UserId::from_bytes([1; 16]);
const CHAT: ChatId = ChatId::from_bytes([2; 16]);
const MARKS: u64 = 200;

fn mark(seq: u64) -> Row {
    Row::Mark(MarkRow {
        user_id: USER,
        chat_id: CHAT,
        mark: Mark {
            seq: Seq(seq),
            messages: seq / 2,
        },
    })
}

#[test]
fn of_marks_that_two_shards_write_at_a_time_the_furthest_stands_also_after_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).unwrap();
    let mut shards = [start(&store, 0), start(&store, 1)];
    for seq in 1..=MARKS {
        let [one, other] = &mut shards;
        one.submit_write(vec![mark(seq)]);
        other.submit_write(vec![mark(MARKS - seq)]);
    }
    for shard in &mut shards {
        (0..MARKS).for_each(|_| drop(shard.next()));
    }
    let furthest = Mark {
        seq: Seq(MARKS),
        messages: MARKS / 2,
    };
    let found = Found::Marks(vec![(CHAT, furthest)]);
    assert_eq!(shards[0].read(&Read::MarksOfUser(USER)), found);
    let [mut one, other] = shards;
    one.write(vec![mark(7), mark(3)]);
    one.stop();
    other.stop();
    drop(store);
    let mut shard = start(&open(root.path()).unwrap(), 0);
    let read = Read::Mark {
        user_id: USER,
        chat_id: CHAT,
    };
    assert_eq!(shard.read(&read), found);
    shard.stop();
}

#[test]
fn who_left_a_chat_has_no_mark_in_it_up_to_then() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).unwrap();
    let mut shard = start(&store, 0);
    let left = |removed_seq| Row::NotMember {
        chat_id: CHAT,
        user_id: USER,
        added_seq: Seq(1),
        removed_seq: Seq(removed_seq),
    };
    let stored = |shard: &mut Shard| match shard.read(&Read::MarksOfUser(USER)) {
        Found::Marks(marks) => marks.first().map(|(_, mark)| mark.seq.0),
        other => panic!("{other:?}"),
    };
    for (rows, expected) in [
        (vec![mark(4)], Some(4)),
        (vec![left(6)], None),
        (vec![mark(6)], None),
        (vec![mark(7)], Some(7)),
        (vec![mark(8), left(9)], None),
        (vec![left(9), mark(10)], Some(10)),
        (
            vec![mark(11), left(12), mark(3), mark(13), mark(5)],
            Some(13),
        ),
    ] {
        let what = format!("{rows:?}");
        shard.write(rows);
        assert_eq!(stored(&mut shard), expected, "{what}");
    }
    shard.stop();
}

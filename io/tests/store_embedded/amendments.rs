//! Messages that were amended, and the format that it takes to read them.

use rookery_schema::format::AMENDMENTS;

use super::store_amendments::{assert_shown, messages, shuffled};
use super::support::{format_of, open, start};

#[test]
fn pages_show_messages_as_they_stand_whenever_and_however_often_amendments_were_written() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = start(&open(root.path()).unwrap(), 0);
    shard.write(messages());
    shard.stop();
    assert_eq!(
        format_of(root.path()),
        2,
        "nothing is there that needs more"
    );
    for life in 0..3 {
        let mut shard = start(&open(root.path()).unwrap(), life);
        for rows in shuffled(u64::from(life)) {
            shard.write(rows);
        }
        assert_shown(&mut shard);
        shard.stop();
        assert_eq!(format_of(root.path()), AMENDMENTS);
    }
    let mut shard = start(&open(root.path()).unwrap(), 0);
    assert_shown(&mut shard);
    shard.stop();
}

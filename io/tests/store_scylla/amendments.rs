//! Messages that were amended, and the version that the keyspace has from then on.

use rookery_schema::cql::SCHEMA_VERSION;

use super::store_amendments::{assert_shown, messages, shuffled};
use super::support::{keyspace, start};

#[test]
fn pages_show_messages_as_they_stand_whenever_and_however_often_amendments_were_written() {
    let Some(keyspace) = keyspace("amended") else {
        return;
    };
    let mut shard = start(&keyspace.open(), 0);
    shard.write(messages());
    shard.stop();
    assert_eq!(
        keyspace.schema_version(),
        "1",
        "nothing is there that needs more"
    );
    for life in 0..3 {
        let mut shard = start(&keyspace.open(), life);
        for rows in shuffled(u64::from(life)) {
            shard.write(rows);
        }
        assert_shown(&mut shard);
        shard.stop();
        assert_eq!(keyspace.schema_version(), SCHEMA_VERSION.to_string());
    }
    let mut shard = start(&keyspace.open(), 9);
    assert_shown(&mut shard);
    shard.stop();
}

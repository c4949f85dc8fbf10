//! Messages that were amended, and the version that the keyspace has from then on.

use super::store_amendments::{AMENDED, assert_shown, messages, shuffled};
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
        assert_eq!(keyspace.schema_version(), AMENDED.to_string());
    }
    let mut shard = start(&keyspace.open(), 9);
    assert_shown(&mut shard);
    shard.stop();
}

#[test]
fn a_keyspace_of_a_newer_version_is_refused() {
    let Some(keyspace) = keyspace("newer") else {
        return;
    };
    drop(keyspace.open());
    keyspace.run(&["INSERT INTO KEYSPACE_NAME.meta (key, value) VALUES ('schema_version', '99')"]);
    let text = keyspace.connect().err().unwrap().to_string();
    assert!(text.contains("has schema version 99"), "{text}");
    assert!(
        text.contains("start the version that upgraded it, or a newer one"),
        "{text}"
    );
}

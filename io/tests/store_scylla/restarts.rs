//! What the store knows when it is reached again, and with what it does not start.

use std::thread;

use rookery_engine::port::{Found, Read};
use rookery_io::log::Stored;
use rookery_io::startup::Startup;
use rookery_io::store::scylla::migrate;
use rookery_schema::row::Row;
use rookery_schema::{Offset, PartitionId, SessionId, Timestamp};
use uuid::Uuid;

use super::support::{LOG, keyspace, message, reached, start, sync};

#[test]
fn it_knows_up_to_where_the_log_is_stored() {
    let Some(keyspace) = keyspace("reached") else {
        return;
    };
    let store = keyspace.open();
    assert_eq!(store.stored(PartitionId(3)), Stored::Nothing);
    let mut shard = start(&store, 0);
    shard.write(vec![message(5, 1), reached(3, 16)]);
    shard.write(vec![message(2, 1), reached(3, 13)]);
    sync(&mut shard);
    let store = keyspace.open();
    assert_eq!(store.stored(PartitionId(3)), Stored::Below(Offset(16)));
    assert_eq!(store.stored(PartitionId(0)), Stored::Unknown);
    // An older one does not take the place of a newer one, whichever comes last.
    shard.write(vec![reached(3, 14)]);
    shard.write(vec![reached(0, 8)]);
    shard.stop();
    let store = keyspace.open();
    assert_eq!(store.stored(PartitionId(0)), Stored::Below(Offset(8)));
    assert_eq!(store.stored(PartitionId(3)), Stored::Below(Offset(16)));
}

#[test]
fn ended_sessions_are_remembered_whether_or_not_this_clock_takes_them_for_expired() {
    let Some(keyspace) = keyspace("sessions") else {
        return;
    };
    let ended = |id: u8, millis| Row::EndedSession {
        session_id: SessionId::from_bytes([id; 16]),
        expires_at: Timestamp::from_millis(millis),
    };
    let mut shard = start(&keyspace.open(), 0);
    sync(&mut shard);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let far = 200_000_000_000_000;
    let rows = [(1, now - 1000), (2, far), (3, now + 60_000)];
    shard.write(rows.map(|(id, millis)| ended(id, millis)).to_vec());
    let Found::EndedSessions(mut found) = shard.read(&Read::EndedSessions) else {
        panic!("not what was asked")
    };
    found.sessions.sort_unstable();
    let found = found
        .sessions
        .iter()
        .map(|(id, at)| (id.as_bytes()[0], at.millis()));
    assert_eq!(found.collect::<Vec<_>>(), rows);
    shard.stop();
}

#[test]
fn the_store_of_another_log_is_refused() {
    let Some(keyspace) = keyspace("other_log") else {
        return;
    };
    drop(keyspace.open());
    let other = Uuid::from_u128(8);
    let text = keyspace.connect_for(other).err().unwrap().to_string();
    assert!(
        text.contains(&LOG.to_string()) && text.contains(&other.to_string()),
        "{text}"
    );
    drop(keyspace.open());
}

#[test]
fn migrations_may_run_twice_and_at_once_and_a_newer_schema_is_refused() {
    let Some(keyspace) = keyspace("migrations") else {
        return;
    };
    thread::scope(|scope| {
        let at_once: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| migrate(&keyspace.settings, &Startup::default())))
            .collect();
        for migrated in at_once {
            migrated.join().unwrap().unwrap();
        }
    });
    migrate(&keyspace.settings, &Startup::default()).unwrap();
    let mut shard = start(&keyspace.open(), 0);
    shard.write(vec![message(1, 1)]);
    shard.stop();
    keyspace.run(&["UPDATE KEYSPACE_NAME.meta SET value = '99' WHERE key = 'schema_version'"]);
    for text in [
        migrate(&keyspace.settings, &Startup::default())
            .unwrap_err()
            .to_string(),
        keyspace.connect().err().unwrap().to_string(),
    ] {
        assert!(
            text.contains("schema version 99")
                && text.contains("start the version that upgraded it, or a newer one"),
            "{text}"
        );
    }
}

/// As one of an unreleased version would be: never to be ready, without a word, would be worse.
#[test]
fn tables_that_the_statements_do_not_fit_are_refused() {
    let Some(keyspace) = keyspace("other_tables") else {
        return;
    };
    drop(keyspace.open());
    keyspace.run(&["ALTER TABLE KEYSPACE_NAME.users DROP updated_at"]);
    let text = keyspace.connect().err().unwrap().to_string();
    assert!(
        text.contains("updated_at") && text.contains("name another --keyspace"),
        "{text}"
    );
}

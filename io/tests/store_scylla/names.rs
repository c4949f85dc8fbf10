//! Users whose names are not their own keys, as versions before keys wrote them.

use rookery_engine::port::{Found, Read};
use rookery_schema::format::NEWEST;
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{Timestamp, UserId};
use rookery_testing::store::Model;

use super::support::{keyspace, start};

fn user(n: u8, username: &str, key: Option<&str>) -> UserRow {
    let at = Timestamp::from_millis(u64::from(n));
    UserRow {
        user_id: UserId::from_bytes([n; 16]),
        username: username.to_owned(),
        key: key.map(str::to_owned),
        password_hash: None,
        created_at: at,
        updated_at: at,
        is_deleted: false,
    }
}

fn of_key(key: &str) -> Read {
    Read::UsersOfKey(key.to_owned())
}

#[test]
fn names_from_before_keys_are_found_by_their_keys_after_a_start() {
    let Some(keyspace) = keyspace("names") else {
        return;
    };
    let (old, twin) = (user(1, "Ann", None), user(2, "ann", None));
    let mut shard = start(&keyspace.open(), 0);
    shard.write([&old, &twin].map(|user| Row::User(user.clone())).to_vec());
    shard.stop();
    // As older versions leave it.
    let forget = "TRUNCATE KEYSPACE_NAME.names_by_key";
    keyspace.run(&[forget]);
    let both = Found::Users(vec![old.clone(), twin.clone()]);
    for _ in 0..2 {
        let mut shard = start(&keyspace.open(), 0);
        assert_eq!(shard.read(&of_key("ann")), both);
        shard.stop();
        // They may have it back.
        assert_eq!(keyspace.schema_version(), "1");
    }
    let new = user(3, "Bob", Some("bob"));
    let mut shard = start(&keyspace.open(), 0);
    shard.write(vec![Row::User(new.clone())]);
    assert_eq!(keyspace.schema_version(), NEWEST.to_string());
    for read in [of_key("bob"), Read::User(new.user_id)] {
        assert_eq!(shard.read(&read), Found::Users(vec![new.clone()]));
    }
    assert_eq!(
        shard.read(&Read::User(old.user_id)),
        Found::Users(vec![old])
    );
    shard.stop();
    // From now on no version can leave any out, and nobody looks.
    keyspace.run(&[forget]);
    let mut shard = start(&keyspace.open(), 0);
    assert_eq!(shard.read(&of_key("ann")), Found::Users(vec![twin]));
    shard.stop();
}

/// One bucket has more names that are out of place than a page has users.
#[test]
fn pages_pass_over_names_that_stand_elsewhere() {
    let Some(keyspace) = keyspace("name_pages") else {
        return;
    };
    let mut model = Model::default();
    let mut shard = start(&keyspace.open(), 0);
    // Behind "aZ…" by their bytes, and before it by their keys.
    let names = (0..90).map(|n| match n {
        0..80 => (format!("aZ{n:02}"), None),
        80..85 => (format!("aa{n}"), None),
        _ => (format!("Ab{n}"), Some(format!("ab{n}"))),
    });
    let rows: Vec<Row> = names
        .zip(1..)
        .map(|((name, key), n)| Row::User(user(n, &name, key.as_deref())))
        .collect();
    rows.iter().cloned().for_each(|row| model.write(row));
    shard.write(rows);
    for (limit, after) in [
        (1, None),
        (3, None),
        (7, Some("aa82")),
        (7, Some("aZ77")),
        (100, None),
    ] {
        let read = Read::UsersByPrefix {
            prefix: "a".to_owned(),
            after: after.map(str::to_owned),
            limit,
        };
        assert_eq!(shard.read(&read), model.read(&read), "{read:?}");
    }
    shard.stop();
}

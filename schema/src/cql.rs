//! The tables of a CQL store, and how they came to be: pure data, and where a row lies.

use xxhash_rust::xxh3::xxh3_64;

use crate::format;
use crate::ids::{Seq, SessionId};

/// Events of a chat lie together in buckets of `2^BUCKET_BITS`: 10 MB of ordinary messages, and 140 MB
/// of the longest, where a CQL partition should stay in the low hundreds.
pub const BUCKET_BITS: u32 = 15;
/// Partitions that usernames are spread over. Each holds its names in order, so a search by prefix asks
/// all of them and merges; by first letter they would be few and of very different size.
pub const NAME_BUCKETS: u64 = 32;
/// Partitions that ended sessions are spread over: all of them are read at the start.
pub const ENDED_SESSION_BUCKETS: u8 = 16;
/// Nodes that hold each row, where there are as many.
pub const REPLICAS_MAX: usize = 3;
/// The timestamp of an event's row. Rows take theirs from no clock: with this one, the lowest, an event that is written
/// late does not take the place of its redaction, and whatever deletes a bucket as of now deletes all of it.
pub const EVENT_TIMESTAMP: i64 = 1;
/// The timestamp of an event that was redacted, at least: it is above that of the row whose place it takes, which an
/// earlier version wrote as of its clock. (One far above all clocks would do without looking, but ScyllaDB takes
/// none that is more than three days ahead.)
pub const REDACTED_TIMESTAMP: i64 = EVENT_TIMESTAMP + 1;

/// One step from a schema to the next, which only adds to it. Each of its statements may be run twice, and
/// goes through [`in_keyspace`].
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What the schema's version is when there are rows that need this step. Until then, older versions can
    /// still use the keyspace.
    pub version: u32,
    /// The table that its last statement makes.
    pub table: &'static str,
    pub statements: &'static [&'static str],
}

/// The table that tells which migrations were run, made before any of them.
pub const META_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS KEYSPACE.meta (key text PRIMARY KEY, value text)";
/// The key in `meta` of the schema's version: 1 at first, then the format ([`crate::format`]) of the newest row,
/// once that is a later one.
pub const SCHEMA_VERSION_KEY: &str = "schema_version";
/// The key in `meta` of the log whose records the rows are.
pub const LOG_ID_KEY: &str = "log_id";

/// All migrations, oldest first.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: FIRST_VERSION,
        table: "reached",
        statements: &[
            EVENT,
            MESSAGES,
            CHATS,
            MEMBERS_BY_CHAT,
            CHATS_BY_USER,
            USERS,
            USERS_BY_NAME,
            ENDED_SESSIONS,
            REACHED,
        ],
    },
    Migration {
        version: format::AMENDMENTS,
        table: "amendments",
        statements: &[AMENDMENTS],
    },
    Migration {
        version: format::CONVERSATIONS,
        table: "user_settings",
        statements: &[
            FORMER_MEMBERS,
            FORMER_CHATS,
            NAMES_BY_KEY,
            ROLES,
            CHAT_SETTINGS,
            DELETED_CHATS,
            PURGES,
            ERASURES,
            ERASED_SENDERS,
            REWRITES,
            BLOCKS_BY_USER,
            MARKS_BY_USER,
            SESSIONS_BY_USER,
            PROFILES,
            USER_SETTINGS,
        ],
    },
];

/// The schema of a new keyspace.
pub const FIRST_VERSION: u32 = 1;
/// The newest schema that this version knows.
pub const SCHEMA_VERSION: u32 = format::NEWEST;

/// What an event was: a message's fields, of which its log record is made again, or for any other event
/// `record`, as the log had it.
const EVENT: &str = "CREATE TYPE IF NOT EXISTS KEYSPACE.event (
    kind tinyint, n bigint, log_partition int, log_offset bigint,
    message_id uuid, sender_id uuid, client_id text, created_at timestamp, content text,
    record blob
)";

/// All numbered events, so that no bucket up to a chat's head is empty, and a page is one read.
///
/// An event is one value, and not a column for each of its fields: a server spends more on a value than
/// on the bytes in it. Cassandra 5.0 took 18 µs for a row of nine columns, and 9 µs for this.
///
/// Compaction stays what the server has as default: by size, which suits rows that are written once, and
/// hardly ever again when they are redacted. One by time window would scatter the bucket of a chat with a
/// message a day over as many files as there were windows.
const MESSAGES: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.messages (
    chat_id uuid, bucket int, seq bigint, event frozen<event>,
    PRIMARY KEY ((chat_id, bucket), seq)
) WITH CLUSTERING ORDER BY (seq DESC)";

/// What changes about messages, in the bucket of the message. Of two rows with one key that with the later
/// event stays, since an event's seq is the timestamp of its row.
///
/// Apart from the messages: a column of theirs would be read with every page.
const AMENDMENTS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.amendments (
    chat_id uuid, bucket int, target bigint, slot blob, amendment blob,
    PRIMARY KEY ((chat_id, bucket), target, slot)
)";

const CHATS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.chats (
    chat_id uuid PRIMARY KEY, name text, created_at timestamp
)";

/// `removed_seq` is there from when a member is gone until the event that tells so is stored; then the
/// row goes.
const MEMBERS_BY_CHAT: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.members_by_chat (
    chat_id uuid, user_id uuid, added_seq bigint, position int, removed_seq bigint,
    PRIMARY KEY ((chat_id), user_id)
)";

const CHATS_BY_USER: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.chats_by_user (
    user_id uuid, chat_id uuid,
    PRIMARY KEY ((user_id), chat_id)
)";

/// Who was ever removed from a chat, by which event last, and which had made them a member: the seq of the former is the
/// timestamp of the row. One who is a member again keeps it.
const FORMER_MEMBERS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.former_members (
    chat_id uuid, user_id uuid, added_seq bigint, removed_seq bigint,
    PRIMARY KEY ((chat_id), user_id)
)";

/// The same by user: each chat that they were ever removed from. A row never changes, and has the timestamp of an event.
const FORMER_CHATS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.former_chats (
    user_id uuid, chat_id uuid,
    PRIMARY KEY ((user_id), chat_id)
)";

/// Roles that were set in a chat: the seq of the event is the timestamp of the row. Who leaves keeps theirs.
const ROLES: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.roles (
    chat_id uuid, user_id uuid, role blob,
    PRIMARY KEY ((chat_id), user_id)
)";

/// Settings that were changed: the seq of the event is the timestamp of the row.
const CHAT_SETTINGS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.chat_settings (
    chat_id uuid PRIMARY KEY, settings blob
)";

/// Chats that were deleted. Each is looked for here where nothing else is found of it.
const DELETED_CHATS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.deleted_chats (
    chat_id uuid PRIMARY KEY, deletion blob
)";

/// Deleted chats of which the store has more than that: `seq`, of the event that tells it, is the timestamp of the row. One
/// that came back would only be done again, so what is left of a row need not be kept for longer than hints are (3 hours).
const PURGES: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.purges (
    log_partition int, chat_id uuid, seq bigint,
    PRIMARY KEY ((log_partition), chat_id)
) WITH gc_grace_seconds = 10800";

/// Users who were deleted and are still in chats. What is left of a row need not be kept for longer than hints are (3 hours), as
/// with [`PURGES`].
const ERASURES: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.erasures (
    log_partition int, user_id uuid, deleted_at timestamp,
    PRIMARY KEY ((log_partition), user_id)
) WITH gc_grace_seconds = 10800";

/// Users who said something in a chat that is gone. A row never changes, and has the timestamp of an event.
const ERASED_SENDERS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.erased_senders (
    chat_id uuid, user_id uuid, seq bigint, erased_at timestamp,
    PRIMARY KEY ((chat_id), user_id)
)";

/// How far what such users said is overwritten, up to `through`, below `seq`, of the event that tells that it is gone. Of two
/// rows that with the higher `through` stays, as that is its timestamp. What is left of a row need not be kept for longer than
/// hints are (3 hours), as with [`PURGES`].
const REWRITES: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.rewrites (
    log_partition int, chat_id uuid, user_id uuid, seq bigint, through bigint,
    PRIMARY KEY ((log_partition), chat_id, user_id)
) WITH gc_grace_seconds = 10800";

/// Whom each user has blocked: the offset of the record is the timestamp of the row.
const BLOCKS_BY_USER: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.blocks_by_user (
    user_id uuid, blocked_id uuid, created_at timestamp,
    PRIMARY KEY ((user_id), blocked_id)
)";

/// Up to where users have read their chats. Of two rows with one key that with the higher seq stays, since that is the
/// timestamp of its row.
const MARKS_BY_USER: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.marks_by_user (
    user_id uuid, chat_id uuid, seq bigint, messages bigint,
    PRIMARY KEY ((user_id), chat_id)
)";

/// The newest sessions of each user, but for those that were ended one by one. Rows go by themselves when they expire;
/// what takes them away before has a timestamp above theirs, which they all share, so that none comes back.
const SESSIONS_BY_USER: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.sessions_by_user (
    user_id uuid, expires_at timestamp, session_id uuid, session blob,
    PRIMARY KEY ((user_id), expires_at, session_id)
) WITH CLUSTERING ORDER BY (expires_at DESC, session_id DESC)";

/// What users say of themselves: the offset of the record is the timestamp of the row.
const PROFILES: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.profiles (
    user_id uuid PRIMARY KEY, profile blob
)";

/// Likewise.
const USER_SETTINGS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.user_settings (
    user_id uuid PRIMARY KEY, settings blob
)";

const USERS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.users (
    user_id uuid PRIMARY KEY, username text, password_hash text,
    created_at timestamp, updated_at timestamp
)";

const USERS_BY_NAME: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.users_by_name (
    bucket int, username text, user_id uuid,
    PRIMARY KEY ((bucket), username)
)";

/// The names that are not their own keys, by their keys; see [`crate::names`]. Nobody chooses such a name any more.
const NAMES_BY_KEY: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.names_by_key (
    bucket int, key text, username text, user_id uuid,
    PRIMARY KEY ((bucket), key, username)
)";

/// Rows go by themselves when they expire, on all replicas at once: there is nothing to protect from
/// coming back, so what is left of them need not be kept for longer than hints are (3 hours). Of two rows with one key that
/// with the later expiry stays, which is the timestamp of its row, less what a login lasts.
const ENDED_SESSIONS: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.ended_sessions (
    bucket int, session_id uuid, expires_at timestamp,
    PRIMARY KEY ((bucket), session_id)
) WITH gc_grace_seconds = 10800";

const REACHED: &str = "CREATE TABLE IF NOT EXISTS KEYSPACE.reached (
    log_partition int PRIMARY KEY, behind bigint
)";

/// Copies of each row in a datacenter of so many nodes.
pub fn replicas(nodes: usize) -> usize {
    nodes.clamp(1, REPLICAS_MAX)
}

/// The statement that makes a keyspace in a datacenter of so many nodes. One that is there already
/// keeps the replication that its operator gave it.
pub fn create_keyspace(keyspace: &str, datacenter: &str, nodes: usize) -> String {
    let replicas = replicas(nodes);
    let datacenter = datacenter.replace('\'', "''");
    format!(
        "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = \
         {{'class': 'NetworkTopologyStrategy', '{datacenter}': {replicas}}}",
        quoted(keyspace)
    )
}

/// A statement about `KEYSPACE.` as one about a keyspace. A session's default keyspace would do for most,
/// but servers warn of it: what was prepared under one name may be prepared again under another.
pub fn in_keyspace(statement: &str, keyspace: &str) -> String {
    statement.replace("KEYSPACE.", &format!("{}.", quoted(keyspace)))
}

/// A name as CQL takes it with its capitals.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The bucket of a chat that an event lies in.
pub fn bucket(seq: Seq) -> i32 {
    i32::try_from(seq.0 >> BUCKET_BITS).unwrap_or(i32::MAX)
}

/// The oldest seq that belongs into a bucket.
pub fn first_of_bucket(bucket: i32) -> Seq {
    Seq(u64::try_from(bucket).unwrap_or_default() << BUCKET_BITS)
}

/// Whether an event is the last that its bucket has room for.
pub const fn is_last_of_bucket(seq: Seq) -> bool {
    (seq.0 + 1).is_multiple_of(1 << BUCKET_BITS)
}

/// The bucket that a username, or a key, lies in.
pub fn name_bucket(username: &str) -> i32 {
    i32::try_from(xxh3_64(username.as_bytes()) % NAME_BUCKETS).unwrap_or_default()
}

/// All buckets of usernames.
pub fn name_buckets() -> impl Iterator<Item = i32> {
    (0..NAME_BUCKETS).filter_map(|bucket| i32::try_from(bucket).ok())
}

/// The bucket that an ended session lies in. Its id is random, but for its time in front.
pub fn ended_session_bucket(session_id: SessionId) -> i32 {
    let [.., last] = *session_id.as_bytes();
    i32::from(last % ENDED_SESSION_BUCKETS)
}

/// The first text behind all that begin with a prefix; none where nothing is behind them.
pub fn behind_prefix(prefix: &str) -> Option<String> {
    let mut kept = prefix.to_owned();
    while let Some(last) = kept.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            kept.push(next);
            return Some(kept);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_are_dense_and_end_where_the_next_begins() {
        let last = (1 << BUCKET_BITS) - 1;
        assert_eq!((bucket(Seq(1)), bucket(Seq(last))), (0, 0));
        assert!(is_last_of_bucket(Seq(last)) && !is_last_of_bucket(Seq(last - 1)));
        assert_eq!(bucket(Seq(last + 1)), 1);
        assert_eq!(
            (first_of_bucket(0), first_of_bucket(1)),
            (Seq(0), Seq(last + 1))
        );
        assert!(!is_last_of_bucket(Seq(last + 1)));
        assert_eq!(bucket(Seq(u64::MAX)), i32::MAX);
    }

    #[test]
    fn migrations_follow_one_another_and_may_be_repeated() {
        assert!(MIGRATIONS.is_sorted_by(|one, next| one.version < next.version));
        assert_eq!(MIGRATIONS[0].version, FIRST_VERSION);
        // A format of records alone needs no table.
        assert!(MIGRATIONS[MIGRATIONS.len() - 1].version <= SCHEMA_VERSION);
        for migration in MIGRATIONS {
            let last = format!("TABLE IF NOT EXISTS KEYSPACE.{} (", migration.table);
            assert!(
                migration
                    .statements
                    .last()
                    .is_some_and(|it| it.contains(&last))
            );
            for statement in migration.statements {
                assert!(statement.contains("IF NOT EXISTS KEYSPACE."), "{statement}");
                let statement = in_keyspace(statement, "Chats");
                assert!(statement.contains("EXISTS \"Chats\"."), "{statement}");
            }
        }
    }

    /// What a keyspace has was made by these very texts: a change needs a migration of its own.
    #[test]
    fn migrations_that_were_run_somewhere_are_not_changed() {
        let texts = |migration: &Migration| xxh3_64(migration.statements.concat().as_bytes());
        let found: Vec<u64> = MIGRATIONS.iter().map(texts).collect();
        assert_eq!(
            found,
            [
                18_025_000_406_661_630_316,
                18_101_601_109_677_425_405,
                397_271_291_094_058_119
            ]
        );
        assert_eq!(xxh3_64(META_TABLE.as_bytes()), 10_245_121_176_673_621_715);
    }

    #[test]
    fn a_keyspace_has_as_many_replicas_as_there_are_nodes_up_to_three() {
        let replicas = |nodes| {
            let text = create_keyspace("Chats", "it's", nodes);
            assert!(text.contains("\"Chats\"") && text.contains("'NetworkTopologyStrategy'"));
            text.split("'it''s': ").nth(1).map(str::to_owned)
        };
        let expected = [(0, "1}"), (1, "1}"), (3, "3}"), (40, "3}")];
        for (nodes, text) in expected {
            assert_eq!(replicas(nodes).as_deref(), Some(text));
        }
    }

    proptest! {
        #[test]
        fn names_lie_in_one_of_the_buckets(name: String) {
            prop_assert!(name_buckets().any(|bucket| bucket == name_bucket(&name)));
        }

        #[test]
        fn what_begins_with_a_prefix_is_between_it_and_what_is_behind(
            prefix in "[a-b\u{d7fe}-\u{d7ff}\u{e000}\u{10fffe}-\u{10ffff}]{0,3}",
            name in "[a-b\u{d7fe}-\u{d7ff}\u{e000}\u{10fffe}-\u{10ffff}]{0,4}",
        ) {
            let is_between = name >= prefix && behind_prefix(&prefix).is_none_or(|end| name < end);
            prop_assert_eq!(name.starts_with(&prefix), is_between);
        }
    }
}

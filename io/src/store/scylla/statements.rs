//! Everything that is asked of the store once it has its tables, prepared.

use rookery_schema::cql::in_keyspace;
use scylla::client::session::Session;
use scylla::statement::prepared::PreparedStatement;

use super::failure::DriverError;

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident: $text:literal,)*) => {
        /// See the module. In each, values are bound in the order of the question marks.
        pub(super) struct Statements {
            $($(#[$doc])* pub(super) $name: PreparedStatement,)*
        }

        impl Statements {
            pub(super) async fn prepare(
                session: &Session,
                keyspace: &str,
            ) -> Result<Self, DriverError> {
                Ok(Self {
                    $($name: prepare(session, &in_keyspace($text, keyspace)).await?,)*
                })
            }
        }
    };
}

statements! {
    add_event: "INSERT INTO KEYSPACE.messages (chat_id, bucket, seq, event) VALUES (?, ?, ?, ?) \
        USING TIMESTAMP ?",
    add_amendment: "INSERT INTO KEYSPACE.amendments (chat_id, bucket, target, slot, amendment) \
        VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
    add_chat: "INSERT INTO KEYSPACE.chats (chat_id, name, created_at) VALUES (?, ?, ?) USING TIMESTAMP ?",
    add_member: "INSERT INTO KEYSPACE.members_by_chat (chat_id, user_id, added_seq, position) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
    mark_removed: "UPDATE KEYSPACE.members_by_chat USING TIMESTAMP ? SET removed_seq = ? \
        WHERE chat_id = ? AND user_id = ?",
    forget_member: "DELETE FROM KEYSPACE.members_by_chat USING TIMESTAMP ? WHERE chat_id = ? AND user_id = ?",
    add_former_member: "INSERT INTO KEYSPACE.former_members (chat_id, user_id, added_seq, removed_seq) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
    add_former_chat: "INSERT INTO KEYSPACE.former_chats (user_id, chat_id) VALUES (?, ?) USING TIMESTAMP ?",
    set_role: "INSERT INTO KEYSPACE.roles (chat_id, user_id, role) VALUES (?, ?, ?) USING TIMESTAMP ?",
    set_settings: "INSERT INTO KEYSPACE.chat_settings (chat_id, settings) VALUES (?, ?) USING TIMESTAMP ?",
    add_deleted_chat: "INSERT INTO KEYSPACE.deleted_chats (chat_id, deletion) VALUES (?, ?)",
    remove_chat: "DELETE FROM KEYSPACE.chats WHERE chat_id = ?",
    add_purge: "INSERT INTO KEYSPACE.purges (log_partition, chat_id, seq) VALUES (?, ?, ?) USING TIMESTAMP ?",
    remove_purge: "DELETE FROM KEYSPACE.purges USING TIMESTAMP ? WHERE log_partition = ? AND chat_id = ?",
    remove_events: "DELETE FROM KEYSPACE.messages WHERE chat_id = ? AND bucket = ?",
    remove_amendments: "DELETE FROM KEYSPACE.amendments WHERE chat_id = ? AND bucket = ?",
    remove_settings: "DELETE FROM KEYSPACE.chat_settings WHERE chat_id = ?",
    remove_roles: "DELETE FROM KEYSPACE.roles WHERE chat_id = ?",
    add_erasure: "INSERT INTO KEYSPACE.erasures (log_partition, user_id, deleted_at) VALUES (?, ?, ?) USING TIMESTAMP 1",
    remove_erasure: "DELETE FROM KEYSPACE.erasures USING TIMESTAMP 2 WHERE log_partition = ? AND user_id = ?",
    add_erased_sender: "INSERT INTO KEYSPACE.erased_senders (chat_id, user_id, seq, erased_at) VALUES (?, ?, ?, ?) \
        USING TIMESTAMP ?",
    remove_erased_senders: "DELETE FROM KEYSPACE.erased_senders WHERE chat_id = ?",
    add_rewrite: "INSERT INTO KEYSPACE.rewrites (log_partition, chat_id, user_id, seq, through) VALUES (?, ?, ?, ?, ?) \
        USING TIMESTAMP ?",
    remove_rewrite: "DELETE FROM KEYSPACE.rewrites USING TIMESTAMP ? \
        WHERE log_partition = ? AND chat_id = ? AND user_id = ?",
    remove_rewrites: "DELETE FROM KEYSPACE.rewrites WHERE log_partition = ? AND chat_id = ?",
    add_block: "INSERT INTO KEYSPACE.blocks_by_user (user_id, blocked_id, created_at) VALUES (?, ?, ?) \
        USING TIMESTAMP ?",
    remove_block: "DELETE FROM KEYSPACE.blocks_by_user USING TIMESTAMP ? WHERE user_id = ? AND blocked_id = ?",
    add_chat_of_user: "INSERT INTO KEYSPACE.chats_by_user (user_id, chat_id) VALUES (?, ?) USING TIMESTAMP ?",
    remove_chat_of_user: "DELETE FROM KEYSPACE.chats_by_user USING TIMESTAMP ? \
        WHERE user_id = ? AND chat_id = ?",
    add_mark: "INSERT INTO KEYSPACE.marks_by_user (user_id, chat_id, seq, messages) VALUES (?, ?, ?, ?) \
        USING TIMESTAMP ?",
    remove_mark: "DELETE FROM KEYSPACE.marks_by_user USING TIMESTAMP ? WHERE user_id = ? AND chat_id = ?",
    add_user: "INSERT INTO KEYSPACE.users (user_id, username, password_hash, created_at, updated_at) \
        VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
    add_user_name: "INSERT INTO KEYSPACE.users_by_name (bucket, username, user_id) VALUES (?, ?, ?)",
    add_name_by_key: "INSERT INTO KEYSPACE.names_by_key (bucket, key, username, user_id) VALUES (?, ?, ?, ?)",
    add_ended_session: "INSERT INTO KEYSPACE.ended_sessions (bucket, session_id, expires_at) \
        VALUES (?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    add_session: "INSERT INTO KEYSPACE.sessions_by_user (user_id, expires_at, session_id, session) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP 1 AND TTL ?",
    remove_session: "DELETE FROM KEYSPACE.sessions_by_user USING TIMESTAMP 2 \
        WHERE user_id = ? AND expires_at = ? AND session_id = ?",
    remove_sessions: "DELETE FROM KEYSPACE.sessions_by_user USING TIMESTAMP 2 \
        WHERE user_id = ? AND expires_at <= ?",
    set_profile: "INSERT INTO KEYSPACE.profiles (user_id, profile) VALUES (?, ?) USING TIMESTAMP ?",
    set_user_settings: "INSERT INTO KEYSPACE.user_settings (user_id, settings) VALUES (?, ?) USING TIMESTAMP ?",
    remove_profile: "DELETE FROM KEYSPACE.profiles WHERE user_id = ?",
    remove_user_settings: "DELETE FROM KEYSPACE.user_settings WHERE user_id = ?",
    set_schema_version: "INSERT INTO KEYSPACE.meta (key, value) VALUES ('schema_version', ?)",
    set_reached: "INSERT INTO KEYSPACE.reached (log_partition, behind) VALUES (?, ?) USING TIMESTAMP ?",

    chat: "SELECT name, created_at FROM KEYSPACE.chats WHERE chat_id = ?",
    settings: "SELECT settings FROM KEYSPACE.chat_settings WHERE chat_id = ?",
    roles: "SELECT user_id, role FROM KEYSPACE.roles WHERE chat_id = ?",
    members: "SELECT user_id, added_seq, position, removed_seq FROM KEYSPACE.members_by_chat WHERE chat_id = ?",
    member: "SELECT added_seq, removed_seq FROM KEYSPACE.members_by_chat WHERE chat_id = ? AND user_id = ?",
    former_member: "SELECT added_seq, removed_seq FROM KEYSPACE.former_members WHERE chat_id = ? AND user_id = ?",
    members_from: "SELECT user_id FROM KEYSPACE.members_by_chat WHERE chat_id = ? LIMIT ?",
    members_behind: "SELECT user_id FROM KEYSPACE.members_by_chat WHERE chat_id = ? AND user_id > ? LIMIT ?",
    deleted_chat: "SELECT deletion FROM KEYSPACE.deleted_chats WHERE chat_id = ?",
    erasures: "SELECT user_id, deleted_at FROM KEYSPACE.erasures WHERE log_partition = ? LIMIT ?",
    purges: "SELECT chat_id, seq FROM KEYSPACE.purges WHERE log_partition = ? LIMIT ?",
    erased_senders: "SELECT user_id, seq, erased_at FROM KEYSPACE.erased_senders WHERE chat_id = ?",
    purges_behind: "SELECT chat_id, seq FROM KEYSPACE.purges WHERE log_partition = ? AND chat_id > ? LIMIT ?",
    rewrites: "SELECT chat_id, user_id, seq, through FROM KEYSPACE.rewrites WHERE log_partition = ? LIMIT ?",
    rewrites_behind: "SELECT chat_id, user_id, seq, through FROM KEYSPACE.rewrites \
        WHERE log_partition = ? AND chat_id > ? LIMIT ?",
    blocks: "SELECT blocked_id, created_at FROM KEYSPACE.blocks_by_user WHERE user_id = ? LIMIT ?",
    block: "SELECT created_at FROM KEYSPACE.blocks_by_user WHERE user_id = ? AND blocked_id = ?",
    chats_of_user: "SELECT chat_id FROM KEYSPACE.chats_by_user WHERE user_id = ?",
    former_chats: "SELECT chat_id FROM KEYSPACE.former_chats WHERE user_id = ? LIMIT ?",
    former_chats_behind: "SELECT chat_id FROM KEYSPACE.former_chats WHERE user_id = ? AND chat_id > ? LIMIT ?",
    mark: "SELECT chat_id, seq, messages FROM KEYSPACE.marks_by_user WHERE user_id = ? AND chat_id = ?",
    marks_of_user: "SELECT chat_id, seq, messages FROM KEYSPACE.marks_by_user WHERE user_id = ?",
    user: "SELECT username, password_hash, created_at, updated_at FROM KEYSPACE.users WHERE user_id = ?",
    user_of_name: "SELECT user_id FROM KEYSPACE.users_by_name WHERE bucket = ? AND username = ?",
    names_from: "SELECT username, user_id FROM KEYSPACE.users_by_name \
        WHERE bucket = ? AND username >= ? LIMIT ?",
    names_between: "SELECT username, user_id FROM KEYSPACE.users_by_name \
        WHERE bucket = ? AND username >= ? AND username < ? LIMIT ?",
    names_of_key: "SELECT username, user_id FROM KEYSPACE.names_by_key WHERE bucket = ? AND key = ?",
    names_by_key_from: "SELECT key, username, user_id FROM KEYSPACE.names_by_key \
        WHERE bucket = ? AND (key, username) >= (?, ?) LIMIT ?",
    names_by_key_between: "SELECT key, username, user_id FROM KEYSPACE.names_by_key \
        WHERE bucket = ? AND (key, username) >= (?, ?) AND (key) < (?) LIMIT ?",
    ended_sessions: "SELECT session_id, expires_at FROM KEYSPACE.ended_sessions WHERE bucket = ?",
    sessions_of_user: "SELECT expires_at, session_id, session FROM KEYSPACE.sessions_by_user \
        WHERE user_id = ? LIMIT ?",
    profile: "SELECT profile FROM KEYSPACE.profiles WHERE user_id = ?",
    user_settings: "SELECT settings FROM KEYSPACE.user_settings WHERE user_id = ?",
    written_event: "SELECT event, WRITETIME(event) FROM KEYSPACE.messages \
        WHERE chat_id = ? AND bucket = ? AND seq = ?",
    newest_seq: "SELECT seq FROM KEYSPACE.messages WHERE chat_id = ? AND bucket = ? LIMIT 1",
    events_before: "SELECT seq, event FROM KEYSPACE.messages \
        WHERE chat_id = ? AND bucket = ? AND seq < ? LIMIT ?",
    events_after: "SELECT seq, event FROM KEYSPACE.messages \
        WHERE chat_id = ? AND bucket = ? AND seq > ? ORDER BY seq ASC LIMIT ?",
    amendments: "SELECT target, slot, amendment FROM KEYSPACE.amendments \
        WHERE chat_id = ? AND bucket = ? AND target >= ? AND target <= ?",
}

async fn prepare(session: &Session, text: &str) -> Result<PreparedStatement, DriverError> {
    let mut statement = session.prepare(text).await?;
    statement.set_is_idempotent(true);
    Ok(statement)
}

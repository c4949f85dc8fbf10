//! Every bound that clients, log and store share, with its unit in its name.

/// Bytes of UTF-8 in a message's content.
pub const CONTENT_BYTES_MAX: usize = 4096;
/// Bytes of UTF-8 in a chat's name.
pub const CHAT_NAME_BYTES_MAX: usize = 128;
/// Bytes of UTF-8 in a chat's description.
pub const CHAT_DESCRIPTION_BYTES_MAX: usize = 1024;
/// Bytes of UTF-8 in a username.
pub const USERNAME_BYTES_MAX: usize = 64;
/// Bytes of UTF-8 in a client's own id of a message.
pub const CLIENT_ID_BYTES_MAX: usize = 64;
/// Bytes of UTF-8 in an emoji that somebody reacts with.
pub const EMOJI_BYTES_MAX: usize = 32;
/// Different emoji with which users react to one message.
pub const MESSAGE_EMOJI_MAX: usize = 20;
/// Reactions of one user to one message. Those that they took back count: each takes a row.
pub const USER_REACTIONS_MAX: usize = 10;
/// Reactions of all users to one message, counted like that, so that a message with all of them fits a page.
pub const MESSAGE_REACTIONS_MAX: usize = 1000;
/// Users whom one user may have blocked.
pub const BLOCKS_PER_USER_MAX: usize = 1000;
/// Unicode scalar values in a new password (NIST SP 800-63B, section 5.1.1.2).
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Bytes of UTF-8 in a password, below what would make hashing it a burden.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Milliseconds that a login lasts.
pub const SESSION_MILLIS: u64 = 14 * 24 * 3600 * 1000;
/// Bytes of UTF-8 in the name of a client that logs in.
pub const SESSION_NAME_BYTES_MAX: usize = 64;
/// Sessions of a user that are listed, the newest of them.
pub const SESSIONS_LISTED_MAX: usize = 100;
/// Unicode scalar values in a display name.
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;
/// Bytes of UTF-8 in a display name.
pub const DISPLAY_NAME_BYTES_MAX: usize = 128;
/// Bytes of JSON that a user's settings are.
pub const USER_SETTINGS_BYTES_MAX: usize = 4096;
/// Milliseconds of which the expiry in a token is a multiple.
pub const TOKEN_MILLIS: u64 = 1000;
/// Bytes of a password hash in PHC string form.
pub const PASSWORD_HASH_BYTES_MAX: usize = 256;
/// Members of one chat.
pub const CHAT_MEMBERS_MAX: usize = 100_000;
/// Bytes of JSON in one page of a list, unless its first entry alone has more.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// Chats, or members, in one page.
pub const PAGE_ENTRIES_MAX: usize = 1000;
/// Chats, or members, in a page without `limit`.
pub const PAGE_ENTRIES_DEFAULT: usize = 100;
/// Members that are shown with their chat; the others are in the pages of its members.
pub const MEMBERS_SHOWN_MAX: usize = 100;
/// Messages in one page of history.
pub const PAGE_MESSAGES_MAX: usize = 100;
/// Messages in a page of history without `limit`.
pub const PAGE_MESSAGES_DEFAULT: usize = 50;
/// Users in one page of a search by prefix.
pub const USERS_FOUND_MAX: usize = 100;
/// Milliseconds from the deletion of an account until somebody else may have its name: 30 days.
pub const NAME_KEPT_MILLIS: u64 = 30 * 24 * 3600 * 1000;
/// User ids in one request for users.
pub const USER_IDS_MAX: usize = 100;
/// Partitions of a log.
pub const PARTITIONS_MAX: u32 = 4096;
/// Shards of a process.
pub const SHARDS_MAX: u16 = 256;

/// Records of a partition, back from any one of them, in which a repeated client id is recognised.
/// The log keeps at least as many, so that a restart rebuilds the window from it.
pub const DEDUP_WINDOW_RECORDS: u64 = 1 << 21;

/// Bytes of a log record: the largest is a chat's creation with all its members.
pub const RECORD_BYTES_MAX: usize = 64 + CHAT_NAME_BYTES_MAX + CHAT_MEMBERS_MAX * 16;

const _: () = assert!(RECORD_BYTES_MAX > CONTENT_BYTES_MAX + CLIENT_ID_BYTES_MAX + 128);
const _: () = assert!(PAGE_MESSAGES_DEFAULT <= PAGE_MESSAGES_MAX);
const _: () = assert!(PAGE_ENTRIES_DEFAULT <= PAGE_ENTRIES_MAX);

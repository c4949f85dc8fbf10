//! What is appended to the log: every durable change, of whatever kind, is one record.

use bytes::BufMut;

use crate::ids::{ChatId, MessageId, SessionId, UserId};
use crate::time::Timestamp;
use crate::wire::{Reader, put_text};

/// One durable change, borrowed from the bytes of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A member posted a message.
    MessagePosted(MessagePosted<'a>),
    /// A chat came to be, with its first members.
    ChatCreated(ChatCreated<'a>),
    /// A user became a member.
    MemberAdded(MembershipChange),
    /// A user is no longer a member.
    MemberRemoved(MembershipChange),
    /// A name was claimed.
    UserRegistered(UserRegistered<'a>),
    /// A session was ended before its token expired, or with it all of its user that expire no later.
    SessionEnded(SessionEnded),
    /// A user's password was set or taken away, and their sessions were ended.
    PasswordSet(PasswordSet<'a>),
}

/// See [`Record::MessagePosted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagePosted<'a> {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub sender_id: UserId,
    pub at: Timestamp,
    pub client_id: Option<&'a str>,
    pub content: &'a str,
}

/// See [`Record::ChatCreated`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatCreated<'a> {
    pub chat_id: ChatId,
    pub at: Timestamp,
    /// Absent where nobody called, as trust mode allows.
    pub creator_id: Option<UserId>,
    pub name: &'a str,
    pub members: MemberList<'a>,
}

/// See [`Record::MemberAdded`] and [`Record::MemberRemoved`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembershipChange {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// The member who asked for it.
    pub by: UserId,
    pub at: Timestamp,
}

/// See [`Record::UserRegistered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRegistered<'a> {
    pub user_id: UserId,
    pub at: Timestamp,
    /// As it is shown.
    pub username: &'a str,
    /// What the user is unique by, where that is not how they are shown; see [`crate::names`].
    pub key: Option<&'a str>,
    /// A PHC string; absent for a user of trust mode, who has no password.
    pub password_hash: Option<&'a str>,
}

/// See [`Record::SessionEnded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnded {
    pub session_id: SessionId,
    pub user_id: UserId,
    /// When the session's token expires by itself, and this can be forgotten.
    pub expires_at: Timestamp,
}

/// See [`Record::PasswordSet`]. It follows the user's registration in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordSet<'a> {
    pub user_id: UserId,
    /// Later than any change of the user before.
    pub at: Timestamp,
    /// All sessions of the user that expire by then are ended.
    pub sessions_until: Timestamp,
    /// What the user is unique by.
    pub username: &'a str,
    /// A PHC string; absent where the user can't log in any more.
    pub password_hash: Option<&'a str>,
}

/// User ids in order, 16 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberList<'a>(&'a [u8]);

impl<'a> MemberList<'a> {
    /// The list in these bytes; `None` where they are no multiple of 16.
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len().is_multiple_of(16) {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len() / 16
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = UserId> + use<'a> {
        self.0
            .as_chunks()
            .0
            .iter()
            .map(|bytes| UserId::from_bytes(*bytes))
    }
}

/// User ids in order, of which a [`MemberList`] can be borrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(Vec<[u8; 16]>);

impl Members {
    /// The list as records have it.
    pub fn as_list(&self) -> MemberList<'_> {
        MemberList(self.0.as_flattened())
    }
}

impl FromIterator<UserId> for Members {
    fn from_iter<I: IntoIterator<Item = UserId>>(ids: I) -> Self {
        Self(ids.into_iter().map(|id| *id.as_bytes()).collect())
    }
}

/// What the log is asked to carry is not a record of this version of Rookery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("the record is empty")]
    Empty,
    #[error("the record has kind {0}, which this version does not know; a newer one wrote it")]
    UnknownKind(u8),
    #[error("no version of Rookery wrote this record, which begins with byte {0}")]
    Foreign(u8),
    #[error("the record of kind {0} is cut short, too long or not valid")]
    Malformed(u8),
}

/// First byte of a record: its kind and layout. A changed layout takes a new number.
mod kind {
    pub(super) const MESSAGE_POSTED: u8 = 1;
    pub(super) const CHAT_CREATED: u8 = 2;
    pub(super) const MEMBER_ADDED: u8 = 3;
    pub(super) const MEMBER_REMOVED: u8 = 4;
    pub(super) const USER_REGISTERED: u8 = 5;
    pub(super) const SESSION_ENDED: u8 = 6;
    pub(super) const PASSWORD_SET: u8 = 7;
    /// As [`USER_REGISTERED`], by a key that is not the username.
    pub(super) const USER_REGISTERED_BY_KEY: u8 = 8;
}

/// The newest kind that this version knows.
pub(crate) const NEWEST_KIND: u8 = kind::USER_REGISTERED_BY_KEY;
/// Kinds of all versions to come stay below. Text and JSON begin above: whoever else wrote them, it was no
/// newer version.
pub(crate) const KINDS_MAX: u8 = 32;

/// Whether no version of Rookery writes such a record, and none will.
pub const fn is_foreign(record: &[u8]) -> bool {
    matches!(record.first(), None | Some(0 | KINDS_MAX..))
}

impl<'a> Record<'a> {
    /// The chat that it is about, where it is about one.
    pub const fn chat_id(&self) -> Option<ChatId> {
        match self {
            Self::MessagePosted(message) => Some(message.chat_id),
            Self::ChatCreated(created) => Some(created.chat_id),
            Self::MemberAdded(change) | Self::MemberRemoved(change) => Some(change.chat_id),
            Self::UserRegistered(_) | Self::SessionEnded(_) | Self::PasswordSet(_) => None,
        }
    }

    /// When it happened; a session's end does not tell.
    pub const fn at(&self) -> Option<Timestamp> {
        match self {
            Self::MessagePosted(message) => Some(message.at),
            Self::ChatCreated(created) => Some(created.at),
            Self::MemberAdded(change) | Self::MemberRemoved(change) => Some(change.at),
            Self::UserRegistered(user) => Some(user.at),
            Self::SessionEnded(_) => None,
            Self::PasswordSet(set) => Some(set.at),
        }
    }

    /// Appends this record's bytes.
    pub fn encode(&self, out: &mut impl BufMut) {
        match self {
            Self::MessagePosted(r) => {
                out.put_u8(kind::MESSAGE_POSTED);
                out.put_slice(r.chat_id.as_bytes());
                out.put_slice(r.message_id.as_bytes());
                out.put_slice(r.sender_id.as_bytes());
                out.put_u64_le(r.at.millis());
                put_text(out, r.client_id.unwrap_or_default());
                out.put_slice(r.content.as_bytes());
            }
            Self::ChatCreated(r) => {
                out.put_u8(kind::CHAT_CREATED);
                out.put_slice(r.chat_id.as_bytes());
                out.put_u64_le(r.at.millis());
                put_optional_id(out, r.creator_id);
                put_text(out, r.name);
                out.put_slice(r.members.0);
            }
            Self::MemberAdded(r) => r.encode(kind::MEMBER_ADDED, out),
            Self::MemberRemoved(r) => r.encode(kind::MEMBER_REMOVED, out),
            Self::UserRegistered(r) => {
                out.put_u8(match r.key {
                    None => kind::USER_REGISTERED,
                    Some(_) => kind::USER_REGISTERED_BY_KEY,
                });
                out.put_slice(r.user_id.as_bytes());
                out.put_u64_le(r.at.millis());
                put_text(out, r.username);
                put_text(out, r.password_hash.unwrap_or_default());
                if let Some(key) = r.key {
                    put_text(out, key);
                }
            }
            Self::SessionEnded(r) => {
                out.put_u8(kind::SESSION_ENDED);
                out.put_slice(r.session_id.as_bytes());
                out.put_slice(r.user_id.as_bytes());
                out.put_u64_le(r.expires_at.millis());
            }
            Self::PasswordSet(r) => {
                out.put_u8(kind::PASSWORD_SET);
                out.put_slice(r.user_id.as_bytes());
                out.put_u64_le(r.at.millis());
                out.put_u64_le(r.sessions_until.millis());
                put_text(out, r.username);
                put_text(out, r.password_hash.unwrap_or_default());
            }
        }
    }

    /// The record in these bytes, borrowing its texts from them.
    ///
    /// # Errors
    /// A [`RecordError`] where they are not exactly one record of a known kind.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u8().ok_or(RecordError::Empty)?;
        let decoded = match kind {
            kind::MESSAGE_POSTED => MessagePosted::decode(reader).map(Self::MessagePosted),
            kind::CHAT_CREATED => ChatCreated::decode(reader).map(Self::ChatCreated),
            kind::MEMBER_ADDED => MembershipChange::decode(reader).map(Self::MemberAdded),
            kind::MEMBER_REMOVED => MembershipChange::decode(reader).map(Self::MemberRemoved),
            kind::USER_REGISTERED => {
                UserRegistered::decode(reader, false).map(Self::UserRegistered)
            }
            kind::USER_REGISTERED_BY_KEY => {
                UserRegistered::decode(reader, true).map(Self::UserRegistered)
            }
            kind::SESSION_ENDED => SessionEnded::decode(reader).map(Self::SessionEnded),
            kind::PASSWORD_SET => PasswordSet::decode(reader).map(Self::PasswordSet),
            unknown @ 1..KINDS_MAX => return Err(RecordError::UnknownKind(unknown)),
            foreign => return Err(RecordError::Foreign(foreign)),
        };
        decoded.ok_or(RecordError::Malformed(kind))
    }
}

impl<'a> MessagePosted<'a> {
    fn decode(mut reader: Reader<'a>) -> Option<Self> {
        Some(Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            message_id: MessageId::from_bytes(reader.id()?),
            sender_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            client_id: non_empty(reader.text()?),
            content: std::str::from_utf8(reader.rest()).ok()?,
        })
    }
}

impl<'a> ChatCreated<'a> {
    fn decode(mut reader: Reader<'a>) -> Option<Self> {
        Some(Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            at: reader.time()?,
            creator_id: optional_id(&mut reader)?,
            name: reader.text()?,
            members: MemberList::new(reader.rest())?,
        })
    }
}

impl MembershipChange {
    fn encode(&self, kind: u8, out: &mut impl BufMut) {
        out.put_u8(kind);
        out.put_slice(self.chat_id.as_bytes());
        out.put_slice(self.user_id.as_bytes());
        out.put_slice(self.by.as_bytes());
        out.put_u64_le(self.at.millis());
    }

    fn decode(mut reader: Reader<'_>) -> Option<Self> {
        let change = Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            user_id: UserId::from_bytes(reader.id()?),
            by: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
        };
        reader.is_empty().then_some(change)
    }
}

impl<'a> UserRegistered<'a> {
    /// What the user is unique by.
    pub fn name(&self) -> &'a str {
        self.key.unwrap_or(self.username)
    }

    fn decode(mut reader: Reader<'a>, by_key: bool) -> Option<Self> {
        let user = Self {
            user_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            username: reader.text()?,
            password_hash: non_empty(reader.text()?),
            key: match by_key {
                true => Some(reader.text()?),
                false => None,
            },
        };
        reader.is_empty().then_some(user)
    }
}

/// Whether a record's bytes are those of a [`SessionEnded`] that ends earlier sessions too.
pub(crate) const fn is_up_to_logout(record: &[u8]) -> bool {
    match record.first_chunk::<17>() {
        Some([kind::SESSION_ENDED, session_id @ ..]) => {
            SessionId::from_bytes(*session_id).is_up_to_logout()
        }
        Some(_) | None => false,
    }
}

impl SessionEnded {
    /// Whether earlier sessions of the user end with it.
    pub fn ends_earlier(&self) -> bool {
        self.session_id == SessionId::up_to_logout_of(self.user_id)
    }

    fn decode(mut reader: Reader<'_>) -> Option<Self> {
        let ended = Self {
            session_id: SessionId::from_bytes(reader.id()?),
            user_id: UserId::from_bytes(reader.id()?),
            expires_at: reader.time()?,
        };
        reader.is_empty().then_some(ended)
    }
}

impl<'a> PasswordSet<'a> {
    fn decode(mut reader: Reader<'a>) -> Option<Self> {
        let set = Self {
            user_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            sessions_until: reader.time()?,
            username: reader.text()?,
            password_hash: non_empty(reader.text()?),
        };
        reader.is_empty().then_some(set)
    }
}

const fn non_empty(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}

fn put_optional_id(out: &mut impl BufMut, id: Option<UserId>) {
    out.put_u8(u8::from(id.is_some()));
    if let Some(id) = id {
        out.put_slice(id.as_bytes());
    }
}

fn optional_id(reader: &mut Reader<'_>) -> Option<Option<UserId>> {
    match reader.u8()? {
        0 => Some(None),
        1 => Some(Some(UserId::from_bytes(reader.id()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id() -> impl Strategy<Value = [u8; 16]> {
        any::<[u8; 16]>()
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        any::<u64>().prop_map(Timestamp::from_millis)
    }

    fn round_trip(record: Record<'_>) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        assert_eq!(Record::decode(&bytes), Ok(record));
        assert!(
            Record::decode(&bytes[..bytes.len().min(12)]).is_err(),
            "a cut record is refused"
        );
    }

    proptest! {
        #[test]
        fn messages_round_trip(
            (chat, message, sender, at) in (id(), id(), id(), time()),
            client_id in proptest::option::of("[a-z]{1,64}"),
            content in ".{0,200}",
        ) {
            round_trip(Record::MessagePosted(MessagePosted {
                chat_id: ChatId::from_bytes(chat),
                message_id: MessageId::from_bytes(message),
                sender_id: UserId::from_bytes(sender),
                at,
                client_id: client_id.as_deref(),
                content: &content,
            }));
        }

        #[test]
        fn chats_and_members_round_trip(
            (chat, user, by, at) in (id(), id(), id(), time()),
            creator in proptest::option::of(id()),
            name in ".{1,40}",
            members in proptest::collection::vec(id(), 0..20),
        ) {
            round_trip(Record::ChatCreated(ChatCreated {
                chat_id: ChatId::from_bytes(chat),
                at,
                creator_id: creator.map(UserId::from_bytes),
                name: &name,
                members: MemberList::new(members.as_flattened()).expect("whole ids"),
            }));
            let change = MembershipChange {
                chat_id: ChatId::from_bytes(chat),
                user_id: UserId::from_bytes(user),
                by: UserId::from_bytes(by),
                at,
            };
            round_trip(Record::MemberAdded(change));
            round_trip(Record::MemberRemoved(change));
        }

        #[test]
        fn users_and_sessions_round_trip(
            (user, session, at) in (id(), id(), time()),
            username in "[^\u{0}]{1,16}",
            key in proptest::option::of("[a-z]{1,16}"),
            password_hash in proptest::option::of("[$a-z0-9]{1,90}"),
        ) {
            round_trip(Record::UserRegistered(UserRegistered {
                user_id: UserId::from_bytes(user),
                at,
                username: &username,
                key: key.as_deref(),
                password_hash: password_hash.as_deref(),
            }));
            round_trip(Record::PasswordSet(PasswordSet {
                user_id: UserId::from_bytes(user),
                at,
                sessions_until: at,
                username: &username,
                password_hash: password_hash.as_deref(),
            }));
            round_trip(Record::SessionEnded(SessionEnded {
                session_id: SessionId::from_bytes(session),
                user_id: UserId::from_bytes(user),
                expires_at: at,
            }));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::decode(&bytes);
        }
    }

    /// RFC 3339 can't write it, so that what is shown would not be what is there.
    #[test]
    fn a_time_that_no_version_writes_is_refused() {
        let mut bytes = Vec::new();
        let ended = SessionEnded {
            session_id: SessionId::from_bytes([1; 16]),
            user_id: UserId::from_bytes([2; 16]),
            expires_at: Timestamp::from_millis(u64::MAX),
        };
        Record::SessionEnded(ended).encode(&mut bytes);
        assert_eq!(Record::decode(&bytes), Ok(Record::SessionEnded(ended)));
        let time = bytes.len() - 8;
        let later = ended.expires_at.millis() + 1;
        bytes[time..].copy_from_slice(&later.to_le_bytes());
        assert_eq!(Record::decode(&bytes), Err(RecordError::Malformed(6)));
    }

    #[test]
    fn unknown_kinds_are_named_and_told_from_what_no_version_writes() {
        for unknown in [NEWEST_KIND + 1, KINDS_MAX - 1] {
            let decoded = Record::decode(std::slice::from_ref(&unknown)).err();
            assert_eq!(decoded, Some(RecordError::UnknownKind(unknown)));
        }
        for text in ["{}", " ", "é", "\0"] {
            let decoded = Record::decode(text.as_bytes());
            assert_eq!(decoded, Err(RecordError::Foreign(text.as_bytes()[0])));
        }
        assert_eq!(Record::decode(&[]), Err(RecordError::Empty));
    }
}

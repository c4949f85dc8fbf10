//! The rows of the store. Which tables and keys they become is up to each store.

mod deletion;
mod own;
mod place;

use bytes::{Buf as _, BufMut as _, Bytes};

use crate::event::EventKind;
use crate::ids::{ChatId, Offset, PartitionId, Seq, SessionId, UserId};
use crate::limits::NAME_KEPT_MILLIS;
use crate::record::{Change, MessageAmended};
use crate::roles::{History, Role, Settings};
pub use crate::row::deletion::{
    DeletedChatRow, ErasedRow, ErasureRow, PurgeRow, PurgeStep, RewriteRow,
};
pub use crate::row::own::{ProfileRow, SessionRow, UserSettingsRow};
pub use crate::row::place::{Head, Mark};
use crate::time::Timestamp;

/// One idempotent upsert (or removal): writing it twice leaves what writing it once does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A numbered event, to be found by chat and seq; messages apart from all others.
    Event(EventRow),
    /// The event of this chat and seq says from now on what this record says; what it said is overwritten. Whichever of
    /// the two rows is written last, this one stands. Of two of one event either may. Where the event is stored, its
    /// place in the log stays what it was.
    Redacted(EventRow),
    /// Changes how a message is shown, to be found by chat and by the message's seq.
    Amendment(AmendmentRow),
    /// A chat, without its members.
    Chat(ChatRow),
    /// A user is a member of a chat: to be found from either side.
    Member(MemberRow),
    /// A user is no longer a member of a chat, since the event with this seq. That this one was the last is remembered,
    /// also when they become a member again.
    NotMember {
        chat_id: ChatId,
        user_id: UserId,
        /// Of the event that had made them one. Of a deleted chat, nothing is shown from there on: the same as the next.
        added_seq: Seq,
        removed_seq: Seq,
    },
    /// A user has this role in a chat. They may be no member, and then have it until they are one again.
    Role(RoleRow),
    /// A chat has these settings.
    Settings(SettingsRow),
    /// A chat was deleted: there is nothing else of it from now on, and [`Row::Purged`] is to come.
    ChatDeleted(DeletedChatRow),
    /// A part of what the store has of a chat that was deleted is gone.
    Purged(PurgeRow),
    /// A user has blocked another one, or does so no more: to be found by the one who did.
    Block(BlockRow),
    /// Up to where a user has read a chat, to be found by user. Of two of one user and chat that with the higher seq stands,
    /// whichever was written last.
    Mark(MarkRow),
    /// A user, to be found by id and by name.
    User(UserRow),
    /// A session that was ended before its token expired.
    EndedSession {
        session_id: SessionId,
        expires_at: Timestamp,
    },
    /// A session of a user, for their list of them: the latest that expire are read first.
    Session(SessionRow),
    /// A session is not in its user's list any more, for good.
    NoSession {
        user_id: UserId,
        session_id: SessionId,
        expires_at: Timestamp,
    },
    /// No session of a user that expires by then is in their list any more, for good.
    NoSessions { user_id: UserId, until: Timestamp },
    /// What a user says of themselves.
    Profile(ProfileRow),
    /// What a user has set for themselves.
    UserSettings(UserSettingsRow),
    /// What a user said of themselves and had set for themselves is gone, for good.
    OwnGone { user_id: UserId },
    /// A user who was deleted is still in chats, or is not any more.
    Erasure(ErasureRow),
    /// All that a user said in a chat is gone: to be found with the chat, and [`Row::Rewritten`] is to come.
    Erased(ErasedRow),
    /// Up to some event, a chat has nothing in the store that such a user said.
    Rewritten(RewriteRow),
    /// Nothing to store but how far the store has come: rows of a log partition's records below this
    /// offset are in it, but for those whose chat or name is still being read.
    Reached {
        partition: PartitionId,
        behind: Offset,
    },
}

impl Row {
    /// Its place among rows of one group: by the seq that it comes with; the event itself last. A redaction comes with the
    /// `event` in front of it.
    pub const fn order(&self, event: Seq) -> (Seq, bool) {
        match self {
            Self::Event(row) => (row.head.seq, true),
            Self::Redacted(_) => (event, false),
            Self::Amendment(row) => (row.seq, false),
            Self::Member(row) => (row.added_seq, false),
            Self::NotMember { removed_seq, .. } => (*removed_seq, false),
            Self::Role(row) => (row.seq, false),
            Self::Settings(row) => (row.seq, false),
            Self::ChatDeleted(row) => (row.head.seq, true),
            Self::Purged(row) => (row.seq, true),
            Self::Erased(row) => (row.seq, false),
            Self::Rewritten(row) => (row.seq, true),
            // It is numbered by no event, and may be seen ahead of those in front of it.
            Self::Block(_)
            | Self::Chat(_)
            | Self::Mark(_)
            | Self::User(_)
            | Self::EndedSession { .. }
            | Self::Session(_)
            | Self::NoSession { .. }
            | Self::NoSessions { .. }
            | Self::OwnGone { .. }
            | Self::Erasure(_)
            | Self::Profile(_)
            | Self::UserSettings(_)
            | Self::Reached { .. } => (Seq(0), false),
        }
    }
}

/// See [`Row::Event`]. What is written for a chat and seq is always the same, but for [`Row::Redacted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub chat_id: ChatId,
    pub head: Head,
    /// The log record that the event was, whole.
    pub record: Bytes,
    pub kind: EventKind,
}

/// See [`Row::Amendment`]. Laid over the message when it is read.
///
/// A message has a slot for each thing that can change about it. Of two amendments in one slot, the one
/// with the higher seq stands, whichever was written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmendmentRow {
    pub chat_id: ChatId,
    /// The message's own seq.
    pub target: Seq,
    /// Of the event that amends it.
    pub seq: Seq,
    /// Who asked for it.
    pub by: UserId,
    pub at: Timestamp,
    pub change: Amendment,
}

/// What changes about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// It has another content.
    Edited { content: String },
    /// It is gone, for good: later edits and reactions change nothing.
    Deleted,
    /// Whoever asked for it has added or taken back a reaction.
    Reaction { emoji: String, added: bool },
}

/// First byte of a slot, which says what it is for.
mod slot {
    pub(super) const CONTENT: u8 = 1;
    pub(super) const DELETED: u8 = 2;
    /// Followed by the user's id and the emoji.
    pub(super) const REACTION: u8 = 3;
}

const ID_BYTES: usize = 16;

impl AmendmentRow {
    /// The row of a record that became the event with this seq.
    pub fn of(amended: &MessageAmended<'_>, seq: Seq) -> Self {
        Self {
            chat_id: amended.chat_id,
            target: amended.target.seq,
            seq,
            by: amended.by,
            at: amended.at,
            change: match amended.change {
                Change::Edited { content, .. } => Amendment::Edited {
                    content: content.to_owned(),
                },
                Change::Deleted { .. } => Amendment::Deleted,
                Change::Reaction { emoji, added } => Amendment::Reaction {
                    emoji: emoji.to_owned(),
                    added,
                },
            },
        }
    }

    /// The slot of its message that it belongs in, as bytes to store it under.
    pub fn slot(&self) -> Vec<u8> {
        match &self.change {
            Amendment::Edited { .. } => vec![slot::CONTENT],
            Amendment::Deleted => vec![slot::DELETED],
            Amendment::Reaction { emoji, .. } => {
                [&[slot::REACTION], &self.by.as_bytes()[..], emoji.as_bytes()].concat()
            }
        }
    }

    /// All that its chat, its target and its slot don't tell, as bytes to store.
    pub fn value(&self) -> Vec<u8> {
        let mut value = Vec::new();
        value.put_u64_le(self.seq.0);
        value.put_u64_le(self.at.millis());
        value.put_slice(self.by.as_bytes());
        match &self.change {
            Amendment::Edited { content } => value.put_slice(content.as_bytes()),
            Amendment::Deleted => {}
            Amendment::Reaction { added, .. } => value.put_u8(u8::from(*added)),
        }
        value
    }

    /// The seq in a stored value; `None` where that is none.
    pub fn seq_of(mut value: &[u8]) -> Option<Seq> {
        value.try_get_u64_le().ok().map(Seq)
    }

    /// The amendment that was stored in a slot of a message; `None` where this is none.
    pub fn stored(chat_id: ChatId, target: Seq, slot: &[u8], mut value: &[u8]) -> Option<Self> {
        let seq = Seq(value.try_get_u64_le().ok()?);
        let at = Timestamp::recorded(value.try_get_u64_le().ok()?)?;
        let (by, rest) = value.split_first_chunk::<ID_BYTES>()?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let change = match slot.split_first()? {
            (&slot::CONTENT, []) => Amendment::Edited {
                content: text(rest)?,
            },
            (&slot::DELETED, []) if rest.is_empty() => Amendment::Deleted,
            (&slot::REACTION, key) => Amendment::Reaction {
                emoji: text(key.strip_prefix(by)?)?,
                added: match rest {
                    [0] => false,
                    [1] => true,
                    _ => return None,
                },
            },
            _ => return None,
        };
        Some(Self {
            chat_id,
            target,
            seq,
            by: UserId::from_bytes(*by),
            at,
            change,
        })
    }
}

/// See [`Row::Chat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRow {
    pub chat_id: ChatId,
    pub name: String,
    pub created_at: Timestamp,
}

/// See [`Row::Member`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberRow {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// Members are listed by the seq of the event that added them, then by this.
    pub position: u32,
    pub added_seq: Seq,
}

/// See [`Row::Role`]. Of two rows of one user in a chat the one with the higher seq stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleRow {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// Of the event that tells it, or brings it about.
    pub seq: Seq,
    pub role: Role,
    /// The role before that event; none where no role was set in the chat before.
    pub was: Option<Role>,
}

/// Stands for no role in a stored value.
const NO_ROLE: u8 = u8::MAX;

impl RoleRow {
    /// The role as of an event, and since when they have it as far as that is known: the row may be in the store before its
    /// event is.
    pub fn as_of(&self, head: Seq) -> Option<(Role, Seq)> {
        match self.seq <= head {
            true => Some((self.role, self.seq)),
            false => self.was.map(|role| (role, Seq(0))),
        }
    }

    /// All that its chat and user don't tell, as bytes to store.
    pub fn value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(10);
        value.put_u64_le(self.seq.0);
        value.put_u8(self.role.as_byte());
        value.put_u8(self.was.map_or(NO_ROLE, Role::as_byte));
        value
    }

    /// The role that was stored for a user; `None` where no version writes such a value.
    pub fn stored(chat_id: ChatId, user_id: UserId, mut value: &[u8]) -> Option<Self> {
        Some(Self {
            chat_id,
            user_id,
            seq: Seq(value.try_get_u64_le().ok()?),
            role: Role::of_byte(value.try_get_u8().ok()?)?,
            was: match value {
                [NO_ROLE] => None,
                [byte] => Some(Role::of_byte(*byte)?),
                _ => return None,
            },
        })
    }
}

/// See [`Row::Settings`]. Of two rows of one chat the one with the higher seq stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsRow {
    pub chat_id: ChatId,
    /// Of the event that changed them last.
    pub seq: Seq,
    pub settings: Settings,
}

impl SettingsRow {
    /// All that its chat does not tell, as bytes to store.
    pub fn value(&self) -> Vec<u8> {
        let Settings {
            name,
            description,
            members_may_add,
            history,
        } = &self.settings;
        let mut value = Vec::with_capacity(12 + name.len() + description.len());
        value.put_u64_le(self.seq.0);
        value.put_u8(u8::from(*members_may_add));
        value.put_u8(history.as_byte());
        value.put_u16_le(name.len() as u16);
        value.put_slice(name.as_bytes());
        value.put_slice(description.as_bytes());
        value
    }

    /// The settings that were stored of a chat; `None` where no version writes such a value.
    pub fn stored(chat_id: ChatId, mut value: &[u8]) -> Option<Self> {
        let seq = Seq(value.try_get_u64_le().ok()?);
        let members_may_add = match value.try_get_u8().ok()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let history = History::of_byte(value.try_get_u8().ok()?)?;
        let name_bytes = value.try_get_u16_le().ok()?;
        let (name, description) = value.split_at_checked(usize::from(name_bytes))?;
        let text = |bytes| std::str::from_utf8(bytes).ok().map(Box::from);
        Some(Self {
            chat_id,
            seq,
            settings: Settings {
                name: text(name)?,
                description: text(description)?,
                members_may_add,
                history,
            },
        })
    }
}

/// See [`Row::Block`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// Who has blocked the other.
    pub user_id: UserId,
    pub blocked_id: UserId,
    /// The direct chat of the two.
    pub chat_id: ChatId,
    pub is_blocked: bool,
    pub at: Timestamp,
    /// Of its record in the chat's log partition: of two rows of the same users that with the higher one stands.
    pub offset: Offset,
}

/// See [`Row::Mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkRow {
    pub user_id: UserId,
    pub chat_id: ChatId,
    pub mark: Mark,
}

/// See [`Row::User`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    pub user_id: UserId,
    /// As it is shown.
    pub username: String,
    /// What the user is unique by, where that is not how they are shown; see [`crate::names`].
    pub key: Option<String>,
    /// A PHC string; absent for a user of trust mode, and for one who was deleted.
    pub password_hash: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Since they were updated last: there is no such user any more. The row stays, by which their name stays taken.
    pub is_deleted: bool,
}

impl UserRow {
    /// What the user is unique by.
    pub fn name(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.username)
    }

    /// Whether nobody else may have their name at a time.
    pub fn holds_name_at(&self, at: Timestamp) -> bool {
        !self.is_deleted || at.millis() < self.updated_at.millis() + NAME_KEPT_MILLIS
    }

    /// Whether they are who is meant by a name with their key, as far as that can be said of them alone: of users from
    /// before keys others may have it too.
    pub fn is_called(&self, typed: &str) -> bool {
        self.key.is_some() || self.username == typed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change() -> impl Strategy<Value = Amendment> {
        prop_oneof![
            ".{0,60}".prop_map(|content| Amendment::Edited { content }),
            Just(Amendment::Deleted),
            (".{0,9}", any::<bool>())
                .prop_map(|(emoji, added)| Amendment::Reaction { emoji, added }),
        ]
    }

    proptest! {
        #[test]
        fn amendments_round_trip(
            (chat, by) in any::<([u8; 16], [u8; 16])>(),
            (target, seq, at) in any::<(u64, u64, u64)>(),
            change in change(),
        ) {
            let row = AmendmentRow {
                chat_id: ChatId::from_bytes(chat),
                target: Seq(target),
                seq: Seq(seq),
                by: UserId::from_bytes(by),
                at: Timestamp::from_millis(at),
                change,
            };
            let (slot, value) = (row.slot(), row.value());
            prop_assert_eq!(AmendmentRow::seq_of(&value), Some(row.seq));
            let stored = AmendmentRow::stored(row.chat_id, row.target, &slot, &value);
            prop_assert_eq!(stored, Some(row));
        }

        #[test]
        fn an_amendment_of_a_time_that_no_version_writes_is_refused(change in change()) {
            let row = AmendmentRow {
                chat_id: ChatId::from_bytes([1; 16]),
                target: Seq(1),
                seq: Seq(2),
                by: UserId::from_bytes([3; 16]),
                at: Timestamp::from_millis(u64::MAX),
                change,
            };
            let mut value = row.value();
            value[8..16].copy_from_slice(&(row.at.millis() + 1).to_le_bytes());
            prop_assert_eq!(AmendmentRow::stored(row.chat_id, row.target, &row.slot(), &value), None);
        }

        #[test]
        fn roles_and_settings_round_trip(
            (chat, user, seq) in any::<([u8; 16], [u8; 16], u64)>(),
            (is_admin, was) in (any::<bool>(), proptest::option::of(any::<bool>())),
            (name, description) in (".{0,40}", ".{0,200}"),
            (members_may_add, is_all) in any::<(bool, bool)>(),
        ) {
            let chat_id = ChatId::from_bytes(chat);
            let role = |is_admin| if is_admin { Role::Admin } else { Role::Member };
            let row = RoleRow {
                chat_id,
                user_id: UserId::from_bytes(user),
                seq: Seq(seq),
                role: role(is_admin),
                was: was.map(role),
            };
            prop_assert_eq!(RoleRow::stored(chat_id, row.user_id, &row.value()), Some(row));
            let row = SettingsRow {
                chat_id,
                seq: Seq(seq),
                settings: Settings {
                    name: name.into(),
                    description: description.into(),
                    members_may_add,
                    history: if is_all { History::All } else { History::Joined },
                },
            };
            prop_assert_eq!(SettingsRow::stored(chat_id, &row.value()), Some(row));
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_but_never_panic(slot: Vec<u8>, value: Vec<u8>) {
            let (chat_id, user_id) = (ChatId::from_bytes([0; 16]), UserId::from_bytes([0; 16]));
            if let Some(row) = RoleRow::stored(chat_id, user_id, &value) {
                prop_assert_eq!(row.value(), value.clone());
            }
            if let Some(row) = SettingsRow::stored(chat_id, &value) {
                prop_assert_eq!(row.value(), value.clone());
            }
            let _ = AmendmentRow::stored(ChatId::from_bytes([0; 16]), Seq(1), &slot, &value);
            let _ = AmendmentRow::seq_of(&value);
        }
    }
}

//! Chats, their members and settings, and who of the two of one blocks the other.

use bytes::{Buf as _, BufMut as _};

use crate::ids::{ChatId, Offset, Seq, UserId};
use crate::roles::{History, Role, Settings};
use crate::time::Timestamp;

/// See [`Row::Chat`](super::Row::Chat).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRow {
    pub chat_id: ChatId,
    pub name: String,
    pub created_at: Timestamp,
}

/// See [`Row::Member`](super::Row::Member).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberRow {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// Members are listed by the seq of the event that added them, then by this.
    pub position: u32,
    pub added_seq: Seq,
}

/// See [`Row::Role`](super::Row::Role). Of two rows of one user in a chat the one with the higher seq stands.
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

/// See [`Row::Settings`](super::Row::Settings). Of two rows of one chat the one with the higher seq stands.
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

/// See [`Row::Block`](super::Row::Block).
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
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
        fn arbitrary_bytes_are_refused_or_read_but_never_panic(value: Vec<u8>) {
            let (chat_id, user_id) = (ChatId::from_bytes([0; 16]), UserId::from_bytes([0; 16]));
            if let Some(row) = RoleRow::stored(chat_id, user_id, &value) {
                prop_assert_eq!(row.value(), value.clone());
            }
            if let Some(row) = SettingsRow::stored(chat_id, &value) {
                prop_assert_eq!(row.value(), value);
            }
        }
    }
}

//! Rows other than events as keys and values. Keys sort as they are read: big-endian numbers behind the ids that
//! they belong to. Values are little-endian, with at most one field of variable length, the last.

use bytes::{Buf, BufMut};
use rookery_schema::row::{ChatRow, Mark, MemberRow, UserRow};
use rookery_schema::{ChatId, Seq, SessionId, Timestamp, UserId};

const ID_BYTES: usize = 16;

/// Two ids; the first is the one that is asked for.
pub type PairKey = [u8; 2 * ID_BYTES];

/// What is stored of a chat, under its id.
pub fn chat_value(row: &ChatRow) -> Vec<u8> {
    let mut value = Vec::with_capacity(8 + row.name.len());
    value.put_u64_le(row.created_at.millis());
    value.put_slice(row.name.as_bytes());
    value
}

/// The chat of a value; `None` where no version writes such a one.
pub fn chat(chat_id: ChatId, mut value: &[u8]) -> Option<ChatRow> {
    let created_at = time(&mut value)?;
    Some(ChatRow {
        chat_id,
        name: text(value)?,
        created_at,
    })
}

/// The key of a pair of ids.
pub fn pair_key(asked: &[u8; ID_BYTES], found: &[u8; ID_BYTES]) -> PairKey {
    let mut key = [0; 2 * ID_BYTES];
    key[..ID_BYTES].copy_from_slice(asked);
    key[ID_BYTES..].copy_from_slice(found);
    key
}

/// The second id of a pair; `None` where the key is none of a pair.
pub fn found_in_pair(key: &[u8]) -> Option<[u8; ID_BYTES]> {
    key.get(ID_BYTES..)?.try_into().ok()
}

/// What is stored of a member, under the pair of chat and user.
pub fn member_value(row: &MemberRow) -> [u8; 12] {
    let mut value = [0; 12];
    value[..8].copy_from_slice(&row.added_seq.0.to_le_bytes());
    value[8..].copy_from_slice(&row.position.to_le_bytes());
    value
}

/// What members are listed by: the event that added them, then their place in it; `None` where no version writes
/// such a value.
pub fn member_order(mut value: &[u8]) -> Option<(Seq, u32)> {
    let added_seq = Seq(value.try_get_u64_le().ok()?);
    let position = value.try_get_u32_le().ok()?;
    value.is_empty().then_some((added_seq, position))
}

/// What is stored of who was a member, under the pair of chat and user: the events that added them and removed them last.
pub fn former_member_value((added_seq, removed_seq): (Seq, Seq)) -> [u8; 16] {
    let mut value = [0; 16];
    let (added, removed) = value.split_at_mut(8);
    added.copy_from_slice(&added_seq.0.to_le_bytes());
    removed.copy_from_slice(&removed_seq.0.to_le_bytes());
    value
}

/// The events that added somebody and removed them; `None` where no version writes such a value.
pub fn former_member(mut value: &[u8]) -> Option<(Seq, Seq)> {
    let added_seq = Seq(value.try_get_u64_le().ok()?);
    let removed_seq = Seq(value.try_get_u64_le().ok()?);
    value.is_empty().then_some((added_seq, removed_seq))
}

/// What is stored of what somebody has read, under the pair of user and chat.
pub fn mark_value(mark: Mark) -> [u8; 16] {
    let mut value = [0; 16];
    let (seq, messages) = value.split_at_mut(8);
    seq.copy_from_slice(&mark.seq.0.to_le_bytes());
    messages.copy_from_slice(&mark.messages.to_le_bytes());
    value
}

/// Up to where somebody has read; `None` where no version writes such a value.
pub fn mark(mut value: &[u8]) -> Option<Mark> {
    let seq = Seq(value.try_get_u64_le().ok()?);
    let messages = value.try_get_u64_le().ok()?;
    value.is_empty().then_some(Mark { seq, messages })
}

/// In a user's value, where it is told whether a hash follows: none does, since they were deleted.
const DELETED: u8 = 2;

/// What is stored of a user, under their id.
pub fn user_value(row: &UserRow) -> Vec<u8> {
    let hash = row.password_hash.as_deref();
    let length = 17 + row.username.len() + 2 + hash.map_or(0, str::len);
    let mut value = Vec::with_capacity(length);
    value.put_u64_le(row.created_at.millis());
    value.put_u64_le(row.updated_at.millis());
    value.put_u8(match row.is_deleted {
        true => DELETED,
        false => u8::from(hash.is_some()),
    });
    value.put_u16_le(row.username.len() as u16);
    value.put_slice(row.username.as_bytes());
    value.put_slice(hash.unwrap_or_default().as_bytes());
    value
}

/// The user of a value, without what they are unique by; `None` where no version writes such a one.
pub fn user(user_id: UserId, mut value: &[u8]) -> Option<UserRow> {
    let created_at = time(&mut value)?;
    let updated_at = time(&mut value)?;
    let has_hash = value.try_get_u8().ok()?;
    let length = value.try_get_u16_le().ok()?;
    let (username, hash) = value.split_at_checked(usize::from(length))?;
    Some(UserRow {
        user_id,
        username: text(username)?,
        key: None,
        password_hash: match (has_hash, hash) {
            (0 | DELETED, []) => None,
            (1, hash) => Some(text(hash)?),
            _ => return None,
        },
        created_at,
        updated_at,
        is_deleted: has_hash == DELETED,
    })
}

/// The user of a name; `None` where no version writes such a value.
pub fn user_id(value: &[u8]) -> Option<UserId> {
    value.try_into().ok().map(UserId::from_bytes)
}

/// A session that was ended, and when it expires; `None` where no version writes such an entry.
pub fn ended_session(key: &[u8], mut value: &[u8]) -> Option<(SessionId, Timestamp)> {
    let session_id = SessionId::from_bytes(key.try_into().ok()?);
    let expires_at = time(&mut value)?;
    value.is_empty().then_some((session_id, expires_at))
}

/// When something was; `None` where no version writes such a value.
pub fn at(mut value: &[u8]) -> Option<Timestamp> {
    time(&mut value).filter(|_| value.is_empty())
}

fn time(value: &mut &[u8]) -> Option<Timestamp> {
    value.try_get_u64_le().ok().and_then(Timestamp::recorded)
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn id() -> impl Strategy<Value = [u8; 16]> {
        any::<[u8; 16]>()
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        any::<u64>().prop_map(Timestamp::from_millis)
    }

    /// A value with one byte more, and with one byte set to something else.
    fn damaged(value: &[u8], at: usize, byte: u8) -> [Vec<u8>; 2] {
        let mut changed = value.to_vec();
        changed[at] = byte;
        [[value, &[0]].concat(), changed]
    }

    #[test]
    fn what_no_version_writes_is_refused() {
        let user_id = UserId::from_bytes([1; 16]);
        let row = UserRow {
            user_id,
            username: "ann".to_owned(),
            key: None,
            password_hash: None,
            created_at: Timestamp::from_millis(u64::MAX),
            updated_at: Timestamp::from_millis(u64::MAX),
            is_deleted: false,
        };
        let value = user_value(&row);
        assert_eq!(user(user_id, &value), Some(row));
        // What is said of the password.
        for value in damaged(&value, 16, 3) {
            assert_eq!(user(user_id, &value), None, "{value:?}");
        }
        // The last byte of each time, beyond the year 9999.
        for at in [7, 15] {
            let [_, late] = damaged(&value, at, 1);
            assert_eq!(user(user_id, &late), None, "{late:?}");
        }
        let [_, late] = damaged(&value[..8], 7, 1);
        assert_eq!(chat(ChatId::from_bytes([1; 16]), &late), None);
        for value in damaged(&value[..8], 7, 1) {
            assert_eq!(ended_session(&[1; 16], &value), None, "{value:?}");
        }
        assert_eq!(member_order(&[0; 12]), Some((Seq(0), 0)));
        assert_eq!(member_order(&[0; 13]), None);
        assert_eq!(former_member(&[0; 17]), None);
    }

    proptest! {
        #[test]
        fn chats_and_members_round_trip(
            (chat_id, user_id) in (id(), id()),
            (name, created_at) in (".{0,60}", any_time()),
            (position, added_seq) in (any::<u32>(), any::<u64>()),
        ) {
            let row = ChatRow { chat_id: ChatId::from_bytes(chat_id), name, created_at };
            prop_assert_eq!(chat(row.chat_id, &chat_value(&row)), Some(row));
            let row = MemberRow {
                chat_id: ChatId::from_bytes(chat_id),
                user_id: UserId::from_bytes(user_id),
                position,
                added_seq: Seq(added_seq),
            };
            prop_assert_eq!(member_order(&member_value(&row)), Some((Seq(added_seq), position)));
            let removal = (row.added_seq, Seq(u64::from(position)));
            prop_assert_eq!(former_member(&former_member_value(removal)), Some(removal));
            let place = Mark { seq: row.added_seq, messages: u64::from(position) };
            prop_assert_eq!(mark(&mark_value(place)), Some(place));
            prop_assert_eq!(found_in_pair(&pair_key(&chat_id, &user_id)), Some(user_id));
        }

        #[test]
        fn users_and_sessions_round_trip(
            (user_id, session_id) in (id(), id()),
            (username, password_hash) in (".{1,20}", proptest::option::of(".{0,90}")),
            (created_at, updated_at) in (any_time(), any_time()),
        ) {
            let user_id = UserId::from_bytes(user_id);
            let is_deleted = password_hash.is_none() && created_at < updated_at;
            let row = UserRow { user_id, username, key: None, password_hash, created_at, updated_at, is_deleted };
            prop_assert_eq!(user(user_id, &user_value(&row)), Some(row));
            let found = ended_session(&session_id, &created_at.millis().to_le_bytes());
            prop_assert_eq!(found, Some((SessionId::from_bytes(session_id), created_at)));
        }

        #[test]
        fn arbitrary_bytes_never_panic(key in vec(any::<u8>(), 0..40), value in vec(any::<u8>(), 0..60)) {
            let _ = chat(ChatId::from_bytes([0; 16]), &value);
            let _ = member_order(&value);
            let _ = former_member(&value);
            let _ = user(UserId::from_bytes([0; 16]), &value);
            let _ = user_id(&value);
            let _ = ended_session(&key, &value);
            let _ = found_in_pair(&key);
            let _ = mark(&value);
        }
    }
}

//! Every kind of record, there and back.

use proptest::prelude::*;

use super::*;
use crate::ids::{MessageId, Seq, UserId};
use crate::roles::{History, Role};

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
    fn deletions_and_blocks_round_trip(
        (chat, by, other, at, is_blocked) in (id(), id(), id(), time(), any::<bool>()),
    ) {
        let (chat_id, by) = (ChatId::from_bytes(chat), UserId::from_bytes(by));
        round_trip(Record::ChatDeleted(ChatDeleted { chat_id, by, at }));
        let user_id = by;
        round_trip(Record::SenderErased(SenderErased { chat_id, user_id, at }));
        round_trip(Record::BlockSet(BlockSet {
            chat_id,
            by,
            blocked_id: UserId::from_bytes(other),
            is_blocked,
            at,
        }));
    }

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
    fn roles_and_settings_round_trip(
        (chat, user, by, at) in (id(), id(), id(), time()),
        is_admin: bool,
        name in proptest::option::of(".{0,40}"),
        description in proptest::option::of(".{0,200}"),
        members_may_add: Option<bool>,
        is_joined: Option<bool>,
    ) {
        round_trip(Record::RoleSet(RoleSet {
            chat_id: ChatId::from_bytes(chat),
            user_id: UserId::from_bytes(user),
            role: if is_admin { Role::Admin } else { Role::Member },
            by: UserId::from_bytes(by),
            at,
        }));
        round_trip(Record::ChatChanged(ChatChanged {
            chat_id: ChatId::from_bytes(chat),
            by: UserId::from_bytes(by),
            at,
            name: name.as_deref(),
            description: description.as_deref(),
            members_may_add,
            history: is_joined.map(|it| if it { History::Joined } else { History::All }),
        }));
    }

    #[test]
    fn users_and_sessions_round_trip(
        (user, session, at) in (id(), id(), time()),
        username in "[^\u{0}]{1,16}",
        key in proptest::option::of("[a-z]{1,16}"),
        password_hash in proptest::option::of("[$a-z0-9]{1,90}"),
        kept in proptest::option::of(id()),
    ) {
        round_trip(Record::UserRegistered(UserRegistered {
            user_id: UserId::from_bytes(user),
            at,
            username: &username,
            key: key.as_deref(),
            password_hash: password_hash.as_deref(),
        }));
        round_trip(Record::UserDeleted(UserDeleted {
            user_id: UserId::from_bytes(user),
            at,
            sessions_until: at,
            name: &username,
        }));
        round_trip(Record::PasswordSet(PasswordSet {
            user_id: UserId::from_bytes(user),
            at,
            sessions_until: at,
            username: &username,
            password_hash: password_hash.as_deref(),
            kept: kept.map(SessionId::from_bytes),
        }));
        round_trip(Record::SessionEnded(SessionEnded {
            session_id: SessionId::from_bytes(session),
            user_id: UserId::from_bytes(user),
            expires_at: at,
        }));
    }

    #[test]
    fn what_users_do_with_their_account_round_trips(
        (user, session, at, expires_at) in (id(), id(), time(), time()),
        address: std::net::IpAddr,
        name in ".{0,64}",
        display_name in proptest::option::of(".{1,64}"),
    ) {
        round_trip(Record::SessionStarted(SessionStarted {
            user_id: UserId::from_bytes(user),
            session_id: SessionId::from_bytes(session),
            at,
            expires_at,
            address: address.to_canonical(),
            name: &name,
        }));
        round_trip(Record::ProfileChanged(ProfileChanged {
            user_id: UserId::from_bytes(user),
            at,
            display_name: display_name.as_deref(),
        }));
        round_trip(Record::UserSettingsChanged(UserSettingsChanged {
            user_id: UserId::from_bytes(user),
            at,
            settings: &name,
        }));
    }

    #[test]
    fn amendments_round_trip(
        (chat, by, message, sender) in (id(), id(), id(), id()),
        (at, posted_at) in (time(), time()),
        client_id in proptest::option::of("[a-z]{1,64}"),
        (seq, messages) in any::<(u64, u64)>(),
        edit in proptest::option::of((any::<(u64, u64)>(), time(), id())),
        text in ".{0,200}",
        added: bool,
    ) {
        let supersedes = edit.map(|((seq, messages), at, by)| Edit {
            seq: Seq(seq),
            messages,
            at,
            by: UserId::from_bytes(by),
        });
        for change in [
            Change::Edited { supersedes, content: &text },
            Change::Deleted { supersedes },
            Change::Reaction { emoji: &text, added },
        ] {
            round_trip(Record::MessageAmended(Box::new(MessageAmended {
                chat_id: ChatId::from_bytes(chat),
                by: UserId::from_bytes(by),
                at,
                target: Target {
                    seq: Seq(seq),
                    messages,
                    message_id: MessageId::from_bytes(message),
                    sender_id: UserId::from_bytes(sender),
                    at: posted_at,
                    client_id: client_id.as_deref(),
                },
                change,
            })));
        }
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

/// All records are moved as often as posts are.
#[test]
fn a_record_is_no_larger_than_a_post_needs() {
    assert_eq!(size_of::<Record<'_>>(), size_of::<MessagePosted<'_>>() + 8);
}

//! Chats that the store has, and what is asked for.

use std::net::IpAddr;

use rookery_engine::limits::Network;
use rookery_engine::mesh::{ChatCommand, Creation, Credentials, Origin};
use rookery_engine::port::{StoredChat, StoredMember};
use rookery_schema::row::{ChatRow, Head, UserRow};
use rookery_schema::{ChatId, Seq, Timestamp, UserId};

/// A user as the store has them who logs in by a password with this hash.
pub(crate) fn account(user_id: UserId, username: &str, password_hash: Option<&str>) -> UserRow {
    UserRow {
        user_id,
        username: username.to_owned(),
        key: None,
        password_hash: password_hash.map(str::to_owned),
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        is_deleted: false,
    }
}

/// A chat that the store has, without any event.
pub(crate) fn stored_chat(chat_id: ChatId, members: &[UserId]) -> StoredChat {
    StoredChat {
        chat: ChatRow {
            chat_id,
            name: "chat".to_owned(),
            created_at: Timestamp::default(),
        },
        members: members.iter().map(|user_id| member(*user_id)).collect(),
        last_role: None,
        settings: None,
        head: Head::default(),
        recent: Vec::new(),
        messages: Vec::new(),
        latest_message: None,
        blockers: Vec::new(),
        erased: Vec::new(),
        deleted: None,
    }
}

/// A member since the chat was made.
pub(crate) const fn member(user_id: UserId) -> StoredMember {
    StoredMember {
        user_id,
        added_seq: Seq(1),
        is_admin: false,
    }
}

/// What makes a chat.
pub(crate) fn creation(creator_id: Option<UserId>, members: &[UserId]) -> ChatCommand {
    creation_from(network(), creator_id, members)
}

/// The same, from some network.
pub(crate) fn creation_from(
    network: Network,
    creator_id: Option<UserId>,
    members: &[UserId],
) -> ChatCommand {
    ChatCommand::Create(Box::new(Creation {
        creator_id,
        name: "chat".into(),
        members: members.iter().copied().collect(),
        network,
        origin: Origin::Chance,
    }))
}

/// What adds a user to a chat.
pub(crate) fn addition(caller: UserId, user_id: UserId) -> ChatCommand {
    ChatCommand::AddMember {
        caller,
        user_id,
        network: network(),
    }
}

/// What somebody registers or logs in with.
pub(crate) fn credentials(username: &str, password: Option<&str>) -> Box<Credentials> {
    Box::new(Credentials {
        username: username.into(),
        password: password.map(Into::into),
    })
}

/// Where clients are.
pub(crate) fn network() -> Network {
    IpAddr::from([192, 0, 2, 1]).into()
}

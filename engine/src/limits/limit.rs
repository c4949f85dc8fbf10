//! The limits that clients can meet, by name.

use std::fmt;

/// A limit that a client can meet. Its name is that of its setting, where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Messages a second and user.
    UserRate,
    /// Bytes of content a minute and user.
    UserBytes,
    /// WebSockets of a user: the oldest gives way.
    SocketsPerUser,
    /// Chats that a user has made, and is a member of.
    ChatsPerUser,
    /// Chats that a user is a member of.
    MembershipsPerUser,
    /// Lists of a user's chats that are made at a time.
    ListsPerUser,
    ChatsResumed,
    /// Chats in which a user types in a second.
    TypingRate,
    /// Chats that a WebSocket follows.
    ChatsFollowed,
    /// Failed logins in five minutes, per account and network.
    LoginRate,
    /// Failed logins per account, from all networks where nobody has logged in to it.
    AccountLogins,
    /// Logouts of a user whose logins have not expired: all earlier logins end with the next.
    LogoutsPerUser,
    /// Logins and registrations per network.
    AddressLogins,
    /// Open connections per network.
    ConnectionsPerAddress,
    /// Bytes that a shard holds for its connections.
    HeldBytes,
    /// Pages that wait to be made for a shard's connections.
    PagesWaiting,
    /// Members of chats that the WebSockets of a shard follow.
    UsersFollowed,
    /// Lists of chats that wait to be made at a shard.
    ListsWaiting,
    /// Users about whom a partition asks whether they may become members, or is going to.
    AdmissionsWaiting,
    /// Passwords that wait for a shard's hashers, and requests that wait for one name to be read.
    LoginsWaiting,
    /// Requests that wait for one chat to be read.
    ChatWaiting,
    /// Changes that wait for one message, and messages of a partition that are looked for.
    AmendmentsWaiting,
    /// Marks of what users have read that a home knows, and wishes to set one.
    MarksWaiting,
    /// Changes of one user's settings that wait.
    SettingsWaiting,
    /// Reads of a partition that wait for what was confirmed to be applied.
    ReadsWaiting,
    /// Bytes of a partition that are on their way into the log.
    AppendBytes,
    /// Bytes of a partition that are in the log, and not yet in the store.
    UnstoredBytes,
    /// Bytes that a shard has for others.
    MeshBacklog,
    /// The age of the oldest message that is read, in the log, or in the store, only in part.
    LagLimit,
}

impl Limit {
    /// As replies, metrics and documents call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserRate => "user-rate",
            Self::UserBytes => "user-bytes",
            Self::SocketsPerUser => "sockets-per-user",
            Self::ChatsPerUser => "chats-per-user",
            Self::MembershipsPerUser => "memberships-per-user",
            Self::ListsPerUser => "lists-per-user",
            Self::ChatsResumed => "chats-resumed",
            Self::TypingRate => "typing-rate",
            Self::ChatsFollowed => "chats-followed",
            Self::LoginRate => "login-rate",
            Self::AccountLogins => "account-logins",
            Self::LogoutsPerUser => "logouts-per-user",
            Self::AddressLogins => "address-logins",
            Self::ConnectionsPerAddress => "connections-per-address",
            Self::HeldBytes => "held-bytes",
            Self::PagesWaiting => "pages-waiting",
            Self::UsersFollowed => "users-followed",
            Self::ListsWaiting => "lists-waiting",
            Self::AdmissionsWaiting => "admissions-waiting",
            Self::LoginsWaiting => "logins-waiting",
            Self::ChatWaiting => "chat-waiting",
            Self::AmendmentsWaiting => "amendments-waiting",
            Self::MarksWaiting => "marks-waiting",
            Self::SettingsWaiting => "settings-waiting",
            Self::ReadsWaiting => "reads-waiting",
            Self::AppendBytes => "append-bytes",
            Self::UnstoredBytes => "unstored-bytes",
            Self::MeshBacklog => "mesh-backlog",
            Self::LagLimit => "lag-limit",
        }
    }

    /// Whether whoever has met it is to wait, and has nothing else to do.
    pub(crate) const fn is_rate_of_user(self) -> bool {
        matches!(self, Self::UserRate | Self::UserBytes | Self::TypingRate)
    }

    /// What was too much, for people.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::UserRate => "more messages a second than a user may send",
            Self::UserBytes => "more content a minute than a user may send",
            Self::SocketsPerUser => "more WebSockets than a user may have",
            Self::ChatsPerUser => "more chats than a user may make; leave one of them first",
            Self::MembershipsPerUser => {
                "more chats than a user may be in; those in user_ids have to leave one first"
            }
            Self::ListsPerUser => "more lists of chats at a time than a user may ask for",
            Self::ChatsResumed => "more chats than a WebSocket may resume at a time",
            Self::ChatsFollowed => "more chats than a WebSocket may follow; end one of these first",
            Self::TypingRate => "typing in more chats a second than a user may",
            Self::LoginRate => "too many failed logins to this account from this address",
            Self::AccountLogins => "too many failed logins to this account",
            Self::LogoutsPerUser => "too many logouts of this user",
            Self::AddressLogins => "too many logins and registrations from this address",
            Self::ConnectionsPerAddress => "too many connections from this address",
            Self::HeldBytes => "the server holds as much for its clients as it may",
            Self::PagesWaiting => "too many pages are asked for",
            Self::UsersFollowed => "too many users are followed",
            Self::ListsWaiting => "too many lists of chats are asked for",
            Self::AdmissionsWaiting => "too many users are to become members",
            Self::LoginsWaiting => "too many logins are being checked",
            Self::ChatWaiting => "too many requests wait for this chat to be read",
            Self::AmendmentsWaiting => "too many changes of messages wait",
            Self::MarksWaiting => "too many chats are being marked as read",
            Self::SettingsWaiting => "too many changes of these settings wait",
            Self::ReadsWaiting => "too many reads wait for what was written just before",
            Self::AppendBytes => "more waits for the log than may",
            Self::UnstoredBytes => "more waits for the store than may",
            Self::MeshBacklog => "a part of the server does not keep up",
            Self::LagLimit => "the server is behind by more than it may be",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

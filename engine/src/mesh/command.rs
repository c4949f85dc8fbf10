//! What one shard asks another to do. A command's type says whom it is for.

use rookery_schema::record::Members;
use rookery_schema::{ChatId, Route, Routing, Seq, SessionId, ShardId, Timestamp, UserId};

use crate::ids::{ConnId, Invite};
use crate::limits::Network;
use crate::mesh::outcome::Activity;

/// Who waits for an answer, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub shard: ShardId,
    pub waiting: Waiting,
}

/// Who waits for an answer, on the shard that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A connection; the ticket is its own number of the request.
    Connection { conn: ConnId, ticket: u64 },
    /// A home that gathers a user's list of chats.
    Inbox { gather: u64 },
}

/// What one shard asks another to do.
#[derive(Debug)]
pub enum Command {
    /// For the owner of a chat.
    Chat(ChatId, ChatCommand),
    /// For the owner of a username.
    Name(Box<str>, NameCommand),
    /// For the owner of a user's own records.
    User(UserId, UserCommand),
    /// For the home of a user.
    Home(UserId, HomeCommand),
    /// For the shard that counts what a network asks for.
    Address(Network, AddressCommand),
}

/// See [`Command::Chat`].
#[derive(Debug)]
pub enum ChatCommand {
    Create(Box<Creation>),
    Post(Post),
    Show {
        caller: UserId,
    },
    ShowMessages {
        caller: UserId,
        page: Page,
    },
    ShowMembers {
        caller: UserId,
        page: MembersPage,
    },
    AddMember {
        caller: UserId,
        user_id: UserId,
        /// From where that is asked for.
        network: Network,
    },
    RemoveMember {
        caller: UserId,
        user_id: UserId,
    },
    /// When it was last active, where the user is a member.
    ShowActivity {
        user_id: UserId,
    },
    /// A line of the user's inbox, where they are a member.
    Summarize {
        user_id: UserId,
    },
}

/// A chat that is to be made.
#[derive(Debug)]
pub struct Creation {
    /// Absent where there is no caller, as trust mode allows.
    pub creator_id: Option<UserId>,
    pub name: Box<str>,
    pub members: Members,
    /// From where that is asked for.
    pub network: Network,
}

/// Users who are to become members of a chat.
#[derive(Debug)]
pub(crate) struct NewMembers {
    /// From where that is asked for.
    pub(crate) network: Network,
    /// Whoever makes a chat comes first: they are the likeliest to meet a limit.
    pub(crate) user_ids: Vec<UserId>,
}

/// See [`Command::Name`].
#[derive(Debug)]
pub enum NameCommand {
    /// Without a password in trust mode.
    Register {
        password: Option<Box<str>>,
        network: Network,
        /// Spent by it, where one is needed.
        invite: Option<Box<Invite>>,
    },
    /// The end of a registration whose invite was spent.
    RegisterInvited { password_hash: Option<Box<str>> },
    /// Without a password in trust mode.
    LogIn {
        password: Option<Box<str>>,
        network: Network,
    },
    /// Sets a user's password, or takes it away, and ends their sessions.
    SetPassword(UserVersion, Box<NewPassword>),
}

/// A user as they stood when they were read.
#[derive(Clone, Copy, Debug)]
pub struct UserVersion {
    pub user_id: UserId,
    /// The earliest that a new password of theirs may count from.
    pub password_from: Timestamp,
}

/// What a user's password is to be.
#[derive(Debug)]
pub struct NewPassword {
    /// Without one the user can't log in.
    pub password: Option<Box<str>>,
    /// No session that the user has, or gets in this moment, expires later.
    pub sessions_until: Timestamp,
    /// Who asks for it.
    pub network: Network,
}

/// See [`Command::User`].
#[derive(Debug)]
pub enum UserCommand {
    EndSession {
        session_id: SessionId,
        expires_at: Timestamp,
    },
    /// Passes it on to the owner of the user's name.
    SetPassword(Box<NewPassword>),
    /// Spends the invite of a registration that could be made now. An invite is owned as if it were a user.
    SpendInvite(Box<Invited>),
}

/// A registration by invite whose name was free.
#[derive(Debug)]
pub struct Invited {
    pub invite: Invite,
    pub username: Box<str>,
    /// Absent in trust mode.
    pub password_hash: Option<Box<str>>,
}

/// See [`Command::Home`].
#[derive(Debug)]
pub enum HomeCommand {
    ListChats {
        page: InboxPage,
        /// From where they are asked for.
        network: Network,
    },
    /// Spends a ticket, which works once.
    SpendTicket {
        ticket_id: SessionId,
        expires_at: Timestamp,
    },
}

/// See [`Command::Address`].
#[derive(Debug)]
pub enum AddressCommand {
    /// Passes on what is asked of a name, if the network is within its limits.
    Name(Box<str>, NameCommand),
}

/// A message to be posted, within its bounds.
#[derive(Debug, PartialEq, Eq)]
pub struct Post {
    pub sender_id: UserId,
    pub content: Box<str>,
    pub client_id: Option<Box<str>>,
}

/// Which messages of a chat are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub from: PageStart,
    /// At most so many, 1 to [`rookery_schema::limits::PAGE_MESSAGES_MAX`].
    pub limit: usize,
}

/// Where a page starts, and which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// At the newest message, backwards.
    Newest,
    /// Below this seq, backwards.
    Before(Seq),
    /// Above this seq, forwards.
    After(Seq),
}

/// Which of a user's chats are asked for, latest activity first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxPage {
    /// Those that come behind this one.
    pub before: Option<Activity>,
    /// At most so many, 1 to [`rookery_schema::limits::PAGE_ENTRIES_MAX`].
    pub limit: usize,
}

/// Which members of a chat are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembersPage {
    /// Those behind this one; from the first on where there is none, or they are no member.
    pub after: Option<UserId>,
    /// At most so many, 1 to [`rookery_schema::limits::PAGE_ENTRIES_MAX`].
    pub limit: usize,
}

/// Seconds after which a request that was not answered is refused.
const ANSWER_SECONDS_MAX: u64 = 10;
/// The same for one that the store, or all shards, answer.
pub(crate) const READ_SECONDS_MAX: u64 = ANSWER_SECONDS_MAX;
/// The same for one that has to wait for a password to be hashed.
const PASSWORD_SECONDS_MAX: u64 = 30;

impl Command {
    /// Which shard serves it.
    pub fn to(&self, routing: &Routing) -> Route {
        let placement = routing.placement();
        match self {
            Self::Chat(chat_id, _) => routing.route(placement.of_chat(*chat_id)),
            Self::Name(username, _) => routing.route(placement.of_name(username)),
            Self::User(user_id, _) => routing.route(placement.of_user(*user_id)),
            Self::Home(user_id, _) => Route::Here(routing.home(*user_id)),
            Self::Address(network, _) => Route::Here(routing.shard_of_network(&network.octets())),
        }
    }

    /// Whether it may change something, however it is answered.
    pub const fn changes(&self) -> bool {
        match self {
            Self::Chat(_, command) => command.changes(),
            Self::Name(_, command) => command.changes(),
            Self::User(_, command) => command.changes(),
            Self::Home(_, command) => command.changes(),
            Self::Address(_, AddressCommand::Name(_, command)) => command.changes(),
        }
    }

    /// Seconds that an asker waits for the outcome.
    pub const fn seconds_max(&self) -> u64 {
        match self {
            Self::Name(_, command) | Self::Address(_, AddressCommand::Name(_, command)) => {
                command.seconds_max()
            }
            Self::User(_, UserCommand::SetPassword(_)) => PASSWORD_SECONDS_MAX,
            Self::Chat(
                _,
                ChatCommand::Create(_)
                | ChatCommand::Post(_)
                | ChatCommand::AddMember { .. }
                | ChatCommand::RemoveMember { .. }
                | ChatCommand::Show { .. }
                | ChatCommand::ShowMessages { .. }
                | ChatCommand::ShowMembers { .. }
                | ChatCommand::ShowActivity { .. }
                | ChatCommand::Summarize { .. },
            )
            | Self::User(_, UserCommand::EndSession { .. } | UserCommand::SpendInvite(_))
            | Self::Home(_, HomeCommand::ListChats { .. } | HomeCommand::SpendTicket { .. }) => {
                ANSWER_SECONDS_MAX
            }
        }
    }
}

impl ChatCommand {
    /// See [`Command::changes`].
    pub const fn changes(&self) -> bool {
        match self {
            Self::Create(_)
            | Self::Post(_)
            | Self::AddMember { .. }
            | Self::RemoveMember { .. } => true,
            Self::Show { .. }
            | Self::ShowMessages { .. }
            | Self::ShowMembers { .. }
            | Self::ShowActivity { .. }
            | Self::Summarize { .. } => false,
        }
    }

    /// Who become members by it, if anybody does.
    pub(crate) fn new_members(&self) -> Option<NewMembers> {
        match self {
            Self::Create(creation) => {
                let Creation {
                    creator_id,
                    members,
                    network,
                    ..
                } = creation.as_ref();
                let others = members.as_list().iter();
                let others = others.filter(|user_id| Some(*user_id) != *creator_id);
                Some(NewMembers {
                    network: *network,
                    user_ids: creator_id.iter().copied().chain(others).collect(),
                })
            }
            Self::AddMember {
                user_id, network, ..
            } => Some(NewMembers {
                network: *network,
                user_ids: vec![*user_id],
            }),
            Self::Post(_)
            | Self::RemoveMember { .. }
            | Self::Show { .. }
            | Self::ShowMessages { .. }
            | Self::ShowMembers { .. }
            | Self::ShowActivity { .. }
            | Self::Summarize { .. } => None,
        }
    }

    /// Whether its chat is made by it, so that there is nothing to be read.
    pub(crate) const fn creates(&self) -> bool {
        match self {
            Self::Create(_) => true,
            Self::Post(_)
            | Self::AddMember { .. }
            | Self::RemoveMember { .. }
            | Self::Show { .. }
            | Self::ShowMessages { .. }
            | Self::ShowMembers { .. }
            | Self::ShowActivity { .. }
            | Self::Summarize { .. } => false,
        }
    }
}

impl NameCommand {
    /// See [`Command::changes`].
    pub const fn changes(&self) -> bool {
        match self {
            // A failed login counts against its account.
            Self::Register { .. }
            | Self::RegisterInvited { .. }
            | Self::LogIn { .. }
            | Self::SetPassword(..) => true,
        }
    }

    /// See [`Command::seconds_max`].
    const fn seconds_max(&self) -> u64 {
        match self {
            Self::Register { .. } | Self::LogIn { .. } | Self::SetPassword(..) => {
                PASSWORD_SECONDS_MAX
            }
            Self::RegisterInvited { .. } => ANSWER_SECONDS_MAX,
        }
    }
}

impl UserCommand {
    /// See [`Command::changes`].
    pub const fn changes(&self) -> bool {
        match self {
            Self::EndSession { .. } | Self::SetPassword(_) | Self::SpendInvite(_) => true,
        }
    }
}

impl HomeCommand {
    /// See [`Command::changes`].
    pub const fn changes(&self) -> bool {
        match self {
            // A ticket that was spent in vain can't be told from one that was never issued.
            Self::ListChats { .. } | Self::SpendTicket { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use rookery_schema::{Placement, Routing};

    const CHAT: ChatId = ChatId::from_bytes([1; 16]);
    const USER: UserId = UserId::from_bytes([2; 16]);
    const NAME: &str = "ann";
    const INBOX: InboxPage = InboxPage {
        before: None,
        limit: 1,
    };

    fn network() -> Network {
        IpAddr::from([192, 0, 2, 1]).into()
    }

    fn post() -> Post {
        Post {
            sender_id: USER,
            content: "hello".into(),
            client_id: None,
        }
    }

    const fn chat(command: ChatCommand) -> Command {
        Command::Chat(CHAT, command)
    }

    fn name(command: NameCommand) -> Command {
        Command::Name(NAME.into(), command)
    }

    const fn home(command: HomeCommand) -> Command {
        Command::Home(USER, command)
    }

    fn log_in() -> NameCommand {
        NameCommand::LogIn {
            password: None,
            network: network(),
        }
    }

    fn address(command: NameCommand) -> Command {
        let network = network();
        Command::Address(network, AddressCommand::Name(NAME.into(), command))
    }

    fn register() -> NameCommand {
        NameCommand::Register {
            password: None,
            network: network(),
            invite: None,
        }
    }

    fn new_password() -> NewPassword {
        NewPassword {
            password: None,
            sessions_until: Timestamp::from_millis(1),
            network: network(),
        }
    }

    fn set_password() -> UserCommand {
        UserCommand::SetPassword(Box::new(new_password()))
    }

    fn set_password_of_name() -> NameCommand {
        let user = UserVersion {
            user_id: USER,
            password_from: Timestamp::from_millis(1),
        };
        NameCommand::SetPassword(user, Box::new(new_password()))
    }

    fn list_chats() -> HomeCommand {
        HomeCommand::ListChats {
            page: INBOX,
            network: network(),
        }
    }

    const fn end_session() -> UserCommand {
        UserCommand::EndSession {
            session_id: SessionId::from_bytes([3; 16]),
            expires_at: Timestamp::from_millis(1),
        }
    }

    #[test]
    fn a_command_goes_to_whoever_serves_what_it_names() {
        // With so many of both, no two of the five are served by one shard.
        let placement = Placement::new(1000).expect("nonzero");
        let mut routing = Routing::new(placement, 100).expect("nonzero");
        let served = [
            (
                chat(ChatCommand::Show { caller: USER }),
                placement.of_chat(CHAT),
            ),
            (name(log_in()), placement.of_name(NAME)),
            (Command::User(USER, end_session()), placement.of_user(USER)),
        ];
        for (command, partition) in &served {
            assert_eq!(command.to(&routing), routing.route(*partition));
        }
        let at_home = Route::Here(routing.home(USER));
        let list = home(list_chats());
        assert_eq!(list.to(&routing), at_home);
        let counted = address(log_in());
        let all = served.iter().map(|(command, _)| command);
        let all = all.chain([&list, &counted]);
        let mut routes: Vec<String> = all.map(|it| format!("{:?}", it.to(&routing))).collect();
        routes.sort();
        routes.dedup();
        assert_eq!(routes.len(), 5, "the test tells them apart");

        for (command, partition) in &served {
            routing.set(*partition, Route::Nobody);
            assert_eq!(command.to(&routing), Route::Nobody);
        }
        assert_eq!(list.to(&routing), at_home);
    }

    #[test]
    fn what_may_change_something_is_told_from_what_only_reads() {
        let (caller, user_id) = (USER, USER);
        let page = Page {
            from: PageStart::Newest,
            limit: 1,
        };
        let members = MembersPage {
            after: None,
            limit: 1,
        };
        let creation = Creation {
            creator_id: None,
            name: "chat".into(),
            members: Members::default(),
            network: network(),
        };
        let changes = [
            chat(ChatCommand::Create(Box::new(creation))),
            chat(ChatCommand::Post(post())),
            chat(ChatCommand::AddMember {
                caller,
                user_id,
                network: network(),
            }),
            chat(ChatCommand::RemoveMember { caller, user_id }),
            name(register()),
            name(log_in()),
            address(log_in()),
            Command::User(USER, end_session()),
            Command::User(USER, set_password()),
            name(set_password_of_name()),
        ];
        let reads = [
            chat(ChatCommand::Show { caller }),
            chat(ChatCommand::ShowMessages { caller, page }),
            chat(ChatCommand::ShowMembers {
                caller,
                page: members,
            }),
            chat(ChatCommand::ShowActivity { user_id }),
            chat(ChatCommand::Summarize { user_id }),
            home(list_chats()),
            home(HomeCommand::SpendTicket {
                ticket_id: SessionId::from_bytes([3; 16]),
                expires_at: Timestamp::from_millis(1),
            }),
        ];
        for command in changes {
            assert!(command.changes(), "{command:?}");
        }
        for command in reads {
            assert!(!command.changes(), "{command:?}");
        }
    }

    #[test]
    fn what_needs_a_password_hashed_has_more_time() {
        for command in [
            name(register()),
            name(log_in()),
            address(log_in()),
            name(set_password_of_name()),
            Command::User(USER, set_password()),
        ] {
            assert_eq!(command.seconds_max(), PASSWORD_SECONDS_MAX);
        }
        for command in [
            chat(ChatCommand::Show { caller: USER }),
            Command::User(USER, end_session()),
            home(list_chats()),
        ] {
            assert_eq!(command.seconds_max(), ANSWER_SECONDS_MAX);
        }
    }
}

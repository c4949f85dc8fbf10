//! What one shard asks another to do. A command's type says whom it is for.

pub mod asker;
pub mod chat;
pub(crate) mod deadlines;
pub mod home;
pub mod name;
pub mod user;

#[cfg(test)]
mod tests;

use rookery_schema::{ChatId, Route, Routing, UserId};

use crate::limits::Network;
use crate::mesh::command::chat::ChatCommand;
use crate::mesh::command::deadlines::{ANSWER_SECONDS_MAX, PASSWORD_SECONDS_MAX};
use crate::mesh::command::home::HomeCommand;
use crate::mesh::command::name::{AddressCommand, NameCommand};
use crate::mesh::command::user::UserCommand;

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

    /// Whether it ends what was begun and can't be undone: so it is not refused for want of room.
    pub(crate) const fn ends_what_was_begun(&self) -> bool {
        matches!(self, Self::Name(_, command) if command.ends_what_was_begun())
    }

    /// Seconds that an asker waits for the outcome.
    pub const fn seconds_max(&self) -> u64 {
        match self {
            Self::Name(_, command) | Self::Address(_, AddressCommand::Name(_, command)) => {
                command.seconds_max()
            }
            Self::User(_, UserCommand::SetPassword(_) | UserCommand::ChangePassword(_)) => {
                PASSWORD_SECONDS_MAX
            }
            Self::Chat(
                _,
                ChatCommand::Create(_)
                | ChatCommand::Post(_)
                | ChatCommand::Amend(_)
                | ChatCommand::AddMember { .. }
                | ChatCommand::RemoveMember { .. }
                | ChatCommand::Erase { .. }
                | ChatCommand::SetRole { .. }
                | ChatCommand::Change(_)
                | ChatCommand::Delete { .. }
                | ChatCommand::Block(_)
                | ChatCommand::Show { .. }
                | ChatCommand::ShowMessages { .. }
                | ChatCommand::ShowEvents { .. }
                | ChatCommand::ShowMembers { .. }
                | ChatCommand::ListMembers { .. }
                | ChatCommand::ShowActivity { .. }
                | ChatCommand::Summarize { .. }
                | ChatCommand::ResolveMark { .. },
            )
            | Self::User(
                _,
                UserCommand::StartSession(_)
                | UserCommand::ListSessions
                | UserCommand::EndSession { .. }
                | UserCommand::EndListed { .. }
                | UserCommand::EndFound { .. }
                | UserCommand::EndAllSessions(_)
                | UserCommand::SetDisplayName(_)
                | UserCommand::ChangeSettings(_)
                | UserCommand::SpendInvite(_),
            )
            | Self::Home(
                _,
                HomeCommand::ListChats { .. }
                | HomeCommand::SpendTicket { .. }
                | HomeCommand::MarkRead { .. }
                | HomeCommand::Block { .. },
            ) => ANSWER_SECONDS_MAX,
        }
    }
}

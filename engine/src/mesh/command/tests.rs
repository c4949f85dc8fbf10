use std::net::IpAddr;

use rookery_schema::record::Members;
use rookery_schema::roles::Role;
use rookery_schema::row::Mark;
use rookery_schema::{MessageId, Placement, Routing, Seq, SessionId, Timestamp};

use super::*;
use crate::ids::Session;
use crate::mesh::{
    Amend, Blocking, ChatChange, Creation, Credentials, InboxPage, MembersPage, MessageChange,
    NewPassword, Origin, Page, PageStart, Post, Right, UserVersion,
};

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

fn credentials() -> Box<Credentials> {
    Box::new(Credentials {
        username: NAME.into(),
        password: None,
    })
}

fn blocking() -> Blocking {
    Blocking {
        caller: USER,
        blocked_id: USER,
        is_blocked: true,
        network: network(),
    }
}

fn log_in() -> NameCommand {
    NameCommand::LogIn {
        credentials: credentials(),
        network: network(),
    }
}

fn address(command: NameCommand) -> Command {
    let network = network();
    Command::Address(network, AddressCommand::Name(NAME.into(), command))
}

fn register() -> NameCommand {
    NameCommand::Register {
        credentials: credentials(),
        network: network(),
        right: Right::Open,
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

fn end_session() -> UserCommand {
    let session = Session::new(SessionId::from_bytes([3; 16]), Timestamp::from_millis(1));
    UserCommand::EndSession {
        session,
        network: network(),
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
        origin: Origin::Chance,
    };
    let changes = [
        chat(ChatCommand::Create(Box::new(creation))),
        chat(ChatCommand::Post(post())),
        chat(ChatCommand::Amend(Box::new(Amend {
            caller,
            message_id: MessageId::from_bytes([4; 16]),
            change: MessageChange::Delete,
        }))),
        chat(ChatCommand::AddMember {
            caller,
            user_id,
            network: network(),
        }),
        chat(ChatCommand::RemoveMember { caller, user_id }),
        chat(ChatCommand::SetRole {
            caller,
            user_id,
            role: Role::Admin,
        }),
        chat(ChatCommand::Change(Box::new(ChatChange {
            caller,
            name: None,
            description: None,
            members_may_add: Some(true),
            history: None,
        }))),
        chat(ChatCommand::Delete { caller }),
        chat(ChatCommand::Block(blocking())),
        home(HomeCommand::Block {
            blocked_id: USER,
            network: network(),
        }),
        name(register()),
        name(log_in()),
        address(log_in()),
        Command::User(USER, end_session()),
        Command::User(USER, set_password()),
        name(set_password_of_name()),
        home(HomeCommand::MarkRead {
            chat_id: CHAT,
            seq: Seq(1),
        }),
    ];
    let reads = [
        chat(ChatCommand::Show { caller }),
        chat(ChatCommand::ShowMessages { caller, page }),
        chat(ChatCommand::ShowMembers {
            caller,
            page: members,
        }),
        chat(ChatCommand::ListMembers { caller, limit: 1 }),
        chat(ChatCommand::ShowActivity { user_id }),
        chat(ChatCommand::Summarize {
            user_id,
            mark: Mark::default(),
        }),
        chat(ChatCommand::ResolveMark {
            user_id,
            seq: Seq(1),
        }),
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

//! Who may delete a chat, what is left of it, and what a direct chat refuses.

use rookery_schema::Offset;

use super::*;
use crate::mesh::Blocking;
use crate::owner::chat::Place;
use crate::owner::fold::fold;
use bytes::Bytes;
use rookery_schema::PartitionId;

fn delete(caller: u32) -> ChatCommand {
    ChatCommand::Delete {
        caller: user(caller),
    }
}

fn code(chat: &Chat, command: &ChatCommand) -> Result<(), &'static str> {
    let decision = decide(chat.id, Some(chat), command, AT);
    decision.map(drop).map_err(|problem| problem.code)
}

fn deleted() -> ChatDeleted {
    ChatDeleted {
        chat_id: CHAT,
        by: user(MEMBER),
        at: AT,
    }
}

#[test]
fn an_admin_deletes_a_chat() {
    let key = ChangeKey::Deleted(CHAT);
    let record = Record::ChatDeleted(deleted());
    check(
        Some(&chat()),
        &delete(MEMBER),
        Ok(Decision::Append(key, record)),
    );
    check(Some(&chat()), &delete(OTHER), Err(Problem::NOT_ADMIN));
    check(Some(&chat()), &delete(STRANGER), Err(Problem::NO_SUCH_CHAT));
    check(None, &delete(MEMBER), Err(Problem::NO_SUCH_CHAT));
}

#[test]
fn of_a_deleted_chat_nothing_is_shown_but_that_it_was() {
    let mut chat = chat();
    chat.delete(&deleted());
    for command in [
        post(MEMBER),
        amend(MEMBER),
        show(user(MEMBER)),
        show_messages(user(MEMBER)),
        show_members(user(MEMBER), None, 9),
        list_members(user(MEMBER), 9),
        add(MEMBER, OTHER),
        remove(MEMBER, OTHER),
        set_role(MEMBER, OTHER, Role::Admin),
        settings(MEMBER, false),
        delete(MEMBER),
    ] {
        check(Some(&chat), &command, Err(Problem::NO_SUCH_CHAT));
    }
    let members = users([MEMBER]);
    check(Some(&chat), &create(members), Err(Problem::CHAT_DELETED));
    let user_id = user(MEMBER);
    let none = Outcome::Activity(None);
    check(
        Some(&chat),
        &show_activity(user_id),
        Ok(Decision::Answer(none)),
    );
    let none = Outcome::Summary(None);
    check(Some(&chat), &summarize(user_id), Ok(Decision::Answer(none)));
    let page = EventsPage {
        after: Seq(0),
        until: Seq(9),
        limit: 9,
        bytes_max: 9,
    };
    let events = ChatCommand::ShowEvents {
        caller: user(STRANGER),
        page,
    };
    let told = Decision::EventsOfFormer {
        caller: user(STRANGER),
        page,
        end: End::Deleted((Seq(0), deleted())),
    };
    check(Some(&chat), &events, Ok(told));
}

#[test]
fn a_direct_chat_stays_as_it_is_and_who_is_blocked_says_nothing() {
    let (ann, bob) = (user(MEMBER), user(OTHER));
    let set = BlockSet {
        chat_id: ChatId::direct(ann, bob),
        by: ann,
        blocked_id: bob,
        is_blocked: true,
        at: AT,
    };
    let members = set.members();
    let mut chat = Chat::created(&set.creation(&members));
    for command in [
        add(MEMBER, STRANGER),
        remove(MEMBER, OTHER),
        remove(MEMBER, MEMBER),
        set_role(MEMBER, OTHER, Role::Admin),
        settings(MEMBER, false),
        delete(MEMBER),
    ] {
        assert_eq!(code(&chat, &command), Err("direct_chat"), "{command:?}");
    }
    let reacts = |caller, change| {
        ChatCommand::Amend(Box::new(Amend {
            caller: user(caller),
            message_id: MessageId::from_bytes([9; 16]),
            change,
        }))
    };
    let emoji = || "x".into();
    let says = |caller| {
        [
            post(caller),
            reacts(caller, MessageChange::AddReaction { emoji: emoji() }),
            reacts(caller, MessageChange::Edit { content: emoji() }),
        ]
    };
    let takes_back = |caller| {
        [
            reacts(caller, MessageChange::RemoveReaction { emoji: emoji() }),
            reacts(caller, MessageChange::Delete),
        ]
    };
    let both = || says(MEMBER).into_iter().chain(says(OTHER));
    assert!(both().all(|it| code(&chat, &it).is_ok()));
    let at = Place {
        partition: PartitionId(0),
        offset: Offset(9),
    };
    chat.set_block(&set, at);
    assert!(
        says(OTHER)
            .iter()
            .all(|it| code(&chat, it) == Err("blocked"))
    );
    let others = says(MEMBER).into_iter().chain(takes_back(OTHER));
    assert!(others.into_iter().all(|it| code(&chat, &it).is_ok()));
    let block = ChatCommand::Block(Blocking {
        caller: ann,
        blocked_id: bob,
        is_blocked: true,
        network: network(),
    });
    let done = Ok(Decision::Answer(Outcome::Done));
    assert_eq!(decide(chat.id, Some(&chat), &block, AT), done);
}

fn erase(user_id: u32, step: ErasureStep) -> ChatCommand {
    let user_id = user(user_id);
    ChatCommand::Erase { user_id, step }
}

/// Each step is asked for again until nothing is left to do.
#[test]
fn of_a_deleted_user_everything_is_done_once() {
    use ErasureStep::{Content, Membership};
    let mut chat = chat();
    let done = || Ok(Decision::Answer(Outcome::Done));
    let erased = SenderErased {
        chat_id: CHAT,
        user_id: user(OTHER),
        at: AT,
    };
    let key = ChangeKey::Erased(CHAT, user(OTHER));
    let append = Decision::Append(key, Record::SenderErased(erased));
    check(Some(&chat), &erase(OTHER, Content), Ok(append));
    chat.timeline.erase(&erased);
    check(Some(&chat), &erase(OTHER, Content), done());
    let key = ChangeKey::Removed(CHAT, user(OTHER));
    let left = Decision::Append(key, Record::MemberRemoved(change(OTHER, OTHER)));
    check(Some(&chat), &erase(OTHER, Membership), Ok(left));
    check(Some(&chat), &erase(STRANGER, Membership), done());
}

#[test]
fn a_deleted_user_stays_in_a_direct_chat_and_blocks_the_other_once() {
    let (ann, bob) = (user(MEMBER), user(OTHER));
    let set = BlockSet {
        chat_id: ChatId::direct(ann, bob),
        by: ann,
        blocked_id: bob,
        is_blocked: true,
        at: AT,
    };
    let members = set.members();
    let mut chat = Chat::created(&set.creation(&members));
    let leaves = erase(MEMBER, ErasureStep::Membership);
    let decided = decide(chat.id, Some(&chat), &leaves, AT);
    let key = ChangeKey::Blocked(chat.id, ann, true);
    assert_eq!(decided, Ok(Decision::Append(key, Record::BlockSet(set))));
    let at = Place {
        partition: PartitionId(0),
        offset: Offset(9),
    };
    chat.set_block(&set, at);
    let decided = decide(chat.id, Some(&chat), &leaves, AT);
    assert_eq!(decided, Ok(Decision::Answer(Outcome::Done)));
}

/// Of a chat that shows no more, whoever asks.
#[test]
fn events_begin_at_the_joining_of_whoever_asks() {
    let mut chat = chat();
    let at = |offset| Place {
        partition: PartitionId(0),
        offset: Offset(offset),
    };
    let mut fold = |record: &Record<'_>, offset| {
        fold(
            &mut chat,
            record,
            &Bytes::new(),
            at(offset),
            &mut Vec::new(),
        );
    };
    let history = ChatChanged {
        chat_id: CHAT,
        by: user(MEMBER),
        at: AT,
        name: None,
        description: None,
        members_may_add: None,
        history: Some(History::Joined),
    };
    fold(&Record::ChatChanged(history), 1);
    fold(&Record::MemberAdded(change(STRANGER, MEMBER)), 2);
    let page = |after| EventsPage {
        after: Seq(after),
        until: Seq(9),
        limit: 9,
        bytes_max: 9,
    };
    for (asked, given) in [(0, 1), (1, 1), (2, 2)] {
        let command = ChatCommand::ShowEvents {
            caller: user(STRANGER),
            page: page(asked),
        };
        let wanted = Wanted {
            page: page(given),
            removed: None,
        };
        check(Some(&chat), &command, Ok(Decision::Events(wanted)));
    }
}

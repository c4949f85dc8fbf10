//! Every command, on every state that it can meet.

use std::ops::Range;

use rookery_schema::limits::CHAT_MEMBERS_MAX;
use rookery_schema::record::Members;
use rookery_schema::{Seq, UserId};

use super::*;
use crate::mesh::{Created, Page, PageStart};
use crate::owner::chat::sample::{AT, CHAT, CREATED_AT, NAME, change, chat_of, user, users};

/// A member, another one, and somebody who is none.
const MEMBER: u32 = 1;
const OTHER: u32 = 2;
const STRANGER: u32 = 3;

/// A page of which memory has nothing.
const PAGE: Page = Page {
    from: PageStart::Before(Seq(9)),
    limit: 4,
};

/// The members of a chat that takes no more. `STRANGER` is not among them.
const FULL: Range<u32> = 10..10 + CHAT_MEMBERS_MAX as u32;

fn chat() -> Chat {
    chat_of([MEMBER, OTHER])
}

#[track_caller]
fn check<'a>(
    chat: Option<&Chat>,
    command: &'a ChatCommand,
    expected: Result<Decision<'a>, Problem>,
) {
    assert_eq!(decide(CHAT, chat, command, AT), expected);
}

fn create(members: Members) -> ChatCommand {
    ChatCommand::Create {
        creator_id: Some(user(MEMBER)),
        name: NAME.into(),
        members,
    }
}

fn post(sender: u32) -> ChatCommand {
    ChatCommand::Post(Post {
        sender_id: user(sender),
        content: "hello".into(),
        client_id: Some("id".into()),
    })
}

const fn show(caller: UserId) -> ChatCommand {
    ChatCommand::Show { caller }
}

const fn show_messages(caller: UserId) -> ChatCommand {
    ChatCommand::ShowMessages { caller, page: PAGE }
}

const fn summarize(user_id: UserId) -> ChatCommand {
    ChatCommand::Summarize { user_id }
}

fn add(caller: u32, user_id: u32) -> ChatCommand {
    ChatCommand::AddMember {
        caller: user(caller),
        user_id: user(user_id),
    }
}

fn remove(caller: u32, user_id: u32) -> ChatCommand {
    ChatCommand::RemoveMember {
        caller: user(caller),
        user_id: user(user_id),
    }
}

fn shown(created: bool, members: &[u32]) -> Outcome {
    let members: Vec<String> = members
        .iter()
        .map(|it| format!("\"{}\"", user(*it)))
        .collect();
    let body = format!(
        r#"{{"chat_id":"{CHAT}","name":"a \"chat\"","members":[{}],"created_at":"{CREATED_AT}"}}"#,
        members.join(",")
    );
    Outcome::Json {
        created: created.then(|| Box::new(Created::Chat(CHAT))),
        body: body.into_bytes(),
    }
}

#[test]
fn a_chat_that_is_not_there_can_be_created_and_nothing_else() {
    let members = users([MEMBER, OTHER]);
    let created = ChatCreated {
        chat_id: CHAT,
        at: AT,
        creator_id: Some(user(MEMBER)),
        name: NAME,
        members: members.as_list(),
    };
    let creation = Decision::Append(ChangeKey::Chat(CHAT), Record::ChatCreated(created));
    check(None, &create(members.clone()), Ok(creation));
    let nothing = Decision::Answer(Outcome::Summary(None));
    check(None, &summarize(user(MEMBER)), Ok(nothing));
    for command in [
        post(MEMBER),
        show(user(MEMBER)),
        show_messages(user(MEMBER)),
        add(MEMBER, OTHER),
        remove(MEMBER, OTHER),
    ] {
        check(None, &command, Err(Problem::NO_SUCH_CHAT));
    }
}

#[test]
fn a_chat_that_is_there_counts_as_created() {
    let answer = Decision::Answer(shown(true, &[MEMBER, OTHER]));
    check(Some(&chat()), &create(users([STRANGER])), Ok(answer));
}

#[test]
fn a_chat_is_nothing_that_a_stranger_knows_of() {
    for command in [
        post(STRANGER),
        show(user(STRANGER)),
        show_messages(user(STRANGER)),
        add(STRANGER, OTHER),
        add(STRANGER, STRANGER),
        remove(STRANGER, OTHER),
        remove(STRANGER, STRANGER),
    ] {
        check(Some(&chat()), &command, Err(Problem::NO_SUCH_CHAT));
    }
    let nothing = Decision::Answer(Outcome::Summary(None));
    check(Some(&chat()), &summarize(user(STRANGER)), Ok(nothing));
}

#[test]
fn a_member_posts_and_reads() {
    let chat = chat();
    let command = post(MEMBER);
    let ChatCommand::Post(posted) = &command else {
        panic!("it is a post");
    };
    check(Some(&chat), &command, Ok(Decision::Post(posted)));
    let answer = Decision::Answer(shown(false, &[MEMBER, OTHER]));
    check(Some(&chat), &show(user(OTHER)), Ok(answer));
    let page = Decision::Page(page(&chat, PAGE));
    check(Some(&chat), &show_messages(user(OTHER)), Ok(page));
    let summary = Outcome::Summary(Some(Box::new(chat.summary())));
    let answer = Decision::Answer(summary);
    check(Some(&chat), &summarize(user(OTHER)), Ok(answer));
}

#[test]
fn a_member_adds_others() {
    let key = ChangeKey::Added(CHAT, user(STRANGER));
    let record = Record::MemberAdded(change(STRANGER, MEMBER));
    let joins = Decision::Append(key, record);
    check(Some(&chat()), &add(MEMBER, STRANGER), Ok(joins));
    for there_already in [MEMBER, OTHER] {
        let answer = Decision::Answer(shown(false, &[MEMBER, OTHER]));
        check(Some(&chat()), &add(MEMBER, there_already), Ok(answer));
    }
}

#[test]
fn a_full_chat_takes_nobody_and_does_all_else() {
    let (first, last) = (FULL.start, FULL.end - 1);
    let full = chat_of(FULL);
    let problem = Problem::CHAT_FULL;
    check(Some(&full), &add(first, STRANGER), Err(problem));
    let answer = Decision::Answer(full.shown(false));
    check(Some(&full), &add(first, last), Ok(answer));
    let key = ChangeKey::Removed(CHAT, user(last));
    let leaves = Decision::Append(key, Record::MemberRemoved(change(last, first)));
    check(Some(&full), &remove(first, last), Ok(leaves));

    let nearly_full = chat_of(FULL.skip(1));
    let key = ChangeKey::Added(CHAT, user(STRANGER));
    let joins = Decision::Append(key, Record::MemberAdded(change(STRANGER, last)));
    check(Some(&nearly_full), &add(last, STRANGER), Ok(joins));
}

#[test]
fn a_member_removes_others_and_themselves() {
    for leaver in [MEMBER, OTHER] {
        let key = ChangeKey::Removed(CHAT, user(leaver));
        let record = Record::MemberRemoved(change(leaver, MEMBER));
        let leaves = Decision::Append(key, record);
        check(Some(&chat()), &remove(MEMBER, leaver), Ok(leaves));
    }
    let problem = Problem::NO_SUCH_USER;
    check(Some(&chat()), &remove(MEMBER, STRANGER), Err(problem));
}

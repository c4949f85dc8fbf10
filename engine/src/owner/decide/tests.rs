//! Every command, on every state that it can meet.

mod ends;
mod roles;

use std::net::IpAddr;
use std::ops::Range;

use rookery_schema::limits::{CHAT_MEMBERS_MAX, MEMBERS_SHOWN_MAX};
use rookery_schema::record::{ChatCreated, Members};
use rookery_schema::row::Mark;
use rookery_schema::{MessageId, Seq, UserId};

use super::*;
use crate::limits::Network;
use crate::mesh::{
    Activity, Amend, ChatChange, Created, Creation, Marked, MembersPage, MessageChange, Page,
    PageCursor, PageStart, Post,
};
use crate::owner::chat::sample::{AT, CHAT, CREATED_AT, NAME, change, chat_of, user, users};
use crate::owner::chat::showing;

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

fn network() -> Network {
    IpAddr::from([192, 0, 2, 1]).into()
}

fn create(members: Members) -> ChatCommand {
    ChatCommand::Create(Box::new(Creation {
        creator_id: Some(user(MEMBER)),
        name: NAME.into(),
        members,
        network: network(),
        origin: Origin::Chance,
    }))
}

fn amend(caller: u32) -> ChatCommand {
    ChatCommand::Amend(Box::new(Amend {
        caller: user(caller),
        message_id: MessageId::from_bytes([9; 16]),
        change: MessageChange::Delete,
    }))
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

const fn show_members(caller: UserId, after: Option<UserId>, limit: usize) -> ChatCommand {
    let page = MembersPage { after, limit };
    ChatCommand::ShowMembers { caller, page }
}

const fn list_members(caller: UserId, limit: usize) -> ChatCommand {
    ChatCommand::ListMembers { caller, limit }
}

const fn show_activity(user_id: UserId) -> ChatCommand {
    ChatCommand::ShowActivity { user_id }
}

fn summarize(user_id: UserId) -> ChatCommand {
    let mark = Mark::default();
    ChatCommand::Summarize { user_id, mark }
}

fn mark(user_id: UserId) -> ChatCommand {
    let seq = Seq(7);
    ChatCommand::ResolveMark { user_id, seq }
}

fn add(caller: u32, user_id: u32) -> ChatCommand {
    ChatCommand::AddMember {
        caller: user(caller),
        user_id: user(user_id),
        network: network(),
    }
}

fn remove(caller: u32, user_id: u32) -> ChatCommand {
    ChatCommand::RemoveMember {
        caller: user(caller),
        user_id: user(user_id),
    }
}

fn set_role(caller: u32, user_id: u32, role: Role) -> ChatCommand {
    ChatCommand::SetRole {
        caller: user(caller),
        user_id: user(user_id),
        role,
    }
}

/// A change of whether all may add members.
fn settings(caller: u32, members_may_add: bool) -> ChatCommand {
    ChatCommand::Change(Box::new(ChatChange {
        caller: user(caller),
        name: None,
        description: None,
        members_may_add: Some(members_may_add),
        history: None,
    }))
}

fn shown(created: bool, members: &[u32]) -> Outcome {
    let members: Vec<String> = members
        .iter()
        .map(|it| format!("\"{}\"", user(*it)))
        .collect();
    let body = format!(
        r#"{{"chat_id":"{CHAT}","name":"a \"chat\"","description":"","members_may_add":true,"history":"all","members":[{}],"member_count":{},"roles":{{{}:"admin"}},"created_at":"{CREATED_AT}","last_seq":0}}"#,
        members.join(","),
        members.len(),
        members[0],
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
    let creation = Decision::Append(ChangeKey::chat(&created), Record::ChatCreated(created));
    check(None, &create(members.clone()), Ok(creation));
    let nothing = Decision::Answer(Outcome::Summary(None));
    check(None, &summarize(user(MEMBER)), Ok(nothing));
    let nothing = Decision::Answer(Outcome::Activity(None));
    check(None, &show_activity(user(MEMBER)), Ok(nothing));
    for command in [
        post(MEMBER),
        amend(MEMBER),
        show(user(MEMBER)),
        show_messages(user(MEMBER)),
        show_members(user(MEMBER), None, 1),
        mark(user(MEMBER)),
        list_members(user(MEMBER), 1),
        add(MEMBER, OTHER),
        remove(MEMBER, OTHER),
        set_role(MEMBER, OTHER, Role::Admin),
        settings(MEMBER, false),
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
        amend(STRANGER),
        show(user(STRANGER)),
        show_messages(user(STRANGER)),
        show_members(user(STRANGER), None, 1),
        mark(user(STRANGER)),
        list_members(user(STRANGER), 1),
        add(STRANGER, OTHER),
        add(STRANGER, STRANGER),
        remove(STRANGER, OTHER),
        remove(STRANGER, STRANGER),
        set_role(STRANGER, OTHER, Role::Admin),
        settings(STRANGER, false),
    ] {
        check(Some(&chat()), &command, Err(Problem::NO_SUCH_CHAT));
    }
    let nothing = Decision::Answer(Outcome::Summary(None));
    check(Some(&chat()), &summarize(user(STRANGER)), Ok(nothing));
    let nothing = Decision::Answer(Outcome::Activity(None));
    check(Some(&chat()), &show_activity(user(STRANGER)), Ok(nothing));
}

#[test]
fn a_member_posts_and_reads() {
    let chat = chat();
    let command = post(MEMBER);
    let ChatCommand::Post(posted) = &command else {
        panic!("it is a post");
    };
    check(Some(&chat), &command, Ok(Decision::Post(posted)));
    check(Some(&chat), &amend(OTHER), Ok(Decision::Amend));
    let answer = Decision::Answer(shown(false, &[MEMBER, OTHER]));
    check(Some(&chat), &show(user(OTHER)), Ok(answer));
    let page = Decision::Page(page(&chat, PAGE, Seq(1)));
    check(Some(&chat), &show_messages(user(OTHER)), Ok(page));
    let summary = Outcome::Summary(Some(Box::new(summary(&chat, user(OTHER), Mark::default()))));
    let answer = Decision::Answer(summary);
    check(Some(&chat), &summarize(user(OTHER)), Ok(answer));
    let nothing = Marked {
        mark: Mark::CREATION,
        unread: 0,
        last_seq: chat.timeline.seq(),
    };
    let nothing = Decision::Answer(Outcome::Marked(nothing));
    check(Some(&chat), &mark(user(OTHER)), Ok(nothing));
    let activity = Activity {
        at: CREATED_AT,
        chat_id: CHAT,
    };
    let answer = Decision::Answer(Outcome::Activity(Some(activity)));
    check(Some(&chat), &show_activity(user(OTHER)), Ok(answer));
}

#[track_caller]
fn check_members(chat: &Chat, after: Option<u32>, limit: usize, shown: &[u32], next: Option<u32>) {
    let shown: Vec<String> = shown
        .iter()
        .map(|it| format!("\"{}\"", user(*it)))
        .collect();
    let page = Outcome::Page {
        body: format!("[{}]", shown.join(",")).into_bytes(),
        next: next.map(|it| PageCursor::AfterMember(user(it))),
    };
    let command = show_members(user(MEMBER), after.map(user), limit);
    check(Some(chat), &command, Ok(Decision::Answer(page)));
}

#[test]
fn the_first_members_are_listed() {
    let chat = chat_of([30, MEMBER, 20]);
    for (limit, count) in [(2, 2), (9, 3)] {
        let members = [30, MEMBER, 20].map(user)[..count].to_vec();
        let listed = Decision::Answer(Outcome::Members(members));
        check(Some(&chat), &list_members(user(MEMBER), limit), Ok(listed));
    }
}

#[test]
fn members_are_paged_in_the_order_in_which_they_joined() {
    let mut chat = chat_of([30, MEMBER, 20, 10]);
    check_members(&chat, None, 2, &[30, MEMBER], Some(MEMBER));
    check_members(&chat, Some(MEMBER), 2, &[20, 10], None);
    check_members(&chat, None, 3, &[30, MEMBER, 20], Some(20));
    check_members(&chat, Some(10), 3, &[], None);
    // Who comes back is the last to have joined.
    chat.remove_member(user(20), &mut Vec::new());
    check_members(&chat, Some(MEMBER), 3, &[10], None);
    chat.insert_member(user(20));
    check_members(&chat, Some(MEMBER), 3, &[10, 20], None);
}

#[test]
fn members_are_paged_from_the_first_on_where_the_last_one_seen_has_left() {
    let chat = chat_of([30, MEMBER, 10]);
    check_members(&chat, Some(20), 2, &[30, MEMBER], Some(MEMBER));
}

#[test]
fn a_chat_of_many_is_shown_with_the_first_of_them() {
    const SHOWN: u32 = MEMBERS_SHOWN_MAX as u32;
    let crowd = chat_of(FULL);
    let Outcome::Json { body, .. } = showing::shown(&crowd, false) else {
        panic!("a chat is JSON");
    };
    let chat: serde_json::Value = serde_json::from_slice(&body).expect("valid JSON");
    assert_eq!(chat["member_count"], CHAT_MEMBERS_MAX);
    let first: Vec<String> = FULL
        .take(MEMBERS_SHOWN_MAX)
        .map(|it| user(it).to_string())
        .collect();
    assert_eq!(chat["members"], serde_json::json!(first));
    // The page behind them has the others.
    let last = FULL.start + SHOWN - 1;
    let page = MembersPage {
        after: Some(user(last)),
        limit: 1,
    };
    let Outcome::Page { body, .. } = members_page(&crowd, page) else {
        panic!("members are a page");
    };
    assert_eq!(body, format!("[\"{}\"]", user(last + 1)).into_bytes());
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
    let answer = Decision::Answer(showing::shown(&full, false));
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
fn an_admin_removes_others_and_anyone_leaves() {
    for (caller, leaver) in [(MEMBER, MEMBER), (MEMBER, OTHER), (OTHER, OTHER)] {
        let key = ChangeKey::Removed(CHAT, user(leaver));
        let record = Record::MemberRemoved(change(leaver, caller));
        let leaves = Decision::Append(key, record);
        check(Some(&chat()), &remove(caller, leaver), Ok(leaves));
    }
    let problem = Problem::NOT_ADMIN;
    check(Some(&chat()), &remove(OTHER, MEMBER), Err(problem));
    let problem = Problem::NO_SUCH_MEMBER;
    check(Some(&chat()), &remove(MEMBER, STRANGER), Err(problem));
}

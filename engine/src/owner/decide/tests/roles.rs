//! Who may do what, by their roles and the chat's settings.

use rookery_schema::roles::History;

use super::*;

/// A second admin, besides `MEMBER`, who made the chat.
const ADMIN: u32 = 7;

/// A chat of both admins and `OTHER`.
fn with_two_admins() -> Chat {
    let mut chat = chat_of([MEMBER, OTHER, ADMIN]);
    chat.set_roles(&[(user(MEMBER), Role::Admin), (user(ADMIN), Role::Admin)]);
    chat
}

fn gives(user_id: u32, role: Role, by: u32) -> Decision<'static> {
    let set = RoleSet {
        chat_id: CHAT,
        user_id: user(user_id),
        role,
        by: user(by),
        at: AT,
    };
    let key = ChangeKey::Role(CHAT, user(user_id), role);
    Decision::Append(key, Record::RoleSet(set))
}

/// Whether a command leads to a record, or to which refusal.
fn outcome(chat: &Chat, command: &ChatCommand) -> Result<bool, &'static str> {
    match decide(CHAT, Some(chat), command, AT) {
        Ok(Decision::Append(..)) => Ok(true),
        Ok(_) => Ok(false),
        Err(problem) => Err(problem.code),
    }
}

#[test]
fn roles_and_settings_say_who_may_do_what() {
    let open = with_two_admins();
    let mut closed = with_two_admins();
    close(&mut closed);
    let refused = Err("not_admin");
    for (command, by_admin, by_member) in [
        (
            (|caller| add(caller, STRANGER)) as fn(u32) -> ChatCommand,
            Ok(true),
            Ok(true),
        ),
        (|caller| remove(caller, caller), Ok(true), Ok(true)),
        (|caller| remove(caller, 99), Err("not_found"), refused),
        (
            |caller| remove(caller, if caller == OTHER { ADMIN } else { OTHER }),
            Ok(true),
            refused,
        ),
        (
            |caller| set_role(caller, OTHER, Role::Admin),
            Ok(true),
            refused,
        ),
        (
            |caller| set_role(caller, MEMBER, Role::Member),
            Ok(true),
            refused,
        ),
        (
            |caller| set_role(caller, OTHER, Role::Member),
            Ok(false),
            refused,
        ),
        (
            |caller| set_role(caller, STRANGER, Role::Admin),
            Err("not_found"),
            refused,
        ),
        (|caller| settings(caller, false), Ok(true), refused),
        (|caller| settings(caller, true), Ok(false), refused),
    ] {
        for (caller, expected) in [(MEMBER, by_admin), (ADMIN, by_admin), (OTHER, by_member)] {
            let command = command(caller);
            assert_eq!(outcome(&open, &command), expected, "{command:?}");
        }
    }
    assert_eq!(outcome(&closed, &add(OTHER, STRANGER)), refused);
    assert_eq!(outcome(&closed, &add(OTHER, ADMIN)), Ok(false), "a member");
    assert_eq!(outcome(&closed, &add(ADMIN, STRANGER)), Ok(true));
}

/// Admins alone may add.
fn close(chat: &mut Chat) {
    let changed = ChatChanged {
        chat_id: CHAT,
        by: user(MEMBER),
        at: AT,
        name: None,
        description: None,
        members_may_add: Some(false),
        history: None,
    };
    chat.change_settings(&changed);
}

#[test]
fn whoever_made_a_chat_is_its_admin_and_gives_others_the_role() {
    check(
        Some(&chat()),
        &set_role(MEMBER, OTHER, Role::Admin),
        Ok(gives(OTHER, Role::Admin, MEMBER)),
    );
    let answer = Decision::Answer(shown(false, &[MEMBER, OTHER]));
    check(
        Some(&chat()),
        &set_role(MEMBER, MEMBER, Role::Admin),
        Ok(answer),
    );
}

#[test]
fn the_last_admin_stays_one() {
    let problem = Problem::LAST_ADMIN;
    let resigns = set_role(MEMBER, MEMBER, Role::Member);
    check(Some(&chat()), &resigns, Err(problem));
    let given = Ok(gives(MEMBER, Role::Member, MEMBER));
    check(Some(&with_two_admins()), &resigns, given);
    let mut alone = with_two_admins();
    alone.remove_member(user(ADMIN), &mut Vec::new());
    check(Some(&alone), &resigns, Err(problem));
}

#[test]
fn of_settings_those_are_told_that_change() {
    let text = |text: &str| Some(text.into());
    let command = ChatCommand::Change(Box::new(ChatChange {
        caller: user(MEMBER),
        name: text(NAME),
        description: text("what it is about"),
        members_may_add: Some(true),
        history: Some(History::Joined),
    }));
    let expected = ChatChanged {
        chat_id: CHAT,
        by: user(MEMBER),
        at: AT,
        name: None,
        description: Some("what it is about"),
        members_may_add: None,
        history: Some(History::Joined),
    };
    match decide(CHAT, Some(&chat()), &command, AT) {
        Ok(Decision::Append(_, Record::ChatChanged(changed))) => assert_eq!(changed, expected),
        other => panic!("{other:?}"),
    }
}

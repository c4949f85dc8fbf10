//! Who is admin, whatever comes; and what is stored of it.

use rookery_schema::roles::{History, Settings};
use rookery_schema::row::SettingsRow;

use super::*;
use crate::edge::port::{StoredChat, StoredMember, StoredRoles};

const ADMIN: Option<Role> = Some(Role::Admin);

fn set(user_id: u32, role: Role, by: u32) -> RoleSet {
    RoleSet {
        chat_id: CHAT,
        user_id: user(user_id),
        role,
        by: user(by),
        at: AT,
    }
}

/// A chat, and all roles that were written of it.
struct Told {
    chat: Chat,
    offset: u64,
    rows: Vec<RoleRow>,
}

impl Told {
    fn new(members: impl IntoIterator<Item = u32>) -> Self {
        Self {
            chat: chat(members),
            offset: CREATED.offset.0,
            rows: Vec::new(),
        }
    }

    fn fold(&mut self, record: &Record<'_>) -> (Folded, Vec<Row>) {
        self.offset += 1;
        let (folded, rows) = fold_at(&mut self.chat, record, place(3, self.offset));
        for row in &rows {
            if let Row::Role(row) = row {
                self.rows.push(*row);
            }
        }
        self.check();
        (folded, rows)
    }

    fn set(&mut self, user_id: u32, role: Role, by: u32) -> Folded {
        self.fold(&Record::RoleSet(set(user_id, role, by))).0
    }

    fn leave(&mut self, user_id: u32) -> Folded {
        self.fold(&Record::MemberRemoved(change(user_id, user_id)))
            .0
    }

    fn join(&mut self, user_id: u32) -> Folded {
        self.fold(&Record::MemberAdded(change(user_id, 1))).0
    }

    fn admins(&self) -> Vec<UserId> {
        let members = self.chat.members();
        members.iter().filter(|it| members.is_admin(*it)).collect()
    }

    /// There is an admin, and the store says the same, also where the newest rows were written before their event.
    fn check(&self) {
        let members = self.chat.members();
        assert_eq!(self.admins().is_empty(), members.len() == 0);
        let read = self.read(self.chat.timeline.seq());
        let admins = |chat: &Chat| -> Vec<bool> {
            let all = self.chat.members().iter();
            all.map(|it| chat.members().is_admin(it)).collect()
        };
        assert_eq!(admins(&read), admins(&self.chat));
        assert_eq!(read.members().untold_heir(), members.untold_heir());
    }

    /// The chat as it is read with these roles, of which each user has the newest; with today's members.
    fn read(&self, head: Seq) -> Chat {
        let newest = |row: &&RoleRow| {
            let same = self.rows.iter().filter(|it| it.user_id == row.user_id);
            same.map(|it| it.seq).max() == Some(row.seq)
        };
        let roles = StoredRoles::of(self.rows.iter().filter(newest).copied(), head);
        let members = self.chat.members().iter();
        let members: Vec<_> = members
            .map(|user_id| StoredMember {
                user_id,
                added_seq: Seq(1),
                is_admin: roles.is_admin(user_id),
            })
            .collect();
        let stored = StoredChat {
            chat: ChatRow {
                chat_id: CHAT,
                name: NAME.to_owned(),
                created_at: CREATED_AT,
            },
            members: Vec::new(),
            last_role: roles.last(),
            settings: None,
            head: Head::default(),
            recent: Vec::new(),
            messages: Vec::new(),
            latest_message: None,
            blockers: Vec::new(),
            erased: Vec::new(),
            deleted: None,
        };
        let mut chat = Chat::stored(stored, members.len());
        chat.add_members(members.into_iter());
        chat
    }
}

#[track_caller]
fn check_admins(told: &Told, expected: &[u32]) {
    let expected: Vec<UserId> = expected.iter().copied().map(user).collect();
    assert_eq!(told.admins(), expected);
}

#[test]
fn the_first_role_that_is_given_leaves_that_of_the_first_admin() {
    let mut told = Told::new([1, 2, 3]);
    check_admins(&told, &[1]);
    let (folded, rows) = told.fold(&Record::RoleSet(set(2, Role::Admin, 1)));
    assert_eq!(folded, Folded::RoleSet(user(2), Role::Admin));
    let roles = [
        role_row(1, Role::Admin, None, 2),
        role_row(2, Role::Admin, None, 2),
    ];
    assert_eq!(rows[1..], roles);
    check_admins(&told, &[1, 2]);
    // Before the event is stored, the rows say what was before.
    let before = told.read(Seq(1));
    assert_eq!(before.members().heir(), Some(user(1)));
    let (_, rows) = told.fold(&Record::RoleSet(set(1, Role::Member, 2)));
    assert_eq!(rows[1..], [role_row(1, Role::Member, ADMIN, 3)]);
    check_admins(&told, &[2]);
}

#[test]
fn a_role_that_stands_already_or_of_no_member_is_no_event() {
    let mut told = Told::new([1, 2]);
    assert_eq!(told.set(2, Role::Member, 1), Folded::Unchanged);
    assert_eq!(told.set(3, Role::Admin, 1), Folded::Unchanged);
    told.set(2, Role::Admin, 1);
    let seq = told.chat.timeline.seq();
    assert_eq!(told.set(2, Role::Admin, 1), Folded::Unchanged);
    assert_eq!(told.chat.timeline.seq(), seq);
}

#[test]
fn of_two_admins_who_depose_each_other_one_stays() {
    let mut told = Told::new([1, 2]);
    told.set(2, Role::Admin, 1);
    let deposed = Folded::RoleSet(user(2), Role::Member);
    assert_eq!(told.set(2, Role::Member, 1), deposed);
    assert_eq!(told.set(1, Role::Member, 2), Folded::LastAdmin(user(1)));
    check_admins(&told, &[1]);
}

#[test]
fn where_the_last_admin_leaves_the_member_of_longest_standing_is_one_and_told_once() {
    let mut told = Told::new([1, 2, 3]);
    told.set(3, Role::Admin, 1);
    told.leave(3);
    check_admins(&told, &[1]);
    assert_eq!(told.chat.members().untold_heir(), None);
    let (_, rows) = told.fold(&Record::MemberRemoved(change(1, 1)));
    assert_eq!(rows[2..], [role_row(1, Role::Member, ADMIN, 4)]);
    check_admins(&told, &[2]);
    assert_eq!(told.chat.members().untold_heir(), Some((user(2), user(1))));
    // Whoever comes back is a member as others are.
    told.join(1);
    check_admins(&told, &[2]);
    let told_so = Folded::RoleSet(user(2), Role::Admin);
    assert_eq!(told.set(2, Role::Admin, 1), told_so);
    assert_eq!(told.chat.members().untold_heir(), None);
    assert_eq!(told.set(2, Role::Admin, 1), Folded::Unchanged);
    check_admins(&told, &[2]);
}

#[test]
fn an_heir_who_leaves_before_it_was_told_has_one_too() {
    let mut told = Told::new([1, 2, 3]);
    told.leave(1);
    told.leave(2);
    check_admins(&told, &[3]);
    assert_eq!(told.chat.members().untold_heir(), Some((user(3), user(2))));
    // It was on its way when they left.
    assert_eq!(told.set(2, Role::Admin, 1), Folded::Unchanged);
    told.leave(3);
    check_admins(&told, &[]);
    assert_eq!(told.chat.members().untold_heir(), None);
}

#[test]
fn settings_are_changed_one_by_one_and_stored_together() {
    let mut told = Told::new([1]);
    let nothing = ChatChanged {
        chat_id: CHAT,
        by: user(1),
        at: AT,
        name: None,
        description: None,
        members_may_add: None,
        history: None,
    };
    let first = ChatChanged {
        name: Some("new"),
        history: Some(History::Joined),
        ..nothing
    };
    let second = ChatChanged {
        description: Some("about"),
        members_may_add: Some(false),
        ..nothing
    };
    told.fold(&Record::ChatChanged(first));
    let (folded, rows) = told.fold(&Record::ChatChanged(second));
    assert_eq!(folded, Folded::Changed);
    let row = SettingsRow {
        chat_id: CHAT,
        seq: Seq(3),
        settings: Settings {
            name: "new".into(),
            description: "about".into(),
            members_may_add: false,
            history: History::Joined,
        },
    };
    assert_eq!(rows[1..], [Row::Settings(row)]);
    // The store may have had them before: the event has its number all the same.
    assert_eq!(told.fold(&Record::ChatChanged(second)).0, Folded::Changed);
    assert_eq!(told.chat.timeline.seq(), Seq(4));
}

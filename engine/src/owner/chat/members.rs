//! The members of a chat: since when they are that, and which of them are admins.
//!
//! Where nobody was given that role, or the last who had it is gone, one of them is admin all the same: the *heir*. Of a
//! chat in which no role was ever set, that is whoever made it, if they are a member; else the member of longest
//! standing. So a chat that has members has an admin, but for a direct chat, which needs none.

use indexmap::IndexMap;
use rookery_schema::roles::Role;
use rookery_schema::{ChatId, Seq, UserId};

use crate::map::Hashing;
use crate::owner::budget::{allocated, allocated_table};

/// A list that has room for so many times as many is made anew.
const SPARSE: usize = 8;

/// The seq of a member's joining, and in the lowest bit whether they are an admin.
#[derive(Clone, Copy, Debug)]
struct Standing(u64);

impl Standing {
    const fn new(joined: Seq, is_admin: bool) -> Self {
        Self(joined.0 << 1 | is_admin as u64)
    }

    const fn joined(self) -> Seq {
        Seq(self.0 >> 1)
    }

    const fn is_admin(self) -> bool {
        self.0 & 1 == 1
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Members {
    chat_id: ChatId,
    /// In the order in which they became members.
    standings: IndexMap<UserId, Standing, Hashing>,
    /// How many were given the role.
    admins: usize,
    /// Who made the chat, while they are a member.
    maker: Option<UserId>,
    /// Whose role was set last, if ever one was. They may be no member.
    last_role: Option<UserId>,
    /// Bytes of memory that these take.
    bytes: usize,
}

impl Members {
    /// Nobody, and room for so many.
    pub(super) fn new(chat_id: ChatId, room: usize, last_role: Option<UserId>) -> Self {
        let mut this = Self {
            chat_id,
            standings: IndexMap::with_capacity_and_hasher(room, Hashing::default()),
            admins: 0,
            maker: None,
            last_role,
            bytes: 0,
        };
        this.count_bytes();
        this
    }

    pub(crate) fn len(&self) -> usize {
        self.standings.len()
    }

    pub(crate) fn contains(&self, user_id: UserId) -> bool {
        self.standings.contains_key(&user_id)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = UserId> + '_ {
        self.standings.keys().copied()
    }

    /// Those behind a member; all of them where they are none.
    pub(super) fn behind(&self, after: Option<UserId>) -> impl Iterator<Item = UserId> + '_ {
        let after = after.and_then(|user_id| self.standings.get_index_of(&user_id));
        self.iter().skip(after.map_or(0, |index| index + 1))
    }

    /// Which event made a user a member, where they are one.
    pub(crate) fn joined(&self, user_id: UserId) -> Option<Seq> {
        let standing = self.standings.get(&user_id)?;
        Some(standing.joined())
    }

    /// Bytes of memory that it takes, besides itself.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a member for whom there is room; false where they are one already.
    pub(super) fn add(&mut self, user_id: UserId, joined: Seq, is_admin: bool) -> bool {
        let standing = Standing::new(joined, is_admin);
        let indexmap::map::Entry::Vacant(place) = self.standings.entry(user_id) else {
            return false;
        };
        place.insert(standing);
        self.admins += usize::from(is_admin);
        if self.chat_id.is_made_by(user_id) {
            self.maker = Some(user_id);
        }
        true
    }

    /// The same, of whom the list may have to grow for.
    pub(super) fn insert(&mut self, user_id: UserId, joined: Seq) -> bool {
        let is_new = self.add(user_id, joined, false);
        self.count_bytes();
        is_new
    }

    /// Removes a member; the role that was given to them, or none where they were no member.
    pub(super) fn remove(&mut self, user_id: UserId) -> Option<Role> {
        let standing = self.standings.shift_remove(&user_id)?;
        self.admins -= usize::from(standing.is_admin());
        self.maker = self.maker.filter(|maker| *maker != user_id);
        if self.standings.len() < self.standings.capacity() / SPARSE {
            self.standings.shrink_to_fit();
        }
        self.count_bytes();
        Some(role(standing.is_admin()))
    }

    /// Whether a user is a member and an admin.
    pub(crate) fn is_admin(&self, user_id: UserId) -> bool {
        let standing = self.standings.get(&user_id);
        standing.is_some_and(|it| it.is_admin()) || self.heir() == Some(user_id)
    }

    /// Whether they are the two of a direct chat, which has no admin.
    pub(super) fn are_direct(&self) -> bool {
        self.chat_id.is_direct_of(self.iter())
    }

    /// The other member of a direct chat.
    pub(crate) fn other(&self, user_id: UserId) -> Option<UserId> {
        let mut others = self.iter().filter(|it| *it != user_id);
        self.are_direct().then(|| others.next()).flatten()
    }

    /// Who is admin though the role was given to no member.
    pub(crate) fn heir(&self) -> Option<UserId> {
        if self.admins > 0 || self.are_direct() {
            return None;
        }
        let maker = self.maker.filter(|_| self.last_role.is_none());
        maker.or_else(|| self.iter().next())
    }

    /// Whether somebody is the last admin.
    pub(crate) fn is_last_admin(&self, user_id: UserId) -> bool {
        self.admins <= 1 && self.is_admin(user_id)
    }

    /// The role that was given to a member; none where no role was ever set in the chat.
    pub(super) fn given(&self, user_id: UserId) -> Option<Role> {
        self.last_role?;
        let standing = self.standings.get(&user_id)?;
        Some(role(standing.is_admin()))
    }

    /// Gives a member a role.
    pub(super) fn set_role(&mut self, user_id: UserId, role: Role) {
        let Some(standing) = self.standings.get_mut(&user_id) else {
            return;
        };
        let (was_admin, is_admin) = (standing.is_admin(), role == Role::Admin);
        *standing = Standing::new(standing.joined(), is_admin);
        self.admins = self.admins + usize::from(is_admin) - usize::from(was_admin);
        self.last_role = Some(user_id);
    }

    /// A role was set of somebody who has left.
    pub(super) const fn note_role_of_leaver(&mut self, user_id: UserId) {
        self.last_role = Some(user_id);
    }

    /// Who is admin since the last one has left, which no event tells yet; and who has left.
    pub(crate) fn untold_heir(&self) -> Option<(UserId, UserId)> {
        let last = self.last_role?;
        self.heir().map(|heir| (heir, last))
    }

    /// The admins of longest standing, so many at most. No more members are looked at than it takes to find them.
    pub(super) fn first_admins(&self, count_max: usize) -> impl Iterator<Item = UserId> + '_ {
        let heir = self.heir();
        let count = self.admins + usize::from(heir.is_some());
        let is_admin = move |(user_id, standing): &(&UserId, &Standing)| {
            standing.is_admin() || heir == Some(**user_id)
        };
        let admins = self.standings.iter().filter(is_admin);
        admins
            .map(|(user_id, _)| *user_id)
            .take(count.min(count_max))
    }

    fn count_bytes(&mut self) {
        let room = self.standings.capacity();
        self.bytes = allocated(room * size_of::<(u64, UserId, Standing)>())
            + allocated_table(room, size_of::<usize>());
    }
}

const fn role(is_admin: bool) -> Role {
    match is_admin {
        true => Role::Admin,
        false => Role::Member,
    }
}

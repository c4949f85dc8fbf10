//! Whom the WebSockets of a home follow, and what is known of these users.
//!
//! A chat is followed once, however many sockets follow it, and a user once, however many chats they are followed in: so
//! what is asked and told does not grow with the square of the users.

use std::collections::VecDeque;

use bytes::Bytes;
use rookery_schema::event::put_user_id;
use rookery_schema::{ChatId, Seq, UserId};
use smallvec::SmallVec;

use crate::context::MICROS_PER_SECOND;
use crate::ids::ConnId;
use crate::map::{Map, Set, Unanswered};
use crate::mesh::whisper::{Presence, PresenceState};

/// Chats that a WebSocket may follow.
pub(super) const CHATS_FOLLOWED_MAX: usize = 16;
/// Members of a chat who are followed: the first in the order in which they joined.
pub(super) const MEMBERS_FOLLOWED_MAX: usize = 256;
/// Members of all chats that are followed at a home. Who is in several counts for each.
const USERS_FOLLOWED_MAX: usize = 1 << 18;
/// Microseconds between two times that a user's home is asked about them, and an owner about members.
const RENEW_MICROS: u64 = 30 * MICROS_PER_SECOND;
/// Microseconds after which an owner is asked again who gave no answer.
const RETRY_MICROS: u64 = 3 * MICROS_PER_SECOND;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Following {
    chats: Map<ChatId, FollowedChat>,
    users: Map<UserId, FollowedUser>,
    sockets: Map<ConnId, SmallVec<[ChatId; 2]>>,
    /// Sockets that were not told something, since too much waited for their clients.
    behind: Set<ConnId>,
    /// Users whose homes were not asked about them yet.
    new: VecDeque<UserId>,
    /// When the homes of others are asked again, in microseconds; the first to come first.
    renewals: VecDeque<(u64, UserId)>,
    /// The same of the owners of chats.
    chat_renewals: VecDeque<(u64, ChatId)>,
    /// The same of owners who gave no answer.
    retries: VecDeque<(u64, ChatId)>,
    pub(super) asked: Unanswered<Asked>,
    /// Members of all chats.
    members: usize,
    /// How the members of chats are, as frames that follow this protocol, made since the last tick.
    snapshots: Map<(ChatId, Protocol), Bytes>,
}

/// Whether several events share a frame.
type Protocol = bool;

#[derive(Debug, Default)]
struct FollowedChat {
    followers: Vec<Follower>,
    members: Vec<UserId>,
    /// The seq that was to come next when its owner was asked last.
    asked_at: Option<Seq>,
    /// When that is done again, in microseconds.
    renew_micros: u64,
}

/// A WebSocket that follows a chat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Follower {
    pub(super) conn: ConnId,
    pub(super) user_id: UserId,
    /// Takes several events in one frame.
    pub(super) batches: Protocol,
}

#[derive(Debug, Default)]
struct FollowedUser {
    /// The chats in which they are followed.
    chats: SmallVec<[ChatId; 1]>,
    state: Option<PresenceState>,
    /// When their home is asked again, in microseconds; 0 before the first time.
    renew_micros: u64,
}

/// A question to the owner of a chat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) chat_id: ChatId,
    /// On whose behalf.
    pub(super) user_id: UserId,
    pub(super) due_micros: u64,
}

/// Lines of JSON, each with its break, and how many there are.
pub(super) type Lines = (Vec<u8>, u32);

impl Following {
    /// Whether a socket follows as many chats as it may.
    pub(super) fn is_full(&self, conn: ConnId) -> bool {
        let chats = self.sockets.get(&conn);
        chats.is_some_and(|chats| chats.len() >= CHATS_FOLLOWED_MAX)
    }

    /// Whether there is no room for the members of one chat more.
    pub(super) fn has_no_room(&self) -> bool {
        self.members + MEMBERS_FOLLOWED_MAX > USERS_FOLLOWED_MAX
    }

    pub(super) fn is_followed(&self, chat_id: ChatId) -> bool {
        self.chats.contains_key(&chat_id)
    }

    pub(super) fn follows(&self, conn: ConnId, chat_id: ChatId) -> bool {
        let chats = self.sockets.get(&conn);
        chats.is_some_and(|chats| chats.contains(&chat_id))
    }

    /// A socket follows a chat that it did not follow.
    pub(super) fn follow(&mut self, chat_id: ChatId, follower: Follower) {
        let chat = self.chats.entry(chat_id).or_default();
        chat.followers.push(follower);
        self.sockets.entry(follower.conn).or_default().push(chat_id);
    }

    /// A socket does not follow a chat any more.
    pub(super) fn unfollow(&mut self, conn: ConnId, chat_id: ChatId) {
        if let Some(chats) = self.sockets.get_mut(&conn) {
            chats.retain(|it| *it != chat_id);
            if chats.is_empty() {
                self.sockets.remove(&conn);
                self.behind.remove(&conn);
            }
        }
        self.remove_followers(chat_id, |it| it.conn == conn);
    }

    /// A socket has closed.
    pub(super) fn close(&mut self, conn: ConnId) {
        self.behind.remove(&conn);
        for chat_id in self.sockets.remove(&conn).unwrap_or_default() {
            self.remove_followers(chat_id, |it| it.conn == conn);
        }
    }

    /// A user is no member of a chat any more: they follow it no longer, and nobody follows them there.
    pub(super) fn leave(&mut self, user_id: UserId, chat_id: ChatId) {
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return;
        };
        let before = chat.members.len();
        chat.members.retain(|it| *it != user_id);
        if chat.members.len() < before {
            self.members -= 1;
            self.unlink(user_id, chat_id);
            self.forget_snapshots(chat_id);
        }
        let theirs = self.followers(chat_id).iter();
        let theirs = theirs.filter(|it| it.user_id == user_id);
        let theirs: Vec<ConnId> = theirs.map(|it| it.conn).collect();
        for conn in theirs {
            self.unfollow(conn, chat_id);
        }
    }

    fn remove_followers(&mut self, chat_id: ChatId, is_gone: impl Fn(&Follower) -> bool) {
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return;
        };
        chat.followers.retain(|it| !is_gone(it));
        if chat.followers.is_empty()
            && let Some(chat) = self.chats.remove(&chat_id)
        {
            self.members -= chat.members.len();
            for user_id in chat.members {
                self.unlink(user_id, chat_id);
            }
            self.forget_snapshots(chat_id);
        }
    }

    fn unlink(&mut self, user_id: UserId, chat_id: ChatId) {
        if let Some(user) = self.users.get_mut(&user_id) {
            user.chats.retain(|it| *it != chat_id);
            if user.chats.is_empty() {
                self.users.remove(&user_id);
            }
        }
    }

    pub(super) fn followers(&self, chat_id: ChatId) -> &[Follower] {
        self.chats.get(&chat_id).map_or(&[], |it| &it.followers)
    }

    /// The members of a chat are known. What is known of those who are new, where anything is.
    pub(super) fn set_members(&mut self, chat_id: ChatId, mut members: Vec<UserId>) -> Lines {
        let mut known = Lines::default();
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return known;
        };
        let of_others = self.members - chat.members.len();
        members.truncate(USERS_FOLLOWED_MAX - of_others);
        self.members = of_others + members.len();
        let (mut before, after) = (Set::default(), members.clone());
        before.extend(std::mem::replace(&mut chat.members, members));
        for user_id in after {
            if before.remove(&user_id) {
                continue;
            }
            let user = self.users.entry(user_id).or_default();
            if user.chats.is_empty() {
                self.new.push_back(user_id);
            }
            user.chats.push(chat_id);
            if let Some(state) = user.state {
                put_line(&mut known, Presence { user_id, state });
            }
        }
        for user_id in before {
            self.unlink(user_id, chat_id);
        }
        self.forget_snapshots(chat_id);
        known
    }

    /// A home has told how a user is: the chats whose followers are to be told, since that is new.
    pub(super) fn update(&mut self, presence: Presence) -> SmallVec<[ChatId; 1]> {
        match self.users.get_mut(&presence.user_id) {
            Some(user) if user.state != Some(presence.state) => {
                user.state = Some(presence.state);
                let chats = user.chats.clone();
                for chat_id in &chats {
                    self.forget_snapshots(*chat_id);
                }
                chats
            }
            Some(_) | None => SmallVec::new(),
        }
    }

    /// How the members of a chat are, as frames.
    pub(super) fn snapshot(
        &mut self,
        chat_id: ChatId,
        batches: Protocol,
        frame: impl FnOnce(Lines) -> Bytes,
    ) -> Option<Bytes> {
        if let Some(made) = self.snapshots.get(&(chat_id, batches)) {
            return Some(made.clone());
        }
        let mut lines = Lines::default();
        for user_id in &self.chats.get(&chat_id)?.members {
            if let Some(state) = self.users.get(user_id).and_then(|user| user.state) {
                let user_id = *user_id;
                put_line(&mut lines, Presence { user_id, state });
            }
        }
        if lines.1 == 0 {
            return None;
        }
        let made = frame(lines);
        self.snapshots.insert((chat_id, batches), made.clone());
        Some(made)
    }

    fn forget_snapshots(&mut self, chat_id: ChatId) {
        for protocol in [false, true] {
            self.snapshots.remove(&(chat_id, protocol));
        }
    }

    /// Snapshots are kept no longer than a tick: what they take counts as held for connections.
    pub(super) fn forget_all_snapshots(&mut self) {
        self.snapshots.clear();
    }

    /// A socket was not told something.
    pub(super) fn fall_behind(&mut self, conn: ConnId) {
        self.behind.insert(conn);
    }

    pub(super) fn is_behind(&self, conn: ConnId) -> bool {
        self.behind.contains(&conn)
    }

    /// Takes the sockets that were not told something, with the chats that each follows.
    pub(super) fn take_behind(&mut self) -> Vec<(ConnId, SmallVec<[ChatId; 2]>)> {
        let behind = std::mem::take(&mut self.behind).into_iter();
        let chats = |conn: ConnId| self.sockets.get(&conn).cloned();
        behind
            .filter_map(|conn| Some((conn, chats(conn)?)))
            .collect()
    }

    /// Takes a user whose home is to be asked about them.
    pub(super) fn next_unasked(&mut self, now_micros: u64) -> Option<UserId> {
        loop {
            let (due, user_id) = match self.new.pop_front() {
                Some(user_id) => (0, user_id),
                None => self.renewals.pop_front_if(|(due, _)| *due <= now_micros)?,
            };
            // Nobody may follow them any more, or only since their home was asked anew.
            if let Some(user) = self
                .users
                .get_mut(&user_id)
                .filter(|it| it.renew_micros == due)
            {
                user.renew_micros = now_micros + RENEW_MICROS;
                self.renewals.push_back((user.renew_micros, user_id));
                return Some(user_id);
            }
        }
    }

    /// Takes a chat whose owner may have to be asked again. `next` is the seq that comes next in a chat: where that is
    /// what it was, the members are as well.
    pub(super) fn next_stale_chat(
        &mut self,
        now_micros: u64,
        next: impl Fn(ChatId) -> Option<Seq>,
    ) -> Option<ChatId> {
        let is_due = |(due, _): &mut (u64, ChatId)| *due <= now_micros;
        while let Some((_, chat_id)) = self.retries.pop_front_if(is_due) {
            if self.chats.contains_key(&chat_id) {
                return Some(chat_id);
            }
        }
        while let Some((due, chat_id)) = self.chat_renewals.pop_front_if(is_due) {
            let chat = self.chats.get_mut(&chat_id);
            if let Some(chat) = chat.filter(|it| it.renew_micros == due) {
                if chat.asked_at.is_none() || next(chat_id) != chat.asked_at {
                    return Some(chat_id);
                }
                self.renew_later(chat_id, now_micros);
            }
        }
        None
    }

    fn renew_later(&mut self, chat_id: ChatId, now_micros: u64) {
        if let Some(chat) = self.chats.get_mut(&chat_id) {
            chat.renew_micros = now_micros + RENEW_MICROS;
            self.chat_renewals.push_back((chat.renew_micros, chat_id));
        }
    }

    /// The owner of a chat is asked for its members, on behalf of a user who follows it.
    pub(super) fn ask(
        &mut self,
        chat_id: ChatId,
        next: Option<Seq>,
        now_micros: u64,
        due_micros: u64,
    ) -> Option<(u64, UserId)> {
        let chat = self.chats.get_mut(&chat_id)?;
        chat.asked_at = next;
        let user_id = chat.followers.first()?.user_id;
        self.renew_later(chat_id, now_micros);
        let asked = Asked {
            chat_id,
            user_id,
            due_micros,
        };
        Some((self.asked.add(asked), user_id))
    }

    /// The owner of a chat gave no answer, and is asked again in a moment.
    pub(super) fn retry(&mut self, chat_id: ChatId, now_micros: u64) {
        self.retries.push_back((now_micros + RETRY_MICROS, chat_id));
    }
}

/// Adds what clients are told of a user.
pub(super) fn put_line(lines: &mut Lines, presence: Presence) {
    let (out, count) = lines;
    out.extend_from_slice(br#"{"type":"presence","user_id":"#);
    put_user_id(out, presence.user_id);
    match presence.state {
        PresenceState::Online => out.extend_from_slice(br#","online":true"#),
        PresenceState::Offline { last_seen } => {
            out.extend_from_slice(br#","online":false"#);
            if let Some(last_seen) = last_seen {
                out.extend_from_slice(br#","last_seen":""#);
                out.extend_from_slice(&last_seen.rfc3339());
                out.push(b'"');
            }
        }
    }
    out.extend_from_slice(b"}\n");
    *count += 1;
}

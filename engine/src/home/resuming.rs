//! What a home does for WebSockets that resume.

use rookery_schema::{ChatId, Seq, UserId};

use crate::connection::Connections;
use crate::context::Context;
use crate::home::Home;
use crate::home::frames::framed;
use crate::home::resumes::{
    AHEAD_BYTES_MAX, Backlog, CHATS_RESUMED_MAX, Held, Lacking, UNTIL_LIVE,
};
use crate::home::rooms::{ListenerId, Socket};
use crate::home::starts::FirstSince;
use crate::ids::ConnId;
use crate::limits::Limit;
use crate::mesh::problem::Problem;
use crate::mesh::{Events, Outcome, Rest, Resumption};
use crate::pages;
use crate::ws::{CloseCode, write_text_frame};

impl Home {
    /// A socket wants the events that it missed.
    pub(crate) fn resume(
        &mut self,
        wanted: Resumption,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let Resumption {
            user_id,
            conn,
            mut chats,
        } = wanted;
        // Of a chat that was named twice, the last counts.
        chats.reverse();
        chats.sort_by_key(|(chat_id, _)| *chat_id);
        chats.dedup_by_key(|(chat_id, _)| *chat_id);
        if self.resumes.asked_for(conn) + chats.len() > CHATS_RESUMED_MAX {
            let problem = Problem::over(Limit::ChatsResumed, 1);
            return connections.refuse(conn, &problem, None, cx);
        }
        match self.resumes.take_held(conn) {
            Some(held) => self.release(held, &chats, connections, cx),
            None => self.resume_beside(user_id, conn, &chats, connections, cx),
        }
    }

    /// Whoever has not resumed in time gets what was held for them.
    pub(super) fn release_overdue(&mut self, connections: &mut Connections, cx: &mut Context<'_>) {
        while let Some(conn) = self.resumes.next_release(cx.now.micros) {
            // It may have resumed, or closed.
            if let Some(held) = self.resumes.take_held(conn) {
                self.release(held, &[], connections, cx);
            }
        }
    }

    /// Everything comes to a socket from now on: of these chats behind what it has, of all others behind where they stood
    /// when it became ready.
    fn release(
        &mut self,
        held: Held,
        chats: &[(ChatId, Seq)],
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let Held {
            user_id,
            socket,
            left,
        } = held;
        let Some(user) = self.users.get(&user_id) else {
            return cx.bug("a socket is held whose user is gone");
        };
        let listener = user.listener;
        self.rooms.open(listener, socket);
        let is_named = |chat_id: ChatId| chats.binary_search_by_key(&chat_id, |it| it.0).is_ok();
        let mut backlogs = Vec::with_capacity(chats.len());
        let named = chats.iter();
        backlogs
            .extend(named.map(|&(chat_id, after)| Backlog::asked_for(chat_id, after, UNTIL_LIVE)));
        let mut forgotten = Vec::new();
        // Who has left a chat and come back gets all that was said since the first that was held.
        let was_left = |chat_id: ChatId| left.iter().any(|it| it.0 == chat_id);
        let others = user.rooms().filter(|it| !is_named(*it) && !was_left(*it));
        for chat_id in others {
            match user.first_since(chat_id, socket.since, &self.rooms) {
                FirstSince::Nothing => {}
                FirstSince::Event(first) => backlogs.push(Backlog::held_since(chat_id, first)),
                FirstSince::Forgotten => forgotten.push(chat_id),
            }
        }
        for (chat_id, first) in &left {
            let first = FirstSince::Event(*first);
            self.resumes.note_left(socket.conn, *chat_id, first);
        }
        let left = left.into_iter().filter(|(chat_id, _)| !is_named(*chat_id));
        backlogs.extend(left.map(|(chat_id, first)| Backlog::held_since(chat_id, first)));
        for backlog in backlogs {
            if user.is_in_room(backlog.chat_id) {
                self.rooms.pass_over(backlog.chat_id, socket.conn);
            }
            self.resumes.add(user_id, socket, backlog);
        }
        for chat_id in forgotten {
            self.tell_forgotten(socket.conn, chat_id, connections, cx);
        }
    }

    /// A socket hears its chats already, and wants what lies before that.
    fn resume_beside(
        &mut self,
        user_id: UserId,
        conn: ConnId,
        chats: &[(ChatId, Seq)],
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        // It may have closed.
        let Some(socket) = self.open_socket(user_id, conn) else {
            return;
        };
        for lacking in self.resumes.begin_at(conn, chats) {
            self.resume_lacking(user_id, socket, lacking, connections, cx);
        }
    }

    /// A socket gets what lies between what it has and the first event that comes to it anyway, or did.
    fn resume_lacking(
        &mut self,
        user_id: UserId,
        socket: Socket,
        lacking: Lacking,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let Lacking {
            chat_id,
            after,
            until,
        } = lacking;
        let user = self.users.get(&user_id);
        let in_room = user.filter(|user| user.is_in_room(chat_id));
        let is_in_room = in_room.is_some();
        let first = match in_room {
            Some(user) => user.first_since(chat_id, socket.since, &self.rooms),
            None => self.resumes.first_of_left(socket.conn, chat_id),
        };
        let until = match first {
            _ if until.is_some() => until,
            FirstSince::Event(first) => Some(first.before()),
            FirstSince::Nothing if is_in_room => self.rooms.next(chat_id).map(Seq::before),
            FirstSince::Forgotten if is_in_room => None,
            // What they may see ends where they were removed, which the owner knows. Some of it may come twice.
            FirstSince::Nothing | FirstSince::Forgotten => Some(UNTIL_LIVE),
        };
        // Who is not in the room is not to learn where it stands.
        let next = self.rooms.next(chat_id).filter(|_| is_in_room);
        match until {
            Some(until) if after < until => {
                let backlog = Backlog::asked_for(chat_id, after, until);
                self.resumes.add(user_id, socket, backlog);
            }
            // Where this home has not heard of so much, its owner may have shown more.
            Some(_) if next.is_none_or(|next| next <= after) => {
                let backlog = Backlog::asked_for(chat_id, after, after);
                self.resumes.add(user_id, socket, backlog);
            }
            Some(_) => tell_resumed(socket.conn, chat_id, Some(after), connections, cx),
            None => self.tell_forgotten(socket.conn, chat_id, connections, cx),
        }
    }

    fn open_socket(&self, user_id: UserId, conn: ConnId) -> Option<Socket> {
        let listener = self.users.get(&user_id)?.listener;
        let mut sockets = self.rooms.sockets(listener).iter();
        sockets.find(|it| it.conn == conn).copied()
    }

    /// The owner of a chat says which event it sends next to its room. Events may be missing before that: of who was added
    /// while it was on its way that they were not connected, the owner thought that they were not. Nor does an owner send what
    /// an earlier one applied, which the store may get only when the chat was read. They get these as who resumes does.
    pub(super) fn expect_next(&mut self, chat_id: ChatId, next: Seq, cx: &mut Context<'_>) {
        let now = cx.now.micros;
        let expected = self
            .rooms
            .expect_next(chat_id, next, self.latest_moment, now);
        let Some(expected) = expected else {
            return;
        };
        if expected > next {
            return cx.bug("a room is ahead of its chat's owner");
        }
        let listening = self
            .users
            .iter()
            .filter(|(_, user)| user.is_in_room(chat_id));
        for (user_id, user) in listening {
            for socket in self.rooms.sockets(user.listener).to_vec() {
                if !self.resumes.is_behind(socket.conn, chat_id) {
                    self.rooms.pass_over(chat_id, socket.conn);
                    let missed = Backlog::held_since(chat_id, expected);
                    self.resumes.add(*user_id, socket, missed);
                }
            }
        }
    }

    /// A user has come into a room: their sockets that have a backlog of its chat hear it later.
    pub(super) fn pass_over_behind(&mut self, listener: ListenerId, chat_id: ChatId) {
        let sockets = self.rooms.sockets(listener).iter();
        let behind = sockets.filter(|it| self.resumes.is_behind(it.conn, chat_id));
        let behind: Vec<ConnId> = behind.map(|it| it.conn).collect();
        for conn in behind {
            self.rooms.pass_over(chat_id, conn);
        }
    }

    /// A user leaves a room: notes what their sockets have been sent of it, and what is held for them. Those that have a
    /// backlog of its chat get that up to its end, and nothing of the room behind it.
    pub(super) fn note_leaving(&mut self, user_id: UserId, chat_id: ChatId) {
        let Some(user) = self.users.get(&user_id) else {
            return;
        };
        for held in self.resumes.held_of(user_id) {
            let first = user.first_since(chat_id, held.socket.since, &self.rooms);
            if let FirstSince::Event(first) = first
                && !held.left.iter().any(|(known, _)| *known == chat_id)
            {
                held.left.push((chat_id, first));
            }
        }
        for socket in self.rooms.sockets(user.listener).to_vec() {
            let first = user.first_since(chat_id, socket.since, &self.rooms);
            if first != FirstSince::Nothing {
                self.resumes.note_left(socket.conn, chat_id, first);
            }
            self.rooms.let_in(chat_id, socket.conn);
        }
    }

    /// Asks for more pages, as far as may be under way.
    pub(super) fn go_on_with_resumes(
        &mut self,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        while let Some(conn) = self.resumes.next_turn() {
            let has_room = connections.waiting_bytes(conn) < AHEAD_BYTES_MAX;
            match has_room && pages::admit(cx.held).is_ok() {
                true => self.resumes.ask(conn, cx),
                false => self.resumes.wait(conn),
            }
        }
    }

    /// The owner of a chat has answered a socket that resumes it.
    pub(crate) fn resume_answered(
        &mut self,
        page: u64,
        outcome: Outcome,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        // It may have closed.
        let Some((conn, resuming)) = self.resumes.answered(page) else {
            return;
        };
        let Some(backlog) = resuming.backlog() else {
            return cx.bug("a page came for a socket that resumes nothing");
        };
        match outcome.accepted() {
            Ok(Outcome::Events(events)) => {
                let frames = framed(&events.lines, events.count, resuming.batches);
                resuming.advance(events.through);
                cx.stats.resumed_events += u64::from(events.count);
                if events.count > 0 {
                    connections.share(conn, cx.held.hold(frames), cx);
                }
                if !self.page_sent(conn, backlog, &events, connections, cx) {
                    self.ask_again_later(conn, connections, cx);
                    return;
                }
            }
            Ok(Outcome::TooFarBehind { last }) => {
                self.end_backlog(conn, backlog);
                tell_not_resumed(conn, backlog.chat_id, last, connections, cx);
            }
            // They have joined since it was asked: their room passes over them until they have what came since.
            Err(Problem::NO_SUCH_CHAT)
                if backlog.until == UNTIL_LIVE && self.rooms.passes_over(backlog.chat_id, conn) =>
            {
                self.ask_again_later(conn, connections, cx);
                return;
            }
            Err(Problem::NO_SUCH_CHAT) => {
                self.end_backlog(conn, backlog);
                if backlog.is_asked_for {
                    tell_resumed(conn, backlog.chat_id, None, connections, cx);
                }
            }
            Err(_) => {
                self.ask_again_later(conn, connections, cx);
                return;
            }
            Ok(_) => {
                return cx.bug("events were asked for, and something else answered");
            }
        }
        self.resumes.go_on(conn);
    }

    /// Asks for a page again after a pause, unless that was done for too long.
    fn ask_again_later(
        &mut self,
        conn: ConnId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        if !self.resumes.fail(conn, cx) {
            let reason = "a chat could not be read in time";
            connections.close(conn, CloseCode::Restart, reason, cx);
        }
    }

    /// A page was queued: looks whether its backlog has come to its end. False where that can't be told yet: the owner of
    /// the chat has sent events to others, and does not count this home among them until it has heard from it; or it has
    /// removed the user, which this home has not heard.
    fn page_sent(
        &mut self,
        conn: ConnId,
        backlog: Backlog,
        events: &Events,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) -> bool {
        let becomes_live =
            backlog.until == UNTIL_LIVE && self.rooms.passes_over(backlog.chat_id, conn);
        match events.rest {
            Rest::More => return true,
            // They are in the room all the same: they have come back to it since, or are about to leave it.
            Rest::End if becomes_live => return false,
            Rest::End | Rest::Live => {}
        }
        let (next, reached) = (self.rooms.next(backlog.chat_id), events.through.next());
        if becomes_live && next.is_some_and(|next| next < reached) {
            return false;
        }
        if becomes_live && next.is_some_and(|next| next > reached) {
            cx.bug("a page does not reach to where its room stands");
        }
        self.end_backlog(conn, backlog);
        if events.through < backlog.after {
            // The client has heard of events that the log has lost.
            tell_not_resumed(conn, backlog.chat_id, events.through, connections, cx);
        } else if backlog.is_asked_for {
            tell_resumed(conn, backlog.chat_id, Some(events.through), connections, cx);
        }
        true
    }

    /// A socket has got of a chat what there is: it hears what comes, if it did not.
    fn end_backlog(&mut self, conn: ConnId, backlog: Backlog) {
        if backlog.until == UNTIL_LIVE {
            self.rooms.let_in(backlog.chat_id, conn);
        }
        if let Some(resuming) = self.resumes.get_mut(conn) {
            resuming.end_backlog();
        }
    }

    /// Tells a client, whose user is in a room, to page the history up to where that stands.
    fn tell_forgotten(
        &self,
        conn: ConnId,
        chat_id: ChatId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let stands_at = self.rooms.next(chat_id).map_or(Seq(0), Seq::before);
        tell_not_resumed(conn, chat_id, stands_at, connections, cx);
    }
}

/// Tells a client to page the history up to an event, the last one that it may see.
fn tell_not_resumed(
    conn: ConnId,
    chat_id: ChatId,
    last: Seq,
    connections: &mut Connections,
    cx: &mut Context<'_>,
) {
    cx.stats.chats_not_resumed += 1;
    send_resumed(conn, chat_id, false, last, connections, cx);
}

/// Tells a client that it has all events up to this one; without one, that there is no such chat for it.
fn tell_resumed(
    conn: ConnId,
    chat_id: ChatId,
    through: Option<Seq>,
    connections: &mut Connections,
    cx: &mut Context<'_>,
) {
    match through {
        Some(_) => cx.stats.chats_resumed += 1,
        None => cx.stats.chats_not_resumed += 1,
    }
    let seq = through.unwrap_or_default();
    send_resumed(conn, chat_id, through.is_some(), seq, connections, cx);
}

fn send_resumed(
    conn: ConnId,
    chat_id: ChatId,
    recovered: bool,
    seq: Seq,
    connections: &mut Connections,
    cx: &mut Context<'_>,
) {
    let json = format!(
        r#"{{"type":"resumed","chat_id":"{chat_id}","recovered":{recovered},"seq":{seq}}}"#
    );
    let mut frame = Vec::new();
    write_text_frame(&mut frame, json.as_bytes());
    connections.share(conn, cx.held.hold(frame), cx);
}

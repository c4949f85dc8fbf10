//! What is asked of a partition's chats and users.

use rookery_schema::record::{MessagePosted, Record, SessionEnded};
use rookery_schema::{ChatId, MessageId, Timestamp, UserId};

use crate::auth::gate::Gate;
use crate::context::Context;
use crate::edge::port::Read;
use crate::ids::{Caller, Session};
use crate::mesh::command::chat::NewMembers;
use crate::mesh::problem::Problem;
use crate::mesh::{
    Asker, ChatCommand, Outcome, Post, ShardMessage, Subscription, SubscriptionAnswer, UserCommand,
    Whisper,
};
use crate::owner::appends::Pending;
use crate::owner::chats::{Parked, Slot};
use crate::owner::decide::{Decision, decide};
use crate::owner::dedup::Repeat;
use crate::owner::partition::Partition;
use crate::owner::partition::reads::{ForSessions, ForUser, PartitionRead};
use crate::owner::partition::sessions::tell_of_many_logouts;

/// Whether the users whom a command adds may become members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    Yes,
    /// It has not been asked.
    NotYet,
}

/// How far a command got.
#[derive(Debug)]
pub(super) enum Served {
    /// It is answered, or will be, and changes no members.
    Answered,
    /// Its record was appended.
    Appended,
    /// It changes a message, which comes next.
    Amends,
    /// It asks for a chat by a key: what the chat was made with comes next.
    Compares,
    /// These users have to be admitted first.
    NotAdmitted(NewMembers),
}

impl Partition {
    /// Does a command on a chat. A read, and a change of a message, sees everything that was confirmed before it was asked
    /// for, also where the log has not delivered that yet.
    pub(crate) fn chat_command(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: ChatCommand,
        cx: &mut Context<'_>,
    ) {
        if !self.delivery.is_behind() || !command.waits_for_log() {
            return self.chat_command_now(asker, chat_id, command, cx);
        }
        let waiting = self.delivery.wait(asker, chat_id, command, cx.now.micros);
        if let Err(problem) = waiting {
            cx.refuse(asker, problem);
        }
    }

    /// Serves the reads that waited for what is applied by now.
    pub(super) fn serve_waiting_reads(&mut self, cx: &mut Context<'_>) {
        while let Some(read) = self.delivery.next_read(cx.now.micros) {
            self.chat_command_now(read.asker, read.chat_id, read.command, cx);
        }
    }

    pub(super) fn chat_command_now(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: ChatCommand,
        cx: &mut Context<'_>,
    ) {
        match self.chats.get_mut(chat_id) {
            Some(Slot::Active(_) | Slot::Fresh) => self.serve_loaded(asker, chat_id, command, cx),
            None if command.creates() => self.serve_loaded(asker, chat_id, command, cx),
            Some(Slot::Loading(parking)) if parking.is_full() => {
                cx.refuse(asker, Problem::CHAT_WAITING);
            }
            Some(Slot::Loading(_) | Slot::Forgotten(_)) | None => {
                self.park(chat_id, Parked::Command { asker, command }, cx);
            }
        }
    }

    /// Does a command on a chat that is in memory if it exists.
    pub(super) fn serve_loaded(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: ChatCommand,
        cx: &mut Context<'_>,
    ) {
        match self.serve(asker, chat_id, &command, Admitted::NotYet, cx) {
            Served::Answered | Served::Appended => {}
            Served::Amends => {
                if let ChatCommand::Amend(amend) = command {
                    self.amend(asker, chat_id, amend, cx);
                }
            }
            Served::Compares => self.compare_creation(asker, chat_id, command, cx),
            Served::NotAdmitted(new) => self.begin_admission(asker, chat_id, command, new, cx),
        }
    }

    /// The same, where the users whom it adds were admitted or need not be.
    pub(super) fn serve(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: &ChatCommand,
        admitted: Admitted,
        cx: &mut Context<'_>,
    ) -> Served {
        let mut chat = self.chats.active(chat_id);
        let is_new = chat.is_none();
        let untold = chat
            .as_mut()
            .and_then(|it| it.untold_heir_due(cx.now.micros));
        if let Some(untold) = untold {
            self.append_heir(chat_id, untold, cx);
            chat = self.chats.active(chat_id);
        }
        if let Some(chat) = &mut chat {
            chat.used_micros = cx.now.micros;
        }
        // Nothing is appended with an earlier time than what the chat has.
        let newest = chat
            .as_ref()
            .map_or_else(Timestamp::default, |it| it.activity().at);
        let at = cx.stamp().max(newest);
        match decide(chat_id, chat.as_deref(), command, at) {
            Err(problem) => cx.refuse(asker, problem),
            Ok(Decision::Answer(outcome)) => cx.answer(asker, outcome),
            Ok(Decision::Page(paged)) => self.show_page(asker, chat_id, paged, cx),
            Ok(Decision::Events(wanted)) => self.show_events(asker, chat_id, wanted, cx),
            Ok(Decision::EventsOfFormer { caller, page, end }) => {
                let what = PartitionRead::Former {
                    asker,
                    chat_id,
                    page,
                    end,
                    reading: self.readings.begin(chat_id),
                };
                let read = Read::Membership {
                    chat_id,
                    user_id: caller,
                };
                self.read(what, read, cx);
            }
            Ok(Decision::CountMessages { seq, all }) => {
                self.count_messages(asker, chat_id, seq, all, cx);
            }
            Ok(Decision::Post(post)) => {
                if let Err(problem) = self.post(asker, chat_id, post, at, cx) {
                    cx.refuse(asker, problem);
                }
            }
            Ok(Decision::Amend) => return Served::Amends,
            Ok(Decision::CompareCreation) => return Served::Compares,
            Ok(Decision::Append(key, record)) => {
                // By a block nobody joins a chat that is there.
                let may_join = is_new || !matches!(command, ChatCommand::Block(_));
                if admitted == Admitted::NotYet
                    && may_join
                    && let Some(new) = to_be_admitted(command, cx)
                {
                    return Served::NotAdmitted(new);
                }
                if self.append_change(asker, key, &record, cx) {
                    return Served::Appended;
                }
            }
        }
        Served::Answered
    }

    /// Appends a message, unless it repeats one.
    fn post(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        post: &Post,
        at: Timestamp,
        cx: &mut Context<'_>,
    ) -> Result<(), Problem> {
        let client_id = post.client_id.as_deref();
        let dedup = &mut self.dedup;
        let keyed = client_id.map(|id| dedup.keyed(chat_id, post.sender_id, id, &post.content));
        match keyed.map_or(Repeat::None, |send| dedup.repeat(send, asker)) {
            Repeat::None => {}
            Repeat::Of(message_id) => {
                cx.stats.duplicate_sends += 1;
                cx.answer(asker, Outcome::posted(message_id, chat_id));
                return Ok(());
            }
            Repeat::Joined => {
                cx.stats.duplicate_sends += 1;
                return Ok(());
            }
            Repeat::Conflicting => return Err(Problem::IDEMPOTENCY_KEY_REUSED),
        }
        self.admit(cx)?;
        // Its id tells when it was posted: replies, and whoever looks for it, go by that.
        let message_id = MessageId::v7(at, &cx.random());
        let message = MessagePosted {
            chat_id,
            message_id,
            sender_id: post.sender_id,
            at,
            client_id,
            content: &post.content,
        };
        let pending = match keyed {
            None => Pending::Message {
                asker,
                message_id,
                chat_id,
            },
            Some(send) => {
                self.dedup.begin(send, message_id, asker);
                Pending::KeyedMessage {
                    key: send.key,
                    chat_id,
                }
            }
        };
        let record = Record::MessagePosted(message);
        self.appends
            .append_post(&record, pending, asker, cx.now.micros);
        Ok(())
    }

    /// Does a command on a user's own records.
    pub(crate) fn user_command(
        &mut self,
        asker: Asker,
        user_id: UserId,
        command: UserCommand,
        gate: &mut Gate,
        cx: &mut Context<'_>,
    ) {
        match command {
            UserCommand::StartSession(new) => self.start_session(asker, user_id, *new, cx),
            UserCommand::SetDisplayName(name) => {
                self.set_display_name(asker, user_id, name.as_deref(), cx);
            }
            UserCommand::ChangeSettings(patch) => {
                self.change_user_settings(asker, user_id, patch, cx);
            }
            UserCommand::ListSessions => {
                self.read_sessions(asker, user_id, ForSessions::List, cx);
            }
            UserCommand::EndListed {
                session_id,
                network,
            } => {
                let what = ForSessions::End {
                    session_id,
                    network,
                };
                self.read_sessions(asker, user_id, what, cx);
            }
            UserCommand::EndFound { session, .. } if !is_current(user_id, session, gate, cx) => {
                cx.refuse(asker, Problem::NO_SUCH_SESSION);
            }
            UserCommand::EndSession { session, network }
            | UserCommand::EndFound { session, network } => {
                let ended = gate.end_login(ended(user_id, session), cx.now.latest_wall);
                if ended.ends_earlier() {
                    tell_of_many_logouts(user_id, network, cx);
                }
                self.end_session(vec![asker], ended, cx);
            }
            UserCommand::EndAllSessions(session) => {
                let all = gate.end_all(user_id, cx.now.latest_wall);
                if session.expires_at > all.expires_at {
                    // Others who have the key may give it so long a life.
                    self.end_session(Vec::new(), ended(user_id, session), cx);
                }
                self.end_session(vec![asker], all, cx);
            }
            UserCommand::SpendInvite(invited) => self.spend_invite(asker, user_id, invited, cx),
            UserCommand::SetPassword(password) => {
                let read = PartitionRead::User(asker, ForUser::SetPassword(password));
                self.read(read, Read::User(user_id), cx);
            }
            UserCommand::ChangePassword(change) => {
                let read = PartitionRead::User(asker, ForUser::ChangePassword(change));
                self.read(read, Read::User(user_id), cx);
            }
        }
    }

    /// A home wants the events of a chat for one of its users.
    pub(crate) fn subscribe(&mut self, wanted: Subscription, cx: &mut Context<'_>) {
        match self.chats.get_mut(wanted.chat_id) {
            Some(Slot::Active(_) | Slot::Fresh) => self.subscribe_loaded(wanted, cx),
            Some(Slot::Loading(_) | Slot::Forgotten(_)) | None => {
                self.park(wanted.chat_id, Parked::Subscribe(wanted), cx);
            }
        }
    }

    /// The same for a chat that is in memory if it exists.
    pub(super) fn subscribe_loaded(&mut self, wanted: Subscription, cx: &mut Context<'_>) {
        let home = cx.routing.home(wanted.user_id);
        let next = self.chats.change(wanted.chat_id, |chat| {
            let is_member = chat.is_member(wanted.user_id);
            is_member.then(|| {
                chat.audience.add(wanted.user_id, home);
                chat.timeline.seq().next()
            })
        });
        let answer = match next.flatten() {
            Some(next) => SubscriptionAnswer::Accepted { next },
            None => SubscriptionAnswer::NoMember,
        };
        cx.send(home, ShardMessage::Subscribed { wanted, answer });
    }

    pub(crate) fn unsubscribe(&mut self, chat_id: ChatId, users: &[UserId], cx: &Context<'_>) {
        self.chats.unsubscribe(chat_id, users, cx);
    }

    /// A connected user types in a chat: where they are a member who listens, all homes that listen are told. Nothing is
    /// read for that.
    pub(crate) fn types(&self, chat_id: ChatId, user_id: UserId, cx: &mut Context<'_>) {
        let audience = self.chats.audience(chat_id);
        if let Some(audience) = audience.filter(|it| it.contains(user_id)) {
            if self.chats.may_be_blocked(chat_id, user_id) {
                return;
            }
            for home in audience.shards() {
                cx.whisper(home, Whisper::Typing { chat_id, user_id });
            }
        }
    }
}

fn is_current(user_id: UserId, session: Session, gate: &Gate, cx: &Context<'_>) -> bool {
    let session = Some(session);
    gate.is_current(&Caller { user_id, session }, cx.now.latest_wall)
}

const fn ended(user_id: UserId, session: Session) -> SessionEnded {
    SessionEnded {
        session_id: session.session_id,
        user_id,
        expires_at: session.expires_at,
    }
}

/// The users whom a command adds, where it is to be asked whether they may become members.
fn to_be_admitted(command: &ChatCommand, cx: &Context<'_>) -> Option<NewMembers> {
    match cx.config.admits_anybody() {
        true => None,
        false => command.new_members(),
    }
}

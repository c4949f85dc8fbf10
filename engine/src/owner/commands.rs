//! What members ask of the owner of a chat.

use rookery_schema::record::{
    ChatCreated, MemberList, MembershipChange, MessagePosted, Record, SessionEnded,
};
use rookery_schema::{ChatId, MessageId, PartitionId, UserId};

use crate::context::{Context, Reader};
use crate::mesh::{Asker, Command, Outcome, Post, ShardMessage, Subscription};
use crate::owner::chat::Chat;
use crate::owner::history::{Paged, page};
use crate::owner::partition::{ChangeKey, Pending};
use crate::owner::{Owner, PARKED_COMMANDS_MAX, Parked, Slot};
use crate::problem::Problem;

/// Why a command is not done, where that is an answer.
type Refusal = Problem;

impl Owner {
    /// Does a command that is for the owner of a chat, a username or a user.
    pub(crate) fn command(&mut self, asker: Asker, command: Command, cx: &mut Context<'_>) {
        if self.draining && changes_something(&command) {
            return cx.answer(asker, Outcome::Refused(Problem::DRAINING));
        }
        match command {
            Command::CreateChat {
                chat_id,
                creator_id,
                name,
                members,
            } => {
                self.create_chat(asker, chat_id, creator_id, &name, members, cx);
            }
            Command::SummarizeChats { user_id, chats } => {
                for chat_id in chats {
                    let chats = vec![chat_id];
                    let command = Command::SummarizeChats { user_id, chats };
                    self.chat_command(asker, chat_id, command, cx);
                }
            }
            Command::EndSession(ended) => self.end_session(asker, ended, cx),
            Command::Register { username, password } => {
                self.register(asker, &username, password, cx);
            }
            Command::LogIn {
                username,
                password,
                address,
            } => {
                self.log_in(asker, &username, password, address, cx);
            }
            command => {
                if let Some(chat_id) = chat_of(&command) {
                    self.chat_command(asker, chat_id, command, cx);
                }
            }
        }
    }

    /// Does a command on a chat. A read sees everything that was confirmed before it was asked for, also
    /// where the log has not delivered that yet.
    fn chat_command(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: Command,
        cx: &mut Context<'_>,
    ) {
        let id = cx.topology().partition_of_chat(chat_id);
        match self.partitions.get_mut(&id) {
            Some(partition) if partition.is_behind() && !changes_something(&command) => {
                let waiting = partition.wait_to_read(asker, chat_id, command, cx.now.micros);
                if let Err(problem) = waiting {
                    cx.answer(asker, Outcome::Refused(problem));
                }
            }
            _ => self.chat_command_now(asker, chat_id, command, cx),
        }
    }

    /// Serves the reads that waited for what is applied by now.
    pub(super) fn serve_waiting_reads(&mut self, id: PartitionId, cx: &mut Context<'_>) {
        while let Some(read) = self
            .partitions
            .get_mut(&id)
            .and_then(|partition| partition.next_read(cx.now.micros))
        {
            self.chat_command_now(read.asker, read.chat_id, read.command, cx);
        }
    }

    fn chat_command_now(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: Command,
        cx: &mut Context<'_>,
    ) {
        match self.chats.get(&chat_id) {
            Some(Slot::Active(_) | Slot::Fresh) => self.on_loaded(chat_id, asker, command, cx),
            Some(Slot::Loading(parking)) if parking.commands >= PARKED_COMMANDS_MAX => {
                cx.answer(asker, Outcome::Refused(Problem::STORE_UNAVAILABLE));
            }
            Some(Slot::Loading(_)) | None => {
                self.park(chat_id, Parked::Command { asker, command }, cx);
            }
        }
    }

    /// Does a command on a chat that is in memory if it exists.
    pub(super) fn on_loaded(
        &mut self,
        chat_id: ChatId,
        asker: Asker,
        command: Command,
        cx: &mut Context<'_>,
    ) {
        let Some(Slot::Active(chat)) = self.chats.get_mut(&chat_id) else {
            return match command {
                Command::SummarizeChats { .. } => cx.answer(asker, Outcome::Summaries(Vec::new())),
                _ => cx.answer(asker, Outcome::Refused(Problem::NO_SUCH_CHAT)),
            };
        };
        chat.used_micros = cx.now.micros;
        let at = cx.now.wall;
        let change = |user_id, by| MembershipChange {
            chat_id,
            user_id,
            by,
            at,
        };
        let done = match command {
            Command::PostMessage(post) => self.post(asker, &post, cx),
            Command::ShowChat { caller, .. } => show_chat(asker, chat, caller, cx),
            Command::ShowMessages { caller, page, .. } => {
                self.show_messages(asker, chat_id, caller, page, cx)
            }
            Command::AddMember {
                caller, user_id, ..
            } => self.add_member(asker, change(user_id, caller), cx),
            Command::RemoveMember {
                caller, user_id, ..
            } => self.remove_member(asker, change(user_id, caller), cx),
            Command::SummarizeChats { user_id, .. } => {
                let mine = chat.is_member(user_id).then(|| chat.summary());
                cx.answer(asker, Outcome::Summaries(mine.into_iter().collect()));
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(problem) = done {
            cx.answer(asker, Outcome::Refused(problem));
        }
    }

    fn member_chat(&mut self, chat_id: ChatId, caller: UserId) -> Result<&mut Chat, Refusal> {
        match self.chats.get_mut(&chat_id) {
            Some(Slot::Active(chat)) if chat.is_member(caller) => Ok(chat),
            _ => Err(Problem::NO_SUCH_CHAT),
        }
    }

    fn post(&mut self, asker: Asker, post: &Post, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let Post {
            chat_id,
            sender_id,
            ref content,
            ref client_id,
        } = *post;
        let client_id = client_id.as_deref();
        self.member_chat(chat_id, sender_id)?;
        let id = cx.topology().partition_of_chat(chat_id);
        let partition = self.partitions.get_mut(&id).ok_or(Problem::STARTING)?;
        let key = client_id.map(|client_id| partition.dedup.key(chat_id, sender_id, client_id));
        if let Some(key) = key {
            if let Some(message_id) = partition.dedup.settled(key) {
                cx.stats.duplicate_sends += 1;
                let created_at = message_id.minted_at();
                cx.answer(
                    asker,
                    Outcome::Posted {
                        message_id,
                        chat_id,
                        created_at,
                    },
                );
                return Ok(());
            }
            if partition.dedup.join(key, asker) {
                cx.stats.duplicate_sends += 1;
                return Ok(());
            }
        }
        partition.admit(cx)?;
        let doubted = key.and_then(|key| partition.dedup.doubted(key));
        let message_id = doubted.unwrap_or_else(|| MessageId::v7(cx.now.wall, &cx.random()));
        let at = message_id.minted_at();
        let pending = match key {
            None => Pending::Message {
                asker,
                message_id,
                chat_id,
                at,
            },
            Some(key) => {
                partition.dedup.begin(key, message_id, asker);
                Pending::KeyedMessage {
                    key,
                    message_id,
                    chat_id,
                    at,
                }
            }
        };
        let message = MessagePosted {
            chat_id,
            message_id,
            sender_id,
            at,
            client_id,
            content,
        };
        partition.append(&Record::MessagePosted(message), pending, cx);
        Ok(())
    }

    fn show_messages(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        caller: UserId,
        wanted: crate::mesh::Page,
        cx: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        let chat = self.member_chat(chat_id, caller)?;
        match page(chat, wanted, asker) {
            Paged::Whole(outcome) => cx.answer(asker, outcome),
            Paged::Wait(key, wait) => {
                let waits = self.pages.entry((chat_id, key)).or_default();
                waits.push(wait);
                if waits.len() == 1 {
                    cx.read(key.read(chat_id), Reader::Page(chat_id, key));
                }
            }
        }
        Ok(())
    }

    fn create_chat(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        creator_id: Option<UserId>,
        name: &str,
        members: Vec<UserId>,
        cx: &mut Context<'_>,
    ) {
        let list: Vec<u8> = members.iter().flat_map(|id| *id.as_bytes()).collect();
        let Some(members) = MemberList::new(&list) else {
            return;
        };
        let record = ChatCreated {
            chat_id,
            at: cx.now.wall,
            creator_id,
            name,
            members,
        };
        self.chats.insert(chat_id, Slot::Fresh);
        self.append_change(
            asker,
            ChangeKey::Chat(chat_id),
            &Record::ChatCreated(record),
            cx,
        );
    }

    fn add_member(
        &mut self,
        asker: Asker,
        change: MembershipChange,
        cx: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        let chat = self.member_chat(change.chat_id, change.by)?;
        if chat.is_member(change.user_id) {
            cx.answer(asker, chat.shown(false));
            return Ok(());
        }
        // Others may be on their way in: it is decided when the record is applied.
        if chat.is_full() {
            return Err(Problem::CHAT_FULL);
        }
        let key = ChangeKey::Added(change.chat_id, change.user_id);
        self.append_change(asker, key, &Record::MemberAdded(change), cx);
        Ok(())
    }

    fn remove_member(
        &mut self,
        asker: Asker,
        change: MembershipChange,
        cx: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        let chat = self.member_chat(change.chat_id, change.by)?;
        if !chat.is_member(change.user_id) {
            return Err(Problem::NO_SUCH_USER);
        }
        let key = ChangeKey::Removed(change.chat_id, change.user_id);
        self.append_change(asker, key, &Record::MemberRemoved(change), cx);
        Ok(())
    }

    fn end_session(&mut self, asker: Asker, ended: SessionEnded, cx: &mut Context<'_>) {
        let key = ChangeKey::Session(ended.session_id);
        self.append_change(asker, key, &Record::SessionEnded(ended), cx);
    }

    /// Appends a change that is answered when it is in the store, so that whoever was told of it finds
    /// it wherever he looks.
    pub(super) fn append_change(
        &mut self,
        asker: Asker,
        key: ChangeKey,
        record: &Record<'_>,
        cx: &mut Context<'_>,
    ) {
        let topology = cx.topology();
        let id = match record {
            Record::MessagePosted(message) => topology.partition_of_chat(message.chat_id),
            Record::ChatCreated(created) => topology.partition_of_chat(created.chat_id),
            Record::MemberAdded(change) | Record::MemberRemoved(change) => {
                topology.partition_of_chat(change.chat_id)
            }
            Record::UserRegistered(user) => topology.partition_of_username(user.username),
            Record::SessionEnded(ended) => topology.partition_of_user(ended.user_id),
        };
        let admitted = self
            .partitions
            .get_mut(&id)
            .ok_or(Problem::STARTING)
            .and_then(|p| p.admit(cx).map(|()| p));
        match admitted {
            Ok(partition) => {
                partition.append(record, Pending::Change(key, asker), cx);
                self.changes.entry(key).or_default().push(asker);
            }
            Err(problem) => {
                self.forget_change(key);
                cx.answer(asker, Outcome::Refused(problem));
            }
        }
    }

    /// A home wants the events of a chat for one of its users.
    pub(crate) fn subscribe(&mut self, wanted: Subscription, cx: &mut Context<'_>) {
        match self.chats.get(&wanted.chat_id) {
            Some(Slot::Active(_) | Slot::Fresh) => self.subscribe_loaded(wanted, cx),
            Some(Slot::Loading(_)) | None => {
                self.park(wanted.chat_id, Parked::Subscribe(wanted), cx);
            }
        }
    }

    pub(super) fn subscribe_loaded(&mut self, wanted: Subscription, cx: &mut Context<'_>) {
        let topology = cx.topology();
        let accepted = match self.chats.get_mut(&wanted.chat_id) {
            Some(Slot::Active(chat)) if chat.is_member(wanted.user_id) => {
                chat.subscribe(wanted.user_id, topology);
                true
            }
            _ => false,
        };
        let answer = ShardMessage::Subscribed { wanted, accepted };
        cx.send(topology.home(wanted.user_id), answer);
    }

    pub(crate) fn unsubscribe(&mut self, chat_id: ChatId, users: &[UserId], cx: &Context<'_>) {
        match self.chats.get_mut(&chat_id) {
            Some(Slot::Active(chat)) => {
                for &user in users {
                    chat.unsubscribe(user, cx.topology());
                }
            }
            Some(Slot::Loading(parking)) => {
                let is_over = |it: &Parked| matches!(it, Parked::Subscribe(wanted) if users.contains(&wanted.user_id));
                parking.parked.retain(|it| !is_over(it));
            }
            Some(Slot::Fresh) | None => {}
        }
    }
}

fn show_chat(
    asker: Asker,
    chat: &Chat,
    caller: UserId,
    cx: &mut Context<'_>,
) -> Result<(), Refusal> {
    if !chat.is_member(caller) {
        return Err(Problem::NO_SUCH_CHAT);
    }
    cx.answer(asker, chat.shown(false));
    Ok(())
}

const fn chat_of(command: &Command) -> Option<ChatId> {
    match command {
        Command::PostMessage(Post { chat_id, .. })
        | Command::ShowChat { chat_id, .. }
        | Command::AddMember { chat_id, .. }
        | Command::RemoveMember { chat_id, .. }
        | Command::ShowMessages { chat_id, .. } => Some(*chat_id),
        _ => None,
    }
}

pub(crate) const fn changes_something(command: &Command) -> bool {
    !matches!(
        command,
        Command::ShowChat { .. } | Command::ShowMessages { .. } | Command::SummarizeChats { .. }
    )
}

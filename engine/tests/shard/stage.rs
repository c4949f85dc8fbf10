//! The shard under test and everything around it.

mod clients;
mod log;
mod rounds;
mod whispers;

use std::collections::VecDeque;
use std::net::IpAddr;

use rookery_engine::config::ShardConfig;
use rookery_engine::effect::{Effects, Notice};
use rookery_engine::input::Input;
use rookery_engine::limits::Network;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Activity, Asker, ChatCommand, Command, Creation, Credentials, HomeCommand, InboxPage, Origin,
    Outcome, Post, ShardMessage, Subscription, Waiting, Whisper,
};
use rookery_engine::port::{
    EndedSessions, Found, LogEvent, LogRequest, Opened, Part, PasswordJob, PasswordOutcome, Read,
    StoreEvent, StoreFault, StoreRequest, StoredChat, StoredMember, Token,
};
use rookery_engine::stats::Stats;
use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::event::EventKind;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::{ChatRow, EventRow, Head, Row};
use rookery_schema::{
    ChatId, MessageId, Offset, PartitionId, Route, Routing, Seq, ShardId, Timestamp, UserId,
};
use rookery_testing::host::{self, Host};

/// The partition of the shard under test.
pub(crate) const P0: PartitionId = PartitionId(0);
const HERE: ShardId = ShardId(0);
/// The other shard, which the test plays.
pub(crate) const THERE: ShardId = ShardId(1);
/// Microseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000;

/// A chat that the store has, without any event.
pub(crate) fn stored_chat(chat_id: ChatId, members: &[UserId]) -> StoredChat {
    StoredChat {
        chat: ChatRow {
            chat_id,
            name: "chat".to_owned(),
            created_at: Timestamp::default(),
        },
        members: members.iter().map(|user_id| member(*user_id)).collect(),
        last_role: None,
        settings: None,
        head: Head::default(),
        recent: Vec::new(),
        messages: Vec::new(),
        latest_message: None,
        blockers: Vec::new(),
        erased: Vec::new(),
        deleted: None,
    }
}

/// A member since the chat was made.
pub(crate) const fn member(user_id: UserId) -> StoredMember {
    StoredMember {
        user_id,
        added_seq: Seq(1),
        is_admin: false,
    }
}

/// What makes a chat.
pub(crate) fn creation(creator_id: Option<UserId>, members: &[UserId]) -> ChatCommand {
    creation_from(network(), creator_id, members)
}

/// The same, from some network.
pub(crate) fn creation_from(
    network: Network,
    creator_id: Option<UserId>,
    members: &[UserId],
) -> ChatCommand {
    ChatCommand::Create(Box::new(Creation {
        creator_id,
        name: "chat".into(),
        members: members.iter().copied().collect(),
        network,
        origin: Origin::Chance,
    }))
}

/// What adds a user to a chat.
pub(crate) fn addition(caller: UserId, user_id: UserId) -> ChatCommand {
    ChatCommand::AddMember {
        caller,
        user_id,
        network: network(),
    }
}

/// What somebody registers or logs in with.
pub(crate) fn credentials(username: &str, password: Option<&str>) -> Box<Credentials> {
    Box::new(Credentials {
        username: username.into(),
        password: password.map(Into::into),
    })
}

/// Where clients are.
pub(crate) fn network() -> Network {
    IpAddr::from([192, 0, 2, 1]).into()
}

pub(crate) struct Stage {
    host: Host,
    routing: Routing,
    /// Appends that were not answered, in order.
    pub(crate) appends: VecDeque<RecordBatch>,
    /// What else the log was asked for.
    pub(crate) log: Vec<LogRequest>,
    pub(crate) writes: VecDeque<(Token, Vec<Row>)>,
    pub(crate) reads: VecDeque<(Token, Read)>,
    /// Those that look for what is left of deleted chats.
    pub(crate) purges: VecDeque<(Token, Read)>,
    /// Those that look for deleted users who are still in chats.
    pub(crate) erasures: VecDeque<(Token, Read)>,
    /// Reads of whose content is to be overwritten.
    pub(crate) rewrites: VecDeque<(Token, Read)>,
    syncs: VecDeque<Token>,
    /// Passwords that wait to be hashed or compared.
    pub(crate) passwords: VecDeque<PasswordJob>,
    /// What the operator was told.
    pub(crate) notices: Vec<Notice>,
    /// What came for the other shard, answers apart.
    pub(crate) sent: Vec<ShardMessage>,
    /// What was whispered to the other shard.
    pub(crate) whispered: Vec<Whisper>,
    answers: Vec<(u64, Outcome)>,
    /// The end of the log.
    pub(crate) end: Offset,
    /// What users have read is looked for in the store by the test; else there is nothing.
    pub(crate) has_marks: bool,
    /// How many rounds there were.
    pub(crate) rounds: usize,
    last: u64,
    seq: Seq,
}

impl Stage {
    /// A shard that serves, with an empty log and an empty store.
    pub(crate) fn new() -> Self {
        Self::serving(|_| {})
    }

    /// The same, with other settings.
    pub(crate) fn serving(change: impl FnOnce(&mut ShardConfig)) -> Self {
        let mut stage = Self::with_settings(Opened::default(), change);
        stage.log_event(LogEvent::CaughtUp { partition: P0 });
        stage
    }

    /// A shard whose log has just opened.
    pub(crate) fn opening(opened: Opened) -> Self {
        Self::with_settings(opened, |_| {})
    }

    fn with_settings(opened: Opened, change: impl FnOnce(&mut ShardConfig)) -> Self {
        let routing = host::routing(2, 2);
        let mut config = ShardConfig {
            login_rate: 10,
            chat_bytes: usize::MAX,
            ..host::config(HERE, routing.clone())
        };
        change(&mut config);
        let mut host = Host::new(config);
        host.clock.pass(SECOND);
        let mut stage = Self {
            host,
            routing,
            appends: VecDeque::new(),
            log: Vec::new(),
            writes: VecDeque::new(),
            reads: VecDeque::new(),
            purges: VecDeque::new(),
            erasures: VecDeque::new(),
            rewrites: VecDeque::new(),
            syncs: VecDeque::new(),
            passwords: VecDeque::new(),
            notices: Vec::new(),
            sent: Vec::new(),
            whispered: Vec::new(),
            answers: Vec::new(),
            end: opened.start,
            has_marks: false,
            rounds: 0,
            last: 0,
            seq: Seq(0),
        };
        let partition = P0;
        stage.log_event(LogEvent::Opened { partition, opened });
        stage.tick_after(0);
        assert_eq!(stage.reads.pop_front().unwrap().1, Read::EndedSessions);
        stage
    }

    /// Another process, of which the store has all that the log has.
    pub(crate) fn restarted(&self) -> Self {
        let mut stage = Self::opening(Opened {
            start: self.end,
            committed: self.end,
            end: self.end,
        });
        stage.log_event(LogEvent::CaughtUp { partition: P0 });
        stage
    }

    /// Both shards have replayed their logs, and say so.
    pub(crate) fn all_ready(&mut self) {
        let token = Token {
            part: Part::Sessions,
            number: 0,
        };
        let outcome = Ok(Found::EndedSessions(EndedSessions::default()));
        self.step(Input::Store(StoreEvent::Read { token, outcome }));
        self.tell(ShardMessage::Ready {
            from: THERE,
            stamp: Timestamp::default(),
        });
        self.sent.clear();
    }

    pub(crate) fn step(&mut self, input: Input<'_>) {
        let mut effects = self.host.round(input);
        loop {
            let wants_another = effects.another_round;
            self.take(effects);
            self.rounds += 1;
            if !wants_another {
                break;
            }
            self.host.flush();
            effects = self.host.take();
        }
        self.find_no_marks();
    }

    fn find_no_marks(&mut self) {
        let is_of_marks = |(_, read): &(Token, Read)| matches!(read, Read::MarksOfUser(_));
        while !self.has_marks
            && let Some(index) = self.reads.iter().position(is_of_marks)
            && let Some((token, _)) = self.reads.remove(index)
        {
            let outcome = Ok(Found::Marks(Vec::new()));
            self.step(Input::Store(StoreEvent::Read { token, outcome }));
        }
    }

    fn take(&mut self, effects: Effects) {
        self.notices.extend(effects.notices);
        self.passwords.extend(effects.passwords);
        for request in effects.log {
            match request {
                LogRequest::Append { batch, .. } => self.appends.push_back(batch),
                other => self.log.push(other),
            }
        }
        for request in effects.store {
            match request {
                StoreRequest::Write { token, rows } => self.writes.push_back((token, rows)),
                StoreRequest::Read {
                    token,
                    read: read @ (Read::Purges { .. } | Read::MembersAfter { .. }),
                } => self.purges.push_back((token, read)),
                StoreRequest::Read {
                    token,
                    read: read @ Read::Erasures { .. },
                } => self.erasures.push_back((token, read)),
                StoreRequest::Read {
                    token,
                    read: read @ Read::Rewrites { .. },
                } => self.rewrites.push_back((token, read)),
                StoreRequest::Read { token, read } => self.reads.push_back((token, read)),
                StoreRequest::Sync { token } => self.syncs.push_back(token),
            }
        }
        self.whispered
            .extend(effects.whispers.into_iter().flatten());
        for message in effects.mesh.into_iter().flatten() {
            match message {
                ShardMessage::Answer { asker, outcome } => match asker.waiting {
                    Waiting::Inbox { gather } => self.answers.push((gather, outcome)),
                    Waiting::Connection { .. }
                    | Waiting::Mark { .. }
                    | Waiting::Telling { .. }
                    | Waiting::Resume { .. }
                    | Waiting::Following { .. }
                    | Waiting::Erasing { .. } => {
                        panic!("nobody asked from a connection")
                    }
                },
                other => self.sent.push(other),
            }
        }
    }

    /// The seq of the event that the other shard sends next.
    pub(crate) const fn next_seq(&mut self) -> Seq {
        self.seq = self.seq.next();
        self.seq
    }

    /// The seq that the next event of the other shard will have.
    pub(crate) const fn upcoming_seq(&self) -> Seq {
        self.seq.next()
    }

    /// A number that was not used before.
    pub(crate) const fn unique(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A chat that this shard owns.
    pub(crate) fn chat(&mut self) -> ChatId {
        self.find(ChatId::from_bytes, |routing, id| {
            routing.placement().of_chat(id) == P0
        })
    }

    /// A user whose records this shard owns.
    pub(crate) fn owned_user(&mut self) -> UserId {
        self.find(UserId::from_bytes, |routing, id| {
            routing.placement().of_user(id) == P0
        })
    }

    /// Whether this shard owns the records of a user.
    pub(crate) fn is_owned(&self, user_id: UserId) -> bool {
        self.routing.placement().of_user(user_id) == P0
    }

    /// A chat that a user makes and this shard owns.
    pub(crate) fn chat_made_by(&mut self, user_id: UserId) -> ChatId {
        let make = |bytes: [u8; 16]| {
            let mut random = [0; 10];
            random[..6].copy_from_slice(&bytes[10..]);
            ChatId::made_by(user_id, Timestamp::default(), random)
        };
        self.find(make, |routing, id| routing.placement().of_chat(id) == P0)
    }

    /// A chat that the other shard owns.
    pub(crate) fn foreign_chat(&mut self) -> ChatId {
        self.find(ChatId::from_bytes, |routing, id| {
            routing.placement().of_chat(id) != P0
        })
    }

    /// A user whose home this shard is.
    pub(crate) fn user(&mut self) -> UserId {
        self.find(UserId::from_bytes, |routing, id| routing.home(id) == HERE)
    }

    /// A user whose home the other shard is.
    pub(crate) fn foreign_user(&mut self) -> UserId {
        self.find(UserId::from_bytes, |routing, id| routing.home(id) == THERE)
    }

    fn find<T: Copy>(
        &mut self,
        make: impl Fn([u8; 16]) -> T,
        fits: impl Fn(&Routing, T) -> bool,
    ) -> T {
        loop {
            let id = make(u128::from(self.unique()).to_be_bytes());
            if fits(&self.routing, id) {
                return id;
            }
        }
    }

    /// A username of this shard's partition.
    pub(crate) fn username(&mut self) -> String {
        self.find_username(true)
    }

    /// A username of the other shard's partition.
    pub(crate) fn foreign_username(&mut self) -> String {
        self.find_username(false)
    }

    fn find_username(&mut self, is_here: bool) -> String {
        loop {
            let name = format!("user{}", self.unique());
            if (self.routing.placement().of_name(&name) == P0) == is_here {
                return name;
            }
        }
    }

    /// A username that is not its own key, whose key this shard's partition has; and the name itself too, or not.
    pub(crate) fn capital_username(&mut self, is_here: bool) -> String {
        let placement = self.routing.placement();
        loop {
            let name = format!("User{}", self.unique());
            let key_is_here = placement.of_name(&name.to_lowercase()) == P0;
            if key_is_here && (placement.of_name(&name) == P0) == is_here {
                return name;
            }
        }
    }

    /// Lets time pass, and the shard look at it.
    pub(crate) fn tick_after(&mut self, micros: u64) {
        self.host.clock.pass(micros);
        self.step(Input::Tick);
    }

    /// The time of day.
    pub(crate) fn wall(&self) -> Timestamp {
        self.host.clock.now().wall
    }

    /// The time of day is set.
    pub(crate) fn step_wall(&mut self, millis: i64) {
        self.host.clock.step_wall(millis);
    }

    /// The other shard says something.
    pub(crate) fn tell(&mut self, message: ShardMessage) {
        let messages = vec![message];
        self.step(Input::Mesh {
            from: THERE,
            messages,
        });
    }

    /// The other shard whispers something.
    pub(crate) fn hear_whisper(&mut self, whisper: Whisper) {
        self.step(Input::Whispers(vec![whisper]));
    }

    /// The other shard asks something; the number names the question.
    pub(crate) fn ask(&mut self, command: Command) -> u64 {
        let question = self.unique();
        let asker = Asker {
            shard: THERE,
            waiting: Waiting::Inbox { gather: question },
        };
        self.tell(ShardMessage::Ask { asker, command });
        question
    }

    pub(crate) fn post(&mut self, chat: ChatId, sender: UserId, client_id: Option<&str>) -> u64 {
        self.post_text(chat, sender, client_id, "hello")
    }

    pub(crate) fn post_text(
        &mut self,
        chat_id: ChatId,
        sender_id: UserId,
        client_id: Option<&str>,
        content: &str,
    ) -> u64 {
        let post = Post {
            sender_id,
            content: content.into(),
            client_id: client_id.map(Into::into),
        };
        self.ask(Command::Chat(chat_id, ChatCommand::Post(post)))
    }

    /// Somebody asks for a page of a user's chats.
    pub(crate) fn list(&mut self, user_id: UserId, limit: usize, before: Option<Activity>) -> u64 {
        self.list_from(network(), user_id, limit, before)
    }

    /// The same, from some network.
    pub(crate) fn list_from(
        &mut self,
        network: Network,
        user_id: UserId,
        limit: usize,
        before: Option<Activity>,
    ) -> u64 {
        let page = InboxPage { before, limit };
        let command = HomeCommand::ListChats { page, network };
        self.ask(Command::Home(user_id, command))
    }

    /// What a question was answered, once; `None` where it was not answered yet.
    pub(crate) fn answer(&mut self, question: u64) -> Option<Outcome> {
        let index = self.answers.iter().position(|(it, _)| *it == question)?;
        Some(self.answers.swap_remove(index).1)
    }

    /// Asserts that a question was refused.
    #[track_caller]
    pub(crate) fn assert_refused(&mut self, question: u64, with: Problem) {
        match self.answer(question) {
            Some(Outcome::Refused(problem)) => assert_eq!(problem, with),
            other => panic!("{other:?}"),
        }
    }

    /// Asserts that a question is answered with a posted message, and which.
    #[track_caller]
    pub(crate) fn assert_posted(&mut self, question: u64) -> MessageId {
        match self.answer(question) {
            Some(Outcome::Posted { message_id, .. }) => message_id,
            other => panic!("{other:?}"),
        }
    }

    /// Where a chat's records are.
    pub(crate) fn partition_of(&self, chat_id: ChatId) -> PartitionId {
        self.routing.placement().of_chat(chat_id)
    }

    /// Somebody else serves a chat from now on, or nobody.
    pub(crate) fn reroute(&mut self, chat_id: ChatId, route: Route) {
        let partition = self.partition_of(chat_id);
        self.step(Input::Routed { partition, route });
    }

    /// The hashers are done with the oldest password.
    pub(crate) fn compare_password(&mut self, is_right: bool) {
        self.password_done(PasswordOutcome::Verified(is_right));
    }

    pub(crate) fn password_done(&mut self, outcome: PasswordOutcome) {
        let token = self.passwords.pop_front().unwrap().token;
        self.step(Input::Password { token, outcome });
    }

    /// The store answers the oldest read.
    pub(crate) fn answer_read(&mut self, outcome: Result<Found, StoreFault>) -> Read {
        let (token, read) = self.reads.pop_front().unwrap();
        self.step(Input::Store(StoreEvent::Read { token, outcome }));
        read
    }

    /// The same, where something is read.
    pub(crate) fn answer_read_if_any(&mut self, outcome: Result<Found, StoreFault>) {
        if !self.reads.is_empty() {
            self.answer_read(outcome);
        }
    }

    /// A new chat of this shard, stored.
    pub(crate) fn create(&mut self, members: &[UserId]) -> ChatId {
        let chat_id = self.chat();
        let question = self.ask(Command::Chat(chat_id, creation(None, members)));
        self.settle();
        assert!(matches!(
            self.answer(question),
            Some(Outcome::Json {
                created: Some(_),
                ..
            })
        ));
        chat_id
    }

    /// The other shard tells that a user became a member of a chat of its own, or had become one under an earlier
    /// owner.
    pub(crate) fn told_joined(&mut self, chat_id: ChatId, user_id: UserId, under_earlier: bool) {
        self.tell(ShardMessage::Joined {
            chat_id,
            from: THERE,
            users: vec![user_id],
            under_earlier,
        });
    }

    /// Takes what this shard wants to listen to.
    pub(crate) fn subscriptions(&mut self) -> Vec<Subscription> {
        let sent = std::mem::take(&mut self.sent).into_iter();
        sent.filter_map(|message| match message {
            ShardMessage::Subscribe(wanted) => Some(wanted),
            _ => None,
        })
        .collect()
    }

    /// The shard's numbers.
    pub(crate) fn stats(&mut self) -> Stats {
        let ticket = self.unique();
        let from = THERE;
        self.tell(ShardMessage::StatsWanted { from, ticket });
        let stats = self
            .sent
            .pop_if(|it| matches!(it, ShardMessage::Stats { .. }));
        match stats {
            Some(ShardMessage::Stats { stats, .. }) => *stats,
            _ => panic!("no numbers came"),
        }
    }
}

/// One record as a batch.
pub(crate) fn batch_of(records: &[Record<'_>]) -> RecordBatch {
    let mut batch = RecordBatchBuilder::default();
    records.iter().for_each(|record| batch.push(record));
    batch.take()
}

/// The messages among rows, oldest first.
pub(crate) fn messages(rows: &[Row]) -> Vec<(Seq, EventRow)> {
    rows.iter()
        .filter_map(|row| match row {
            Row::Event(row) if row.kind == EventKind::Message => Some((row.head.seq, row.clone())),
            _ => None,
        })
        .collect()
}

/// The message ids among rows, oldest first.
pub(crate) fn message_ids(rows: &[Row]) -> Vec<MessageId> {
    each_message(rows, |message| message.message_id)
}

/// When the messages among rows were posted, as history shows it, oldest first.
pub(crate) fn times(rows: &[Row]) -> Vec<Timestamp> {
    each_message(rows, |message| message.at)
}

fn each_message<T>(rows: &[Row], what: impl Fn(&MessagePosted<'_>) -> T) -> Vec<T> {
    let of_row = |(_, row): &(Seq, EventRow)| match Record::decode(&row.record) {
        Ok(Record::MessagePosted(message)) => what(&message),
        other => panic!("{other:?}"),
    };
    messages(rows).iter().map(of_row).collect()
}

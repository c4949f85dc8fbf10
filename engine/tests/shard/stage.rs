//! The shard under test and everything around it.

mod asking;
mod clients;
mod ids;
mod log;
mod rounds;
mod rows;
mod samples;
mod whispers;

use std::collections::VecDeque;

use rookery_engine::config::ShardConfig;
use rookery_engine::effect::{ConnEffect, Effects, Notice};
use rookery_engine::input::Input;
use rookery_engine::mesh::{Outcome, ShardMessage, Subscription, Waiting, Whisper};
use rookery_engine::port::{
    EndedSessions, Found, LogEvent, LogRequest, Opened, Part, PasswordJob, PasswordOutcome, Read,
    StoreEvent, StoreFault, StoreRequest, Token,
};
use rookery_engine::stats::Stats;
use rookery_schema::batch::RecordBatch;
use rookery_schema::row::Row;
use rookery_schema::{
    ChatId, Offset, PartitionId, Route, Routing, Seq, ShardId, Timestamp, UserId,
};
use rookery_testing::host::{self, Host};

pub(crate) use self::rows::{batch_of, message_ids, messages, times};
pub(crate) use self::samples::{
    account, addition, creation, creation_from, credentials, member, network, stored_chat,
};

/// The partition of the shard under test.
pub(crate) const P0: PartitionId = PartitionId(0);
const HERE: ShardId = ShardId(0);
/// The other shard, which the test plays.
pub(crate) const THERE: ShardId = ShardId(1);
/// Microseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000;
/// Rounds that one input may take: who always wants another keeps a core busy.
const ROUNDS_MAX: usize = 10_000;

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
    /// Connections that were told of something in turn, as one of a crowd.
    pub(crate) in_turn: usize,
    /// When the shard wants another round at the latest, in microseconds.
    pub(crate) wake_at_micros: Option<u64>,
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
            in_turn: 0,
            wake_at_micros: None,
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
        let last = self.rounds + ROUNDS_MAX;
        loop {
            assert!(self.rounds < last, "it wants another round for ever");
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
        self.wake_at_micros = effects.wake_at_micros;
        let in_turn = |effect: &ConnEffect| matches!(effect, ConnEffect::FlushInTurn);
        let told = effects.connections.iter().map(|(_, effect)| effect);
        self.in_turn += told.filter(|it| in_turn(it)).count();
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

    /// Lets time pass, and the shard look at it.
    pub(crate) fn tick_after(&mut self, micros: u64) {
        self.host.clock.pass(micros);
        self.step(Input::Tick);
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.host.shard.is_drained()
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

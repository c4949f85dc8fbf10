//! A store in memory. Each shard has a lane of its own that does what it is asked for in time, and lets what it
//! writes be seen as one of the real stores does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rookery_engine::port::{Found, Part, Read, StoreEvent, StoreFault, StoreRequest, Token};
use rookery_schema::event::EventKind;
use rookery_schema::record::Record;
use rookery_schema::roles::Role;
use rookery_schema::row::{EventRow, Row};
use rookery_schema::{ChatId, PartitionId, Seq, UserId};
use rookery_testing::dice::Dice;
use rookery_testing::store::Model;

/// How much of a write is seen at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// All of it, in the order of the writes, as of the embedded store.
    Whole,
    /// Parts of it, as of the store in Scylla: each chat, each user for itself, and of a chat its members' lists of
    /// chats before the events that tell of them. A write that comes late undoes nothing.
    InParts,
}

/// Rows that are seen in the order in which they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    All,
    Chat(ChatId),
    User(UserId),
    Marks(UserId),
    Sessions,
}

/// The place of a write among those of its lane.
type Place = u64;

/// What one shard asked for.
#[derive(Default)]
struct Lane {
    reads: VecDeque<(Token, Read)>,
    groups: BTreeMap<Group, VecDeque<(Place, Row)>>,
    /// Writes that are not in the store: who asked, and how many of their rows are missing.
    unwritten: BTreeMap<Place, (Token, usize)>,
    syncs: VecDeque<(Place, Token)>,
    last: Place,
    /// Answers that are told later, when those to reads may be out of date.
    late: VecDeque<StoreEvent>,
    /// Rows of a chat of which the members' lists of chats are written, and nothing else: how many.
    ahead: Option<(ChatId, usize)>,
}

/// What a lane may do next.
#[derive(Clone, Copy)]
enum Step {
    Tell,
    Read,
    Write,
    Sync,
}

pub(crate) struct SimStore {
    model: Model,
    lanes: Vec<Lane>,
    seen: Seen,
    pub(crate) read_failures: bool,
    /// It reads, and writes nothing for now.
    pub(crate) writes_wait: bool,
}

impl SimStore {
    pub(crate) fn new(seen: Seen) -> Self {
        let mut model = Model::default();
        model.late_rows_undo_nothing = seen == Seen::InParts;
        model.chats_need_events = seen == Seen::InParts;
        Self {
            model,
            lanes: Vec::new(),
            seen,
            read_failures: false,
            writes_wait: false,
        }
    }

    /// Begins again with so many shards.
    pub(crate) fn restart(&mut self, shards: u16) {
        self.lanes = (0..shards).map(|_| Lane::default()).collect();
    }

    pub(crate) fn submit(&mut self, shard: usize, request: StoreRequest) {
        let seen = self.seen;
        let lane = &mut self.lanes[shard];
        match request {
            StoreRequest::Read { token, read } => lane.reads.push_back((token, read)),
            StoreRequest::Write { token, rows } => lane.write(token, rows, seen),
            StoreRequest::Sync { token } => lane.syncs.push_back((lane.last, token)),
        }
    }

    pub(crate) fn busy_shards(&self) -> Vec<usize> {
        let is_busy = |shard: &usize| !self.lanes[*shard].steps(self.writes_wait).is_empty();
        (0..self.lanes.len()).filter(is_busy).collect()
    }

    /// Whether a partition that a shard had may be opened by another one. Where late rows undo nothing, that is
    /// always so; else its rows must be in the store.
    pub(crate) fn is_through(&self, shard: usize, partition: PartitionId) -> bool {
        let part = Part::Partition(partition);
        let mut unwritten = self.lanes[shard].unwritten.values();
        self.seen == Seen::InParts || !unwritten.any(|(token, _)| token.part == part)
    }

    pub(crate) fn step(&mut self, shard: usize, dice: &mut Dice) -> Option<StoreEvent> {
        let steps = self.lanes[shard].steps(self.writes_wait);
        match dice.pick(&steps) {
            Step::Tell => {
                let late = &mut self.lanes[shard].late;
                match self.seen {
                    Seen::Whole => late.pop_front(),
                    Seen::InParts => late.remove(dice.below(late.len())),
                }
            }
            Step::Read => self.read(shard, dice),
            Step::Write => {
                self.write_some(shard, dice);
                None
            }
            Step::Sync => {
                let (_, token) = self.lanes[shard].syncs.pop_front()?;
                Some(StoreEvent::Synced { token })
            }
        }
    }

    fn read(&mut self, shard: usize, dice: &mut Dice) -> Option<StoreEvent> {
        let (token, read) = self.lanes[shard].reads.pop_front()?;
        let outcome = if self.read_failures && dice.one_in(5) {
            Err(StoreFault)
        } else {
            Ok(self.model.read(&read))
        };
        let event = StoreEvent::Read { token, outcome };
        if dice.one_in(2) {
            self.lanes[shard].late.push_back(event);
            return None;
        }
        Some(event)
    }

    /// Lets some rows of a group be seen, or a part of them.
    fn write_some(&mut self, shard: usize, dice: &mut Dice) {
        let lane = &mut self.lanes[shard];
        if let Some((chat_id, count)) = lane.ahead.take() {
            return self.finish(shard, Group::Chat(chat_id), count);
        }
        let (group, count) = lane.choose(dice);
        if let Group::Chat(chat_id) = group {
            let rows = lane.groups[&group].iter().take(count);
            rows.for_each(|(_, row)| self.model.write_ahead(row));
            // Of roles, what comes with the next event may be there before it.
            let first = lane.groups[&group].iter().map(|(_, row)| row);
            let first = first.take_while(|row| !matches!(row, Row::Event(_)));
            let roles: Vec<_> = first.filter(|row| matches!(row, Row::Role(_))).collect();
            roles
                .into_iter()
                .for_each(|row| self.model.write(row.clone()));
            // Whose content is gone is in the first stage of a job, in front of the events of all writes that make it up.
            let all = lane.groups[&group].iter().map(|(_, row)| row);
            let erased = all.filter(|row| matches!(row, Row::Erased(_)));
            erased.for_each(|row| self.model.write(row.clone()));
            lane.ahead = Some((chat_id, count));
        } else {
            self.finish(shard, group, count);
        }
    }

    fn finish(&mut self, shard: usize, group: Group, count: usize) {
        let lane = &mut self.lanes[shard];
        let Some(rows) = lane.groups.get_mut(&group) else {
            return;
        };
        let (places, rows): (Vec<Place>, Vec<Row>) = rows.drain(..count).unzip();
        lane.groups.retain(|_, rows| !rows.is_empty());
        rows.into_iter().for_each(|row| self.model.write(row));
        places.into_iter().for_each(|place| lane.written(place));
    }

    /// The process dies: of what was not confirmed, a part has reached the store.
    pub(crate) fn crash(&mut self, dice: &mut Dice) {
        for shard in 0..self.lanes.len() {
            while !self.lanes[shard].groups.is_empty() && !dice.one_in(3) {
                self.write_some(shard, dice);
            }
        }
    }

    /// Checks that a chat has the members of whom its events tell, and that they have the chat.
    pub(crate) fn check_members(&self, chat_id: ChatId) {
        let mut told = BTreeSet::new();
        for row in self.model.events_of(chat_id) {
            match Record::decode(&row.record).unwrap() {
                Record::ChatCreated(created) => told.extend(created.members.iter()),
                Record::MemberAdded(change) => drop(told.insert(change.user_id)),
                Record::MemberRemoved(change) => drop(told.remove(&change.user_id)),
                _ => {}
            }
        }
        let stored = self
            .model
            .members
            .keys()
            .filter(|(chat, _)| *chat == chat_id);
        let stored: BTreeSet<UserId> = stored.map(|(_, user)| *user).collect();
        assert_eq!(stored, told, "the members of {chat_id}");
        for user in told {
            let has_it = self.chats_of(user).contains(&chat_id);
            assert!(has_it, "{user} does not have {chat_id}");
        }
    }

    /// The admins of a chat, by its events: those who were given the role or, where none is left, whoever made the chat if no
    /// role was ever changed, else the member of longest standing.
    pub(crate) fn admins(&self, chat_id: ChatId) -> BTreeSet<UserId> {
        let mut members: Vec<UserId> = Vec::new();
        let mut given: BTreeSet<UserId> = BTreeSet::new();
        let mut is_changed = false;
        let heir = |members: &[UserId], given: &BTreeSet<UserId>, is_changed: bool| {
            let mut all = members.iter().copied();
            let maker = all
                .clone()
                .find(|it| chat_id.is_made_by(*it) && !is_changed);
            let heir = maker.or_else(|| all.next());
            heir.filter(|_| given.is_empty())
        };
        for row in self.model.events_of(chat_id) {
            let heir = heir(&members, &given, is_changed);
            match Record::decode(&row.record).unwrap() {
                Record::ChatCreated(created) => members.extend(created.members.iter()),
                Record::MemberAdded(change) => members.push(change.user_id),
                Record::MemberRemoved(change) => {
                    members.retain(|it| *it != change.user_id);
                    is_changed |= given.remove(&change.user_id) || heir == Some(change.user_id);
                }
                Record::RoleSet(set) => {
                    given.extend(heir);
                    is_changed = true;
                    match set.role {
                        Role::Admin => given.insert(set.user_id),
                        Role::Member => given.remove(&set.user_id),
                    };
                }
                _ => {}
            }
        }
        let heir = heir(&members, &given, is_changed);
        given.extend(heir);
        given
    }

    /// Whether nothing of a deleted chat is left but that it was.
    pub(crate) fn is_purged(&self, chat_id: ChatId) -> bool {
        self.model.is_purged(chat_id)
    }

    /// The chats that a user is a member of.
    pub(crate) fn chats_of(&self, user_id: UserId) -> Vec<ChatId> {
        match self.model.read(&Read::ChatsOfUser(user_id)) {
            Found::Chats(chats) => chats,
            other => panic!("{other:?}"),
        }
    }

    /// The seq of a chat's newest event.
    pub(crate) fn head(&self, chat_id: ChatId) -> Seq {
        let newest = self.model.events_of(chat_id).last();
        newest.map(|row| row.head.seq).unwrap_or_default()
    }

    /// All events of a chat.
    pub(crate) fn events(&self, chat_id: ChatId) -> Vec<EventRow> {
        self.model.events_of(chat_id).cloned().collect()
    }

    /// All messages of a chat by seq, with the seqs of all its events checked for gaps.
    pub(crate) fn messages(&self, chat_id: ChatId) -> Vec<(Seq, EventRow)> {
        let mut expected = Seq(1);
        let mut messages = Vec::new();
        for row in self.model.events_of(chat_id) {
            assert_eq!(row.head.seq, expected, "the seqs of a chat are dense");
            expected = row.head.seq.next();
            if row.kind == EventKind::Message {
                messages.push((row.head.seq, row.clone()));
            }
        }
        messages
    }
}

impl Lane {
    /// Takes a write apart into rows that are seen in order.
    fn write(&mut self, token: Token, mut rows: Vec<Row>, seen: Seen) {
        self.last += 1;
        let place = self.last;
        rows.retain(|row| !matches!(row, Row::Reached { .. }));
        if seen == Seen::InParts {
            rows = in_order(rows);
        }
        self.unwritten.insert(place, (token, rows.len()));
        if rows.is_empty() {
            self.unwritten.remove(&place);
            self.late
                .push_back(StoreEvent::Written { token, micros: 1 });
        }
        for row in rows {
            let group = match seen {
                Seen::Whole => Group::All,
                Seen::InParts => group_of(&row),
            };
            self.groups
                .entry(group)
                .or_default()
                .push_back((place, row));
        }
    }

    /// What can be done next.
    fn steps(&self, writes_wait: bool) -> Vec<Step> {
        let first = self.unwritten.keys().next();
        let sync = self.syncs.front();
        let is_sync_due = sync.is_some_and(|(place, _)| first.is_none_or(|it| it > place));
        let all = [
            (Step::Tell, !self.late.is_empty()),
            (Step::Read, !self.reads.is_empty()),
            (Step::Write, !writes_wait && !self.groups.is_empty()),
            (Step::Sync, is_sync_due),
        ];
        let possible = all.into_iter().filter(|(_, is_possible)| *is_possible);
        possible.map(|(step, _)| step).collect()
    }

    /// Chooses a group and how many of its rows are written together: whole writes, or of a chat up to some event.
    fn choose(&self, dice: &mut Dice) -> (Group, usize) {
        let groups: Vec<&Group> = self.groups.keys().collect();
        let group = **dice.pick(&groups);
        let rows = &self.groups[&group];
        let is_end = |index: &usize| match rows[*index] {
            (place, _) if group == Group::All => {
                rows.get(index + 1).is_none_or(|(next, _)| *next != place)
            }
            (_, Row::Event(_) | Row::ChatDeleted(_) | Row::Purged(_) | Row::Rewritten(_)) => true,
            _ => !matches!(group, Group::Chat(_)),
        };
        let ends: Vec<usize> = (0..rows.len()).filter(is_end).collect();
        let end = match ends.as_slice() {
            [] => rows.len() - 1,
            ends => *dice.pick(&ends[..ends.len().min(3)]),
        };
        (group, end + 1)
    }

    /// A row of a write is in the store.
    fn written(&mut self, place: Place) {
        let Some((token, left)) = self.unwritten.get_mut(&place) else {
            return;
        };
        *left -= 1;
        if *left == 0 {
            let (token, micros) = (*token, 100);
            self.late.push_back(StoreEvent::Written { token, micros });
            self.unwritten.remove(&place);
        }
    }
}

fn group_of(row: &Row) -> Group {
    match row {
        Row::Event(row) | Row::Redacted(row) => Group::Chat(row.chat_id),
        Row::Amendment(row) => Group::Chat(row.chat_id),
        Row::Chat(row) => Group::Chat(row.chat_id),
        Row::Member(row) => Group::Chat(row.chat_id),
        Row::NotMember { chat_id, .. } => Group::Chat(*chat_id),
        Row::Role(row) => Group::Chat(row.chat_id),
        Row::Settings(row) => Group::Chat(row.chat_id),
        Row::ChatDeleted(row) => Group::Chat(row.chat_id),
        Row::Purged(row) => Group::Chat(row.chat_id),
        Row::Block(row) => Group::Chat(row.chat_id),
        Row::Mark(row) => Group::Marks(row.user_id),
        Row::User(row) => Group::User(row.user_id),
        Row::Session(row) => Group::User(row.user_id),
        Row::NoSession { user_id, .. }
        | Row::NoSessions { user_id, .. }
        | Row::OwnGone { user_id } => Group::User(*user_id),
        Row::Erasure(row) => Group::User(row.user_id),
        Row::Erased(row) => Group::Chat(row.chat_id),
        Row::Rewritten(row) => Group::Chat(row.chat_id),
        Row::Profile(row) => Group::User(row.user_id),
        Row::UserSettings(row) => Group::User(row.user_id),
        Row::EndedSession { .. } | Row::Reached { .. } => Group::Sessions,
    }
}

/// The rows of a write by the seqs that they come with, each event last. A redaction comes with the event in front of it.
fn in_order(rows: Vec<Row>) -> Vec<Row> {
    let mut event = Seq(0);
    let place = |row: Row| {
        if let Row::Event(row) = &row {
            event = row.head.seq;
        }
        (row.order(event), row)
    };
    let mut rows: Vec<_> = rows.into_iter().map(place).collect();
    rows.sort_by_key(|(order, _)| *order);
    rows.into_iter().map(|(_, row)| row).collect()
}

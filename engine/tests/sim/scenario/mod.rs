//! Users who chat while things break, and what must be true in the end.

mod amendments;
mod checks;
mod device;
mod devices;
mod leaver;
mod listeners;
mod marks;
mod newcomer;
mod pages;
mod passwords;
mod posts;
mod rooms;
mod sessions;
mod shown;
mod spare;
mod spares;
mod state;
mod users;
mod view;
mod whispers;

use std::collections::BTreeMap;
use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_testing::http::{HttpReply, request};
use serde_json::Value;

use crate::scenario::device::Device;
use crate::scenario::shown::Amendments;
use crate::scenario::spare::Spares;
use crate::scenario::state::{
    AskedAmend, AskedChange, AskedPage, Draft, Leaver, Listener, Marks, Newcomer, Room, ShownPage,
    User,
};
use crate::store::Seen;
use crate::wires::WireId;
use crate::world::{Settings, World};

const USERS: usize = 8;
const ROUNDS: usize = 200;

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Partitions move, the process is restarted, and nothing fails.
    Calm,
    /// Besides, the process crashes, and log and store fail.
    Faulty,
}

pub(crate) struct Scenario {
    world: World,
    kind: Kind,
    faults: bool,
    users: Vec<User>,
    rooms: Vec<Room>,
    listeners: Vec<Listener>,
    devices: Vec<Device>,
    changes: Vec<AskedChange>,
    drafts: Vec<Draft>,
    /// Of what was acknowledged, the room and the message's id, by content.
    acknowledged: BTreeMap<String, (usize, String)>,
    pages: Vec<AskedPage>,
    shown: Vec<ShownPage>,
    amendments: Amendments,
    asked_amends: Vec<AskedAmend>,
    spares: Spares,
    marks: Marks,
    leaver: Leaver,
    newcomer: Newcomer,
    /// Tokens whose logins were ended.
    ended: Vec<String>,
    /// How often somebody heard what was said last.
    heard_live: usize,
    /// Of how many others somebody knew in the end whether they are there.
    known_presences: usize,
    last: usize,
}

impl Scenario {
    pub(crate) fn new(seed: u64, kind: Kind) -> Self {
        let is_short = seed.is_multiple_of(5);
        let is_limited = seed % 7 < 3;
        let settings = Settings {
            partitions: 1 + (seed % 4) as u32,
            shards: 1 + (seed / 4 % 4) as u16,
            auth: if seed % 6 < 2 {
                AuthMode::Token
            } else {
                AuthMode::Trust
            },
            lag_limit: Duration::from_millis(if is_short { LAG_MILLIS } else { 1_000_000 }),
            chat_bytes: match seed % 7 {
                // So few that a chat is forgotten as soon as it is stored.
                0..3 => 1,
                // So few that some are.
                3 | 4 => FEW_CHAT_BYTES,
                _ => 1 << 20,
            },
            seen: if seed.is_multiple_of(3) {
                Seen::Whole
            } else {
                Seen::InParts
            },
            chats_per_user: if is_limited { CHATS_PER_USER } else { 0 },
            memberships_per_user: if is_limited { MEMBERSHIPS_PER_USER } else { 0 },
        };
        let mut world = World::new(seed, settings);
        world.settle();
        assert!(world.is_ready());
        Self {
            world,
            kind,
            faults: kind == Kind::Faulty,
            users: (0..USERS).map(User::new).collect(),
            rooms: Vec::new(),
            listeners: Vec::new(),
            devices: Self::devices(),
            changes: Vec::new(),
            drafts: Vec::new(),
            acknowledged: BTreeMap::new(),
            pages: Vec::new(),
            shown: Vec::new(),
            amendments: Amendments::default(),
            asked_amends: Vec::new(),
            spares: Spares::default(),
            marks: Marks::default(),
            leaver: Leaver::default(),
            newcomer: Newcomer::default(),
            ended: Vec::new(),
            heard_live: 0,
            known_presences: 0,
            last: 0,
        }
    }

    /// Gives what the dice would show next, which tells one course of events from others.
    pub(crate) fn run(mut self) -> u64 {
        self.register();
        self.register_leaver();
        self.register_newcomer();
        self.create_rooms();
        self.world.settle();
        self.hear();
        self.fail(self.faults);
        self.world.reads_late = true;
        for _ in 0..ROUNDS {
            self.round();
        }
        self.fail(false);
        self.world.reads_late = false;
        self.finish();
        self.connect_devices();
        self.check();
        assert!(self.heard_live > 0);
        self.check_devices();
        self.check_presence();
        self.check_spares();
        assert!(self.known_presences > 0);
        self.check_restarted();
        self.check_spares();
        self.check_leaver();
        self.check_newcomer();
        self.world.dice.next()
    }

    /// From now on log and store fail, or do not.
    const fn fail(&mut self, fail: bool) {
        self.world.log.append_failures = fail;
        self.world.store.read_failures = fail;
    }

    fn round(&mut self) {
        match self.world.dice.below(40) {
            0 | 1 => {
                let user = self.world.dice.below(USERS);
                self.listen_as(user);
            }
            2 => self.stop_listening(),
            3 if self.world.dice.one_in(2) => self.end_process(),
            4 => self.world.tick(100_000),
            5 => self.create_rooms(),
            6 => self.add_member(),
            7 => self.remove_member(),
            8 if !self.faults => {
                self.world.settle();
                self.hear();
                self.check_live();
            }
            9 | 10 => self.begin_move(),
            11..14 => self.retry(),
            14 | 15 => self.ask_page(),
            16 if self.world.dice.one_in(3) => self.set_password(),
            16 if self.world.dice.one_in(3) => self.change_password(),
            16 if self.world.dice.one_in(3) => self.end_session(),
            16 => self.log_in_or_out(),
            17 if !self.faults => self.lag(),
            24 | 26 if self.world.dice.one_in(2) => self.use_leaver(),
            30 | 31 => self.use_newcomer(),
            18..20 => self.amend(),
            20..23 => self.use_device(),
            23 | 24 => self.set_role(),
            25 | 26 => self.whisper(),
            36..40 => self.use_spare(),
            27..30 => self.mark(),
            _ => self.post(),
        }
        self.advance_below(30);
        self.hear();
    }

    /// Lets less than so many things happen.
    fn advance_below(&mut self, bound: usize) {
        for _ in 0..self.world.dice.below(bound) {
            self.world.advance();
        }
    }

    /// A partition begins to move, and who has posted meanwhile tries again when it has moved.
    fn begin_move(&mut self) {
        let partition = self.world.any_partition();
        self.world.slow_down(partition);
        self.post();
        if self.world.dice.one_in(2) {
            self.add_member();
        }
        self.advance_below(40);
        self.world.begin_move(partition);
        if self.world.dice.one_in(2) {
            self.world.end_moves();
            self.hear();
            self.world.slow_down(partition);
            (0..self.drafts.len()).for_each(|index| self.send_draft(index));
            self.advance_below(60);
            self.world.hurry();
        }
    }

    /// The process stops, or crashes, and comes back with another number of shards.
    fn end_process(&mut self) {
        // A change that is on its way into the store is what is hardest to get right.
        if self.world.dice.one_in(2) {
            self.add_member();
            self.remove_member();
            self.set_role();
            self.advance_below(60);
        }
        let shards = 1 + self.world.dice.below(4) as u16;
        if self.faults && self.world.dice.one_in(2) {
            self.world.crash(shards);
        } else {
            self.world.restart(shards);
        }
        if self.world.dice.one_in(2) {
            self.world.settle();
            self.hear();
            self.check_ended();
        }
    }

    /// The log is so far ahead of the store that messages are refused.
    fn lag(&mut self) {
        if self.world.settings.lag_limit > Duration::from_millis(LAG_MILLIS) {
            return;
        }
        self.world.settle();
        self.hear();
        self.world.store.writes_wait = true;
        let first = self.post_now();
        self.world.tick(2 * LAG_MILLIS * 1000);
        let second = self.post_now();
        self.world.store.writes_wait = false;
        if first == Some(200) {
            assert_eq!(second, Some(503), "what is accepted is stored in time");
        }
    }

    /// Takes what came from the server.
    fn hear(&mut self) {
        self.hear_users();
        self.hear_passwords();
        self.hear_changes();
        self.hear_amendments();
        self.hear_spares();
        self.hear_marks();
        self.hear_stayer();
        self.hear_newcomer();
        self.hear_pages();
        self.hear_devices();
        let mut acknowledged = self.hear_listeners();
        acknowledged.extend(self.hear_posts());
        self.acknowledge(acknowledged);
    }

    /// Sends a request of a user on a connection of its own; nothing where they are not logged in.
    fn ask(
        &mut self,
        user: usize,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Option<WireId> {
        let credentials = self.credentials(user)?;
        Some(self.ask_with(&credentials, method, path, body))
    }

    fn ask_with(
        &mut self,
        credentials: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> WireId {
        let wire = self.world.connect();
        let bytes = request(method, path, credentials, body);
        self.world.send(wire, &bytes);
        wire
    }

    /// The answer on a connection that was made for one request.
    fn answer(&mut self, wire: WireId) -> Option<HttpReply> {
        let reply = self.world.wire(wire).next_http()?;
        self.world.disconnect(wire);
        Some(reply)
    }

    /// Whether a request may have been refused for nothing that its user did.
    fn is_refusal(&self, reply: &HttpReply) -> bool {
        // A login may have been ended while the request was on its way.
        let logged_out = self.world.settings.auth == AuthMode::Token && reply.status == 401;
        reply.status == 503 || logged_out
    }
}

/// Memory for a chat or two.
const FEW_CHAT_BYTES: usize = 4096;
/// Limits below the number of rooms.
const CHATS_PER_USER: usize = 2;
const MEMBERSHIPS_PER_USER: usize = 3;
/// A lag limit that is reached at times.
const LAG_MILLIS: u64 = 300;

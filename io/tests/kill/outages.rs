//! A broker or a store that is killed, or frozen, while the server goes on.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::alone;
use super::clubs::Clubs;
use super::load::under_load;
use super::support::api::{Api, posted};
use super::support::engines::are_external;
use super::support::{Options, any_user};
use super::verify::verify;
use super::world::{World, build_world};
use rookery_testing::seeds;
use rustix::process::{Pid, Signal, kill_process};

/// The directory of a dev stack (`infra/devstack`) on which the servers under test run.
const DEVSTACK: &str = "ROOKERY_TEST_DEVSTACK";
/// How long an engine is frozen.
const FROZEN_FOR: Duration = Duration::from_secs(20);
/// How long an engine that was killed is away.
const GONE_FOR: Duration = Duration::from_secs(3);
/// How long a post and a read may take, whatever is away.
const ANSWERS_WITHIN: Duration = Duration::from_secs(8);
/// How long after the engine is back the server may need to take messages again.
const RECOVERY_WITHIN: Duration = Duration::from_secs(60);
/// Long enough to leave an engine that starts again most of a small machine.
const BREATH: Duration = Duration::from_millis(30);
/// How long the whole run may take; then it hangs.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(900);
/// Between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// One server of the dev stack.
struct Engine {
    stack: PathBuf,
    service: &'static str,
}

impl Engine {
    fn signal(&self, signal: Signal) {
        let text = fs::read_to_string(self.stack.join(self.service).join("pid")).unwrap();
        let pid = text.split_whitespace().next().unwrap().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    fn start(&self) {
        let devstack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/devstack/devstack");
        let started = Command::new(devstack)
            .arg("start")
            .arg(&self.stack)
            .arg(self.service)
            .status()
            .unwrap();
        assert!(started.success(), "{} does not start again", self.service);
    }
}

#[test]
fn a_broker_or_store_that_is_away_costs_no_acknowledged_message() {
    let _alone = alone();
    let Some(stack) = std::env::var(DEVSTACK).ok().filter(|_| are_external()) else {
        eprintln!("SKIPPED: no dev stack to run on; {DEVSTACK} names its directory");
        return;
    };
    let engines = ["kafka", "cassandra"].map(|service| Engine {
        stack: PathBuf::from(&stack),
        service,
    });
    let mut rng = seeds::dice();
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(2).start();
    let deadline = Instant::now() + PATIENCE_IN_ALL;
    let world = build_world(server.addr, BREATH, deadline, &mut rng);
    let mut clubs = Clubs::found(server.addr);
    let mut watched = Watched::create(server.addr);
    under_load(&world, &mut clubs, &mut rng, |_| {
        for engine in &engines {
            thread::sleep(Duration::from_secs(2));
            engine.signal(Signal::STOP);
            watched.watch(FROZEN_FOR);
            engine.signal(Signal::CONT);
            await_recovery(&world, engine);
            engine.signal(Signal::KILL);
            watched.watch(GONE_FOR);
            engine.start();
            await_recovery(&world, engine);
        }
    });
    verify(&world, server.addr, 2 * engines.len());
    clubs.verify(server.addr);
    watched.verify();
}

/// A chat of which every call is looked at, in which one user posts each message once.
struct Watched {
    addr: SocketAddr,
    user: String,
    chat: String,
    posted: usize,
    acknowledged: Vec<String>,
}

impl Watched {
    fn create(addr: SocketAddr) -> Self {
        let user = any_user();
        let chat = Api::trusted(addr, &user).create_chat("watched", &[]);
        Self {
            addr,
            user,
            chat,
            posted: 0,
            acknowledged: Vec::new(),
        }
    }

    /// While something is away, every call is answered in time: a post with yes, or with 503 and when to come
    /// again; and what was posted lately can be read.
    fn watch(&mut self, how_long: Duration) {
        let until = Instant::now() + how_long;
        let mut member = Api::trusted(self.addr, &self.user);
        while Instant::now() < until {
            let began = Instant::now();
            self.post(&mut member);
            let path = format!("/chats/{}/messages?limit=5", self.chat);
            let read = member.get(&path);
            assert_eq!(read.status, 200, "{read:?}");
            assert!(began.elapsed() < ANSWERS_WITHIN, "{:?}", began.elapsed());
            thread::sleep(LOOK_PAUSE);
        }
    }

    fn post(&mut self, member: &mut Api) {
        self.posted += 1;
        let content = self.posted.to_string();
        let request = member.message(&self.chat, &content, None);
        let reply = member.call(request);
        match reply.status {
            200 => self.acknowledged.push(posted(&reply).message_id),
            503 => assert!(reply.header("retry-after").is_some(), "{reply:?}"),
            _ => panic!("{reply:?}"),
        }
    }

    /// Every message that was acknowledged is there once, and others only where nobody knew.
    fn verify(&self) {
        let mut found: Vec<String> = Api::trusted(self.addr, &self.user)
            .history(&self.chat)
            .iter()
            .map(|message| message["message_id"].as_str().unwrap().to_owned())
            .collect();
        found.sort_unstable();
        let count = found.len();
        found.dedup();
        assert_eq!(found.len(), count, "none is there twice");
        assert!(count <= self.posted);
        for id in &self.acknowledged {
            assert!(found.binary_search(id).is_ok(), "{id} is lost");
        }
        eprintln!(
            "{} posts while something was away, {} acknowledged",
            self.posted,
            self.acknowledged.len()
        );
    }
}

/// Waits until messages are acknowledged again.
fn await_recovery(world: &World, engine: &Engine) {
    let acknowledged = || world.ledger.lock().unwrap().len();
    let before = acknowledged();
    let deadline = Instant::now() + RECOVERY_WITHIN;
    while acknowledged() < before + 100 {
        assert!(
            Instant::now() < deadline,
            "not back after {}",
            engine.service
        );
        thread::sleep(LOOK_PAUSE);
    }
}

//! Two servers that were started on one topic: the later one ends the earlier.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rookery_testing::dice::Dice;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::support::api::Api;
use super::support::engines::{broker, store, store_flags};
use super::support::ws::Ws;
use super::support::{Options, PATIENCE, Server, any_user, eventually};

/// What the earlier server says when it ends.
const LAST_WORDS: &str = "another server was started on topic";
/// How long the earlier server is alone, and the later one after it.
const A_WHILE: Duration = Duration::from_millis(700);

/// Where two servers meet, and what each has of its own.
struct Place {
    dirs: [TempDir; 2],
    brokers: String,
    topic: String,
    /// The address of a store that both use, in one keyspace.
    store: Option<String>,
}

impl Place {
    fn new(brokers: String, store: Option<String>) -> Self {
        Self {
            dirs: [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()],
            brokers,
            topic: format!("two_{:016x}", Dice::from_entropy().next()),
            store,
        }
    }

    fn options(&self, dir: &Path, group: &str) -> Options {
        let mut options = Options::embedded(dir)
            .flag("--auth", "trust")
            .flag("--log", "redpanda")
            .flag("--brokers", &self.brokers)
            .flag("--topic", &self.topic)
            .flag("--group", group)
            .shards(2);
        let store = self.store.iter();
        for flags in store.map(|store| store_flags(store, &self.topic)) {
            for pair in flags.chunks(2) {
                options = options.flag(&pair[0], &pair[1]);
            }
        }
        options
    }

    fn start(&self, index: usize, group: &str) -> Server {
        self.options(self.dirs[index].path(), group).start()
    }
}

/// The earlier server has ended by itself, and said why.
#[track_caller]
fn assert_ended(server: &mut Server) {
    let code = server.wait().code();
    let log = server.log();
    assert_eq!(code, Some(69), "{log}");
    let lines = log.lines().filter(|line| line.contains(LAST_WORDS));
    assert_eq!(lines.count(), 1, "{log}");
}

/// What the chat holds, by seq, without a gap.
fn contents(api: &mut Api, chat: &str) -> BTreeMap<u64, String> {
    let history = api.history(chat);
    let found: BTreeMap<_, _> = history.iter().map(content).collect();
    // The first event is that the chat was made.
    let expected = (2..).take(history.len());
    assert!(found.keys().copied().eq(expected), "a gap or a repeat");
    found
}

fn content(message: &Value) -> (u64, String) {
    let seq = message["seq"].as_u64().unwrap();
    (seq, message["content"].as_str().unwrap().to_owned())
}

/// Posts until the server is gone, and gives what it acknowledged.
fn post_until_gone(mut api: Api, chat: &str, poster: u32) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    for number in 0.. {
        assert!(Instant::now() < deadline, "the server goes on");
        let content = format!("poster {poster}, {number}");
        let Ok(reply) = api.try_call(api.message(chat, &content, Some(&content))) else {
            break;
        };
        match reply.status {
            200 => acknowledged.push(content),
            503 => thread::sleep(Duration::from_millis(1)),
            _ => panic!("{}", reply.text()),
        }
    }
    acknowledged
}

/// What a listener hears until its connection ends.
fn hear_until_gone(mut listener: Ws) -> BTreeMap<u64, String> {
    let mut heard = BTreeMap::new();
    while let Ok(text) = listener.poll(PATIENCE) {
        let event: Value = serde_json::from_str(&text).unwrap();
        if event["type"] == "message" {
            let (seq, content) = content(&event);
            assert_eq!(heard.insert(seq, content), None, "seq {seq} came twice");
        }
    }
    heard
}

fn the_later_ends_the_earlier(place: &Place, groups: [&str; 2]) {
    let mut first = place.start(0, groups[0]);
    let (alice, bob) = (any_user(), any_user());
    let chat = Api::trusted(first.addr, &alice).create_chat("room", &[&bob]);
    let listener = Api::trusted(first.addr, &bob).listen();
    let (heard, mut acknowledged, second) = thread::scope(|scope| {
        let listening = scope.spawn(|| hear_until_gone(listener));
        let posting: Vec<_> = (0..4)
            .map(|poster| {
                let (api, chat) = (Api::trusted(first.addr, &alice), &chat);
                scope.spawn(move || post_until_gone(api, chat, poster))
            })
            .collect();
        thread::sleep(A_WHILE);
        let second = place.start(1, groups[1]);
        assert_ended(&mut first);
        let acknowledged = posting.into_iter().flat_map(|it| it.join().unwrap());
        let acknowledged: Vec<_> = acknowledged.collect();
        (listening.join().unwrap(), acknowledged, second)
    });
    assert!(!acknowledged.is_empty() && !heard.is_empty());

    let mut listener = Api::trusted(second.addr, &bob).listen();
    let mut api = Api::trusted(second.addr, &alice);
    for number in 0..20 {
        let said = format!("second, {number}");
        api.say(&chat, &said);
        assert_eq!(content(&listener.next()).1, said);
        acknowledged.push(said);
    }
    let found = contents(&mut api, &chat);
    for content in &acknowledged {
        let times = found.values().filter(|it| *it == content).count();
        assert_eq!(times, 1, "{content}");
    }
    for (seq, content) in heard {
        assert_eq!(found.get(&seq), Some(&content), "what was heard as {seq}");
    }
    second.assert_lives();
}

#[test]
fn the_later_of_two_servers_ends_the_earlier_and_what_either_acknowledged_is_there_once() {
    let Some(brokers) = broker() else { return };
    the_later_ends_the_earlier(&Place::new(brokers, None), ["one", "one"]);
}

#[test]
fn another_group_and_another_store_make_no_difference() {
    let Some(brokers) = broker() else { return };
    the_later_ends_the_earlier(&Place::new(brokers, None), ["one", "two"]);
}

#[test]
fn on_one_keyspace_it_is_the_same() {
    let (Some(brokers), Some(store)) = (broker(), store()) else {
        return;
    };
    the_later_ends_the_earlier(&Place::new(brokers, Some(store)), ["one", "one"]);
}

#[test]
fn a_server_that_was_frozen_while_another_took_over_acknowledges_nothing_any_more() {
    let Some(brokers) = broker() else { return };
    let place = Place::new(brokers, None);
    let mut first = place.start(0, "one");
    let (alice, bob) = (any_user(), any_user());
    let mut api = Api::trusted(first.addr, &alice);
    let chat = api.create_chat("room", &[&bob]);
    let mut expected: Vec<_> = (0..20).map(|number| format!("before, {number}")).collect();
    api.say_all(&chat, &expected);
    let posters: Vec<_> = (0..8).map(|_| Api::trusted(first.addr, &alice)).collect();

    first.signal(Signal::STOP);
    let second = place.start(1, "one");
    let mut api = Api::trusted(second.addr, &alice);
    let mut listener = Api::trusted(second.addr, &bob).listen();
    let said: Vec<_> = (0..20)
        .map(|number| format!("meanwhile, {number}"))
        .collect();
    api.say_all(&chat, &said);
    expected.extend(said);
    thread::scope(|scope| {
        for (poster, api) in posters.into_iter().enumerate() {
            let chat = &chat;
            scope.spawn(move || {
                let acknowledged = post_until_gone(api, chat, poster as u32);
                assert_eq!(acknowledged, [""; 0], "acknowledged, and void");
            });
        }
        // All of them wait by now for a process that stands still.
        thread::sleep(A_WHILE);
        first.signal(Signal::CONT);
        assert_ended(&mut first);
    });

    api.say(&chat, "after");
    expected.push("after".to_owned());
    let heard: Vec<_> = (20..expected.len())
        .map(|_| content(&listener.next()).1)
        .collect();
    assert_eq!(heard, expected[20..]);
    let found = contents(&mut api, &chat);
    assert_eq!(Vec::from_iter(found.into_values()), expected);
    eventually("all is stored", || {
        (second.metrics().sum("consumer_lag") == 0.0).then_some(())
    });
}

//! A store that answers no more, while the server goes on.

use std::time::{Duration, Instant};

use super::support::api::Api;
use super::support::door::{Door, OPEN, SHUT};
use super::support::engines::{store, store_flags};
use super::support::{Options, any_user, eventually};
use rookery_testing::dice::Dice;

/// More than a chat keeps in memory.
const MESSAGES: usize = 400;
/// The number of a message that is not in memory.
const OLD: u64 = 20;
/// For a page that can't be had to be refused.
const REFUSED_WITHIN: Duration = Duration::from_secs(4);

#[test]
fn without_a_store_posts_are_delivered_and_recent_ones_read_and_older_pages_are_refused() {
    let Some(store) = store() else { return };
    let door = Door::to(&store);
    let dir = tempfile::tempdir().unwrap();
    let keyspace = format!("away_{:016x}", Dice::from_entropy().next());
    let mut options = Options::embedded(dir.path())
        .flag("--auth", "trust")
        .shards(2);
    for pair in store_flags(&door.address.to_string(), &keyspace).chunks(2) {
        options = options.flag(&pair[0], &pair[1]);
    }
    let server = options.start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let contents: Vec<String> = (0..MESSAGES).map(|n| n.to_string()).collect();
    alice.say_all(&chat, &contents);
    eventually("all is stored", || {
        (server.metrics().sum("consumer_lag") == 0.0).then_some(())
    });
    let old_page = format!("/chats/{chat}/messages?limit=5&before={OLD}");

    let mut listener = alice.listen();
    door.set(SHUT);
    let said = alice.say(&chat, "while it is away");
    assert_eq!(listener.next()["message_id"], said.message_id);
    let recent = alice.get(&format!("/chats/{chat}/messages?limit=1"));
    assert_eq!(recent.expect(200)[0]["message_id"], said.message_id);
    let asked = Instant::now();
    let refused = alice.get(&old_page);
    assert!(asked.elapsed() < REFUSED_WITHIN, "{:?}", asked.elapsed());
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some(), "{refused:?}");

    door.set(OPEN);
    let page = eventually("the page is back", || {
        let reply = alice.get(&old_page);
        (reply.status == 200).then(|| reply.json())
    });
    assert_eq!(page[0]["seq"], OLD - 1);
    eventually("what was posted meanwhile is stored", || {
        (server.metrics().sum("consumer_lag") == 0.0).then_some(())
    });
}

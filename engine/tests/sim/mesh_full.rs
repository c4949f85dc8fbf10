//! While too much waits for other shards, changes are refused and reads are answered.

use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_testing::http::{HttpReply, request, user_cookie};
use serde_json::json;

use crate::store::Seen;
use crate::world::{Settings, World};

const USER: &str = "00000000-0000-0000-0000-00000000abc0";

/// Sends a request from a connection of its own, and lets everything come to its end.
fn call(world: &mut World, request: &[u8]) -> HttpReply {
    let wire = world.connect();
    world.send(wire, request);
    world.settle();
    world.wire(wire).next_http().unwrap()
}

#[test]
fn a_full_mesh_refuses_changes_and_answers_reads() {
    let mut world = World::new(
        1,
        Settings {
            partitions: 4,
            shards: 2,
            auth: AuthMode::Trust,
            lag_limit: Duration::from_secs(1000),
            seen: Seen::Whole,
        },
    );
    let user = user_cookie(USER);
    world.settle();
    let create = request(
        "POST",
        "/chats",
        &user,
        Some(&json!({"name": "room", "members": []})),
    );
    let created = call(&mut world, &create);
    let path = format!(
        "/chats/{}/messages",
        created.json()["chat_id"].as_str().unwrap()
    );
    let post = request("POST", &path, &user, Some(&json!({"content": "hello"})));
    let list = request("GET", &path, &user, None);
    for (full, expected) in [(false, 200), (true, 503), (false, 200)] {
        world.set_mesh_full(full);
        let reply = call(&mut world, &post);
        assert_eq!(reply.status, expected, "full: {full}");
        assert_eq!(reply.head.contains("Retry-After: 1"), full, "{reply:?}");
        assert_eq!(call(&mut world, &list).status, 200);
    }
    let shown = call(&mut world, &list).json();
    assert_eq!(shown.as_array().unwrap().len(), 2, "{shown}");
}

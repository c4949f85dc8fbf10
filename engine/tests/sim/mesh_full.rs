//! While too much waits for other shards, changes are refused and reads are answered.

use rookery_testing::http::{request, user_cookie};
use serde_json::json;

use crate::world::{Settings, World};

const USER: &str = "00000000-0000-0000-0000-00000000abc0";

#[test]
fn a_full_mesh_refuses_changes_and_answers_reads() {
    let mut world = World::new(1, Settings::ample(4, 2));
    let user = user_cookie(USER);
    world.settle();
    let create = request(
        "POST",
        "/chats",
        &user,
        Some(&json!({"name": "room", "members": []})),
    );
    let created = world.call(&create);
    let path = format!(
        "/chats/{}/messages",
        created.json()["chat_id"].as_str().unwrap()
    );
    let post = request("POST", &path, &user, Some(&json!({"content": "hello"})));
    let list = request("GET", &path, &user, None);
    for (full, expected) in [(false, 200), (true, 503), (false, 200)] {
        world.set_mesh_full(full);
        let reply = world.call(&post);
        assert_eq!(reply.status, expected, "full: {full}");
        assert_eq!(reply.head.contains("Retry-After: 1"), full, "{reply:?}");
        if full {
            assert_eq!(reply.json()["limit"], "mesh-backlog");
        }
        assert_eq!(world.call(&list).status, 200);
    }
    let shown = world.call(&list).json();
    assert_eq!(shown.as_array().unwrap().len(), 2, "{shown}");
}

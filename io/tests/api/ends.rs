//! Chats by key, direct chats, blocks and deleted chats, also when the server is killed.

use serde_json::{Value, json};

use crate::contents;
use crate::support::api::Api;
use crate::support::http::{Request, Response};
use crate::support::{Options, any_user, start_trusting, start_with_tokens};

fn make(api: &mut Api, name: &str, members: &[&str], key: &str) -> Response {
    let body = json!({"name": name, "members": members, "client_id": key});
    api.post("/chats", &body)
}

fn open(api: &mut Api, other: &Api) -> Response {
    let path = format!("/direct/{}", other.user_id);
    api.call(Request::new("POST", &path))
}

#[test]
fn a_chat_is_made_once_by_a_key_also_across_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path());
    let (user, other) = (any_user(), any_user());
    let mut server = options.clone().shards(3).start();
    let mut ann = Api::trusted(server.addr, &user);
    let chat = make(&mut ann, "room", &[&other], "once").expect(201);
    let header = Request::new("POST", "/chats")
        .json(&json!({"name": "room", "members": [other]}))
        .header("idempotency-key", "once");
    for shards in [2, 1] {
        let mut ann = Api::trusted(server.addr, &user);
        assert_eq!(ann.call(header.clone()).expect(200), chat);
        make(&mut ann, "hall", &[&other], "once").expect_problem(422, "idempotency_key_reused");
        make(&mut ann, "room", &[], "once").expect_problem(422, "idempotency_key_reused");
        // Another caller's key is another one.
        let mut bob = Api::trusted(server.addr, &other);
        let theirs = make(&mut bob, "room", &[&other], "once").json();
        assert_ne!(theirs["chat_id"], chat["chat_id"]);
        server.kill();
        server = options.clone().shards(shards).start();
    }
    let mut ann = Api::trusted(server.addr, &user);
    let path = format!("/chats/{}", chat["chat_id"].as_str().unwrap());
    ann.delete(&path).expect(204);
    make(&mut ann, "room", &[&other], "once").expect_problem(410, "chat_deleted");
}

#[test]
fn two_users_have_one_direct_chat() {
    let (_dir, server) = start_with_tokens();
    let mut ann = Api::register(server.addr, "ann");
    let mut bob = Api::register(server.addr, "bob");
    let mut listener = bob.listen();
    let chat = open(&mut ann, &bob).expect(201);
    assert_eq!(chat["direct"], true);
    assert_eq!(open(&mut bob, &ann).expect(200), chat);
    let event = listener.next();
    assert_eq!(event["type"], "chat_created");
    assert_eq!(
        (&event["direct"], &event["members"]),
        (&json!(true), &chat["members"])
    );
    let (of_ann, of_bob) = (ann.user_id.clone(), bob.user_id.clone());
    for (api, other) in [(&mut ann, of_bob), (&mut bob, of_ann)] {
        let list = api.get("/chats").expect(200);
        assert_eq!(list[0]["direct"], true);
        assert_eq!(list[0]["other_user_id"], json!(other));
    }
    let id = chat["chat_id"].as_str().unwrap();
    let path = format!("/chats/{id}");
    ann.delete(&path).expect_problem(409, "direct_chat");
    ann.patch(&path, &json!({"name": "x"}))
        .expect_problem(409, "direct_chat");
    let herself = ann.user_id.clone();
    ann.delete(&format!("{path}/members/{herself}"))
        .expect_problem(409, "direct_chat");
    let oneself = Request::new("POST", &format!("/direct/{herself}"));
    ann.call(oneself).expect_problem(422, "out_of_bounds");
    let nobody = Request::new("POST", &format!("/direct/{}", any_user()));
    ann.call(nobody).expect_problem(404, "not_found");
}

#[test]
fn who_is_blocked_does_not_write_also_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path());
    let (user, other) = (any_user(), any_user());
    let mut server = options.clone().shards(2).start();
    let mut ann = Api::trusted(server.addr, &user);
    let path = format!("/me/blocks/{other}");
    ann.put(&path).expect(204);
    ann.put(&path).expect(204);
    let himself = format!("/me/blocks/{user}");
    ann.put(&himself).expect_problem(422, "out_of_bounds");
    let list = ann.get("/me/blocks").expect(200);
    assert_eq!(list[0]["user_id"], json!(other));
    crate::assert_time(&list[0]["created_at"]);
    for _ in 0..2 {
        let mut ann = Api::trusted(server.addr, &user);
        let mut bob = Api::trusted(server.addr, &other);
        let chat = open(&mut bob, &ann).expect(200);
        let chat = chat["chat_id"].as_str().unwrap();
        bob.call(bob.message(chat, "hello", None))
            .expect_problem(403, "blocked");
        let mut socket = bob.listen();
        let send = json!({"type": "send", "chat_id": chat, "content": "hello", "client_id": "x"});
        socket.send(&send).unwrap();
        let refused = socket.next();
        assert_eq!(
            (&refused["type"], &refused["code"]),
            (&json!("error"), &json!("blocked"))
        );
        ann.say(chat, "goodbye");
        assert_eq!(ann.get("/me/blocks").expect(200), list);
        assert_eq!(bob.get("/me/blocks").expect(200), json!([]));
        server.kill();
        server = options.clone().shards(3).start();
    }
    let mut ann = Api::trusted(server.addr, &user);
    let mut bob = Api::trusted(server.addr, &other);
    ann.delete(&path).expect(204);
    ann.delete(&path).expect(204);
    let chat = open(&mut bob, &ann).expect(200);
    bob.say(chat["chat_id"].as_str().unwrap(), "hello");
    assert_eq!(ann.get("/me/blocks").expect(200), json!([]));
}

#[test]
fn a_deleted_chat_is_gone_for_all_also_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path());
    let (user, other) = (any_user(), any_user());
    let mut server = options.clone().shards(2).start();
    let mut ann = Api::trusted(server.addr, &user);
    let mut bob = Api::trusted(server.addr, &other);
    let kept = ann.create_chat("kept", &[&other]);
    ann.say(&kept, "kept");
    let chat = ann.create_chat("room", &[&other]);
    ann.say(&chat, "secret");
    let path = format!("/chats/{chat}");
    let mut listener = bob.listen();
    bob.delete(&path).expect_problem(403, "not_admin");
    Api::trusted(server.addr, &any_user())
        .delete(&path)
        .expect_problem(404, "not_found");
    ann.delete(&path).expect(204);
    let event = listener.next();
    assert_eq!(event["type"], "chat_deleted");
    assert_eq!((&event["seq"], &event["by"]), (&json!(3), &json!(user)));
    crate::assert_time(&event["deleted_at"]);
    for shards in [3, 1] {
        let mut ann = Api::trusted(server.addr, &user);
        let mut bob = Api::trusted(server.addr, &other);
        for api in [&mut ann, &mut bob] {
            api.get(&path).expect_problem(404, "not_found");
            api.get(&format!("{path}/messages"))
                .expect_problem(404, "not_found");
            api.delete(&path).expect_problem(404, "not_found");
            let told = api.get(&format!("{path}/events?after=0")).expect(200);
            assert_eq!(told, json!([event]));
            let list = api.get("/chats").expect(200);
            assert_eq!(list.as_array().unwrap().len(), 1);
            assert_eq!(contents(&api.history(&kept)), ["kept"]);
        }
        let mut socket = bob.listen();
        let resume = json!({"type": "resume", "chats": {chat.clone(): 1}});
        socket.send(&resume).unwrap();
        assert_eq!(socket.next(), event);
        let resumed = socket.next();
        assert_eq!(
            (&resumed["type"], &resumed["recovered"], &resumed["seq"]),
            (&json!("resumed"), &json!(true), &json!(3))
        );
        let mut stranger = Api::trusted(server.addr, &any_user());
        let events = stranger.get(&format!("{path}/events?after=0"));
        events.expect_problem(404, "not_found");
        server.kill();
        server = options.clone().shards(shards).start();
    }
}

#[test]
fn what_is_made_at_once_from_both_sides_is_one() {
    let (_dir, server) = start_trusting();
    for _ in 0..20 {
        let (user, other) = (any_user(), any_user());
        let chats: Vec<Value> = std::thread::scope(|scope| {
            let racers: Vec<_> = [(&user, &other), (&other, &user)]
                .into_iter()
                .map(|(one, two)| {
                    scope.spawn(move || {
                        let other = Api::trusted(server.addr, two);
                        let reply = open(&mut Api::trusted(server.addr, one), &other);
                        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
                        reply.json()["chat_id"].clone()
                    })
                })
                .collect();
            racers.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert_eq!(chats[0], chats[1]);
        let mut ann = Api::trusted(server.addr, &user);
        assert_eq!(ann.get("/chats").expect(200).as_array().unwrap().len(), 1);
    }
}

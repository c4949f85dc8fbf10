//! What operators may do.

use serde_json::json;

use crate::stage::{Stage, TOKEN, credentials};
use crate::support::api::{Api, PASSWORD};
use crate::support::http::{Http, Request};
use crate::support::ws::End;
use crate::support::{Options, eventually};

/// Calls of operators.
const CALLS: [(&str, &str); 4] = [
    ("POST", "/invites"),
    ("POST", "/users"),
    (
        "PUT",
        "/users/01890a5d-ac96-774b-bcce-b302099a8057/password",
    ),
    ("DELETE", "/users/01890a5d-ac96-774b-bcce-b302099a8057"),
];

#[test]
fn operators_calls_need_the_token_and_are_at_the_admin_address_alone() {
    let stage = Stage::new("closed");
    let body = credentials("ann", PASSWORD);
    for (method, path) in CALLS {
        let request = Request::new(method, path).json(&body);
        let longer = format!("{TOKEN}x");
        for wrong in [None, Some(""), Some(&TOKEN[1..]), Some(&longer)] {
            let refused = stage.call_admin(&request, wrong);
            refused.expect_problem(401, "unauthenticated");
        }
        let bearer = format!("Bearer {TOKEN}");
        let public = stage.call(&request.clone().header("authorization", &bearer));
        assert!([403, 404, 405].contains(&public.status), "{public:?}");
    }
    let wrong_method = stage.operate("GET", "/users", &json!({}));
    wrong_method.expect_problem(405, "method_not_allowed");
    let for_users = stage.operate("GET", "/chats", &json!({}));
    for_users.expect_problem(404, "not_found");
}

#[test]
fn without_a_token_file_there_are_no_operators_calls() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).with_admin().start();
    for (method, path) in CALLS {
        let request = Request::new(method, path)
            .json(&credentials("ann", PASSWORD))
            .header("authorization", &format!("Bearer {TOKEN}"));
        let reply = Http::connect(server.admin).unwrap().call(&request).unwrap();
        reply.expect_problem(404, "not_found");
    }
}

#[test]
fn no_limit_counts_operators() {
    let stage = Stage::new("closed");
    for n in 0..3 {
        stage.create_user(&format!("user-{n}"));
    }
    let taken = stage.operate("POST", "/users", &credentials("user-1", PASSWORD));
    taken.expect_problem(409, "username_taken");
}

/// Another good password.
const OTHER: &str = "staple battery horse correct";

#[test]
fn a_password_that_an_operator_sets_ends_all_sessions_for_good() {
    let mut stage = Stage::new("open");
    let id = stage.create_user("ann");
    let devices = [(); 2].map(|()| {
        let mut api = Api::anonymous(stage.server.addr);
        api.login("ann");
        api
    });
    let bob = Api::register(stage.server.addr, "bob");
    let mut socket = devices[0].listen();
    let path = format!("/users/{id}/password");
    let set = stage.operate("PUT", &path, &json!({"password": OTHER}));
    assert_eq!(set.status, 204, "{set:?}");
    assert_eq!(socket.end(), End::Closed(4001));
    for restarted in [false, true] {
        if restarted {
            stage.restart();
        }
        for device in &devices {
            let (name, value) = &device.identity[0];
            let me = stage.call(&Request::get("/me").header(name, value));
            me.expect_problem(401, "unauthenticated");
        }
        let old = stage.log_in("ann", PASSWORD);
        old.expect_problem(401, "wrong_credentials");
        let session = stage.log_in("ann", OTHER).expect(200);
        let bearer = format!("Bearer {}", session["token"].as_str().unwrap());
        let me = stage.call(&Request::get("/me").header("authorization", &bearer));
        assert_eq!(me.expect(200)["user_id"], json!(id));
        let (name, value) = &bob.identity[0];
        let others = stage.call(&Request::get("/me").header(name, value));
        assert_eq!(others.status, 200, "nobody else is logged out");
    }
    let short = stage.operate("PUT", &path, &json!({"password": "short"}));
    short.expect_problem(422, "out_of_bounds");
    let name = stage.operate("PUT", &path, &json!({"password": "password1"}));
    name.expect_problem(422, "out_of_bounds");
    let (_, nobody) = CALLS[2];
    let nobody = stage.operate("PUT", nobody, &json!({"password": OTHER}));
    nobody.expect_problem(404, "not_found");
}

/// A token tells whole seconds of its expiry.
#[test]
fn a_session_between_two_passwords_of_one_second_ends_with_the_second() {
    let stage = Stage::new("open");
    let path = format!("/users/{}/password", stage.create_user("ann"));
    let set = |password: &str| {
        let set = stage.operate("PUT", &path, &json!({"password": password}));
        assert_eq!(set.status, 204, "{set:?}");
    };
    // Most of the time the clock's second has a part left that is long enough.
    for _ in 0..4 {
        set(OTHER);
        let session = stage.log_in("ann", OTHER).expect(200);
        let bearer = format!("Bearer {}", session["token"].as_str().unwrap());
        let me = Request::get("/me").header("authorization", &bearer);
        stage.call(&me).expect(200);
        set(PASSWORD);
        stage.call(&me).expect_problem(401, "unauthenticated");
        stage.log_in("ann", PASSWORD).expect(200);
    }
}

#[test]
fn a_deleted_user_can_t_log_in_and_their_name_stays_theirs() {
    let mut stage = Stage::new("open");
    let id = stage.create_user("ann");
    let mut ann = Api::anonymous(stage.server.addr);
    ann.login("ann");
    let bob = Api::register(stage.server.addr, "bob");
    let chat = ann.create_chat("room", &[&bob.user_id]);
    ann.say(&chat, "good bye");
    let deleted = stage.operate("DELETE", &format!("/users/{id}"), &json!({}));
    assert_eq!(deleted.status, 204, "{deleted:?}");
    for restarted in [false, true] {
        if restarted {
            stage.restart();
        }
        let (name, value) = &ann.identity[0];
        let me = stage.call(&Request::get("/me").header(name, value));
        me.expect_problem(401, "unauthenticated");
        let log_in = stage.log_in("ann", PASSWORD);
        log_in.expect_problem(401, "wrong_credentials");
        let again = stage.operate("DELETE", &format!("/users/{id}"), &json!({}));
        again.expect_problem(404, "not_found");
        let taken = stage.register(&credentials("ann", PASSWORD));
        taken.expect_problem(409, "username_taken");
        let (name, value) = &bob.identity[0];
        let body = json!({"name": "another room", "members": [id]});
        let create = Request::new("POST", "/chats").header(name, value);
        let created = stage.call(&create.json(&body));
        created.expect_problem(422, "unknown_member");
        assert_eq!(created.json()["user_ids"], json!([id]));
        let (name, value) = &bob.identity[0];
        let history = Request::get(&format!("/chats/{chat}/messages")).header(name, value);
        eventually("what they said is gone", || {
            let history = stage.call(&history).expect(200);
            let shown = (history[0]["content"].clone(), history[0]["deleted"].clone());
            (shown == (json!(""), json!(true))).then_some(())
        });
    }
    let back = stage.operate(
        "PUT",
        &format!("/users/{id}/password"),
        &json!({"password": OTHER}),
    );
    back.expect_problem(404, "not_found");
}

//! `--registration`.

use std::thread;

use serde_json::{Value, json};

use crate::stage::{Stage, credentials};
use crate::support::api::PASSWORD;
use crate::support::{Options, eventually, http::Request};

#[test]
fn nobody_registers_where_registration_is_closed_and_operators_create_users() {
    let stage = Stage::new("closed");
    let ann = credentials("ann", PASSWORD);
    stage
        .register(&ann)
        .expect_problem(403, "registration_closed");
    let user = stage.operate("POST", "/users", &ann).expect(201);
    assert_eq!(user["username"], "ann");
    stage.log_in("ann", PASSWORD).expect(200);
    stage
        .register(&ann)
        .expect_problem(403, "registration_closed");
}

#[test]
fn trust_mode_has_the_same_rules_for_registrations() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).flag("--registration", "closed");
    let server = options.start();
    let request = Request::new("POST", "/users").json(&credentials("ann", PASSWORD));
    let reply = server.http().call(&request).unwrap();
    reply.expect_problem(403, "registration_closed");
}

/// A new invite's code.
fn invite(stage: &Stage, body: &Value) -> String {
    let made = stage.operate("POST", "/invites", body).expect(201);
    made["invite"].as_str().unwrap().to_owned()
}

/// A registration by invite.
fn by(username: &str, invite: &str) -> Value {
    json!({"username": username, "password": PASSWORD, "invite": invite})
}

#[test]
fn an_invite_works_once_also_after_a_restart() {
    let mut stage = Stage::new("invite");
    let without = stage.register(&credentials("ann", PASSWORD));
    without.expect_problem(403, "invite_required");
    let code = invite(&stage, &json!({}));
    let forged = format!("{code}x");
    stage
        .register(&by("ann", &forged))
        .expect_problem(403, "invite_invalid");
    // What could not succeed costs nothing.
    stage.create_user("bob");
    stage
        .register(&by("bob", &code))
        .expect_problem(409, "username_taken");
    let common = json!({"username": "ann", "password": "password1", "invite": code});
    stage.register(&common).expect_problem(422, "out_of_bounds");
    stage.register(&by("ann", &code)).expect(201);
    stage.log_in("ann", PASSWORD).expect(200);
    let other = invite(&stage, &json!({"expires_in": 3600}));
    for restarted in [false, true] {
        if restarted {
            stage.restart();
        }
        let again = stage.register(&by("eve", &code));
        again.expect_problem(403, "invite_invalid");
    }
    stage.register(&by("dan", &other)).expect(201);
    let brief = stage.operate("POST", "/invites", &json!({"expires_in": 1}));
    brief.expect_problem(422, "out_of_bounds");
}

/// As a phone that loses its network while its password is hashed.
#[test]
fn an_invite_of_a_client_that_is_gone_is_spent_on_a_user() {
    let stage = Stage::new("invite");
    stage.create_user("bob");
    let token = stage.log_in("bob", PASSWORD).expect(200)["token"].clone();
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let body = by("ann", &invite(&stage, &json!({})));
    let request = Request::new("POST", "/users").json(&body);
    stage.call_and_vanish(stage.server.addr, &request);
    eventually("ann is a user", || {
        let find = Request::get("/users?prefix=ann").header("authorization", &bearer);
        let found = stage.call(&find).expect(200);
        (found != json!([])).then_some(())
    });
    stage.log_in("ann", PASSWORD).expect(200);
    stage.register(&body).expect_problem(403, "invite_invalid");
}

#[test]
fn of_many_who_register_with_one_invite_at_once_one_does() {
    const MANY: usize = 16;
    let stage = Stage::new("invite");
    let code = invite(&stage, &json!({}));
    let statuses = thread::scope(|scope| {
        let one = |n: usize| {
            let body = by(&format!("user-{n}"), &code);
            let stage = &stage;
            scope.spawn(move || stage.register(&body).status)
        };
        let all: Vec<_> = (0..MANY).map(one).collect();
        let statuses = all.into_iter().map(|one| one.join().unwrap());
        statuses.collect::<Vec<u16>>()
    });
    let done = statuses.iter().filter(|status| **status == 201).count();
    assert_eq!(done, 1, "{statuses:?}");
}

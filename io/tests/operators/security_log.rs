//! The security log.

use serde_json::{Value, json};

use crate::stage::{Stage, TOKEN, credentials};
use crate::support::api::PASSWORD;
use crate::support::http::Request;
use crate::support::prometheus::Metrics;
use crate::support::{Options, Server, eventually};

/// The lines of the security log about this event.
fn told(stage: &Stage, event: &str) -> Vec<Value> {
    told_by(&stage.server, event)
}

fn told_by(server: &Server, event: &str) -> Vec<Value> {
    let log = server.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let all = lines.filter(|it: &Value| it["target"] == "security" && it["event"] == event);
    all.collect()
}

/// Waits until the last line about an event says this.
#[track_caller]
fn expect(stage: &Stage, event: &str, outcome: &str, user_id: Option<&str>) {
    let expected = (json!(outcome), json!(user_id), json!("127.0.0.1"));
    eventually("the security log tells of it", || {
        let last = told(stage, event).pop()?;
        let found = [&last["outcome"], &last["user_id"], &last["address"]].map(Clone::clone);
        let [outcome, user_id, address] = found;
        ((outcome, user_id, address) == expected).then_some(())
    });
}

#[test]
fn it_tells_of_logins_that_failed_registrations_origins_and_operators() {
    let stage = Stage::new("open");
    let ann = stage.create_user("ann");
    expect(&stage, "operator_created_user", "done", Some(&ann));
    let again = credentials("ann", PASSWORD);
    stage.operate("POST", "/users", &again);
    expect(&stage, "operator_created_user", "username_taken", None);
    stage.call_admin(
        &Request::new("POST", "/users").json(&again),
        Some("guessed"),
    );
    expect(&stage, "operator_attempt", "unauthenticated", None);

    stage.operate("POST", "/invites", &json!({}));
    expect(&stage, "operator_made_invite", "done", None);
    let nobody = "/users/01890a5d-ac96-774b-bcce-b302099a8057";
    stage.operate("DELETE", nobody, &json!({}));
    let nobody = nobody.strip_prefix("/users/");
    expect(&stage, "operator_deleted_user", "not_found", nobody);
    let path = format!("/users/{ann}/password");
    stage.operate("PUT", &path, &json!({"password": PASSWORD}));
    expect(&stage, "operator_set_password", "done", Some(&ann));
    stage.operate("PUT", &path, &json!({"password": "short"}));
    expect(&stage, "operator_set_password", "out_of_bounds", Some(&ann));

    stage.register(&again);
    expect(&stage, "registration", "username_taken", None);
    let bob = stage.register(&credentials("bob", PASSWORD)).expect(201);
    let bob = bob["user_id"].as_str().unwrap();
    expect(&stage, "registration", "done", Some(bob));

    let forged = "nobody\n{\"target\":\"security\"}".replace('\n', " ");
    stage.log_in(&forged, "wrong");
    expect(&stage, "login", "wrong_credentials", None);
    for _ in 0..10 {
        stage.log_in("ann", "wrong");
        expect(&stage, "login", "wrong_credentials", Some(&ann));
    }
    stage.log_in("ann", PASSWORD);
    expect(&stage, "login", "login-rate", Some(&ann));
    assert!(!stage.server.log().contains("nobody"), "no name is told");

    let foreign = Request::get(&format!("/ws/connect/{bob}"))
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "cm9va2VyeS10b3VyLWtleQ==")
        .header("cookie", "session=of-a-visitor")
        .header("origin", "https://evil.example");
    stage.call(&foreign).expect_problem(403, "forbidden");
    expect(&stage, "foreign_origin", "forbidden", None);
}

#[test]
fn an_act_is_told_also_of_an_operator_who_is_gone() {
    let stage = Stage::new("closed");
    let ann = stage.create_user("ann");
    let delete = Request::new("DELETE", &format!("/users/{ann}"))
        .header("authorization", &format!("Bearer {TOKEN}"));
    stage.call_and_vanish(stage.admin, &delete);
    eventually("it is told that it was asked for", || {
        let told = told(&stage, "operator_deleted_user");
        told.iter().find(|it| it["outcome"] == "asked").map(drop)
    });
    eventually("ann is deleted", || {
        let log_in = stage.log_in("ann", PASSWORD);
        (log_in.status == 401).then_some(())
    });
}

#[test]
fn neither_a_flood_of_attempts_nor_of_acts_hides_what_operators_did() {
    const FLOOD: usize = 100;
    let stage = Stage::new("closed");
    let nobody = "/users/01890a5d-ac96-774b-bcce-b302099a8057";
    let delete = Request::new("DELETE", nobody);
    for _ in 0..FLOOD {
        let refused = stage.call_admin(&delete, None);
        refused.expect_problem(401, "unauthenticated");
    }
    for _ in 0..FLOOD {
        stage.operate("DELETE", nobody, &json!({}));
    }
    let outcomes = |outcome| {
        let told = told(&stage, "operator_deleted_user");
        told.iter().filter(|it| it["outcome"] == outcome).count()
    };
    eventually("all of them are told", || {
        let told = ["asked", "not_found"].map(outcomes);
        (told == [FLOOD; 2]).then_some(())
    });
    assert!(told(&stage, "operator_attempt").len() < FLOOD);
}

#[test]
fn a_request_for_a_host_of_others_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).start();
    // As a page does whose name resolves to this machine.
    let rebound = Request::to("GET", "/chats", "evil.example");
    let refused = server.http().call(&rebound).unwrap();
    refused.expect_problem(421, "misdirected_request");
    eventually("the security log tells of it", || {
        let last = told_by(&server, "foreign_host").pop()?;
        assert_eq!(last["outcome"], "misdirected_request");
        assert_eq!(last["address"], "127.0.0.1");
        Some(())
    });
}

#[test]
fn a_flood_is_told_in_part_and_counted() {
    const FLOOD: usize = 200;
    let stage = Stage::new("closed");
    let request = Request::new("POST", "/users").json(&credentials("ann", PASSWORD));
    let mut flooder = stage.server.http();
    for _ in 0..FLOOD {
        let refused = flooder.call(&request).unwrap();
        refused.expect_problem(403, "registration_closed");
    }
    eventually("it says how many it left out", || {
        let told = told(&stage, "registration");
        let left_out: u64 = told.iter().filter_map(|it| it["left_out"].as_u64()).sum();
        let lines = told.iter().filter(|it| it["left_out"].is_null()).count();
        assert!(lines < FLOOD / 2, "{lines} lines");
        (lines + left_out as usize == FLOOD).then_some(())
    });
    let metrics = stage.call_admin(&Request::get("/metrics"), None);
    let metrics = Metrics::parse(&metrics.text());
    let counted = metrics.sum_with("rookery_security_events_total", "event", "registration");
    assert_eq!(counted as usize, FLOOD);
}

#[test]
fn it_tells_what_users_do_with_their_account() {
    let stage = Stage::new("open");
    let ann = stage.create_user("ann");
    let token = |stage: &Stage| {
        let session = stage.log_in("ann", PASSWORD).expect(200);
        format!("Bearer {}", session["token"].as_str().unwrap())
    };
    let (first, second) = (token(&stage), token(&stage));
    let call = |token: &str, method: &str, path: &str, body: &Value| {
        let request = Request::new(method, path).json(body);
        stage.call(&request.header("authorization", token))
    };
    let named = json!({"display_name": "Ann of Green Gables"});
    call(&first, "PATCH", "/me", &named).expect(200);
    expect(&stage, "display_name_change", "done", Some(&ann));
    let wrong = json!({"old": "wrong", "new": "another password"});
    call(&first, "PUT", "/me/password", &wrong).expect_problem(403, "wrong_password");
    expect(&stage, "password_change", "wrong_password", Some(&ann));
    let wrong = json!({"password": "wrong"});
    call(&first, "DELETE", "/me", &wrong).expect_problem(403, "wrong_password");
    expect(&stage, "account_deletion", "wrong_password", Some(&ann));
    let sessions = call(&first, "GET", "/sessions", &json!({})).expect(200);
    let mut sessions = sessions.as_array().unwrap().iter();
    let other = sessions.find(|it| it["current"] == false).unwrap();
    let path = format!("/sessions/{}", other["session_id"].as_str().unwrap());
    assert_eq!(call(&first, "DELETE", &path, &json!({})).status, 204);
    expect(&stage, "session_end", "done", Some(&ann));
    call(&first, "DELETE", &path, &json!({})).expect_problem(404, "not_found");
    expect(&stage, "session_end", "not_found", Some(&ann));
    call(&second, "GET", "/me", &json!({})).expect_problem(401, "unauthenticated");
    let right = json!({"old": PASSWORD, "new": "another password"});
    assert_eq!(call(&first, "PUT", "/me/password", &right).status, 204);
    expect(&stage, "password_change", "done", Some(&ann));
    assert_eq!(
        call(&first, "POST", "/logout?all=true", &json!({})).status,
        204
    );
    expect(&stage, "logout_everywhere", "done", Some(&ann));
}

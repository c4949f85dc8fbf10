//! Who opens a WebSocket, and until when.

use crate::support::api::Api;
use crate::support::http::Request;
use crate::support::start_with_tokens;
use crate::support::ws::{self, End, Ws};

#[test]
fn tokens_cookies_and_tickets_open_a_connection() {
    let (_dir, server) = start_with_tokens();
    let mut alice = Api::register(server.addr, "alice");
    let path = format!("/ws/connect/{}", alice.user_id);
    let token = alice.identity[0]
        .1
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();
    alice.listen();

    let cookie = ws::upgrade(&path).header("cookie", &format!("session={token}"));
    let by_cookie = Ws::connect(server.addr, cookie);
    by_cookie.ok().unwrap().expect_ready(&alice.user_id);

    let reply = alice.call(Request::new("POST", "/ws-ticket"));
    let ticket = reply.expect(200)["ticket"].as_str().unwrap().to_owned();
    let with_ticket = ws::upgrade(&format!("{path}?ticket={ticket}"));
    let mut device = Ws::connect(server.addr, with_ticket.clone()).ok().unwrap();
    device.expect_ready(&alice.user_id);
    for (request, was_given) in [
        (with_ticket, true),
        (ws::upgrade(&format!("{path}?ticket=x")), true),
        (ws::upgrade(&format!("{path}?ticket={token}")), true),
        (ws::upgrade(&path), false),
        (ws::upgrade(&path).header("authorization", "Bearer x"), true),
    ] {
        let refused = Ws::connect(server.addr, request).err().unwrap();
        refused.expect_problem(401, "unauthenticated");
        let challenge = refused.header("www-authenticate").unwrap();
        assert_eq!(challenge.contains(r#"error="invalid_token""#), was_given);
    }
    assert!(!server.log().contains(&ticket), "a ticket is not logged");
}

#[test]
fn a_logout_closes_the_session_s_sockets_and_no_others() {
    let (_dir, server) = start_with_tokens();
    let mut phone = Api::register(server.addr, "alice");
    let mut laptop = Api::anonymous(server.addr);
    laptop.login("alice");
    let mut closing: Vec<Ws> = (0..4).map(|_| phone.listen()).collect();
    let mut staying = laptop.listen();
    assert_eq!(phone.call(Request::new("POST", "/logout")).status, 204);
    for device in &mut closing {
        assert_eq!(device.end(), End::Closed(4001));
    }
    staying.assert_lives();
}

//! As which hosts the server is reached, once it was told where users find it.

use crate::support::http::Request;
use crate::support::{Server, eventually};
use crate::{call, start, token_at, with};

const FLAGS: &[(&str, &str)] = &[(
    "--public-url",
    "https://chat.example,https://chat.example:8443/,http://10.0.0.7:8000",
)];

#[test]
fn a_request_for_another_host_is_misdirected() {
    let (_dir, server) = start(FLAGS);
    for host in [
        "chat.example",
        "CHAT.example",
        "chat.example:443",
        "chat.example:8443",
        "10.0.0.7:8000",
    ] {
        call(&server, &Request::to("GET", "/me", host)).expect_problem(401, "unauthenticated");
    }
    for host in [
        "evil.example",
        "chat.example:80",
        "chat.example:8000",
        "chat.example.evil.example",
        "10.0.0.7",
        "localhost",
        "127.0.0.1",
    ] {
        for (method, path) in [("GET", "/me"), ("POST", "/login"), ("GET", "/ws/connect/x")] {
            call(&server, &Request::to(method, path, host))
                .expect_problem(421, "misdirected_request");
        }
        for path in ["/livez", "/readyz", "/metrics"] {
            let page = [("origin", "https://evil.example")];
            let request = with(Request::to("GET", path, host), &page);
            assert_eq!(call(&server, &request).status, 200, "{path} at {host}");
        }
    }
    // The target overrules the field (RFC 9112, section 3.2.2).
    let absolute = Request::to("GET", "http://evil.example/me", "chat.example");
    call(&server, &absolute).expect_problem(421, "misdirected_request");
    let absolute = Request::to("GET", "https://chat.example/me", "evil.example");
    call(&server, &absolute).expect_problem(401, "unauthenticated");
    let mut http = server.http();
    http.write(b"GET /me HTTP/1.0\r\n\r\n").unwrap();
    http.receive()
        .unwrap()
        .expect_problem(421, "misdirected_request");
}

#[test]
fn our_own_origins_are_those_of_the_list() {
    let (_dir, server) = start(FLAGS);
    let cookie = format!(
        "__Host-session={}",
        token_at(&server, "chat.example", "alice")
    );
    let status = |origin: &str| {
        let me = Request::to("GET", "/me", "chat.example").header("cookie", &cookie);
        call(&server, &me.header("origin", origin)).status
    };
    for origin in [
        "https://chat.example",
        "https://chat.example:8443",
        "http://10.0.0.7:8000",
    ] {
        assert_eq!(status(origin), 200, "{origin}");
    }
    for origin in [
        "http://chat.example",
        "https://chat.example:8000",
        "https://10.0.0.7:8000",
    ] {
        assert_eq!(status(origin), 403, "{origin}");
    }
}

#[test]
fn behind_a_public_url_clients_of_this_machine_count_as_others_do() {
    let served = |server: &Server| {
        let mut http = server.http();
        let reply = http.call(&Request::get("/livez")).ok()?;
        (reply.status == 200).then_some(http)
    };
    // The connections that asked whether the server is ready may still be counted for a moment.
    let two_and_one_more = |flags: &[(&str, &str)]| {
        let limit = [("--connections-per-address", "2")];
        let (_dir, server) = start(&[&limit[..], flags].concat());
        let _two = [(); 2].map(|()| eventually("a connection is served", || served(&server)));
        served(&server).is_some()
    };
    assert!(two_and_one_more(&[]));
    assert!(!two_and_one_more(&[("--public-url", "http://localhost")]));
}

//! Which cookies are set, and which are found.

use crate::support::http::Request;
use crate::support::{self, Server};
use crate::{call, credentials, start, token_at};

/// The status of a request with these fields, whose values may be any bytes.
fn status(server: &Server, fields: &[&[u8]]) -> u16 {
    let mut request = b"GET /me HTTP/1.1\r\nhost: localhost\r\n".to_vec();
    for field in fields {
        request.extend([b"cookie: ", *field, b"\r\n"].concat());
    }
    let mut http = server.http();
    http.write(&[&request, &b"\r\n"[..]].concat()).unwrap();
    http.receive().unwrap().status
}

#[test]
fn a_session_is_found_whatever_else_is_sent() {
    let (_dir, server) = start(&[]);
    let token = token_at(&server, "localhost", "alice");
    let session = format!("session={token}");
    let session = session.as_bytes();
    assert_eq!(status(&server, &[session]), 200);
    for before in [
        &b"session=stale; "[..],
        b"session=; session=stale; ",
        b"a=\xff\xfe; ",
        b"; =; \xe9; ",
    ] {
        assert_eq!(
            status(&server, &[&[before, session].concat()]),
            200,
            "{before:?}"
        );
        assert_eq!(
            status(&server, &[&[session, b"; ", before].concat()]),
            200,
            "{before:?}"
        );
        assert_eq!(
            status(&server, &[before, session]),
            200,
            "{before:?} in another field"
        );
        assert_eq!(
            status(&server, &[session, before]),
            200,
            "{before:?} in another field"
        );
    }
    assert_eq!(status(&server, &[b"session=stale; session=older"]), 401);
}

#[test]
fn no_request_has_more_than_a_few_sessions_tried() {
    let (_dir, server) = start(&[]);
    let token = token_at(&server, "localhost", "alice");
    let session = format!("session={token}");
    let stale = |count| b"session=stale; ".repeat(count);
    assert_eq!(
        status(&server, &[&[&stale(7)[..], session.as_bytes()].concat()]),
        200
    );
    assert_eq!(
        status(&server, &[&[&stale(8)[..], session.as_bytes()].concat()]),
        401
    );
    assert_eq!(
        status(&server, &[&stale(4), &stale(4), session.as_bytes()]),
        401
    );
}

#[test]
fn a_connection_does_not_mix_up_callers_with_two_fields() {
    let (_dir, server) = start(&[]);
    let cookie = |name: &str| format!("session={}", token_at(&server, "localhost", name));
    let (alice, bob) = (cookie("alice"), cookie("bob"));
    let mut http = server.http();
    for (fields, name) in [
        ([&alice, &bob], "alice"),
        ([&bob, &alice], "bob"),
        ([&alice, &alice], "alice"),
        ([&"session=stale".to_owned(), &bob], "bob"),
        ([&alice, &bob], "alice"),
    ] {
        let request = Request::get("/me")
            .header("cookie", fields[0])
            .header("cookie", fields[1]);
        let me = http.call(&request).unwrap().expect(200);
        assert_eq!(me["username"], name);
    }
}

#[test]
fn a_logout_without_a_login_takes_the_cookies_back() {
    let (_dir, server) = start(&[]);
    let token = token_at(&server, "localhost", "alice");
    let logout = |session: &str| {
        let request =
            Request::new("POST", "/logout").header("cookie", &format!("session={session}"));
        call(&server, &request)
    };
    let ended = logout(&token);
    assert_eq!(ended.status, 204);
    let dead = support::eventually("all shards have heard of it", || {
        Some(logout(&token)).filter(|reply| reply.status != 204)
    });
    dead.expect_problem(401, "unauthenticated");
    let nobody = call(&server, &Request::new("POST", "/logout"));
    nobody.expect_problem(401, "unauthenticated");
    for reply in [ended, dead, nobody] {
        let cookies: Vec<_> = reply.all("set-cookie").collect();
        assert_eq!(cookies.len(), 2, "{reply:?}");
        for (cookie, name) in cookies.iter().zip(["session", "user_id"]) {
            assert!(cookie.starts_with(&format!("{name}=;")), "{cookie}");
            assert!(
                cookie.contains("Max-Age=0") && cookie.contains("Path=/"),
                "{cookie}"
            );
        }
    }
}

#[test]
fn by_tls_cookies_are_for_this_host_alone() {
    const HOST: &str = "chat.example";
    let (_dir, server) = start(&[("--public-url", "https://chat.example")]);
    let body = credentials("alice");
    call(&server, &Request::to("POST", "/users", HOST).json(&body)).expect(201);
    let login = call(&server, &Request::to("POST", "/login", HOST).json(&body));
    let cookies: Vec<String> = login.all("set-cookie").map(str::to_owned).collect();
    let token = login.expect(200)["token"].as_str().unwrap().to_owned();
    assert_eq!(cookies.len(), 2);
    for (cookie, name) in cookies.iter().zip(["__Host-session=", "user_id="]) {
        assert!(cookie.starts_with(name), "{cookie}");
        let attributes: Vec<_> = cookie.split("; ").skip(1).collect();
        for attribute in ["Secure", "Path=/", "SameSite=Lax"] {
            assert!(attributes.contains(&attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    assert!(cookies[0].contains("; HttpOnly"), "{}", cookies[0]);

    let with_cookie = |method: &str, path: &str, name: &str| {
        let request = Request::to(method, path, HOST).header("cookie", &format!("{name}={token}"));
        call(&server, &request)
    };
    assert_eq!(
        with_cookie("GET", "/me", "session").status,
        401,
        "anybody could have set it"
    );
    assert_eq!(with_cookie("GET", "/me", "__Host-session").status, 200);
    let logout = with_cookie("POST", "/logout", "__Host-session");
    assert_eq!(logout.status, 204);
    for cookie in logout.all("set-cookie") {
        assert!(
            cookie.contains("Max-Age=0") && cookie.contains("; Secure"),
            "{cookie}"
        );
    }
    assert!(
        logout
            .all("set-cookie")
            .next()
            .unwrap()
            .starts_with("__Host-session=;")
    );
}

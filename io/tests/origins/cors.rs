//! What the browser of a page of another origin is told (CORS, in the Fetch standard).

use crate::support::http::{Request, Response};
use crate::{EVIL, call, start, token_at, with};

const APP: &str = "https://app.example.com";
const PARTNER: &str = "https://partner.example.org";
const FLAGS: &[(&str, &str)] = &[
    (
        "--allowed-origin",
        "https://app.example.com,https://partner.example.org",
    ),
    ("--public-url", "https://chat.example.com"),
];

fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Request {
    with(Request::to(method, path, "chat.example.com"), fields)
}

fn preflight(origin: &str, more: &[(&str, &str)]) -> Request {
    let asked = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
    ];
    let request = request("OPTIONS", "/chats", &asked);
    with(
        request.header(
            "access-control-request-headers",
            "authorization,content-type",
        ),
        more,
    )
}

fn list<'a>(reply: &'a Response, name: &'a str) -> Vec<String> {
    let value = reply.header(name).unwrap_or_default();
    value
        .split(',')
        .map(|it| it.trim().to_ascii_lowercase())
        .collect()
}

#[test]
fn a_preflight_is_answered_for_origins_that_are_allowed() {
    let (_dir, server) = start(FLAGS);
    let reply = call(&server, &preflight(APP, &[]));
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), Some(APP));
    let methods = list(&reply, "access-control-allow-methods");
    for method in ["post", "get"] {
        assert!(methods.iter().any(|it| it == method), "{methods:?}");
    }
    let fields = list(&reply, "access-control-allow-headers");
    for field in ["authorization", "content-type", "idempotency-key"] {
        assert!(fields.iter().any(|it| it == field), "{fields:?}");
    }
    assert!(
        reply
            .header("access-control-max-age")
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
    assert_eq!(list(&reply, "vary"), ["origin"]);

    for origin in [
        EVIL,
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
    ] {
        let reply = call(&server, &preflight(origin, &[]));
        assert_eq!(
            reply.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
        assert_eq!(
            reply.header("access-control-allow-methods"),
            None,
            "{origin}"
        );
        assert_eq!(list(&reply, "vary"), ["origin"], "{origin}");
    }
}

#[test]
fn replies_may_be_read_by_origins_that_are_allowed() {
    let (_dir, server) = start(FLAGS);
    let bearer = format!("Bearer {}", token_at(&server, "chat.example.com", "alice"));
    for (path, status) in [("/me", 200), ("/chats/x", 404), ("/nothing", 404)] {
        let me = request(
            "GET",
            path,
            &[("authorization", &bearer), ("origin", PARTNER)],
        );
        let reply = call(&server, &me);
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("access-control-allow-origin"), Some(PARTNER));
        let exposed = list(&reply, "access-control-expose-headers");
        for field in ["link", "retry-after", "location"] {
            assert!(exposed.iter().any(|it| it == field), "{exposed:?}");
        }
        assert_eq!(list(&reply, "vary"), ["origin"]);

        let foreign = request("GET", path, &[("authorization", &bearer), ("origin", EVIL)]);
        let reply = call(&server, &foreign);
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("access-control-allow-origin"), None);
        assert_eq!(list(&reply, "vary"), ["origin"]);
    }
    let reply = call(
        &server,
        &request("GET", "/me", &[("authorization", &bearer)]),
    );
    assert_eq!(reply.header("access-control-allow-origin"), None);
}

#[test]
fn credentials_are_for_pages_of_our_site() {
    let (_dir, server) = start(FLAGS);
    for (origin, site, is_ours) in [
        (APP, Some("same-site"), true),
        (APP, None, true),
        (APP, Some("cross-site"), false),
        (PARTNER, Some("cross-site"), false),
        (PARTNER, None, false),
        (EVIL, Some("same-site"), false),
    ] {
        let site = site.map(|site| ("sec-fetch-site", site));
        let site: Vec<_> = site.into_iter().collect();
        let me = request("GET", "/me", &[&[("origin", origin)], &site[..]].concat());
        for request in [preflight(origin, &site), me] {
            let reply = call(&server, &request);
            let expected = is_ours.then_some("true");
            assert_eq!(
                reply.header("access-control-allow-credentials"),
                expected,
                "{origin} {site:?}"
            );
        }
    }
}

#[test]
fn without_allowed_origins_nothing_is_said() {
    let (_dir, server) = start(&[]);
    let asked = [("origin", APP), ("access-control-request-method", "POST")];
    for request in [
        with(Request::new("OPTIONS", "/chats"), &asked),
        with(Request::get("/me"), &asked[..1]),
    ] {
        let reply = call(&server, &request);
        for name in [
            "vary",
            "access-control-allow-origin",
            "access-control-allow-methods",
        ] {
            assert_eq!(reply.header(name), None);
        }
    }
}

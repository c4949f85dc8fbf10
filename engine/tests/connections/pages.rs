//! The web pages and what they load, as they are sent.

use rookery_engine::assets::{Asset, Assets, Representation};
use rookery_engine::config::{AuthMode, RegistrationMode};
use rookery_engine::http::Origin;
use rookery_engine::input::Entrance;

use crate::documents::{ask, field, next, request};
use crate::host::Host;

const SCRIPT_BYTES: usize = 100_000;

static ASSETS: Assets = Assets {
    hash: "0123456789abcdef",
    pages: &[
        Asset {
            path: "chat/index.html",
            content_type: "text/html; charset=utf-8",
            identity: Representation {
                etag: "\"chat\"",
                bytes: b"<!doctype html>chat",
            },
            gzip: None,
            brotli: Some(Representation {
                etag: "\"chat-br\"",
                bytes: b"brotli",
            }),
        },
        Asset {
            path: "ops/index.html",
            content_type: "text/html; charset=utf-8",
            identity: Representation {
                etag: "\"ops\"",
                bytes: b"<!doctype html>ops",
            },
            gzip: None,
            brotli: None,
        },
    ],
    files: &[
        Asset {
            path: "chat/main.js",
            content_type: "text/javascript; charset=utf-8",
            identity: Representation {
                etag: "\"main\"",
                bytes: &[b'x'; SCRIPT_BYTES],
            },
            gzip: Some(Representation {
                etag: "\"main-gz\"",
                bytes: b"gzipped",
            }),
            brotli: Some(Representation {
                etag: "\"main-br\"",
                bytes: b"brotli",
            }),
        },
        Asset {
            path: "look/mark.svg",
            content_type: "image/svg+xml",
            identity: Representation {
                etag: "\"mark\"",
                bytes: b"<svg/>",
            },
            gzip: None,
            brotli: None,
        },
    ],
};
const SCRIPT: &str = "/assets/0123456789abcdef/chat/main.js";
const MARK: &str = "/assets/0123456789abcdef/look/mark.svg";

fn host() -> Host {
    Host::with(AuthMode::Token, |config| config.assets = &ASSETS)
}

/// The status, head and body of a reply at the usual entrance.
#[track_caller]
fn get(host: &mut Host, path: &str, more: &str) -> (String, String, String) {
    let conn = host.accept();
    let reply = ask(host, conn, &request("GET", path, more));
    let rest = &mut reply.as_str();
    let (status, head, body) = next(rest, true);
    let reply = (status.to_owned(), head.to_owned(), body.to_owned());
    assert_eq!(*rest, "", "nothing is behind it");
    reply
}

fn status(host: &mut Host, path: &str, more: &str) -> String {
    get(host, path, more).0
}

#[test]
fn a_page_is_asked_for_again_and_what_it_loads_is_not() {
    let mut host = host();
    for (path, caching) in [
        ("/", "no-cache"),
        ("/ops", "no-cache"),
        (SCRIPT, "public, max-age=31536000, immutable"),
        (MARK, "public, max-age=31536000, immutable"),
    ] {
        let (status, head, _) = get(&mut host, path, "");
        assert_eq!(status, "200", "{path}");
        assert_eq!(field(&head, "Cache-Control"), Some(caching), "{path}");
        assert_eq!(field(&head, "Vary"), Some("Accept-Encoding"), "{path}");
        assert_eq!(field(&head, "X-Content-Type-Options"), Some("nosniff"));
        assert!(
            field(&head, "ETag").unwrap().starts_with('"'),
            "a strong one"
        );
    }
}

#[test]
fn each_client_gets_the_coding_that_it_takes_with_a_tag_of_its_own() {
    let mut host = host();
    for (accepted, coding, etag, body) in [
        ("gzip, deflate, br", Some("br"), "\"main-br\"", "brotli"),
        ("gzip", Some("gzip"), "\"main-gz\"", "gzipped"),
        ("br;q=0.5, gzip", Some("gzip"), "\"main-gz\"", "gzipped"),
        ("identity", None, "\"main\"", "xxx"),
        ("br;q=0, gzip;q=0", None, "\"main\"", "xxx"),
    ] {
        let more = format!("Accept-Encoding: {accepted}\r\n");
        let (_, head, sent) = get(&mut host, SCRIPT, &more);
        assert_eq!(field(&head, "Content-Encoding"), coding, "{accepted}");
        assert_eq!(field(&head, "ETag"), Some(etag), "{accepted}");
        assert!(sent.starts_with(body), "{accepted}");
        let script = Some("text/javascript; charset=utf-8");
        assert_eq!(field(&head, "Content-Type"), script, "{accepted}");
    }
    let (_, head, body) = get(&mut host, SCRIPT, "");
    assert_eq!(
        (field(&head, "Content-Encoding"), body.len()),
        (None, SCRIPT_BYTES)
    );
    let (_, head, body) = get(&mut host, "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(field(&head, "Content-Encoding"), None, "there is none");
    assert_eq!(body, "<!doctype html>chat");
}

#[test]
fn who_has_what_they_would_be_sent_is_told_so() {
    let mut host = host();
    for (path, accepted, known, status) in [
        ("/", "br", "\"chat-br\"", "304"),
        ("/", "br", "W/\"chat-br\"", "304"),
        ("/", "br", "\"old\", \"chat-br\"", "304"),
        ("/", "br", "*", "304"),
        ("/", "br", "\"chat\"", "200"),
        ("/", "gzip", "\"chat\"", "304"),
        ("/", "gzip", "\"chat-br\"", "200"),
        ("/", "gzip", "chat", "200"),
        (SCRIPT, "gzip", "\"main-gz\"", "304"),
        (SCRIPT, "gzip", "\"main-br\", \"main\"", "200"),
    ] {
        let more = format!("Accept-Encoding: {accepted}\r\nIf-None-Match: {known}\r\n");
        let (found, head, body) = get(&mut host, path, &more);
        assert_eq!(found, status, "{path} {more}");
        for name in ["ETag", "Vary", "Cache-Control"] {
            assert!(field(&head, name).is_some(), "{name}: RFC 9110, 15.4.5");
        }
        if status == "304" {
            assert_eq!(body, "");
            for name in ["Content-Length", "Content-Type", "Content-Encoding"] {
                assert_eq!(field(&head, name), None, "{name}");
            }
        }
    }
}

#[test]
fn a_head_tells_what_a_get_would_bring() {
    let mut host = host();
    for (path, more) in [
        ("/", ""),
        ("/ops", ""),
        (SCRIPT, ""),
        (SCRIPT, "Accept-Encoding: gzip\r\n"),
        (SCRIPT, "Accept-Encoding: br\r\n"),
    ] {
        let (_, got, body) = get(&mut host, path, more);
        let conn = host.accept();
        let reply = ask(&mut host, conn, &request("HEAD", path, more));
        let rest = &mut reply.as_str();
        let (status, head, _) = next(rest, false);
        assert_eq!((status, head), ("200", &*got));
        assert_eq!(
            field(head, "Content-Length"),
            Some(&*body.len().to_string())
        );
        assert_eq!(*rest, "", "there is no body");
    }
}

#[test]
fn there_is_nothing_at_another_hash_or_path() {
    let mut host = host();
    for path in [
        "/assets/0123456789abcdee/chat/main.js",
        "/assets/chat/main.js",
        "/assets//chat/main.js",
        "/assets/0123456789abcdef",
        "/assets/0123456789abcdef/",
        "/assets/0123456789abcdef//chat/main.js",
        "/assets/0123456789abcdefchat/main.js",
        "/assets/0123456789abcdef/chat/main.js/",
        "/assets/0123456789abcdef/chat/../chat/main.js",
        "/assets/0123456789abcdef/chat/index.html",
        "/assets/0123456789ABCDEF/chat/main.js",
        "/assets/0123456789abcdef/CHAT/main.js",
        "/chat/main.js",
        "/index.html",
    ] {
        let (status, head, body) = get(&mut host, path, "");
        assert_eq!(status, "404", "{path}");
        assert!(body.contains("\"not_found\""), "{path}: {body}");
        assert_eq!(field(&head, "Cache-Control"), Some("no-store"), "{path}");
    }
    let mut without = Host::new(AuthMode::Token);
    for path in ["/", "/ops", "/assets/", "/assets//chat/main.js", SCRIPT] {
        assert_eq!(status(&mut without, path, ""), "404", "{path}");
    }
}

#[test]
fn pages_run_nothing_that_stands_in_them_or_comes_from_elsewhere() {
    let mut host = host();
    for (path, made) in [("/", "'none'"), ("/ops", "worker")] {
        let (_, head, _) = get(&mut host, path, "");
        let policy = field(&head, "Content-Security-Policy").unwrap();
        let directives: Vec<_> = policy.split("; ").collect();
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            &format!("trusted-types {made}"),
        ] {
            assert!(
                directives.contains(&directive),
                "{path}: {directive} in {policy}"
            );
        }
        assert!(!policy.contains("unsafe-"), "{policy}");
        for (name, value) in [
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ] {
            assert_eq!(field(&head, name), Some(value), "{path}");
        }
    }
    let (_, head, _) = get(&mut host, "/", "");
    let described = "</openapi.json>; rel=\"service-desc\"";
    assert_eq!(field(&head, "Link"), Some(described));
    let (_, head, _) = get(&mut host, SCRIPT, "");
    let policy = field(&head, "Content-Security-Policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
}

#[test]
fn a_page_of_an_origin_that_may_call_the_api_gets_no_page_of_ours() {
    let origin = "https://app.example";
    let mut host = Host::with(AuthMode::Token, |config| {
        config.assets = &ASSETS;
        config.allowed_origins = vec![Origin::parse(origin).unwrap()];
    });
    for (path, shared) in [
        ("/about", true),
        ("/", false),
        ("/ops", false),
        (SCRIPT, false),
    ] {
        let (status, head, _) = get(&mut host, path, &format!("Origin: {origin}\r\n"));
        assert_eq!(status, "200", "{path}");
        let allowed = field(&head, "Access-Control-Allow-Origin");
        assert_eq!(allowed, shared.then_some(origin), "{path}");
        if !shared {
            assert_eq!(field(&head, "Vary"), Some("Accept-Encoding"), "{path}");
        }
    }
}

#[test]
fn each_entrance_serves_what_is_its_own() {
    let mut host = host();
    let alone = Entrance::Public { operations: true };
    let beside = Entrance::Public { operations: false };
    for (entrance, path, status) in [
        (alone, "/", "200"),
        (alone, "/ops", "200"),
        (alone, SCRIPT, "200"),
        (alone, "/about", "200"),
        (beside, "/", "200"),
        (beside, "/ops", "404"),
        (beside, SCRIPT, "200"),
        (Entrance::Admin, "/", "404"),
        (Entrance::Admin, "/ops", "200"),
        (Entrance::Admin, SCRIPT, "200"),
        (Entrance::Admin, "/about", "404"),
    ] {
        let conn = host.accept_at(entrance, [127, 0, 0, 1].into());
        let reply = ask(&mut host, conn, &request("GET", path, ""));
        let (found, _, _) = next(&mut reply.as_str(), true);
        assert_eq!(found, status, "{path} at {entrance:?}");
    }
}

#[test]
fn the_page_is_for_its_hosts_and_for_whoever_follows_a_link() {
    let linked = "Sec-Fetch-Site: cross-site\r\nCookie: session=x; user_id=00000000-0000-0000-0000-000000000001\r\n";
    for auth in [AuthMode::Token, AuthMode::Trust] {
        let mut host = Host::with(auth, |config| {
            config.assets = &ASSETS;
            config.public_urls = vec![Origin::parse("https://chat.example").unwrap()];
        });
        let at = |path: &str, host: &str, more: &str| {
            request("GET", path, more).replace("localhost", host)
        };
        for (request, status) in [
            (at("/", "chat.example", linked), "200"),
            (at("/", "other.example", ""), "421"),
            (at("/about", "other.example", ""), "421"),
            // What all pages load is nobody's, and `/ops` is reached by other names.
            (at(SCRIPT, "other.example", linked), "200"),
            (at("/ops", "other.example", linked), "200"),
        ] {
            let conn = host.accept();
            let reply = ask(&mut host, conn, &request);
            let (found, head, _) = next(&mut reply.as_str(), true);
            assert_eq!(found, status, "{request}");
            let strict = field(head, "Strict-Transport-Security");
            assert!(strict.is_some(), "{request}");
        }
    }
}

#[test]
fn what_a_client_has_to_know_first_is_told() {
    for (auth, registration, mode, who) in [
        (AuthMode::Token, RegistrationMode::Open, "token", "open"),
        (AuthMode::Token, RegistrationMode::Invite, "token", "invite"),
        (AuthMode::Trust, RegistrationMode::Closed, "trust", "closed"),
    ] {
        let mut host = Host::with(auth, |config| config.registration = registration);
        let (status, head, body) = get(&mut host, "/about", "");
        assert_eq!(status, "200");
        assert_eq!(field(&head, "Content-Type"), Some("application/json"));
        let about: serde_json::Value = serde_json::from_str(&body).unwrap();
        let expected = serde_json::json!({
            "name": "rookery",
            "version": env!("CARGO_PKG_VERSION"),
            "auth": mode,
            "registration": who,
            "openapi": "/openapi.json",
            "asyncapi": "/asyncapi.json",
        });
        assert_eq!(about, expected);
    }
}

#[test]
fn they_are_not_copied_for_those_who_do_not_read_them() {
    const CLIENTS: usize = 100;
    let mut host = host();
    for _ in 0..CLIENTS {
        let conn = host.accept();
        host.send(conn, request("GET", SCRIPT, "").as_bytes());
        assert!(host.waiting_bytes(conn) > SCRIPT_BYTES);
    }
    let held = host.held_bytes();
    assert!(held < SCRIPT_BYTES as u64, "{held} bytes");
}

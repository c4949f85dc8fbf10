//! The web pages, as the binary serves them.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;

use flate2::read::GzDecoder;
use rookery_engine::assets::Asset;
use rookery_io::web::ASSETS;
use support::http::{Http, Request, Response};
use support::{Options, Server};
use tempfile::TempDir;

/// What a page may weigh with all that it loads, compressed.
const PAGE_BYTES_MAX: usize = 150 * 1024;

/// A server with an admin address.
fn start() -> (TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(1).with_admin().start();
    (dir, server)
}

/// Every path that something is served at, by whom, and what.
fn all(server: &Server) -> Vec<(SocketAddr, String, &'static Asset)> {
    let pages = ASSETS.pages.iter().map(|page| match page.path {
        "chat/index.html" => (server.addr, "/".to_owned(), page),
        "ops/index.html" => (server.admin, "/ops".to_owned(), page),
        path => panic!("{path} is served nowhere"),
    });
    let files = ASSETS.files.iter().flat_map(|file| {
        let path = format!("/assets/{}/{}", ASSETS.hash, file.path);
        [server.addr, server.admin].map(|addr| (addr, path.clone(), file))
    });
    pages.chain(files).collect()
}

#[track_caller]
fn call(addr: SocketAddr, request: &Request) -> Response {
    Http::connect(addr).unwrap().call(request).unwrap()
}

fn accepting(path: &str, codings: &str) -> Request {
    Request::get(path).header("accept-encoding", codings)
}

/// A body as it was before it was compressed.
fn decoded(reply: &Response) -> Vec<u8> {
    let mut plain = Vec::new();
    match reply.header("content-encoding") {
        None => plain.clone_from(&reply.body),
        Some("gzip") => drop(
            GzDecoder::new(&*reply.body)
                .read_to_end(&mut plain)
                .unwrap(),
        ),
        Some("br") => brotli::BrotliDecompress(&mut &*reply.body, &mut plain).unwrap(),
        Some(other) => panic!("{other}"),
    }
    plain
}

#[test]
fn every_coding_of_a_file_is_that_file_and_has_a_tag_of_its_own() {
    let (_dir, server) = start();
    let files = all(&server);
    assert!(files.len() > 2);
    for (addr, path, file) in &files {
        let (addr, path) = (*addr, path.as_str());
        let plain = call(addr, &Request::get(path));
        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(plain.body, file.identity.bytes, "{path}");
        assert_eq!(plain.header("content-type"), Some(file.content_type));
        assert_eq!(plain.header("vary"), Some("Accept-Encoding"), "{path}");
        let mut tags = vec![plain.header("etag").unwrap().to_owned()];
        for (coding, there_is) in [("gzip", file.gzip.is_some()), ("br", file.brotli.is_some())] {
            let reply = call(addr, &accepting(path, coding));
            let named = reply.header("content-encoding");
            assert_eq!(named, there_is.then_some(coding), "{path}");
            assert_eq!(decoded(&reply), plain.body, "{path} as {coding}");
            if there_is {
                assert!(reply.body.len() < plain.body.len(), "{path} as {coding}");
                tags.push(reply.header("etag").unwrap().to_owned());
            }
        }
        let count = tags.len();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), count, "{path}: {tags:?}");
    }
}

#[test]
fn who_has_it_is_told_so_and_a_head_is_told_what_a_get_would_bring() {
    let (_dir, server) = start();
    for (addr, path, file) in all(&server) {
        for codings in ["br", "gzip", "identity", "gzip;q=0.5, *;q=0"] {
            let got = call(addr, &accepting(&path, codings));
            let mut http = Http::connect(addr).unwrap();
            let mut request = accepting(&path, codings);
            request.method = "HEAD".to_owned();
            http.send(&request.encode());
            let head = http.receive_to_head().unwrap();
            assert_eq!(head.status, 200, "{path}");
            let behind = http.call(&accepting(&path, codings)).unwrap();
            assert_eq!(behind.body, got.body, "{path}: a head brings no body");
            for name in ["content-length", "content-encoding", "etag", "content-type"] {
                assert_eq!(head.header(name), got.header(name), "{path}: {name}");
            }
            let length = got.body.len().to_string();
            assert_eq!(head.header("content-length"), Some(&*length), "{path}");

            let etag = got.header("etag").unwrap();
            for known in [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()] {
                let request = accepting(&path, codings).header("if-none-match", &known);
                let known = call(addr, &request);
                assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
                assert_eq!(known.header("etag"), Some(etag), "{path}");
                assert_eq!(known.header("cache-control"), got.header("cache-control"));
            }
            let other = accepting(&path, codings).header("if-none-match", "\"x\"");
            assert_eq!(call(addr, &other).status, 200, "{path}");
        }
        let caching = match file.content_type.starts_with("text/html") {
            true => "no-cache",
            false => "public, max-age=31536000, immutable",
        };
        let reply = call(addr, &Request::get(&path));
        assert_eq!(reply.header("cache-control"), Some(caching), "{path}");
    }
}

#[test]
fn pages_come_with_a_strict_policy() {
    let (_dir, server) = start();
    for (addr, path) in [(server.addr, "/"), (server.admin, "/ops")] {
        let page = call(addr, &Request::get(path));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains("require-trusted-types-for 'script'"));
        assert!(!policy.contains("unsafe-"), "{policy}");
        assert!(!policy.contains("http"), "nothing from elsewhere: {policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}");
        }
        // The policy lets none of these run.
        let text = page.text();
        for inline in ["<style", "style=\"", " onload=", " onclick=", "javascript:"] {
            assert!(!text.contains(inline), "{path} has {inline}");
        }
    }
    let page = call(server.addr, &Request::get("/"));
    let link = "</openapi.json>; rel=\"service-desc\"";
    assert_eq!(page.header("link"), Some(link));
}

#[test]
fn each_address_serves_its_own() {
    let (_dir, server) = start();
    let status = |addr, path: &str| call(addr, &Request::get(path)).status;
    for (path, public, admin) in [("/", 200, 404), ("/ops", 404, 200), ("/about", 200, 404)] {
        assert_eq!(status(server.addr, path), public, "{path}");
        assert_eq!(
            status(server.admin, path),
            admin,
            "{path} at the admin address"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let alone = Options::new(dir.path()).shards(1).start();
    for path in ["/", "/ops", "/about", "/metrics"] {
        assert_eq!(status(alone.addr, path), 200, "{path}");
    }
}

#[test]
fn there_is_nothing_at_another_hash() {
    let (_dir, server) = start();
    for addr in [server.addr, server.admin] {
        for file in ASSETS.files {
            let old = format!("/assets/0123456789abcdef/{}", file.path);
            let reply = call(addr, &accepting(&old, "br"));
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{old}");
            reply.expect_problem(404, "not_found");
        }
    }
}

/// The texts between quotes that follow something.
fn quoted_after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    let rest = text.split(before).skip(1);
    rest.filter_map(|rest| rest.strip_prefix('"')?.split('"').next())
}

#[test]
fn whatever_a_page_refers_to_is_there() {
    let is_file = |path: &str| ASSETS.files.iter().any(|file| file.path == path);
    for page in ASSETS.pages {
        let text = str::from_utf8(page.identity.bytes).unwrap();
        let attributes = ["src=", "href="].map(|name| quoted_after(text, name));
        for target in attributes.into_iter().flatten() {
            if let Some(asset) = target.strip_prefix("/assets/") {
                let path = asset.strip_prefix(ASSETS.hash).unwrap();
                let path = path.strip_prefix('/').unwrap();
                assert!(is_file(path), "{} refers to {path}", page.path);
            } else {
                let is_ours = target.starts_with(['/', '#']) && !target.starts_with("//");
                assert!(is_ours, "{} refers to {target}", page.path);
            }
        }
    }
    let scripts = ASSETS
        .files
        .iter()
        .filter(|file| file.path.ends_with(".js"));
    for script in scripts {
        let text = str::from_utf8(script.identity.bytes).unwrap();
        let imports = [" from ", "import ", "import("].map(|word| quoted_after(text, word));
        let relative = imports
            .into_iter()
            .flatten()
            .filter(|it| it.starts_with('.'));
        for import in relative {
            let mut parts: Vec<_> = script.path.split('/').collect();
            parts.pop();
            for part in import.split('/') {
                match part {
                    "." => {}
                    ".." => drop(parts.pop().unwrap()),
                    name => parts.push(name),
                }
            }
            assert!(
                is_file(&parts.join("/")),
                "{} imports {import}",
                script.path
            );
        }
    }
}

/// Bytes of all files below these folders, each as small as it is sent.
fn weight(folders: &[&str]) -> usize {
    let is_below = |file: &&Asset| {
        let folder = file.path.split('/').next().unwrap();
        folders.contains(&folder)
    };
    let files = ASSETS.pages.iter().chain(ASSETS.files).filter(is_below);
    let sizes = files.map(|file| {
        let coded = [&file.gzip, &file.brotli].into_iter().flatten();
        let sizes = coded.map(|it| it.bytes.len());
        sizes.min().unwrap_or(file.identity.bytes.len())
    });
    sizes.sum()
}

/// Errors then name the lines of the repository.
#[test]
fn code_comes_without_its_comments_and_with_all_its_lines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let is_own_code = |file: &&Asset| {
        let is_code = [".js", ".css"].iter().any(|end| file.path.ends_with(end));
        is_code && !file.path.starts_with("ops/uplot/")
    };
    for file in ASSETS.files.iter().filter(is_own_code) {
        let source = fs::read_to_string(folder.join(file.path)).unwrap();
        let served = str::from_utf8(file.identity.bytes).unwrap();
        let pairs: Vec<_> = source.lines().zip(served.lines()).collect();
        assert_eq!(pairs.len(), source.lines().count(), "{}", file.path);
        for (line, served) in pairs {
            assert!(served == line || served.is_empty(), "{line}");
        }
        assert!(
            !served.lines().any(|line| line.trim().starts_with("//")),
            "{}",
            file.path
        );
    }
}

#[test]
fn each_page_is_small_with_all_that_it_may_load() {
    for folders in [&["chat", "client", "look"][..], &["ops", "look"]] {
        let bytes = weight(folders);
        assert!(
            (1..PAGE_BYTES_MAX).contains(&bytes),
            "{folders:?}: {bytes} bytes"
        );
    }
}

//! Which pages may act for their users, as which hosts the server is reached, and what browsers are told.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

#[path = "../support/mod.rs"]
mod support;

mod cookies;
mod cors;
mod guards;
mod hosts;
mod pages;
mod trust;

use serde_json::json;

use support::http::{Request, Response};
use support::{Options, Server, api};
use tempfile::TempDir;

/// A page that is nobody's friend.
const EVIL: &str = "https://evil.example";

/// A server of token mode with these flags.
fn start(flags: &[(&str, &str)]) -> (TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = start_in(&dir, flags);
    (dir, server)
}

fn start_in(dir: &TempDir, flags: &[(&str, &str)]) -> Server {
    let options = Options::new(dir.path()).shards(2);
    let flags = flags.iter();
    flags
        .fold(options, |options, (name, value)| options.flag(name, value))
        .start()
}

/// The reply to a request on a connection of its own.
#[track_caller]
fn call(server: &Server, request: &Request) -> Response {
    server.http().call(request).unwrap()
}

/// A request with these fields besides.
fn with(request: Request, fields: &[(&str, &str)]) -> Request {
    let fields = fields.iter();
    fields.fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

fn credentials(username: &str) -> serde_json::Value {
    json!({"username": username, "password": api::PASSWORD})
}

/// Registers a user at a host, and gives their token.
#[track_caller]
fn token_at(server: &Server, host: &str, username: &str) -> String {
    let body = credentials(username);
    call(server, &Request::to("POST", "/users", host).json(&body)).expect(201);
    let login = call(server, &Request::to("POST", "/login", host).json(&body)).expect(200);
    login["token"].as_str().unwrap().to_owned()
}

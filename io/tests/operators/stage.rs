//! A server with operators' calls at an admin address.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::api::PASSWORD;
use crate::support::http::{Http, Request, Response};
pub(crate) use crate::support::operator::TOKEN;
use crate::support::operator::token_file;
use crate::support::prometheus::Metrics;
use crate::support::{Options, Server, eventually};

pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) admin: SocketAddr,
    _dir: TempDir,
    options: Options,
}

impl Stage {
    /// A server whose registration is in this mode.
    pub(crate) fn new(registration: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options::new(dir.path())
            .shards(2)
            .flag("--registration", registration)
            .flag("--operator-token-file", token_file(dir.path()).display());
        let (server, admin) = start(&options);
        Self {
            server,
            admin,
            _dir: dir,
            options,
        }
    }

    /// Kills the server, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.server.kill();
        (self.server, self.admin) = start(&self.options);
    }

    /// Has an operator call.
    pub(crate) fn operate(&self, method: &str, path: &str, body: &Value) -> Response {
        self.call_admin(&Request::new(method, path).json(body), Some(TOKEN))
    }

    /// Calls at the admin address, with this token.
    pub(crate) fn call_admin(&self, request: &Request, token: Option<&str>) -> Response {
        let mut request = request.clone();
        if let Some(token) = token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        Http::connect(self.admin).unwrap().call(&request).unwrap()
    }

    /// Sends a request, and is gone once the server has read it.
    pub(crate) fn call_and_vanish(&self, to: SocketAddr, request: &Request) {
        let mut watcher = Http::connect(self.admin).unwrap();
        // Each look counts too.
        let mut requests_read = || {
            let metrics = watcher.call(&Request::get("/metrics")).unwrap();
            Metrics::parse(&metrics.text()).sum("rookery_http_requests_total") as u64
        };
        let (before, mut looks) = (requests_read(), 0);
        let mut client = Http::connect(to).unwrap();
        client.write(&request.encode()).unwrap();
        eventually("the request is read", || {
            looks += 1;
            (requests_read() > before + looks).then_some(())
        });
        client.reset();
    }

    /// Calls at the public address.
    pub(crate) fn call(&self, request: &Request) -> Response {
        self.server.http().call(request).unwrap()
    }

    pub(crate) fn register(&self, body: &Value) -> Response {
        self.call(&Request::new("POST", "/users").json(body))
    }

    pub(crate) fn log_in(&self, username: &str, password: &str) -> Response {
        let body = credentials(username, password);
        self.call(&Request::new("POST", "/login").json(&body))
    }

    /// A user whom an operator created; gives their id.
    pub(crate) fn create_user(&self, username: &str) -> String {
        let created = self.operate("POST", "/users", &credentials(username, PASSWORD));
        let user = created.expect(201);
        user["user_id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn credentials(username: &str, password: &str) -> Value {
    json!({"username": username, "password": password})
}

fn start(options: &Options) -> (Server, SocketAddr) {
    let server = options.clone().with_admin().start();
    let admin = server.admin;
    (server, admin)
}

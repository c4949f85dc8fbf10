//! A WebSocket client: tungstenite over a blocking socket, one JSON object at a time.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

use super::documented;
use super::http::{Http, Request, Response};
use super::patience::PATIENCE;

/// The subprotocol with which several objects may come in one frame.
pub const BATCH: &str = "rookery.v1.batch";

/// Why there is no next object.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// A close frame with this code; 1005 where it had none (RFC 6455, section 7.1.5).
    Closed(u16),
    /// The connection ended without one.
    Lost,
    /// Nothing came in time.
    Silence,
}

pub struct Ws {
    socket: WebSocket<TcpStream>,
    /// Objects of a frame that had several.
    queued: VecDeque<String>,
    /// The subprotocol the server chose.
    pub protocol: Option<String>,
}

/// The upgrade request of RFC 6455, section 4.1.
pub fn upgrade(path: &str) -> Request {
    upgrade_at(path, "localhost")
}

/// The same for this host.
pub fn upgrade_at(path: &str, host: &str) -> Request {
    Request::to("GET", path, host)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
}

impl Ws {
    /// Connects; a refusal is given back.
    pub fn connect(addr: SocketAddr, request: Request) -> Result<Self, Response> {
        Self::over(Http::connect(addr).unwrap(), request)
    }

    /// Upgrades an open connection.
    pub fn over(mut http: Http, request: Request) -> Result<Self, Response> {
        let key = generate_key();
        let request = request.header("sec-websocket-key", &key);
        let reply = http.call(&request).map_err(|error| Response {
            status: 0,
            headers: Vec::new(),
            body: error.to_string().into_bytes(),
        })?;
        if reply.status != 101 {
            return Err(reply);
        }
        assert_eq!(
            reply.header("sec-websocket-accept"),
            Some(derive_accept_key(key.as_bytes()).as_str())
        );
        assert_eq!(reply.header("sec-websocket-extensions"), None);
        let protocol = reply.header("sec-websocket-protocol").map(str::to_owned);
        Ok(Self {
            protocol,
            ..Self::switched(http)
        })
    }

    /// Takes over a connection on which a 101 was received.
    pub fn switched(http: Http) -> Self {
        let (stream, unread) = http.into_parts();
        Self {
            socket: WebSocket::from_partially_read(stream, unread, Role::Client, None),
            queued: VecDeque::new(),
            protocol: None,
        }
    }

    /// Connects as a user of trust mode, and takes the `ready`.
    #[track_caller]
    pub fn trusted(addr: SocketAddr, user: &str) -> Self {
        let mut ws = Self::connect(addr, upgrade(&format!("/ws/connect/{user}"))).unwrap();
        ws.expect_ready(user);
        ws
    }

    #[track_caller]
    pub fn expect_ready(&mut self, user: &str) {
        let ready = self.next();
        assert_eq!(ready["type"], "ready", "{ready}");
        assert_eq!(ready["user_id"], user, "{ready}");
    }

    pub fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    /// The next frame's text, or the next part of one that had several. It must be as documented.
    pub fn poll(&mut self, within: Duration) -> Result<String, End> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(text) = self.queued.pop_front() {
                documented::check_event(&text);
                return Ok(text);
            }
            match self.read_before(deadline)? {
                Message::Text(text) if self.protocol.is_some() => {
                    self.queued.extend(text.lines().map(str::to_owned));
                }
                Message::Text(text) => {
                    assert!(!text.contains('\n'), "several objects, unasked: {text}");
                    self.queued.push_back(text.to_string());
                }
                Message::Close(frame) => {
                    return Err(End::Closed(frame.map_or(1005, |frame| frame.code.into())));
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn read_before(&mut self, deadline: Instant) -> Result<Message, End> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(End::Silence);
        }
        self.stream().set_read_timeout(Some(left)).unwrap();
        self.socket.read().map_err(|error| match error {
            Error::Io(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                End::Silence
            }
            _ => End::Lost,
        })
    }

    /// The next WebSocket message as it is, pongs included.
    #[track_caller]
    pub fn next_raw(&mut self) -> Message {
        self.read_before(Instant::now() + PATIENCE).unwrap()
    }

    /// The next object.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        let text = self.poll(PATIENCE).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The next object of this type; panics where another comes that is not in `passing`.
    #[track_caller]
    pub fn next_of(&mut self, kind: &str, passing: &[&str]) -> Value {
        loop {
            let value = self.next();
            if value["type"] == kind {
                return value;
            }
            let found = value["type"].as_str().unwrap_or_default();
            assert!(
                passing.contains(&found),
                "expected {kind}, but there is {value}"
            );
        }
    }

    /// How the connection ends, whatever comes before.
    #[track_caller]
    pub fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.poll(PATIENCE) {
                assert_ne!(end, End::Silence, "the connection stays open");
                return end;
            }
        }
    }

    /// Asserts that nothing comes for a while.
    #[track_caller]
    pub fn assert_silent(&mut self) {
        const A_WHILE: Duration = Duration::from_millis(300);
        let heard = self.poll(A_WHILE);
        assert_eq!(heard, Err(End::Silence));
    }

    pub fn send(&mut self, value: &Value) -> Result<(), Error> {
        self.socket.send(Message::text(value.to_string()))
    }

    /// Sends several in one piece.
    pub fn send_all(&mut self, values: impl IntoIterator<Item = Value>) -> Result<(), Error> {
        for value in values {
            self.socket.write(Message::text(value.to_string()))?;
        }
        self.socket.flush()
    }

    pub fn send_raw(&mut self, message: Message) -> Result<(), Error> {
        self.socket.send(message)
    }

    /// A `ping` of our protocol and its `pong`: what was sent before has been looked at.
    #[track_caller]
    pub fn assert_lives(&mut self) {
        self.send(&serde_json::json!({"type": "ping"})).unwrap();
        self.next_of("pong", &[]);
    }
}

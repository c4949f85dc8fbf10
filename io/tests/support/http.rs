//! A small HTTP/1.1 client that can also misbehave: whatever bytes, in whatever pieces.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};

use super::documented::Exchange;
use super::patience::PATIENCE;

/// A request that is well-formed unless made otherwise.
#[derive(Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self::to(method, target, "localhost")
    }

    /// A request for this host.
    pub fn to(method: &str, target: &str, host: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("host".to_owned(), host.to_owned())],
            body: None,
        }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn headers(mut self, headers: &[(String, String)]) -> Self {
        self.headers.extend_from_slice(headers);
        self
    }

    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", media_type)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn form(self, body: &str) -> Self {
        self.body("application/x-www-form-urlencoded", body)
    }

    /// The body, where it is well-formed JSON.
    fn json_body(&self) -> Option<Value> {
        serde_json::from_slice(self.body.as_deref()?).ok()
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if let Some(body) = &self.body {
            out.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body.as_deref().unwrap_or_default());
        out
    }
}

/// A reply, its body complete.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value, where there is one; panics on a repeated one, except `set-cookie`.
    pub fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut values = self.all(name);
        let first = values.next();
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        first
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The stable code of a problem (RFC 9457).
    #[track_caller]
    pub fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        if let Some(status) = problem.get("status") {
            assert_eq!(status, self.status, "{problem}");
        }
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts the status and gives the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// Asserts a refusal with this status and code.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code));
    }

    /// The seconds after which the client may try again; asserts that there are some.
    #[track_caller]
    pub fn retry_after(&self) -> u32 {
        let seconds = self.header("retry-after").unwrap().parse().unwrap();
        assert!(seconds > 0);
        seconds
    }

    /// Asserts a refusal since a limit of this name was met.
    #[track_caller]
    pub fn expect_limit(&self, limit: &str) {
        self.expect_problem(429, "too_many_requests");
        assert_eq!(self.json()["limit"], limit);
        self.retry_after();
    }

    fn is_chunked(&self) -> bool {
        self.all("transfer-encoding").any(|v| v == "chunked")
    }

    fn content_length(&self) -> Option<usize> {
        self.header("content-length")
            .map(|text| text.parse().unwrap())
    }

    fn has_no_body(&self) -> bool {
        self.status < 200 || self.status == 204 || self.status == 304
    }
}

/// Replies out of a stream of bytes, one after the other.
pub struct ResponseReader<R> {
    source: R,
    unread: Vec<u8>,
}

impl<R: Read> ResponseReader<R> {
    pub const fn new(source: R) -> Self {
        Self {
            source,
            unread: Vec::new(),
        }
    }

    /// The next reply. `UnexpectedEof`: there is none, the connection has ended.
    pub fn next(&mut self, to_head: bool) -> io::Result<Response> {
        let end = self.find(b"\r\n\r\n")?;
        let head: Vec<u8> = self.unread.drain(..end + 4).collect();
        let mut reply = parse_head(&head[..end])?;
        if to_head || reply.has_no_body() {
            return Ok(reply);
        }
        reply.body = if reply.is_chunked() {
            self.chunked_body()?
        } else if let Some(length) = reply.content_length() {
            self.exactly(length)?
        } else {
            self.rest()?
        };
        Ok(reply)
    }

    /// What has been read after the last reply: after a 101, the first frames.
    pub fn take_unread(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unread)
    }

    fn chunked_body(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = self.find(b"\r\n")?;
            let line = self.exactly(end + 2)?;
            let size = std::str::from_utf8(&line[..end])
                .ok()
                .and_then(|text| usize::from_str_radix(text, 16).ok())
                .ok_or_else(|| invalid("chunk size"))?;
            body.extend(self.exactly(size)?);
            if self.exactly(2)? != b"\r\n" {
                return Err(invalid("chunk end"));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn find(&mut self, needle: &[u8]) -> io::Result<usize> {
        loop {
            let found = self.unread.windows(needle.len()).position(|w| w == needle);
            if let Some(at) = found {
                return Ok(at);
            }
            self.more()?;
        }
    }

    fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            self.more()?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    fn rest(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.more() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(self.take_unread());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads what there is. A reset counts as an end: it follows where a server closes with bytes unread.
    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let count = match self.source.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        };
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(())
    }
}

fn parse_head(head: &[u8]) -> io::Result<Response> {
    let text = std::str::from_utf8(head).map_err(|_| invalid("head"))?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| invalid("status line"))?;
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("header"))?;
            Ok((name.to_owned(), value.trim().to_owned()))
        })
        .collect::<io::Result<_>>()?;
    Ok(Response {
        status,
        headers,
        body: Vec::new(),
    })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("malformed {what}"))
}

/// One connection.
pub struct Http {
    stream: TcpStream,
    replies: ResponseReader<TcpStream>,
}

impl Http {
    pub fn connect(addr: SocketAddr) -> io::Result<Self> {
        Self::from_stream(TcpStream::connect_timeout(&addr, PATIENCE)?)
    }

    /// From an address of this machine.
    pub fn connect_from(from: IpAddr, addr: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&addr.into(), PATIENCE)?;
        Self::from_stream(socket.into())
    }

    pub fn from_stream(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let replies = ResponseReader::new(stream.try_clone()?);
        Ok(Self { stream, replies })
    }

    pub fn set_read_timeout(&self, timeout: Duration) {
        self.stream.set_read_timeout(Some(timeout)).unwrap();
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends whatever bytes. A server that has refused already may close before it has read them all:
    /// then the answer is what counts.
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.write(bytes) {
            let refused = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            assert!(refused.contains(&error.kind()), "{error}");
        }
    }

    /// Tells the server that no more comes; its replies can still be received.
    pub fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    pub fn receive(&mut self) -> io::Result<Response> {
        self.replies.next(false)
    }

    pub fn receive_to_head(&mut self) -> io::Result<Response> {
        self.replies.next(true)
    }

    /// Sends a request, and receives its reply, which must be as documented.
    #[track_caller]
    pub fn call(&mut self, request: &Request) -> io::Result<Response> {
        self.write(&request.encode())?;
        let reply = self.receive()?;
        let exchange = Exchange {
            method: &request.method,
            target: &request.target,
            sent: request.json_body(),
            status: reply.status,
            headers: &reply.headers,
            body: &reply.body,
        };
        exchange.check();
        Ok(reply)
    }

    /// Asserts that the server closes, with nothing more said.
    #[track_caller]
    pub fn assert_closed(&mut self) {
        match self.receive() {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                assert_eq!(self.replies.take_unread(), b"", "bytes before the end");
            }
            other => panic!("expected the end of the connection, got {other:?}"),
        }
    }

    /// Asserts that the connection serves another request.
    #[track_caller]
    pub fn assert_lives(&mut self) {
        let reply = self.call(&Request::get("/livez")).unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    /// Resets the connection, as of a client that is gone.
    pub fn reset(self) {
        let socket = SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// The socket, with what has been read after the last reply.
    pub fn into_parts(mut self) -> (TcpStream, Vec<u8>) {
        let unread = self.replies.take_unread();
        (self.stream, unread)
    }
}

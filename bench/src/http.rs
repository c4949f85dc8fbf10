//! HTTP calls that wait for their answers: for what happens before, beside and after a measurement.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::load::dial::Dial;
use crate::load::http::Reply;

/// How long a server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of one read.
const READ_BYTES: usize = 16 * 1024;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke.
    #[error("calling {addr}: {source}")]
    Io { addr: SocketAddr, source: io::Error },
    /// Something that is no HTTP reply, or has another form than expected.
    #[error("the server's reply can't be understood: {0}")]
    Malformed(String),
    /// The server refused.
    #[error("{path} was answered {status}: {body}")]
    Refused {
        path: String,
        status: u16,
        body: String,
    },
}

/// A connection that is kept alive.
pub struct Client {
    addr: SocketAddr,
    stream: TcpStream,
}

impl Client {
    /// # Errors
    /// Where nobody listens there.
    pub fn connect(addr: SocketAddr) -> Result<Self, CallError> {
        Self::connect_from(None, addr)
    }

    /// The same from this address of the machine; `None`: from the one that the system chooses.
    ///
    /// # Errors
    /// Where nobody listens there, or the machine has no such address.
    pub fn connect_from(from: Option<IpAddr>, addr: SocketAddr) -> Result<Self, CallError> {
        let open = || {
            let stream = Dial::new(addr)?.bind(from)?.connect_and_wait(addr)?;
            stream.set_read_timeout(Some(ANSWER_WITHIN))?;
            Ok(stream)
        };
        let stream = open().map_err(|source| CallError::Io { addr, source })?;
        Ok(Self { addr, stream })
    }

    /// Gets a text.
    ///
    /// # Errors
    /// Where there is no answer, or it is not a success.
    pub fn get(&mut self, path: &str, credential: &str) -> Result<String, CallError> {
        self.call("GET", path, credential, "")
    }

    /// Posts a JSON object, and gives back the one in the reply. `credential` is a whole header line, or empty.
    ///
    /// # Errors
    /// Where there is no answer, it is not a success, or not JSON.
    pub fn post(&mut self, path: &str, credential: &str, body: &Value) -> Result<Value, CallError> {
        let reply = self.call("POST", path, credential, &body.to_string())?;
        serde_json::from_str(&reply).map_err(|error| CallError::Malformed(error.to_string()))
    }

    fn call(
        &mut self,
        method: &str,
        path: &str,
        credential: &str,
        body: &str,
    ) -> Result<String, CallError> {
        let addr = self.addr;
        let length = body.len();
        let line_end = if credential.is_empty() { "" } else { "\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {addr}\r\n{credential}{line_end}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let (status, body) = self
            .exchange(request.as_bytes())
            .map_err(|source| CallError::Io { addr, source })?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        Err(CallError::Refused {
            path: path.to_owned(),
            status,
            body,
        })
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, String)> {
        self.stream.write_all(request)?;
        let mut input = Vec::new();
        let mut chunk = [0; READ_BYTES];
        loop {
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            input.extend_from_slice(&chunk[..count]);
            let reply = Reply::read(&input).map_err(io::Error::other)?;
            if let Some(reply) = reply.filter(|reply| input.len() >= reply.end) {
                let body = String::from_utf8_lossy(&input[reply.body..reply.end]).into_owned();
                return Ok((reply.status, body));
            }
        }
    }
}

/// Gets a text over a connection of its own.
///
/// # Errors
/// As [`Client::connect`] and [`Client::get`].
pub fn get(addr: SocketAddr, path: &str) -> Result<String, CallError> {
    Client::connect(addr)?.get(path, "")
}

/// Posts a JSON object over a connection of its own.
///
/// # Errors
/// As [`Client::connect`] and [`Client::post`].
pub fn post(addr: SocketAddr, path: &str, body: &Value) -> Result<Value, CallError> {
    Client::connect(addr)?.post(path, "", body)
}

//! One HTTP request on a connection of its own: for what happens before and after a measurement.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long a server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke.
    #[error("calling the server: {0}")]
    Io(#[from] io::Error),
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

/// Gets a text.
///
/// # Errors
/// Where there is no answer, or it is not a success.
pub fn get(addr: SocketAddr, path: &str) -> Result<String, CallError> {
    call(addr, "GET", path, "")
}

/// Posts a JSON object, and gives back the one in the reply.
///
/// # Errors
/// Where there is no answer, it is not a success, or not JSON.
pub fn post(addr: SocketAddr, path: &str, body: &Value) -> Result<Value, CallError> {
    let reply = call(addr, "POST", path, &body.to_string())?;
    serde_json::from_str(&reply).map_err(|error| CallError::Malformed(error.to_string()))
}

fn call(addr: SocketAddr, method: &str, path: &str, body: &str) -> Result<String, CallError> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let (status, body) = split_reply(&reply)
        .ok_or_else(|| CallError::Malformed(reply.chars().take(200).collect()))?;
    if (200..300).contains(&status) {
        return Ok(body.to_owned());
    }
    Err(CallError::Refused {
        path: path.to_owned(),
        status,
        body: body.to_owned(),
    })
}

fn split_reply(reply: &str) -> Option<(u16, &str)> {
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_split_into_status_and_body() {
        let reply = "HTTP/1.1 201 Created\r\na: b\r\n\r\n{}";
        assert_eq!(split_reply(reply), Some((201, "{}")));
        assert_eq!(split_reply("HTTP/1.1 201 Created\r\n"), None);
    }
}

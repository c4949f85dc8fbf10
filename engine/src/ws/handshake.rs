//! The opening handshake, server side (RFC 6455, section 4.2).

use thiserror::Error;
use tungstenite::handshake::derive_accept_key;

use crate::http::list_members;

/// The one version of the protocol (RFC 6455, section 4.1).
pub const VERSION: &str = "13";

/// The subprotocol in which a frame may hold several events, separated by newlines.
pub const BATCH_PROTOCOL: &str = "rookery.v1.batch";

/// What the handshake looks at in an HTTP request.
#[derive(Clone, Copy, Debug)]
pub struct UpgradeRequest<F> {
    /// Whether the method is `GET`.
    pub is_get: bool,
    /// Whether the version is HTTP/1.1.
    pub http11: bool,
    /// Whether the request announces a body.
    pub has_body: bool,
    /// The values of all fields of a name, which is in lower case.
    pub headers: F,
}

/// A handshake to be answered with [`write_switching_protocols`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The proof that the request was understood, for `Sec-WebSocket-Accept`.
    pub accept_key: String,
    /// The subprotocol, where the client offers one that the server speaks.
    pub protocol: Option<&'static str>,
}

/// Why a request doesn't become a WebSocket.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UpgradeRefusal {
    /// The request doesn't ask for a WebSocket, or not for one of [`VERSION`]: 426, with `Sec-WebSocket-Version`.
    #[error("a handshake for a WebSocket of version {VERSION} is required")]
    UpgradeRequired,
    /// The request asks for one in the wrong way: 400.
    #[error("{0}")]
    BadRequest(&'static str),
}

/// Judges a request for a WebSocket. Whether its page may connect is for the caller to decide.
pub fn accept<'a, I>(
    request: &UpgradeRequest<impl Fn(&'static str) -> I>,
) -> Result<Accepted, UpgradeRefusal>
where
    I: Iterator<Item = &'a [u8]>,
{
    let headers = &request.headers;
    let asks = |name, token: &str| {
        headers(name)
            .flat_map(list_members)
            .any(|listed| listed.eq_ignore_ascii_case(token.as_bytes()))
    };
    let asks_for_websocket = asks("connection", "upgrade") && asks("upgrade", "websocket");
    // HTTP/1.0 knows no upgrades (RFC 9110, 7.8).
    if !request.is_get || !request.http11 || !asks_for_websocket {
        return Err(UpgradeRefusal::UpgradeRequired);
    }
    if request.has_body {
        let reason = "a request for a WebSocket has no body";
        return Err(UpgradeRefusal::BadRequest(reason));
    }
    match only(headers("sec-websocket-version")) {
        Some(version) if version.trim_ascii() == VERSION.as_bytes() => {}
        Some(_) => return Err(UpgradeRefusal::UpgradeRequired),
        None => {
            let reason = "Sec-WebSocket-Version must be given once";
            return Err(UpgradeRefusal::BadRequest(reason));
        }
    }
    let key = only(headers("sec-websocket-key"))
        .map(<[u8]>::trim_ascii)
        .filter(|key| is_nonce(key))
        .ok_or(UpgradeRefusal::BadRequest(
            "Sec-WebSocket-Key must be given once, as 16 bytes in base64",
        ))?;
    let offers_batch = headers("sec-websocket-protocol")
        .flat_map(list_members)
        .any(|protocol| protocol == BATCH_PROTOCOL.as_bytes());
    Ok(Accepted {
        accept_key: derive_accept_key(key),
        protocol: offers_batch.then_some(BATCH_PROTOCOL),
    })
}

/// Appends the reply that makes the connection a WebSocket.
pub fn write_switching_protocols(out: &mut Vec<u8>, accepted: &Accepted) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\n\
          Connection: Upgrade\r\n\
          Upgrade: websocket\r\n\
          Sec-WebSocket-Accept: ",
    );
    out.extend_from_slice(accepted.accept_key.as_bytes());
    if let Some(protocol) = accepted.protocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(protocol.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// The value of a field that is there exactly once.
fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether this is the base64 form of 16 bytes, the last two bits of which are padding's.
fn is_nonce(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let Some(digits) = key.strip_suffix(b"==") else {
        return false;
    };
    digits.len() == 22
        && digits.iter().all(is_digit)
        && matches!(digits[21], b'A' | b'Q' | b'g' | b'w')
}

//! Why a WebSocket is closed.

use tungstenite::protocol::frame::coding;

use super::limits::CONTROL_BYTES_MAX;

/// The code of a close frame that the server sends: RFC 6455, section 7.4.1, and from 4000 on
/// Rookery's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The client has answered no ping.
    GoingAway = 1001,
    /// The client broke the rules of framing.
    Protocol = 1002,
    /// The client sent a binary message.
    Unsupported = 1003,
    /// A text message or a close reason isn't UTF-8.
    InvalidPayload = 1007,
    /// The client floods the connection with control frames or fragments.
    PolicyViolation = 1008,
    /// A message is larger than [`MESSAGE_BYTES_MAX`](super::limits::MESSAGE_BYTES_MAX).
    TooBig = 1009,
    /// The server restarts; the client may come back after a pause.
    Restart = 1012,
    /// The user is not, or no longer, authenticated.
    NotAuthenticated = 4001,
    /// The client reads too slowly; the history has what it missed.
    SlowReader = 4008,
    /// The user has more sockets than they may, and this was the oldest; the client doesn't come back by itself.
    Replaced = 4030,
    /// The client sent more messages than it may.
    TooManyMessages = 4029,
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code as Self
    }
}

/// What stands for the code of a close frame that has none (RFC 6455, section 7.1.5).
const NO_STATUS: u16 = 1005;

/// Registered after RFC 6455, which tungstenite goes by: a gateway heard nonsense from the server behind it.
const BAD_GATEWAY: u16 = 1014;

/// A breach of the protocol or of a limit, and what the close frame says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) code: CloseCode,
    pub(super) reason: &'static str,
}

impl Violation {
    pub(super) const fn new(code: CloseCode, reason: &'static str) -> Self {
        Self { code, reason }
    }

    pub(super) const fn protocol(reason: &'static str) -> Self {
        Self::new(CloseCode::Protocol, reason)
    }
}

/// The payload of a close frame; a reason too long for a control frame is cut short.
pub(super) fn payload(code: CloseCode, reason: &str) -> Vec<u8> {
    let code = u16::from(code).to_be_bytes();
    let end = reason.floor_char_boundary(CONTROL_BYTES_MAX - code.len());
    [&code, &reason.as_bytes()[..end]].concat()
}

/// The code in the payload of a client's close frame, after RFC 6455, sections 5.5.1 and 7.4.
pub(super) fn received_code(payload: &[u8]) -> Result<u16, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(NO_STATUS),
            _ => Err(Violation::protocol("a close code has two bytes")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if code != BAD_GATEWAY && !coding::CloseCode::from(code).is_allowed() {
        return Err(Violation::protocol("no client may send this close code"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation::new(
            CloseCode::InvalidPayload,
            "the close reason is not UTF-8",
        ));
    }
    Ok(code)
}

//! WebSocket frames (RFC 6455, section 5.2), as far as a client needs them.

/// Text, close and ping.
pub const OPCODE_TEXT: u8 = 1;
pub const OPCODE_CLOSE: u8 = 8;
pub const OPCODE_PING: u8 = 9;
const OPCODE_PONG: u8 = 10;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The code that stands for a close frame without one (RFC 6455, section 7.4.1).
const CLOSE_WITHOUT_CODE: u16 = 1005;

/// Where a frame's payload is. Servers don't mask.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub start: usize,
    pub end: usize,
}

impl Frame {
    /// The first frame, if it is there as a whole.
    pub fn split(bytes: &[u8]) -> Option<Self> {
        let (first, length) = (bytes.first()?, bytes.get(1)? & 0x7f);
        let (start, length) = match length {
            126 => (
                4,
                u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
            ),
            127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
            short => (2, u64::from(short)),
        };
        let end = start + usize::try_from(length).ok()?;
        (bytes.len() >= end).then_some(Self {
            opcode: first & 0x0f,
            start,
            end,
        })
    }
}

/// Why a close frame says that it was sent.
pub fn close_code(payload: &[u8]) -> u16 {
    payload
        .first_chunk()
        .map_or(CLOSE_WITHOUT_CODE, |code| u16::from_be_bytes(*code))
}

/// Appends a client's text frame.
pub fn put_text(payload: &[u8], out: &mut Vec<u8>) {
    put_head(OPCODE_TEXT, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends a ping.
pub fn put_ping(payload: &[u8], out: &mut Vec<u8>) {
    put_head(OPCODE_PING, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends the answer to a ping.
pub fn put_pong(payload: &[u8], out: &mut Vec<u8>) {
    put_head(OPCODE_PONG, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Its mask is zeros, which the protocol allows and which leaves the payload as it is.
fn put_head(opcode: u8, length: usize, out: &mut Vec<u8>) {
    out.push(FINAL | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(MASKED | short),
        (_, Ok(middle)) => {
            out.push(MASKED | 126);
            out.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_split_when_they_are_whole() {
        for (length, header) in [
            (3, vec![0x81, 3]),
            (200, vec![0x81, 126, 0, 200]),
            (70_000, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]),
        ] {
            let mut bytes = header.clone();
            bytes.resize(header.len() + length, b'x');
            assert_eq!(Frame::split(&bytes[..bytes.len() - 1]), None);
            let expected = Frame {
                opcode: OPCODE_TEXT,
                start: header.len(),
                end: bytes.len(),
            };
            assert_eq!(Frame::split(&bytes), Some(expected));
        }
    }

    #[test]
    fn a_client_s_head_says_the_length_and_a_mask_of_zeros() {
        for (length, expected) in [
            (125, vec![0x81, 0x80 | 125, 0, 0, 0, 0]),
            (126, vec![0x81, 0xfe, 0, 126, 0, 0, 0, 0]),
            (65_536, vec![0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ] {
            let mut out = Vec::new();
            put_head(OPCODE_TEXT, length, &mut out);
            assert_eq!(out, expected);
        }
    }
}

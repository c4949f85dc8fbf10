//! What a server says to an attacker: replies, and frames once a WebSocket is open.

use crate::attack::counts::AttackCounts;
use crate::frame::{self, Frame, OPCODE_CLOSE};
use crate::load::http::Reply;

/// Bytes that are kept of what is not whole: far more than any answer to an attack has.
const INPUT_BYTES_MAX: usize = 256 * 1024;
const SWITCHING_PROTOCOLS: u16 = 101;

/// What was heard makes no sense.
pub(super) struct NotUnderstood;

/// The server's side of one connection.
#[derive(Default)]
pub(super) struct Hearing {
    /// The beginning of what is not whole yet.
    input: Vec<u8>,
    is_websocket: bool,
}

impl Hearing {
    /// Takes in what has come, and says whether an answer was among it.
    pub(super) fn hear(
        &mut self,
        bytes: &[u8],
        counts: &mut AttackCounts,
    ) -> Result<bool, NotUnderstood> {
        self.input.extend_from_slice(bytes);
        let mut taken = 0;
        while let Some(end) = self.take_first(taken, counts)? {
            taken += end;
        }
        self.input.drain(..taken);
        if self.input.len() > INPUT_BYTES_MAX {
            return Err(NotUnderstood);
        }
        Ok(taken > 0)
    }

    fn take_first(
        &mut self,
        from: usize,
        counts: &mut AttackCounts,
    ) -> Result<Option<usize>, NotUnderstood> {
        let input = &self.input[from..];
        if self.is_websocket {
            let Some(frame) = Frame::split(input) else {
                return Ok(None);
            };
            if frame.opcode == OPCODE_CLOSE {
                let code = frame::close_code(&input[frame.start..frame.end]);
                *counts.close_codes.entry(code).or_default() += 1;
            }
            return Ok(Some(frame.end));
        }
        let reply = Reply::read(input).map_err(|_| NotUnderstood)?;
        let Some(reply) = reply.filter(|reply| input.len() >= reply.end) else {
            return Ok(None);
        };
        *counts.replies.entry(reply.status).or_default() += 1;
        self.is_websocket = reply.status == SWITCHING_PROTOCOLS;
        Ok(Some(reply.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_and_close_codes_are_counted_however_they_are_cut() {
        let said = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\n{}\
            HTTP/1.1 101 Switching Protocols\r\n\r\n\x8a\x00\x88\x02\x03\xf0";
        for cut in 0..said.len() {
            let (mut hearing, mut counts) = (Hearing::default(), AttackCounts::default());
            for part in [&said[..cut], &said[cut..]] {
                assert!(hearing.hear(part, &mut counts).is_ok());
            }
            assert_eq!(counts.replies, [(101, 1), (429, 1)].into());
            assert_eq!(counts.close_codes, [(1008, 1)].into());
        }
    }

    #[test]
    fn what_is_no_reply_is_not_understood() {
        let mut counts = AttackCounts::default();
        assert!(Hearing::default().hear(b"hello\r\n", &mut counts).is_err());
    }
}

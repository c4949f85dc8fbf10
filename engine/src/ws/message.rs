//! A text message, put together from its frames.

use super::close::{CloseCode, Violation};
use super::frame::Masked;
use super::limits::{MESSAGE_BYTES_MAX, MESSAGE_FRAGMENTS_MAX};

const NOT_UTF8: Violation = Violation::new(CloseCode::InvalidPayload, "the text is not UTF-8");

/// The message that is being received. Its buffer serves all messages of one read.
#[derive(Debug, Default)]
pub(super) struct Message {
    text: Vec<u8>,
    /// Bytes of the text that were found to be UTF-8.
    valid: usize,
    /// Frames begun; zero between two messages.
    fragments: u32,
}

impl Message {
    /// Admits a frame by its header: a first frame, or a `continuation`, of `len` bytes.
    pub(super) fn admit(&mut self, continuation: bool, len: u64) -> Result<(), Violation> {
        match (continuation, self.fragments) {
            (true, 0) => return Err(Violation::protocol("there is no message to continue")),
            (false, 1..) => return Err(Violation::protocol("the message before is incomplete")),
            (true, MESSAGE_FRAGMENTS_MAX..) => {
                let reason = "the message has too many fragments";
                return Err(Violation::new(CloseCode::PolicyViolation, reason));
            }
            _ => self.fragments += 1,
        }
        if len > (MESSAGE_BYTES_MAX - self.text.len()) as u64 {
            let reason = "the message is too big";
            return Err(Violation::new(CloseCode::TooBig, reason));
        }
        Ok(())
    }

    /// Adds a piece of the admitted frame. Memory is taken for bytes that have come, never for a
    /// length that was merely declared.
    pub(super) fn append(&mut self, piece: Masked<'_>) {
        piece.append_to(&mut self.text);
    }

    /// Refuses text that no continuation could make UTF-8, before the rest of it is waited for.
    pub(super) fn check_so_far(&mut self) -> Result<(), Violation> {
        match std::str::from_utf8(&self.text[self.valid..]) {
            Ok(text) => self.valid += text.len(),
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => return Err(NOT_UTF8),
        }
        Ok(())
    }

    /// Hands the complete message over and makes room for the next.
    pub(super) fn finish(&mut self, on_text: impl FnOnce(&str)) -> Result<(), Violation> {
        on_text(std::str::from_utf8(&self.text).map_err(|_| NOT_UTF8)?);
        self.text.clear();
        self.valid = 0;
        self.fragments = 0;
        Ok(())
    }

    /// Gives the buffer back unless a message is in it.
    pub(super) fn release_idle(&mut self) {
        if self.fragments == 0 {
            self.text = Vec::new();
        }
    }

    /// Drops what has come of a message that nobody waits for any more.
    pub(super) fn discard(&mut self) {
        *self = Self::default();
    }

    /// Whether its first frame has come, and its last has not.
    pub(super) fn is_begun(&self) -> bool {
        self.fragments > 0
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.text.capacity()
    }
}

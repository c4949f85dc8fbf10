//! Frames: what a client's header may say, and how the server's are written.

use std::io::Cursor;

use bytes::BufMut;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::close::Violation;
use super::limits::CONTROL_BYTES_MAX;

/// Bytes of the longest header: two, a 64-bit length, and the mask.
const HEADER_BYTES_MAX: usize = 14;

/// A client's frame of which the header has come, and maybe some of the payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) opcode: OpCode,
    /// Whether it is the last of its message.
    pub(super) is_final: bool,
    /// Bytes of the payload that are still to come.
    pub(super) remaining: u64,
    /// The mask, rotated so that it begins at the next byte of the payload.
    mask: [u8; 4],
}

impl Frame {
    /// Reads the header that `bytes` begin with, and says how long it is; `None` while it is
    /// incomplete. What it refuses breaks RFC 6455, section 5, whatever came before.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let mut cursor = Cursor::new(bytes);
        let parsed = FrameHeader::parse(&mut cursor)
            .map_err(|_| Violation::protocol("the opcode is reserved"))?;
        let Some((header, length)) = parsed else {
            return Ok(None);
        };
        let header_bytes = cursor.position() as usize;
        let mask = header
            .mask
            .ok_or(Violation::protocol("a client's frame is masked"))?;
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Violation::protocol("the reserved bits are zero"));
        }
        if length > i64::MAX as u64 {
            return Err(Violation::protocol("a length has 63 bits"));
        }
        if header.len(length) != header_bytes {
            return Err(Violation::protocol("a length is as short as can be"));
        }
        if matches!(header.opcode, OpCode::Control(_)) {
            if !header.is_final {
                return Err(Violation::protocol("a control frame is not fragmented"));
            }
            if length > CONTROL_BYTES_MAX as u64 {
                return Err(Violation::protocol("a control frame is short"));
            }
        }
        let frame = Self {
            opcode: header.opcode,
            is_final: header.is_final,
            remaining: length,
            mask,
        };
        Ok(Some((frame, header_bytes)))
    }

    /// Whether all of the payload was taken.
    pub(super) fn is_complete(&self) -> bool {
        self.remaining == 0
    }

    /// Takes what `bytes` have of the payload.
    pub(super) fn take_payload<'a>(&mut self, bytes: &mut &'a [u8]) -> Masked<'a> {
        let taken = usize::try_from(self.remaining).map_or(bytes.len(), |n| n.min(bytes.len()));
        let (payload, rest) = bytes.split_at(taken);
        *bytes = rest;
        self.remaining -= taken as u64;
        let mask = self.mask;
        self.mask.rotate_left(taken % mask.len());
        Masked { payload, mask }
    }
}

/// A piece of a payload as the client sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Masked<'a> {
    payload: &'a [u8],
    mask: [u8; 4],
}

impl Masked<'_> {
    /// Appends the piece without its mask.
    pub(super) fn append_to(self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.payload);
        let (words, rest) = out[start..].as_chunks_mut();
        let mask = u32::from_ne_bytes(self.mask);
        for word in words {
            *word = (u32::from_ne_bytes(*word) ^ mask).to_ne_bytes();
        }
        for (byte, mask) in rest.iter_mut().zip(self.mask) {
            *byte ^= mask;
        }
    }
}

/// The bytes of a header of which the rest is still to come.
#[derive(Debug, Default)]
pub(super) struct PartialHeader {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl PartialHeader {
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads the next header off `bytes`, or keeps what they have of it and answers `None`.
    pub(super) fn read(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        if self.len == 0
            && let Some((frame, header_bytes)) = Frame::parse(bytes)?
        {
            *bytes = &bytes[header_bytes..];
            return Ok(Some(frame));
        }
        let held = usize::from(self.len);
        let added = bytes.len().min(HEADER_BYTES_MAX - held);
        self.bytes[held..held + added].copy_from_slice(&bytes[..added]);
        match Frame::parse(&self.bytes[..held + added])? {
            Some((frame, header_bytes)) => {
                *bytes = &bytes[header_bytes - held..];
                self.len = 0;
                Ok(Some(frame))
            }
            None => {
                *bytes = &bytes[added..];
                self.len = (held + added) as u8;
                Ok(None)
            }
        }
    }
}

/// Appends a text frame that is a whole message. The frame is the same for every receiver.
pub fn write_text_frame(out: &mut impl BufMut, payload: &[u8]) {
    write_frame(out, OpCode::Data(Data::Text), payload);
}

/// Bytes that [`write_text_frame`] appends for a payload of `payload_len` bytes.
pub fn text_frame_len(payload_len: usize) -> usize {
    FrameHeader::default().len(payload_len as u64) + payload_len
}

/// Appends a control frame; the payload has no more than [`CONTROL_BYTES_MAX`] bytes.
pub(super) fn write_control_frame(out: &mut Vec<u8>, control: Control, payload: &[u8]) {
    debug_assert!(payload.len() <= CONTROL_BYTES_MAX);
    write_frame(out, OpCode::Control(control), payload);
}

fn write_frame(out: &mut impl BufMut, opcode: OpCode, payload: &[u8]) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    header
        .format(payload.len() as u64, &mut out.writer())
        .expect("the buffer has room for a frame");
    out.put_slice(payload);
}

//! The state of one open WebSocket.

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::close::{self, CloseCode, Violation};
use super::frame::{Frame, Masked, PartialHeader, write_control_frame};
use super::limits::CONTROL_FRAMES_MAX;
use super::message::Message;

/// What a WebSocket is after some bytes were received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// More may come.
    Open,
    /// The closing handshake is over, or the client was closed for a violation; the last frame for
    /// it is in `out`. Send that, then end the connection.
    Closed {
        /// The code of the first close frame, whoever sent it; 1005 where the client gave none.
        code: u16,
    },
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Open,
    /// Our close frame was written; the client's is awaited.
    Closing {
        code: CloseCode,
    },
    Closed {
        code: u16,
    },
}

/// The protocol state of one open WebSocket, server side. It has no memory on the heap between two
/// messages, and during one no more than twice
/// [`MESSAGE_BYTES_MAX`](super::limits::MESSAGE_BYTES_MAX).
#[derive(Debug, Default)]
pub struct WebSocket {
    state: State,
    header: PartialHeader,
    /// The frame whose payload is awaited.
    frame: Option<Frame>,
    message: Message,
    /// What has come of a control frame's payload; control frames may come amid a message.
    control: Vec<u8>,
    /// Pings and pongs since the last reset.
    control_frames: u32,
}

impl WebSocket {
    /// A WebSocket right after the handshake.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes received bytes, however they were cut, and calls `on_text` for each complete text
    /// message, in order, with `out`, so that a reply keeps its place among the protocol's own
    /// frames. Answers to pings and to a close frame are appended there, as is the close frame for a
    /// client that breaks the protocol or a limit; nothing after that is read. Messages that come
    /// after [`close`](Self::close) are ignored.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        mut on_text: impl FnMut(&str, &mut Vec<u8>),
    ) -> Received {
        if let Err(violation) = self.read_frames(bytes, out, &mut on_text) {
            self.close(violation.code, violation.reason, out);
            self.end(violation.code.into());
        }
        self.message.release_idle();
        match self.state {
            State::Open | State::Closing { .. } => Received::Open,
            State::Closed { code } => Received::Closed { code },
        }
    }

    /// Starts the closing handshake, unless one has begun. The reason is cut to 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) {
        if self.is_closing() {
            return;
        }
        write_control_frame(out, Control::Close, &close::payload(code, reason));
        self.state = State::Closing { code };
        self.message.discard();
    }

    /// Drops what has come of a message or a control frame. To be called once nothing more is received.
    pub fn discard(&mut self) {
        self.message.discard();
        self.control = Vec::new();
    }

    /// Writes a ping, which a live client answers, unless the closing handshake has begun.
    pub fn ping(&mut self, out: &mut Vec<u8>) {
        if !self.is_closing() {
            write_control_frame(out, Control::Ping, &[]);
        }
    }

    /// Whether the closing handshake has begun: nothing more may be sent but what it appends itself.
    pub fn is_closing(&self) -> bool {
        !matches!(self.state, State::Open)
    }

    /// Lets the client send [`CONTROL_FRAMES_MAX`] pings and pongs anew. To be called once a second,
    /// or before the first read in another second than the last.
    pub fn reset_control_frames(&mut self) {
        self.control_frames = 0;
    }

    fn read_frames(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<u8>,
        on_text: &mut impl FnMut(&str, &mut Vec<u8>),
    ) -> Result<(), Violation> {
        while !matches!(self.state, State::Closed { .. }) {
            let Some(mut frame) = self.next_frame(&mut bytes)? else {
                break;
            };
            let piece = frame.take_payload(&mut bytes);
            match frame.opcode {
                OpCode::Control(control) => self.read_control(control, frame, piece, out)?,
                OpCode::Data(_) => self.read_data(frame, piece, out, on_text)?,
            }
            if !frame.is_complete() {
                self.frame = Some(frame);
                break;
            }
        }
        Ok(())
    }

    /// The frame whose payload comes next: the one begun in an earlier read, or a new one.
    fn next_frame(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        if let Some(begun) = self.frame.take() {
            return Ok(Some(begun));
        }
        let Some(frame) = self.header.read(bytes)? else {
            return Ok(None);
        };
        if !self.is_closing() {
            self.admit(&frame)?;
        }
        Ok(Some(frame))
    }

    /// Judges a frame by its header, before any of its payload is kept.
    fn admit(&mut self, frame: &Frame) -> Result<(), Violation> {
        match frame.opcode {
            OpCode::Data(Data::Binary) => {
                let reason = "messages are text";
                Err(Violation::new(CloseCode::Unsupported, reason))
            }
            OpCode::Data(data) => self.message.admit(data == Data::Continue, frame.remaining),
            OpCode::Control(Control::Close) => Ok(()),
            OpCode::Control(_) => {
                self.control_frames += 1;
                if self.control_frames > CONTROL_FRAMES_MAX {
                    let reason = "too many pings or pongs";
                    return Err(Violation::new(CloseCode::PolicyViolation, reason));
                }
                Ok(())
            }
        }
    }

    fn read_data(
        &mut self,
        frame: Frame,
        piece: Masked<'_>,
        out: &mut Vec<u8>,
        on_text: &mut impl FnMut(&str, &mut Vec<u8>),
    ) -> Result<(), Violation> {
        if self.is_closing() {
            return Ok(());
        }
        self.message.append(piece);
        if frame.is_complete() && frame.is_final {
            self.message.finish(|text| on_text(text, out))
        } else {
            self.message.check_so_far()
        }
    }

    fn read_control(
        &mut self,
        control: Control,
        frame: Frame,
        piece: Masked<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        piece.append_to(&mut self.control);
        if !frame.is_complete() {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.control);
        match control {
            Control::Ping if !self.is_closing() => {
                write_control_frame(out, Control::Pong, &payload);
            }
            Control::Close => {
                let code = close::received_code(&payload)?;
                if !self.is_closing() {
                    // The answer carries the client's code, and no reason (section 5.5.1).
                    let code = payload.first_chunk::<2>().map_or(&[][..], |code| code);
                    write_control_frame(out, Control::Close, code);
                }
                self.end(code);
            }
            Control::Ping | Control::Pong | Control::Reserved(_) => {}
        }
        Ok(())
    }

    /// Ends the protocol; the code of a close frame that was sent before stands.
    fn end(&mut self, code: u16) {
        let code = match self.state {
            State::Open => code,
            State::Closing { code } => code.into(),
            State::Closed { code } => code,
        };
        self.state = State::Closed { code };
        self.discard();
    }

    /// Whether all that was received is whole: neither a frame nor a message has come in part.
    pub fn is_between_messages(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && !self.message.is_begun()
    }

    /// Bytes that it holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.message.heap_bytes() + self.control.capacity()
    }
}

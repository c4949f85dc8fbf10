//! The server's side of the WebSocket protocol (RFC 6455) over bytes in memory.
//!
//! The codes, the handshake's digest and the layout of frame headers are `tungstenite`'s; what it
//! reads messages with, `WebSocketContext`, isn't used. That type owns an input buffer which stays
//! as large as the largest frame so far, copies every received byte into it and every payload to be
//! sent out of it, and looks at the mask and the reserved bits only after the whole payload has come.
//! A shard holds tens of thousands of sockets of which almost all are silent, so [`WebSocket`] keeps
//! a hundred bytes of state and has memory on the heap only between the first and the last byte of a
//! message, judges a frame by its header, and reads straight from the shard's read buffer. Messages
//! to clients are encoded once for all receivers with [`write_text_frame`].
//!
//! Extensions, `permessage-deflate` among them, are never negotiated: a compressed message would
//! cost memory that its length doesn't tell.

mod close;
mod frame;
mod handshake;
pub mod limits;
mod message;
mod socket;
#[cfg(test)]
mod tests;

pub use close::CloseCode;
pub use frame::{text_frame_len, write_text_frame};
pub use handshake::{
    Accepted, BATCH_PROTOCOL, UpgradeRefusal, UpgradeRequest, VERSION, accept,
    write_switching_protocols,
};
pub use socket::{Received, WebSocket};

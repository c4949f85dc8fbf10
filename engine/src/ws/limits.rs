//! What one client may cost on a WebSocket.

/// Bytes of a text message, whether it comes in one frame or in many, and so of any frame.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Frames of one message. Empty continuation frames add no bytes, so that the bound on a message's
/// bytes alone would let a message go on for ever.
pub const MESSAGE_FRAGMENTS_MAX: u32 = 1024;

/// Pings and pongs between two calls of [`reset_control_frames`](super::WebSocket::reset_control_frames),
/// which are meant to be a second apart.
pub const CONTROL_FRAMES_MAX: u32 = 10;

/// Bytes of frames that a client may send before its handshake is answered.
pub const EARLY_FRAMES_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a control frame's payload (RFC 6455, section 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

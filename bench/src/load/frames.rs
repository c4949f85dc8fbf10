//! A client's side of WebSocket frames, behind the handshake.

use crate::frame::{self, Frame, OPCODE_CLOSE, OPCODE_PING, OPCODE_TEXT};
use crate::load::codec::Broken;
use crate::load::link::Link;
use crate::load::scan::Lines;

/// Takes in the first frame, as [`crate::load::codec::Codec::take_first`] does: the lines of a text one by one,
/// pings with their answer.
///
/// # Errors
/// Where the server closes, or a line is an end.
pub(super) fn take_first(
    input: &[u8],
    link: &mut Link,
    mut take_line: impl FnMut(&[u8], &mut Link) -> Result<(), Broken>,
) -> Result<Option<usize>, Broken> {
    let Some(frame) = Frame::split(input) else {
        return Ok(None);
    };
    let payload = &input[frame.start..frame.end];
    match frame.opcode {
        OPCODE_TEXT => {
            for line in Lines(payload) {
                take_line(line, link)?;
            }
        }
        OPCODE_PING => frame::put_pong(payload, &mut link.out),
        OPCODE_CLOSE => return Err(Broken::Closed(frame::close_code(payload))),
        _ => {}
    }
    Ok(Some(frame.end))
}

//! A client's side of the WebSocket handshake (RFC 6455, section 4.1).

use crate::load::codec::Broken;
use crate::load::http::head_end;

/// Any 16 bytes in base64; the server's answer to it is not checked here.
const KEY: &str = "cm9va2VyeSBsaXN0ZW5lcg==";
const SWITCHING: &[u8] = b"HTTP/1.1 101";

/// Appends the request to switch protocols. `headers` are whole lines.
pub(crate) fn put_request(path: &str, host: &str, headers: &str, out: &mut Vec<u8>) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n"
    );
    out.extend_from_slice(request.as_bytes());
}

/// Where the reply ends and frames begin, if it is there as a whole.
pub(super) fn reply_end(input: &[u8]) -> Result<Option<usize>, Broken> {
    match head_end(input) {
        Some(end) if input.starts_with(SWITCHING) => Ok(Some(end)),
        Some(_) => Err(Broken::Refused(String::from_utf8_lossy(input).into_owned())),
        None => Ok(None),
    }
}

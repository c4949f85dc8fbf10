//! A client's side of HTTP.

use serde_json::Value;

/// An HTTP reply.
#[derive(Debug)]
pub struct HttpReply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl HttpReply {
    /// Takes the reply in front, where it is whole.
    pub fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = header(&head, "Content-Length").map_or(0, |length| length.parse().unwrap());
        if bytes.len() < end + length {
            return None;
        }
        let body = bytes[end..end + length].to_vec();
        bytes.drain(..end + length);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Self { status, head, body })
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The address of the next page.
    pub fn next_page(&self) -> Option<&str> {
        let link = header(&self.head, "Link")?.strip_prefix('<')?;
        Some(link.split_once('>')?.0)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut named = fields.filter(|(field, _)| *field == name);
    named.next().map(|(_, value)| value)
}

/// The bodies of replies, all of them with status 200.
pub fn bodies(replies: &[u8]) -> Vec<String> {
    let mut replies = replies.to_vec();
    let mut bodies = Vec::new();
    while !replies.is_empty() {
        let reply = HttpReply::take(&mut replies).unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        bodies.push(String::from_utf8(reply.body).unwrap());
    }
    bodies
}

/// The header of a caller in trust mode.
pub fn user_cookie(user: &str) -> String {
    format!("Cookie: user_id={user}\r\n")
}

/// A request; `credentials` is a whole header line, or nothing.
pub fn request(method: &str, path: &str, credentials: &str, body: Option<&Value>) -> Vec<u8> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let content = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{credentials}{content}\r\n");
    (head + &body).into_bytes()
}

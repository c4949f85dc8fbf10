//! Requests that attackers make.

/// Appends a request without a body. `credential` is a whole header line, or empty.
pub(super) fn put_get(path: &str, host: &str, credential: &str, out: &mut Vec<u8>) {
    let line_end = if credential.is_empty() { "" } else { "\r\n" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{credential}{line_end}\r\n");
    out.extend_from_slice(request.as_bytes());
}

/// Appends the head of a post with so many bytes of JSON.
pub(super) fn put_post_head(path: &str, host: &str, body_bytes: usize, out: &mut Vec<u8>) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {body_bytes}\r\n\r\n"
    );
    out.extend_from_slice(head.as_bytes());
}

/// Appends a post of a name and a password, as registrations and logins are.
pub(super) fn put_credentials(
    path: &str,
    host: &str,
    name: &str,
    password: &str,
    out: &mut Vec<u8>,
) {
    let body = format!(r#"{{"username":"{name}","password":"{password}"}}"#);
    put_post_head(path, host, body.len(), out);
    out.extend_from_slice(body.as_bytes());
}

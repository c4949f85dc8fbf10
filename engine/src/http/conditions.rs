//! Requests for what a client may have already (RFC 9110, section 13).

use super::fields::list_members;
use super::request::Request;

/// Whether a request names a representation, by its strong tag, as one that it has: it is then told so, and sent nothing
/// (RFC 9110, 13.1.2). Tags are compared as weak ones.
pub(crate) fn is_known(request: &Request, etag: &str) -> bool {
    let mut known = request.headers("if-none-match").flat_map(list_members);
    known.any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes())
}

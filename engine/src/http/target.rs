//! The request target and the `Host` it may carry (RFC 9112, section 3.2).

use memchr::{memchr, memchr2, memmem};

use super::method::Method;
use super::refusal::Refusal;

/// The parts of a request target.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// The host and port of an absolute-form target, which overrules the `Host` header.
    pub(super) authority: Option<&'a [u8]>,
    /// Begins with a slash; empty for the root of an absolute-form target; `*` for `OPTIONS *`.
    pub(super) path: &'a [u8],
    /// What follows the first question mark.
    pub(super) query: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// Takes a target apart. It holds no space and no control byte: httparse has seen to that.
    pub(super) fn parse(target: &'a [u8], method: Method) -> Result<Self, Refusal> {
        if !target.is_ascii() || memchr(b'#', target).is_some() {
            return Err(Refusal::BAD_TARGET);
        }
        if target == b"*" && method == Method::Options {
            return Ok(Self {
                authority: None,
                path: target,
                query: None,
            });
        }
        let (authority, rest) = match target.first() {
            Some(b'/') => (None, target),
            _ => split_absolute(target)?,
        };
        let (path, query) = match memchr(b'?', rest) {
            Some(mark) => (&rest[..mark], Some(&rest[mark + 1..])),
            None => (rest, None),
        };
        // Neither has an honest use in a path, and both have fooled those who map paths to files.
        if memchr2(b'%', b'\\', path).is_some()
            && (memchr(b'\\', path).is_some() || memmem::find(path, b"%00").is_some())
        {
            return Err(Refusal::BAD_TARGET);
        }
        Ok(Self {
            authority,
            path,
            query,
        })
    }
}

/// Splits `http://authority/path?query` before the path or query.
fn split_absolute(target: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Refusal> {
    let scheme_len = memmem::find(target, b"://").ok_or(Refusal::BAD_TARGET)?;
    let scheme = &target[..scheme_len];
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(Refusal::BAD_TARGET);
    }
    let rest = &target[scheme_len + "://".len()..];
    let (authority, rest) = rest.split_at(memchr2(b'/', b'?', rest).unwrap_or(rest.len()));
    if !is_authority(authority) {
        return Err(Refusal::BAD_TARGET);
    }
    Ok((Some(authority), rest))
}

/// Whether `text` is a host with an optional port.
///
/// Narrower than RFC 3986: no user (RFC 9110, 4.2.4), no empty host (4.2.1), and of registered
/// names only what occurs in DNS.
pub(super) fn is_authority(text: &[u8]) -> bool {
    let (host_is_valid, port) = match text.strip_prefix(b"[") {
        Some(literal) => {
            let Some(end) = memchr(b']', literal) else {
                return false;
            };
            (is_ipv6_literal(&literal[..end]), &literal[end + 1..])
        }
        None => {
            let (host, port) = text.split_at(memchr(b':', text).unwrap_or(text.len()));
            (is_host_name(host), port)
        }
    };
    host_is_valid && is_port_suffix(port)
}

fn is_host_name(host: &[u8]) -> bool {
    !host.is_empty()
        && host
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

fn is_ipv6_literal(address: &[u8]) -> bool {
    str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Whether `text` is nothing, or a colon and a port; the port may be absent (RFC 3986, 3.2.3).
fn is_port_suffix(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((b':', [])) => true,
        Some((b':', digits)) => {
            digits.iter().all(u8::is_ascii_digit)
                && str::from_utf8(digits).is_ok_and(|text| text.parse::<u16>().is_ok())
        }
        Some(_) => false,
    }
}

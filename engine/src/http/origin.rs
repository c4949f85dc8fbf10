//! Where a page comes from, as its browser names it (RFC 6454).

use super::target::is_authority;

/// A scheme, a host and a port, such as `https://chat.example` or `capacitor://localhost`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// As browsers write it: in lower case, without the port that is the scheme's default.
    text: Box<str>,
    scheme_len: usize,
}

impl Origin {
    /// The origin that a text names; `None` where it names none, or more than an origin.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = split(text.as_bytes())?;
        let mut chars = scheme.iter();
        let is_scheme = chars.next().is_some_and(u8::is_ascii_alphabetic)
            && chars.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
        if !is_scheme || !is_authority(authority) {
            return None;
        }
        let [scheme, authority] = [scheme, authority].map(String::from_utf8_lossy);
        Some(Self {
            scheme_len: scheme.len(),
            text: format!("{scheme}://{authority}").into(),
        })
    }

    /// The origin, as browsers write it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme, such as `https`.
    pub fn scheme(&self) -> &str {
        &self.text[..self.scheme_len]
    }

    /// The host, and the port unless it is the scheme's default.
    pub fn authority(&self) -> &str {
        &self.text[self.scheme_len + SEPARATOR.len()..]
    }

    /// Whether an `Origin` field names this origin.
    pub(crate) fn is_named_by(&self, field: &[u8]) -> bool {
        split(field.trim_ascii()).is_some_and(|(scheme, authority)| {
            scheme.eq_ignore_ascii_case(self.scheme().as_bytes())
                && authority.eq_ignore_ascii_case(self.authority().as_bytes())
        })
    }

    /// Whether a request for this host, with its port where one is given, is for this origin.
    pub(crate) fn is_at(&self, host: &[u8]) -> bool {
        without_default_port(self.scheme().as_bytes(), host)
            .eq_ignore_ascii_case(self.authority().as_bytes())
    }
}

const SEPARATOR: &[u8] = b"://";

/// Whether an `Origin` field names a page that was served by this host. The scheme may be either of the web's: where
/// TLS ends at a proxy, a request does not tell.
pub(crate) fn is_page_of(field: &[u8], host: &[u8]) -> bool {
    split(field.trim_ascii()).is_some_and(|(scheme, authority)| {
        let is_web = [b"http".as_slice(), b"https"].contains(&scheme);
        is_web
            && !authority.is_empty()
            && without_default_port(scheme, host).eq_ignore_ascii_case(authority)
    })
}

/// Scheme and authority, the latter without the scheme's default port: browsers leave it out, other clients may
/// write it.
fn split(origin: &[u8]) -> Option<(&[u8], &[u8])> {
    let scheme_len = memchr::memmem::find(origin, SEPARATOR)?;
    let scheme = &origin[..scheme_len];
    let authority = &origin[scheme_len + SEPARATOR.len()..];
    Some((scheme, without_default_port(scheme, authority)))
}

fn without_default_port<'a>(scheme: &[u8], authority: &'a [u8]) -> &'a [u8] {
    let port: &[u8] = match scheme {
        b"http" => b":80",
        b"https" => b":443",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_write_it() {
        for (text, kept) in [
            ("https://chat.example", "https://chat.example"),
            ("https://Chat.Example:443", "https://chat.example"),
            ("http://chat.example:80", "http://chat.example"),
            ("http://chat.example:443", "http://chat.example:443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            let origin = Origin::parse(text);
            assert_eq!(origin.as_ref().map(Origin::as_str), Some(kept), "{text}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_none() {
        for text in [
            "",
            "*",
            "null",
            "chat.example",
            "https://",
            "://chat.example",
            "1https://chat.example",
            "https://chat.example/",
            "https://chat.example?a",
            "https://user@chat.example",
            "https://chat.example:port",
            "https://*.example",
            "https://chat.example https://other.example",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_field_names_an_origin_with_or_without_its_default_port() {
        let origin = Origin::parse("https://chat.example").expect("valid");
        for field in ["https://chat.example", " https://CHAT.example:443 "] {
            assert!(origin.is_named_by(field.as_bytes()), "{field}");
        }
        for field in [
            "http://chat.example",
            "https://chat.example:80",
            "https://chat.example.evil.example",
            "https://evil-chat.example",
            "https://evil.example/chat.example",
            "https://chat.example/",
            "chat.example",
            "null",
            "",
        ] {
            assert!(!origin.is_named_by(field.as_bytes()), "{field}");
        }
        assert!(origin.is_at(b"chat.example") && origin.is_at(b"Chat.example:443"));
        assert!(!origin.is_at(b"chat.example:80") && !origin.is_at(b"chat.example."));
    }

    #[test]
    fn a_page_is_of_the_host_that_served_it() {
        for (field, host, is_of) in [
            ("http://app.example:8000", "app.example:8000", true),
            ("https://APP.example:8000", "app.example:8000", true),
            ("http://app.example", "app.example", true),
            ("http://app.example", "app.example:80", true),
            ("https://app.example:443", "app.example", true),
            ("http://app.example", "app.example:443", false),
            ("http://app.example:8000", "app.example", false),
            ("https://app.example", "app.example:8000", false),
            ("https://app.example.evil.example", "app.example", false),
            ("https://evil.example/app.example", "app.example", false),
            ("ftp://app.example", "app.example", false),
            ("capacitor://localhost", "localhost", false),
            ("app.example", "app.example", false),
            ("null", "app.example", false),
            ("http://", "", false),
        ] {
            let found = is_page_of(field.as_bytes(), host.as_bytes());
            assert_eq!(found, is_of, "{field} of {host}");
        }
    }
}

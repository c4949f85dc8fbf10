//! The cookies that a login sets, and that browsers send back (RFC 6265bis).

use rookery_schema::UserId;
use rookery_schema::limits::SESSION_MILLIS;

/// The cookie that names the user. In trust mode it is who calls; in token mode it is for pages, which can't read
/// the token.
pub(crate) const USER_COOKIE: &str = "user_id";

/// Cookies as this server sets and reads them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    /// Users reach this server by TLS alone.
    secure: bool,
}

impl Cookies {
    pub(crate) const fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// The name of the cookie that carries the token. Browsers take one with this prefix by TLS alone, and from no
    /// other host, so that neither a page in plain text nor a subdomain can set it.
    pub(crate) const fn session(self) -> &'static str {
        if self.secure {
            "__Host-session"
        } else {
            "session"
        }
    }

    /// The fields of a reply that set both cookies.
    pub(crate) fn set(self, user_id: UserId, token: &str) -> Vec<(&'static str, String)> {
        self.fields(&user_id.to_string(), token, SESSION_MILLIS / 1000)
    }

    /// The fields of a reply that take both cookies back.
    pub(crate) fn expire(self) -> Vec<(&'static str, String)> {
        self.fields("", "", 0)
    }

    fn fields(self, user_id: &str, token: &str, age_seconds: u64) -> Vec<(&'static str, String)> {
        let secure = if self.secure { "; Secure" } else { "" };
        let attributes = format!("Path=/; Max-Age={age_seconds}; SameSite=Lax{secure}");
        let session = self.session();
        vec![
            (
                "Set-Cookie",
                format!("{session}={token}; {attributes}; HttpOnly"),
            ),
            (
                "Set-Cookie",
                format!("{USER_COOKIE}={user_id}; {attributes}"),
            ),
        ]
    }
}

/// The values of a cookie in a `Cookie` field, in order. What else is in the field may be anything.
pub(crate) fn values<'a>(field: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    field.split(|byte| *byte == b';').filter_map(move |pair| {
        let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
        let value = value.trim_ascii_start().strip_prefix(b"=")?;
        Some(value.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_values_of_a_cookie_are_found_among_others() {
        let field = b"a=b; session=to.ke.n ;user_id=\xff; session2=x;sessio=y; session=second";
        let found: Vec<_> = values(field, "session").collect();
        assert_eq!(found, [&b"to.ke.n"[..], b"second"]);
        assert_eq!(values(field, "user_id").next(), Some(&b"\xff"[..]));
        assert_eq!(values(field, "missing").next(), None);
    }
}

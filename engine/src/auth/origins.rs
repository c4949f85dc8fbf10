//! Which pages may act for the users of this server, and as which hosts it is reached.

use memchr::memchr;

use crate::config::{AuthMode, ShardConfig};
use crate::http::{Origin, Request, is_page_of};

/// See the module.
pub(crate) struct Origins {
    /// Where users find this server; empty where that is not told.
    public: Vec<Origin>,
    allowed: Vec<Origin>,
    mode: AuthMode,
}

/// What a reply tells the browser of a page that was served elsewhere (the CORS protocol of the Fetch standard).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cors {
    /// The place of the page's origin among those allowed; `None`: it may not read the reply.
    allowed: Option<u16>,
    /// Whether it may read replies to requests with cookies.
    credentials: bool,
}

/// Fields of replies that pages of other origins may read, besides those that the Fetch standard lets them.
const EXPOSED_FIELDS: &str = "Link, Location, Retry-After";

impl Origins {
    pub(crate) fn new(config: &ShardConfig) -> Self {
        Self {
            public: config.public_urls.clone(),
            allowed: config.allowed_origins.clone(),
            mode: config.auth,
        }
    }

    /// Whether a request for this host (with its port, where one is given) is for this server. A page that has its
    /// own name resolve to our address (DNS rebinding) names itself here. In trust mode nothing else would keep it
    /// out; in token mode it has nobody's cookies.
    pub(crate) fn is_host(&self, host: Option<&str>) -> bool {
        match (self.public.as_slice(), self.mode) {
            ([], AuthMode::Token) => true,
            ([], AuthMode::Trust) => host.is_none_or(is_local_name),
            (public, _) => host.is_some_and(|host| {
                let mut public = public.iter();
                public.any(|origin| origin.is_at(host.as_bytes()))
            }),
        }
    }

    /// Whether a browser says that the request is made by a page of another origin, which is not allowed either.
    pub(crate) fn is_foreign(&self, request: &Request) -> bool {
        match (request.origin(), request.sec_fetch_site()) {
            (Some(origin), _) => !self.admits(origin, request),
            (None, site) => {
                site.is_some_and(|site| [b"cross-site".as_slice(), b"same-site"].contains(&site))
            }
        }
    }

    fn admits(&self, origin: &[u8], request: &Request) -> bool {
        let is_own = if self.public.is_empty() {
            let host = request.authority();
            host.is_some_and(|host| is_page_of(origin, host.as_bytes()))
        } else {
            self.public.iter().any(|own| own.is_named_by(origin))
        };
        is_own || self.allowed(origin).is_some()
    }

    fn allowed(&self, origin: &[u8]) -> Option<usize> {
        let mut allowed = self.allowed.iter();
        allowed.position(|allowed| allowed.is_named_by(origin))
    }

    /// What a reply must tell the page that asks; `None` where no page from elsewhere does, or none may.
    pub(crate) fn cors(&self, request: &Request) -> Option<Cors> {
        let origin = request.origin().filter(|_| !self.allowed.is_empty())?;
        let allowed = self.allowed(origin);
        Some(Cors {
            allowed: allowed.and_then(|index| u16::try_from(index).ok()),
            credentials: allowed.is_some_and(|index| is_same_site(&self.allowed[index], request)),
        })
    }
}

impl Cors {
    /// Whether the page may read the reply.
    pub(crate) const fn is_allowed(self) -> bool {
        self.allowed.is_some()
    }

    /// The reply's fields, with the origins that are allowed.
    pub(crate) fn fields(self, allowed: &[Origin]) -> impl Iterator<Item = (&'static str, &str)> {
        let origin = self
            .allowed
            .and_then(|index| allowed.get(usize::from(index)));
        let credentials = self.credentials.then_some("true");
        [
            ("Vary", Some("Origin")),
            ("Access-Control-Allow-Origin", origin.map(Origin::as_str)),
            ("Access-Control-Allow-Credentials", credentials),
            (
                "Access-Control-Expose-Headers",
                origin.map(|_| EXPOSED_FIELDS),
            ),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// Whether a host is an IP address or `localhost`: names that nobody can have resolve to an address of ours.
fn is_local_name(host: &str) -> bool {
    // Whether a literal with brackets is an IPv6 address was checked with the head.
    let name = &host[..memchr(b':', host.as_bytes()).unwrap_or(host.len())];
    name.starts_with('[') || is_numeric(name) || name.eq_ignore_ascii_case("localhost")
}

/// Whether a browser takes a host for an IPv4 address, as it does where the last label is a number (the URL standard,
/// section 3.5): it then looks no name up.
fn is_numeric(host: &str) -> bool {
    let mut bytes = host
        .bytes()
        .rev()
        .take_while(|byte| *byte != b'.')
        .peekable();
    bytes.peek().is_some() && bytes.all(|byte| byte.is_ascii_digit())
}

/// Whether a browser sends our cookies, which are `SameSite=Lax`, with what a page of this origin asks. Where it does
/// not say so, hosts that end alike count as one site. Of names below a public suffix such as `co.uk` that is not
/// true; a browser knows better, and sends no cookie.
fn is_same_site(origin: &Origin, request: &Request) -> bool {
    match request.sec_fetch_site() {
        Some(site) => site == b"same-site",
        None => request.authority().is_some_and(|host| {
            let [page, own] = [origin.authority(), host].map(site_of);
            page.eq_ignore_ascii_case(own)
        }),
    }
}

/// The part of a host that all hosts of a site have: the last two labels of a name, all of an address.
fn site_of(authority: &str) -> &str {
    if authority.starts_with('[') {
        let end = authority.find(']').map_or(authority.len(), |end| end + 1);
        return &authority[..end];
    }
    let host = authority.split(':').next().unwrap_or_default();
    if is_numeric(host) {
        return host;
    }
    let mut dots = host.rmatch_indices('.').map(|(index, _)| index + 1);
    dots.nth(1).map_or(host, |start| &host[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_what_its_hosts_share() {
        for (authority, site) in [
            ("app.chat.example.com:8443", "example.com"),
            ("example.com", "example.com"),
            ("localhost:8000", "localhost"),
            ("192.168.1.7:80", "192.168.1.7"),
            ("[::1]:80", "[::1]"),
        ] {
            assert_eq!(site_of(authority), site, "{authority}");
        }
    }

    #[test]
    fn names_that_can_be_pointed_anywhere_are_not_local() {
        for host in ["127.0.0.1", "10.0.0.1:8000", "1", "[::1]:80", "LOCALHOST:1"] {
            assert!(is_local_name(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "1.",
            "",
        ] {
            assert!(!is_local_name(host), "{host}");
        }
    }
}

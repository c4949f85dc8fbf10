//! A request, as handlers see it.

use bytes::Bytes;
use smallvec::SmallVec;

use super::head::{Head, HeaderSpan, INLINE_HEADERS, SingleFields, Span};
use super::method::{Method, Version};
use super::path::decode_unreserved;

/// One whole request: a checked head and a body that is free of transfer codings.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The version.
    pub version: Version,
    /// Whether the client wants the connection to stay open (RFC 9112, 9.3).
    pub keep_alive: bool,
    /// The body; empty where there is none.
    pub body: Bytes,
    has_body_framing: bool,
    has_content_coding: bool,
    authority: Option<Span>,
    path: Span,
    query: Option<Span>,
    single: SingleFields,
    headers: SmallVec<[HeaderSpan; INLINE_HEADERS]>,
    head: Bytes,
}

impl Request {
    pub(super) fn new(parsed: Head, mut head: Vec<u8>, body: Bytes) -> Self {
        let mut path = parsed.path;
        path.shorten(decode_unreserved(path.of_mut(&mut head)));
        Self {
            method: parsed.method,
            version: parsed.version,
            keep_alive: parsed.keep_alive,
            body,
            has_body_framing: parsed.framing.announces_body(),
            has_content_coding: parsed.has_content_coding,
            authority: parsed.authority,
            path,
            query: parsed.query,
            single: parsed.single,
            headers: parsed.headers,
            head: head.into(),
        }
    }

    /// The path: visible ASCII that begins with a slash, or `*` for `OPTIONS *`. Unreserved characters are decoded
    /// (RFC 3986, 6.2.2.2), all others stay as they came.
    pub fn path(&self) -> &str {
        str::from_utf8(self.path_bytes()).unwrap_or_default()
    }

    /// The same as bytes, which need no check that they are UTF-8.
    pub fn path_bytes(&self) -> &[u8] {
        match self.path.of(&self.head) {
            // An absolute-form target without a path is the root's, or the whole server's (RFC 9112, 3.2.4).
            b"" if self.method == Method::Options && self.query.is_none() => b"*",
            b"" => b"/",
            path => path,
        }
    }

    /// What follows the question mark of the target, not decoded.
    pub fn query(&self) -> Option<&str> {
        self.query.map(|query| self.text(query))
    }

    /// The host and port that the request is for: the target's, else those of `Host`
    /// (RFC 9112, 3.2.2). None only in HTTP/1.0.
    pub fn authority(&self) -> Option<&str> {
        self.authority.map(|authority| self.text(authority))
    }

    /// The credentials of the caller, undecoded.
    pub fn authorization(&self) -> Option<&[u8]> {
        self.single(self.single.authorization)
    }

    /// The media type of the body, with its parameters.
    pub fn content_type(&self) -> Option<&[u8]> {
        self.single(self.single.content_type)
    }

    /// By what a request that is sent again is known.
    pub fn idempotency_key(&self) -> Option<&[u8]> {
        self.single(self.single.idempotency_key)
    }

    /// The origin of the page that makes the request, as a browser says it.
    pub fn origin(&self) -> Option<&[u8]> {
        self.single(self.single.origin)
    }

    /// How near that page is to this server, as a browser says it.
    pub fn sec_fetch_site(&self) -> Option<&[u8]> {
        self.single(self.single.sec_fetch_site)
    }

    fn single(&self, place: Option<u8>) -> Option<&[u8]> {
        let field = self.headers.get(usize::from(place?))?;
        Some(field.value.of(&self.head))
    }

    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// Every value of a header in the order sent, whatever the case of its name.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers
            .iter()
            .filter(move |header| {
                header
                    .name
                    .of(&self.head)
                    .eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|header| header.value.of(&self.head))
    }

    /// Whether the head announced a body: a `Content-Length` above zero, or chunks, even if none
    /// but the last came.
    pub fn has_body_framing(&self) -> bool {
        self.has_body_framing
    }

    /// Whether the body is compressed, or coded in another way (RFC 9110, 8.4).
    pub fn has_content_coding(&self) -> bool {
        self.has_content_coding
    }

    /// Bytes that it holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        let spilled = match self.headers.spilled() {
            true => self.headers.capacity() * size_of::<HeaderSpan>(),
            false => 0,
        };
        self.head.len() + self.body.len() + spilled
    }

    /// A part of the head that was found to be ASCII when it was parsed.
    fn text(&self, span: Span) -> &str {
        str::from_utf8(span.of(&self.head)).unwrap_or_default()
    }
}

//! What a complete head says, checked.

use std::mem::MaybeUninit;

use httparse::Header;
use smallvec::SmallVec;

use super::fields::{is_token, list_members};
use super::limits::{BODY_BYTES_MAX, HEADER_FIELDS_MAX};
use super::method::{Method, Version};
use super::refusal::Refusal;
use super::target::{Target, is_authority};
use super::version::{self, Judged};

/// Headers that take no allocation of their own; browsers send about this many.
pub(super) const INLINE_HEADERS: usize = 16;

/// A part of a head, by its place. Sixteen bits are enough for any head within its limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// The place of `part`, a slice of `whole`.
    fn locate(part: &[u8], whole: &[u8]) -> Self {
        let start = part.as_ptr().addr() - whole.as_ptr().addr();
        Self {
            start: start as u16,
            end: (start + part.len()) as u16,
        }
    }

    /// The part of `head` at this place.
    pub(super) fn of(self, head: &[u8]) -> &[u8] {
        &head[usize::from(self.start)..usize::from(self.end)]
    }

    /// The same, to be changed.
    pub(super) fn of_mut(self, head: &mut [u8]) -> &mut [u8] {
        &mut head[usize::from(self.start)..usize::from(self.end)]
    }

    /// Leaves only the first `len` bytes in it.
    pub(super) const fn shorten(&mut self, len: usize) {
        self.end = self.start + len as u16;
    }
}

/// The places of a header's name and value.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeaderSpan {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// How the end of the body is found (RFC 9112, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// This many bytes follow the head, within the limit.
    Length(usize),
    /// Chunks follow the head.
    Chunked,
}

impl Framing {
    pub(super) fn announces_body(self) -> bool {
        self != Self::Length(0)
    }
}

/// A parsed head, as places in its bytes.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    pub(super) expects_continue: bool,
    pub(super) framing: Framing,
    /// The body is coded, by `Content-Encoding`.
    pub(super) has_content_coding: bool,
    /// The host and port of the target, else those of `Host`.
    pub(super) authority: Option<Span>,
    pub(super) path: Span,
    pub(super) query: Option<Span>,
    pub(super) single: SingleFields,
    pub(super) headers: SmallVec<[HeaderSpan; INLINE_HEADERS]>,
}

impl Head {
    /// Parses the bytes of one head, of which the caller has checked the length and that every LF
    /// comes after a CR.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut slots = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADER_FIELDS_MAX];
        let mut parser = httparse::Request::new(&mut []);
        let parsed = match parser.parse_with_uninit_headers(bytes, &mut slots) {
            Ok(parsed) => parsed,
            Err(httparse::Error::Version) => return Self::parse_later_minor(bytes),
            Err(error) => return Err(refusal_of(error)),
        };
        // The caller and the parser must agree on where the head ends.
        if parsed != httparse::Status::Complete(bytes.len()) {
            return Err(Refusal::BAD_REQUEST_LINE);
        }
        let method = parser
            .method
            .and_then(Method::from_name)
            .ok_or(Refusal::METHOD_NOT_IMPLEMENTED)?;
        let version = if parser.version == Some(1) {
            Version::Http11
        } else {
            Version::Http10
        };
        let target = Target::parse(parser.path.unwrap_or_default().as_bytes(), method)?;
        let fields = SignificantFields::collect(parser.headers)?;
        fields.check_host(version)?;
        Ok(Self {
            method,
            version,
            keep_alive: fields.keep_alive(version),
            expects_continue: fields.expects_continue && version == Version::Http11,
            framing: fields.framing(version)?,
            has_content_coding: fields.has_content_coding,
            authority: target
                .authority
                .or(fields.host)
                .map(|authority| Span::locate(authority, bytes)),
            path: Span::locate(target.path, bytes),
            query: target.query.map(|query| Span::locate(query, bytes)),
            single: fields.single,
            headers: parser
                .headers
                .iter()
                .map(|header| HeaderSpan {
                    name: Span::locate(header.name.as_bytes(), bytes),
                    value: Span::locate(header.value, bytes),
                })
                .collect(),
        })
    }

    /// Parses a head of a later minor version as one of HTTP/1.1, which has every part at the same place.
    fn parse_later_minor(bytes: &[u8]) -> Result<Self, Refusal> {
        match version::judge(bytes)? {
            Judged::LaterMinor { digit } if bytes[digit] > b'1' => {
                let mut bytes = bytes.to_vec();
                bytes[digit] = b'1';
                Self::parse(&bytes)
            }
            Judged::LaterMinor { .. } | Judged::Incomplete => Err(Refusal::BAD_REQUEST_LINE),
        }
    }
}

/// Looks at a request line that is complete, or of which more may follow, before the head is:
/// what can't become a request is turned down at once, not when its sender gives up.
pub(super) fn check_request_line(bytes: &[u8]) -> Result<(), Refusal> {
    match httparse::Request::new(&mut []).parse(bytes) {
        Ok(_) => Ok(()),
        Err(httparse::Error::Version) => version::judge(bytes).map(|_| ()),
        Err(error) => Err(refusal_of(error)),
    }
}

fn refusal_of(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::HeaderName => Refusal::BAD_HEADER_NAME,
        httparse::Error::HeaderValue => Refusal::BAD_HEADER_VALUE,
        httparse::Error::NewLine => Refusal::BAD_LINE_ENDING,
        httparse::Error::TooManyHeaders => Refusal::TOO_MANY_HEADERS,
        httparse::Error::Version | httparse::Error::Token | httparse::Error::Status => {
            Refusal::BAD_REQUEST_LINE
        }
    }
}

/// The places, among all fields, of those that may be given once, since who reads another one than a proxy is told
/// something else (RFC 9110, 5.3). They are noted, since many requests are asked for them. Those that frame the request
/// have refusals of their own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SingleFields {
    pub(super) authorization: Option<u8>,
    pub(super) content_type: Option<u8>,
    pub(super) idempotency_key: Option<u8>,
    pub(super) origin: Option<u8>,
    pub(super) sec_fetch_site: Option<u8>,
}

const _: () = assert!(HEADER_FIELDS_MAX <= u8::MAX as usize, "a place is a byte");

/// The fields that decide about the connection and the body, and those that may be given once.
#[derive(Default)]
struct SignificantFields<'a> {
    host: Option<&'a [u8]>,
    content_length: Option<&'a [u8]>,
    transfer_encoding: Option<&'a [u8]>,
    close: bool,
    stay: bool,
    expects_continue: bool,
    has_content_coding: bool,
    single: SingleFields,
}

impl<'a> SignificantFields<'a> {
    fn collect(headers: &[Header<'a>]) -> Result<Self, Refusal> {
        const REPEATED: Refusal = Refusal::REPEATED_HEADER;
        let mut fields = Self::default();
        for (place, &Header { name, value }) in (0..).zip(headers) {
            // Most names differ in length from all of these, and need no comparison.
            match name.len() {
                4 if name.eq_ignore_ascii_case("host") => {
                    set_once(&mut fields.host, value, Refusal::BAD_HOST)?;
                }
                6 if name.eq_ignore_ascii_case("expect") => {
                    if !value.eq_ignore_ascii_case(b"100-continue") {
                        return Err(Refusal::EXPECTATION_FAILED);
                    }
                    fields.expects_continue = true;
                }
                6 if name.eq_ignore_ascii_case("origin") => {
                    set_once(&mut fields.single.origin, place, REPEATED)?;
                }
                10 if name.eq_ignore_ascii_case("connection") => fields.add_connection(value),
                12 if name.eq_ignore_ascii_case("content-type") => {
                    set_once(&mut fields.single.content_type, place, REPEATED)?;
                }
                13 if name.eq_ignore_ascii_case("authorization") => {
                    set_once(&mut fields.single.authorization, place, REPEATED)?;
                }
                14 if name.eq_ignore_ascii_case("content-length") => {
                    set_once(
                        &mut fields.content_length,
                        value,
                        Refusal::BAD_CONTENT_LENGTH,
                    )?;
                }
                14 if name.eq_ignore_ascii_case("sec-fetch-site") => {
                    set_once(&mut fields.single.sec_fetch_site, place, REPEATED)?;
                }
                15 if name.eq_ignore_ascii_case("idempotency-key") => {
                    set_once(&mut fields.single.idempotency_key, place, REPEATED)?;
                }
                16 if name.eq_ignore_ascii_case("content-encoding") => {
                    fields.has_content_coding |=
                        list_members(value).any(|it| !it.eq_ignore_ascii_case(b"identity"));
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                    let refusal = Refusal::BAD_TRANSFER_ENCODING;
                    set_once(&mut fields.transfer_encoding, value, refusal)?;
                }
                _ => {}
            }
        }
        Ok(fields)
    }

    fn add_connection(&mut self, value: &[u8]) {
        for option in list_members(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.stay |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn keep_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.stay)
    }

    fn check_host(&self, version: Version) -> Result<(), Refusal> {
        match self.host {
            Some(host) if is_authority(host) => Ok(()),
            None if version == Version::Http10 => Ok(()),
            _ => Err(Refusal::BAD_HOST),
        }
    }

    fn framing(&self, version: Version) -> Result<Framing, Refusal> {
        match (self.transfer_encoding, self.content_length) {
            (None, None) => Ok(Framing::Length(0)),
            (None, Some(length)) => parse_content_length(length).map(Framing::Length),
            (Some(_), Some(_)) => Err(Refusal::CONFLICTING_BODY_LENGTH),
            (Some(_), None) if version == Version::Http10 => Err(Refusal::BAD_TRANSFER_ENCODING),
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            (Some(codings), None) if ends_with_only_chunked(codings) => {
                Err(Refusal::TRANSFER_CODING_NOT_IMPLEMENTED)
            }
            (Some(_), None) => Err(Refusal::BAD_TRANSFER_ENCODING),
        }
    }
}

/// Whether the last of several transfer codings is `chunked`, and no other is.
fn ends_with_only_chunked(codings: &[u8]) -> bool {
    let mut names = codings.rsplit(|byte| *byte == b',').map(|coding| {
        let name = coding.split(|byte| *byte == b';').next();
        (coding.trim_ascii(), name.unwrap_or_default().trim_ascii())
    });
    let is_chunked = |name: &[u8]| name.eq_ignore_ascii_case(b"chunked");
    names.next().is_some_and(|(last, _)| is_chunked(last))
        && names.all(|(_, name)| is_token(name) && !is_chunked(name))
}

fn set_once<T>(slot: &mut Option<T>, value: T, refusal: Refusal) -> Result<(), Refusal> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(refusal),
    }
}

/// Digits only; `str::parse` would let a plus sign through.
fn parse_content_length(value: &[u8]) -> Result<usize, Refusal> {
    let add_digit = |length: u64, &byte: &u8| match byte {
        b'0'..=b'9' => length.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    };
    match value.iter().try_fold(0, add_digit) {
        Some(length) if length > BODY_BYTES_MAX as u64 => Err(Refusal::BODY_TOO_LARGE),
        Some(length) if !value.is_empty() => Ok(length as usize),
        _ => Err(Refusal::BAD_CONTENT_LENGTH),
    }
}

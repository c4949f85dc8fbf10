//! A connection's requests, read from bytes.

use bytes::BytesMut;
use rookery_engine::http::limits::{
    BODY_BYTES_MAX, CHUNK_METADATA_BYTES_MAX, HEAD_BYTES_MAX, REQUEST_LINE_BYTES_MAX,
};
use rookery_engine::http::{Method, Progress, Refusal, Request, RequestReader, Version};

use crate::{assert_documented, pieces};

/// Bytes that a reader may leave in the buffer: a request that is not whole, and one line behind it.
const HELD_BYTES_MAX: usize =
    HEAD_BYTES_MAX + BODY_BYTES_MAX + CHUNK_METADATA_BYTES_MAX + REQUEST_LINE_BYTES_MAX;

/// What a handler sees of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Essence {
    pub method: Method,
    pub version: Version,
    pub keep_alive: bool,
    pub authority: Option<String>,
    pub path: String,
    pub query: Option<String>,
    pub body: Vec<u8>,
}

impl From<Request> for Essence {
    fn from(request: Request) -> Self {
        Self {
            method: request.method,
            version: request.version,
            keep_alive: request.keep_alive,
            authority: request.authority().map(str::to_owned),
            path: request.path().to_owned(),
            query: request.query().map(str::to_owned),
            body: request.body.to_vec(),
        }
    }
}

/// What came of a stream.
#[derive(Debug, Default)]
pub struct Outcome {
    pub requests: Vec<Essence>,
    pub refusal: Option<Refusal>,
    /// Bytes that are not taken yet.
    pub left: Vec<u8>,
}

/// Reads a stream at once, in pieces and byte by byte, which must not matter, and says what came of it.
///
/// # Panics
/// Where the reader breaks a promise.
pub fn read(stream: &[u8]) -> Outcome {
    let whole = feed([stream]);
    for pieces in [pieces(stream), stream.chunks(1).collect()] {
        let mut cut = feed(pieces.iter().copied());
        assert_eq!(cut.requests, whole.requests);
        if whole.refusal.is_some() && cut.refusal.is_none() {
            // A line that is wrong may be refused before all of it has come.
            cut = feed(pieces.into_iter().chain([&b"\r\n"[..]]));
            assert_eq!(cut.requests, whole.requests);
        }
        // Which of two faults is seen first may depend on what has come.
        assert_eq!(cut.refusal.is_some(), whole.refusal.is_some());
        assert_eq!(cut.left, whole.left);
    }
    whole
}

fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = RequestReader::default();
    let mut input = BytesMut::new();
    let mut outcome = Outcome::default();
    for piece in pieces {
        input.extend_from_slice(piece);
        let mut has_continued = false;
        loop {
            let before = input.len();
            match reader.next(&mut input) {
                Progress::Partial => break,
                Progress::Continue => {
                    assert!(!has_continued, "it is said once per request");
                    has_continued = true;
                }
                Progress::Request(request) => {
                    assert!(input.len() < before, "a request takes bytes");
                    assert!(!reader.in_body());
                    has_continued = false;
                    outcome.requests.push(checked(request));
                }
                Progress::Refused(refusal) => {
                    assert_documented(refusal.code);
                    assert!((400..600).contains(&refusal.status.code()));
                    input.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                    let next = reader.next(&mut input);
                    assert!(matches!(next, Progress::Refused(again) if again == refusal));
                    assert!(input.is_empty());
                    outcome.refusal = Some(refusal);
                    return outcome;
                }
            }
        }
        assert!(input.len() <= HELD_BYTES_MAX.max(piece.len()));
    }
    outcome.left = input.to_vec();
    outcome
}

fn checked(request: Request) -> Essence {
    let path = request.path();
    let is_path = path.starts_with('/') || (path == "*" && request.method == Method::Options);
    assert!(
        is_path && path.bytes().all(|byte| byte.is_ascii_graphic()),
        "{path:?}"
    );
    assert!(!path.contains(['?', '#', '\\']), "{path:?}");
    assert!(request.authority().is_some() || request.version == Version::Http10);
    assert!(request.body.len() <= BODY_BYTES_MAX);
    assert!(request.body.is_empty() || request.has_body_framing());
    request.into()
}

//! What every test here does: feed bytes, look at what comes out.

use bytes::BytesMut;
use rookery_engine::http::{Method, Progress, Refusal, Request, RequestReader};

/// A request that leaves the connection open, to put another one behind it.
pub(crate) const FIRST: &str = "GET /first HTTP/1.1\r\nHost: a\r\n\r\n";

/// A request that must never be answered: it stands where only a fooled parser would see one.
pub(crate) const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// What came of a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) requests: Vec<Request>,
    pub(crate) continues: usize,
    pub(crate) refusal: Option<Refusal>,
    /// Bytes of the stream that are still in the buffer.
    pub(crate) left: usize,
    /// The most bytes that stood in the buffer after a call.
    pub(crate) held_max: usize,
}

/// Feeds `pieces` one after the other, as reads from a socket would, until the first refusal.
pub(crate) fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = RequestReader::default();
    let mut input = BytesMut::new();
    let mut outcome = Outcome::default();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            let before = input.len();
            match reader.next(&mut input) {
                Progress::Partial => break,
                Progress::Continue => outcome.continues += 1,
                Progress::Request(request) => {
                    assert!(
                        input.len() < before,
                        "a request takes bytes, or this loop never ends"
                    );
                    outcome.requests.push(request);
                }
                Progress::Refused(refusal) => {
                    outcome.refusal = Some(refusal);
                    return outcome;
                }
            }
        }
        outcome.held_max = outcome.held_max.max(input.len());
    }
    outcome.left = input.len();
    outcome
}

pub(crate) fn feed_bytewise(bytes: &[u8]) -> Outcome {
    feed(bytes.chunks(1))
}

/// The one request that `bytes` are, in one piece and byte by byte.
#[track_caller]
pub(crate) fn accept(bytes: impl AsRef<[u8]>) -> Request {
    let bytes = bytes.as_ref();
    let text = String::from_utf8_lossy(bytes)
        .chars()
        .take(200)
        .collect::<String>();
    for mut outcome in [feed([bytes]), feed_bytewise(bytes)] {
        assert_eq!(outcome.refusal, None, "{text:?}");
        assert_eq!(outcome.requests.len(), 1, "{text:?}");
        assert_eq!(outcome.left, 0, "{text:?}");
        let request = outcome.requests.remove(0);
        assert!(!request.path().is_empty());
    }
    feed([bytes]).requests.remove(0)
}

/// Asserts that `bytes` are refused so, as the first request of a connection and as the second,
/// at once and byte by byte, and that nothing behind them is taken for a request.
#[track_caller]
pub(crate) fn refuse(bytes: impl AsRef<[u8]>, expected: Refusal) {
    let bytes = bytes.as_ref();
    let text = String::from_utf8_lossy(bytes)
        .chars()
        .take(200)
        .collect::<String>();
    for first in ["", FIRST] {
        let alone = [first.as_bytes(), bytes].concat();
        let followed = [&alone, SMUGGLED.as_bytes()].concat();
        for outcome in [
            feed([&alone[..]]),
            feed_bytewise(&alone),
            feed([&followed[..]]),
        ] {
            assert_eq!(outcome.refusal, Some(expected), "{text:?} after {first:?}");
            let paths: Vec<_> = outcome.requests.iter().map(Request::path).collect();
            let expected_paths: &[_] = if first.is_empty() { &[] } else { &["/first"] };
            assert_eq!(paths, expected_paths, "{text:?}");
        }
    }
}

/// A whole `GET /` in HTTP/1.1 with these header lines besides `Host`.
pub(crate) fn get_with(header_lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{header_lines}\r\n")
}

/// A chunked `POST /` with this as its body.
pub(crate) fn post_chunks(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

/// What a handler may see of a request, to compare two.
pub(crate) fn essence(request: &Request) -> (Method, String, Option<String>, Vec<u8>, bool) {
    (
        request.method,
        request.path().to_owned(),
        request.query().map(str::to_owned),
        request.body.to_vec(),
        request.keep_alive,
    )
}

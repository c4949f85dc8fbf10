//! The harness reads what it is given: a client that misreads would make every other test lie.

mod support;

use std::io::{self, Read};

use rookery_testing::dice::Dice;
use support::api::next_link;
use support::http::{Request, Response, ResponseReader};
use support::prometheus::Metrics;

/// A source that gives one byte at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(0);
        };
        buffer[0] = *first;
        self.0 = rest;
        Ok(1)
    }
}

#[test]
fn replies_are_told_apart_by_their_lengths() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab\
        HTTP/1.1 204 No Content\r\n\r\n\
        HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
        HTTP/1.1 500 Oh\r\n\r\nto the end";
    let mut replies = ResponseReader::new(Trickle(bytes));
    let mut heard = Vec::new();
    while let Ok(reply) = replies.next(false) {
        heard.push((reply.status, reply.text()));
    }
    let expected = [(200, "ab"), (204, ""), (200, "abc"), (500, "to the end")];
    assert_eq!(heard, expected.map(|(s, b)| (s, b.to_owned())));
}

#[test]
fn a_reply_cut_short_is_an_end_and_not_a_reply() {
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab";
    let error = ResponseReader::new(Trickle(bytes)).next(false);
    assert!(error.is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof));
}

#[test]
fn requests_carry_their_length() {
    let request = Request::new("POST", "/x").form("a=b").encode();
    let expected = "POST /x HTTP/1.1\r\nhost: localhost\r\n\
        content-type: application/x-www-form-urlencoded\r\ncontent-length: 3\r\n\r\na=b";
    assert_eq!(String::from_utf8_lossy(&request), expected);
}

#[test]
fn links_are_followed_by_their_relation() {
    let link = |value: &str| {
        next_link(&Response {
            status: 200,
            headers: vec![("Link".to_owned(), value.to_owned())],
            body: Vec::new(),
        })
    };
    assert_eq!(link(r#"</a?b=1>; rel="next""#).as_deref(), Some("/a?b=1"));
    assert_eq!(
        link(r#"<http://h:1/a?b>; title="x"; rel=next"#).as_deref(),
        Some("/a?b")
    );
    assert_eq!(link(r#"</a>; rel="prev""#), None);
}

#[test]
fn metrics_are_summed_over_cores_and_picked_by_label() {
    let text = "# HELP a Some text.\n# TYPE a counter\na{core=\"0\"} 1\na{core=\"1\",code=\"4008\"} 2.5\n\
        b{core=\"0\",le=\"+Inf\"} +Inf\n";
    let metrics = Metrics::parse(text);
    assert_eq!(metrics.types["a"], "counter");
    assert!((metrics.sum("a") - 3.5).abs() < f64::EPSILON);
    assert!((metrics.sum_with("a", "code", "4008") - 2.5).abs() < f64::EPSILON);
    assert!(metrics.sum("b").is_infinite());
}

#[test]
#[should_panic(expected = "malformed")]
fn metrics_out_of_format_are_refused() {
    Metrics::parse("a{core=\"0\" 1\n");
}

#[test]
fn a_seed_repeats_its_sequence() {
    let draw = |seed| {
        let mut rng = Dice::new(seed);
        (rng.below(100), rng.uuid(), rng.letters(8))
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

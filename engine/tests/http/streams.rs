//! Properties over whatever a network may do to a stream, and whatever a stream may hold.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::{essence, feed};

/// A valid request, with its body framed in one of the three ways.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]);
    let chunk = vec(any::<u8>(), 1..300);
    (
        method,
        "/[a-z0-9/]{0,40}(\\?[a-z=&]{0,20})?",
        vec("[A-Z][a-z]{9}: [ -~]{0,40}\r\n", 0..20),
    )
        .prop_flat_map(move |(method, target, fields)| {
            let head = format!(
                "{method} {target} HTTP/1.1\r\nHost: a\r\n{}",
                fields.concat()
            );
            let (announced, chunked) = (head.clone(), head.clone());
            prop_oneof![
                Just(format!("{head}\r\n").into_bytes()),
                vec(any::<u8>(), 0..2000).prop_map(move |body| {
                    let head = format!("{announced}Content-Length: {}\r\n\r\n", body.len());
                    [head.into_bytes(), body].concat()
                }),
                (
                    vec(chunk.clone(), 0..6),
                    "(;[a-z]{1,9}(=[a-z]{1,9})?)?",
                    "(X: [a-z]{0,9}\r\n){0,3}"
                )
                    .prop_map(move |(chunks, extension, trailers)| {
                        let head = format!("{chunked}Transfer-Encoding: chunked\r\n\r\n");
                        let mut stream = head.into_bytes();
                        for chunk in chunks {
                            stream.extend(format!("{:X}{extension}\r\n", chunk.len()).bytes());
                            stream.extend(chunk);
                            stream.extend(b"\r\n");
                        }
                        stream.extend(format!("0\r\n{trailers}\r\n").bytes());
                        stream
                    }),
            ]
        })
}

/// `stream` in pieces that end at the cuts.
fn cut<'a>(stream: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    let mut start = 0;
    ends.into_iter()
        .map(|end| &stream[std::mem::replace(&mut start, end)..end])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_split_of_a_stream_yields_the_same_requests(
        requests in vec(request(), 1..6),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let stream = requests.concat();
        // Alone, each is what it is; together and cut anywhere, they must stay that.
        let alone: Vec<_> = requests
            .iter()
            .flat_map(|request| feed([&request[..]]).requests)
            .collect();
        prop_assert_eq!(alone.len(), requests.len());
        let expected: Vec<_> = alone.iter().map(essence).collect();
        let whole = feed([&stream[..]]);
        let split = feed(cut(&stream, &cuts));
        let bytewise = feed(stream.chunks(1));
        for outcome in [whole, split, bytewise] {
            prop_assert_eq!(outcome.refusal, None);
            prop_assert_eq!(outcome.left, 0);
            let got: Vec<_> = outcome.requests.iter().map(essence).collect();
            prop_assert_eq!(&got, &expected);
        }
    }

    /// Whatever one wrong byte makes of a stream, it makes the same of it however it is split.
    #[test]
    fn a_damaged_stream_is_read_the_same_for_any_split(
        requests in vec(request(), 1..4),
        position in any::<Index>(),
        byte in any::<u8>(),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let mut stream = requests.concat();
        let position = position.index(stream.len());
        stream[position] = byte;
        let whole = feed([&stream[..]]);
        let split = feed(cut(&stream, &cuts));
        let got: Vec<_> = split.requests.iter().map(essence).collect();
        let expected: Vec<_> = whole.requests.iter().map(essence).collect();
        prop_assert_eq!(got, expected);
        prop_assert_eq!(split.refusal.is_some(), whole.refusal.is_some());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in vec(any::<u8>(), 0..4096),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        feed(cut(&bytes, &cuts));
    }

    /// Noise from the bytes that framing is made of reaches deeper than noise from all of them.
    #[test]
    fn framing_noise_never_panics(
        body in "[0-9a-f;=\"\\\\ :X\r\n]{0,200}",
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let stream = crate::support::post_chunks(&body);
        let whole = feed([stream.as_bytes()]);
        let split = feed(cut(stream.as_bytes(), &cuts));
        prop_assert_eq!(split.requests.len(), whole.requests.len());
        prop_assert_eq!(split.refusal.is_some(), whole.refusal.is_some());
    }
}

#[test]
fn a_flood_of_random_bytes_ends_in_a_refusal() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    for _ in 0..20 {
        let bytes: Vec<u8> = (0..64 * 1024).map(|_| noise()).collect();
        assert!(feed(bytes.chunks(1000)).refusal.is_some());
    }
}
